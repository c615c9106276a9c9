"""From landing to the files in force: duplicates, revisions, rebuilds, crashes, snapshots."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from deliveries import DAY, HEADER, column, csv, open_home, row
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orchestration import landing
from orchestration.backlog import damaged, typed_path
from orchestration.contracts import Contract, ExtractSettings
from orchestration.errors import CxwError
from orchestration.landing import files_in_force
from orchestration.raw_objects import object_path


@pytest.fixture
def home(tmp_path):
    with (opened := open_home(tmp_path)).ledger:
        yield opened


def test_many_files_of_many_formats_arrive_in_one_cycle(home):
    for number in range(5):
        home.put(csv(row(number)), f"a_2024-01-{10 + number}.csv{'.gz' if number % 2 else ''}")
    home.put('{"order_id": "j", "ordered_at": "2024-01-15T00:00:00Z"}\n', "b_2024-01-15.jsonl")
    home.put(csv("bad"), "c_2024-01-15.csv")
    plan = home.pending()
    assert sum(len(names) for names in plan.new["shop.orders"].values()) == 7
    done = home.ingest()
    assert (done.total("rows_in"), done.total("rows_accepted")) == (7, 6)
    assert [each.file_name for each in done.in_state("refused")] == ["c_2024-01-15.csv"]
    assert home.pending().is_empty
    assert home.values("order_id") == ["0", "1", "2", "3", "4", "j"]


def test_only_the_dates_asked_for_are_read(home):
    home.put(csv(row(1)), day=DAY)
    home.put(csv(row(2)), day=DAY + timedelta(days=1))
    assert home.ingest(extract_dates={DAY}).extract_dates == (DAY,)
    assert home.ingest().extract_dates == (DAY + timedelta(days=1),)


@pytest.mark.parametrize("large", [False, True])
def test_a_home_may_have_any_name(tmp_path, monkeypatch, large):
    monkeypatch.setattr("orchestration.typed_files._LARGE_BYTES", 0 if large else 10**9)
    with (home := open_home(tmp_path / "it's [a] * home?")).ledger:
        done = home.deliver(csv(row(1), row(1), row(2, amount="x"), row(3)))
        assert (done.rows_accepted, done.rows_duplicate, done.rows_rejected) == (2, 1, 1)
        assert home.values("order_id") == ["1", "3"]


# --- again and again -----------------------------------------------------------------------------------------------


def test_the_same_bytes_again_are_noted_and_not_read(home):
    home.deliver(csv(row(1)), "a_2024-01-15.csv")
    again = home.deliver(csv(row(1)), "b_2024-01-15.csv")
    assert (again.state, again.rows_in) == ("duplicate", 0)
    assert "a_2024-01-15.csv" in again.warnings[0]
    assert len(home.rows()) == 1
    assert home.pending().is_empty


def test_the_same_bytes_for_another_date_are_another_delivery(home):
    home.deliver(csv(row(1)), day=DAY)
    assert home.deliver(csv(row(1)), day=DAY + timedelta(days=1)).state == "accepted"
    assert len(home.rows()) == 2


def test_a_touched_file_is_nothing_new(home):
    home.deliver(csv(row(1)))
    home.put(csv(row(1)))
    assert home.ingest().results == ()
    assert home.pending().is_empty


def test_the_same_name_with_other_bytes_is_the_next_revision(home):
    home.deliver(csv(row(1)))
    home.deliver(csv(row(1, amount="5")), "orders_2024-01-15.r2.csv")
    third = home.deliver(csv(row(1, amount="6")))
    assert (third.state, third.revision) == ("accepted", 3)
    assert "revision 3" in third.warnings[0]
    assert sorted(home.values("_revision")) == [1, 2, 3]


def test_a_contract_may_refuse_a_name_that_comes_again_with_other_bytes(home):
    home.under(on_same_name="refuse")
    home.deliver(csv(row(1)))
    again = home.deliver(csv(row(1, amount="5")))
    assert (again.state, again.reason_code) == ("refused", "E-LND-008")
    assert home.pending().is_empty


def test_a_name_that_was_refused_for_its_bytes_may_come_as_a_revision(home):
    """The remedy that the message names: the same bytes as `.r2` are no repetition, nobody read them."""
    home.under(on_same_name="refuse")
    home.deliver(csv(row(1)))
    home.deliver(csv(row(1, amount="5")))
    assert home.deliver(csv(row(1, amount="5")), "orders_2024-01-15.r2.csv").state == "accepted"
    home.put(csv(row(1, amount="5")))
    assert home.ingest().results == ()


def test_a_file_with_the_wrong_ending_may_come_again_with_the_right_one(home):
    line = b'{"order_id": "j", "ordered_at": "2024-01-15T00:00:00Z"}\n'
    assert home.deliver(line, "a_2024-01-15.csv").state == "refused"
    assert home.deliver(line, "a_2024-01-15.jsonl").state == "accepted"


def test_the_same_bytes_under_a_higher_revision_have_that_revision(home):
    """The sender says again what the second file replaced: the rows are read again, under their new revision."""
    first = home.deliver(csv(row(1)), "a_2024-01-15.csv")
    home.deliver(csv(row(1, amount="5")), "a_2024-01-15.r2.csv")
    home.put(csv(row(1)), "a_2024-01-15.r3.csv")
    raised, noted = (each.delivery for each in home.ingest().results)
    assert (raised.sequence, raised.revision, noted.state) == (first.sequence, 3, "duplicate")
    assert "a_2024-01-15.r3.csv" in raised.warnings[0]
    assert sorted(home.values("_revision")) == [2, 3]
    assert not typed_path(home.settings, first).exists()
    assert home.pending().is_empty


def test_a_name_may_repeat_the_bytes_of_another_to_replace_its_own(home):
    home.deliver(csv(row(1)), "a_2024-01-15.csv")
    home.deliver(csv(row(1, amount="5")), "b_2024-01-15.csv")
    home.deliver(csv(row(1, amount="5")), "a_2024-01-15.csv")
    assert sorted(home.values("_revision")) == [1, 2]
    assert home.deliver(csv(row(1, amount="5")), "c_2024-01-15.csv").revision == 2


def arrive(home, files, order, cuts):
    """Files (name, content) in this order, with a cycle after some of them and one at the end."""
    for position, number in enumerate(order):
        name, content = files[number]
        home.put(content, name)
        if position in cuts:
            home.ingest()
    home.ingest()


@settings(max_examples=25, deadline=None)
@given(order=st.permutations(range(5)), cuts=st.sets(st.integers(1, 4)))
@example(order=[3, 0, 1, 2, 4], cuts={1})
def test_bytes_of_many_names_have_the_highest_revision_of_them(tmp_path_factory, order, cuts):
    """Found by the random histories of the faults: whichever name came first gave its revision to the bytes."""
    again, other = csv(row(1)), csv(row(1, amount="5"))
    files = [("a_2024-01-10.csv", again), ("b_2024-01-10.r2.csv", again), ("c_2024-01-10.csv", again),
             ("d_2024-01-10.csv", other), ("e_2024-01-10.r3.csv", again)]  # fmt: skip

    with (home := open_home(tmp_path_factory.mktemp("home"))).ledger:
        arrive(home, files, order, cuts)
        assert sorted(zip(home.values("amount"), home.values("_revision"), strict=True)) == [
            (Decimal("5.0000"), 1), (Decimal("10.5000"), 3)
        ]  # fmt: skip
        assert len(list(home.settings.typed.rglob("*.parquet"))) == 2


@settings(max_examples=15, deadline=None)
@given(order=st.permutations(range(5)), cuts=st.sets(st.integers(1, 4)))
def test_the_files_in_force_do_not_depend_on_the_order_of_arrival(tmp_path_factory, order, cuts):
    """Whatever the order, and however many cycles it takes: same files, same rows, same fingerprint."""
    files = [
        ("a_2024-01-10.csv", csv(row(1), row(2))),
        ("a_2024-01-10.r2.csv", csv(row(1, amount="9"))),
        ("b_2024-01-10.csv", csv(row(3))),
        ("a_2024-01-11.csv", csv(row(1, amount="x"), row(2), row(2))),
        ("a_2024-01-12.csv", b""),
    ]

    def deliver(sequence, cuts):
        with (home := open_home(tmp_path_factory.mktemp("home"))).ledger:
            arrive(home, files, sequence, cuts)
            paths = files_in_force(home.contract, home.settings, home.ledger)
            names = [path.relative_to(home.settings.typed) for path in paths]
            return names, home.row_hashes(), home.ledger.input_fingerprint()

    assert deliver(order, cuts) == deliver(range(5), set())


# --- from raw ------------------------------------------------------------------------------------------------------


def test_typed_files_and_quarantine_come_back_from_raw_objects_and_ledger(home):
    done = home.deliver(csv(row(1), row(2, amount="x"), row(3)))
    rows, rejects = home.rows(), home.rejects(done)
    shutil.rmtree(home.settings.typed)
    shutil.rmtree(home.settings.quarantine)
    shutil.rmtree(home.settings.landing)
    assert list(home.pending().reread["shop.orders"]) == [DAY]
    (again,) = home.ingest().results
    assert (again.is_new, again.delivery) == (False, done)
    assert (home.rows(), home.rejects(done)) == (rows, rejects)


def test_a_typed_file_that_a_power_cut_left_short_is_made_again(home):
    done = home.deliver(csv(row(1)))
    path = typed_path(home.settings, done)
    path.write_bytes(path.read_bytes()[:-1])
    assert not home.pending().is_empty
    home.ingest()
    assert home.values("order_id") == ["1"]


def test_a_changed_contract_reads_known_files_again(home):
    home.deliver(csv(row(1, amount='"1,5"', rate="")))
    refused = home.ledger.deliveries()[0]
    assert refused.state == "refused"
    home.under(decimal_comma=True)
    assert "contract" in home.pending().reread["shop.orders"][DAY]
    home.ingest()
    assert [(each.state, each.sequence) for each in home.ledger.deliveries()] == [("accepted", refused.sequence)]
    assert home.rejects(refused) == []
    home.contract = replace(home.contract, columns=home.contract.columns[:4])
    home.ingest()
    assert "quantity" not in home.rows()[0]
    assert home.pending().is_empty


def test_a_stricter_contract_takes_a_file_out_of_force(home):
    done = home.deliver(csv(row(1, is_test="")))
    stricter = [replace(each, is_required=True) for each in home.contract.columns]
    home.contract = replace(home.contract, columns=tuple(stricter))
    home.ingest()
    assert home.ledger.deliveries()[0].state == "refused"
    assert not typed_path(home.settings, done).exists()
    assert home.rows() == []


def test_a_raised_budget_lets_a_refused_file_in(home):
    home.settings = replace(home.settings, max_line_bytes=100)
    assert home.deliver(csv(row(1, customer_id="x" * 200))).reason_code == "E-CSV-003"
    home.settings = replace(home.settings, max_line_bytes=1000)
    home.ingest()
    assert home.ledger.deliveries()[0].state == "accepted"


def test_words_about_a_contract_do_not_read_anything_again(home):
    home.deliver(csv(row(1)))
    home.contract = replace(home.contract, description="other words", owner="other people")
    home.under(cadence="weekly")
    assert home.pending().is_empty


@pytest.mark.parametrize(
    "damage", [lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes() + b"x")]
)
def test_a_damaged_raw_object_is_named_and_everything_else_goes_on(home, damage):
    done = home.deliver(csv(row(1)))
    path = object_path(home.settings, done.sha256)
    path.chmod(0o644)
    damage(path)
    shutil.rmtree(home.settings.typed)
    (home.folder / "orders_2024-01-15.csv").unlink()
    home.put(csv(row(2)), "b_2024-01-16.csv")
    with pytest.raises(CxwError, match="E-LND-014") as error:
        home.ingest()
    assert done.sha256[:12] in str(error.value)
    assert [each.state for each in home.ledger.deliveries()] == ["accepted", "accepted"]


def test_a_missing_or_altered_raw_object_is_found_before_it_is_needed(home):
    first, second = home.deliver(csv(row(1)), "a_2024-01-15.csv"), home.deliver(csv(row(2)), "b_2024-01-15.csv")
    path = object_path(home.settings, first.sha256)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"10.50", b"99.50"))
    assert damaged(home.settings, home.ledger) == []
    assert damaged(home.settings, home.ledger, checksums=True) == [first]
    object_path(home.settings, second.sha256).unlink()
    assert damaged(home.settings, home.ledger) == [second]


def test_a_file_delivered_again_mends_its_raw_object(home):
    done = home.deliver(csv(row(1)))
    object_path(home.settings, done.sha256).unlink()
    home.put(csv(row(1)), "again_2024-01-15.csv")
    home.ingest()
    shutil.rmtree(home.settings.typed)
    home.ingest()
    assert home.values("order_id") == ["1"]


@pytest.mark.parametrize("point", ["_read_and_record", "read_deliveries", "hold_vanished"])
def test_a_crash_at_any_point_leaves_nothing_half_done(home, monkeypatch, point):
    home.put(csv(row(1), row(2, amount="x")))
    whole = getattr(landing, point)

    def crash(*arguments, **options):
        if point != "_read_and_record":
            whole(*arguments, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(landing, point, crash)
    with pytest.raises(KeyboardInterrupt):
        home.ingest()
    assert home.ledger.deliveries() == []
    assert home.rows() == []
    monkeypatch.setattr(landing, point, whole)
    done = home.ingest().results[0].delivery
    assert (done.rows_accepted, done.rows_rejected, len(home.rows())) == (1, 1, 1)


# --- snapshots -----------------------------------------------------------------------------------------------------


@pytest.fixture
def staff(tmp_path):
    columns = (column("id", required=True), column("name"), column("is_deleted", "boolean"))
    extract = ExtractSettings(mode="snapshot")
    with (home := open_home(tmp_path, Contract("shop", "orders", "", "", columns, ("id",), extract, ""))).ledger:
        yield home


def snapshot(count, start=0, deleted=()):
    return csv(
        *(f"{n},x,{'true' if n in deleted else ''}" for n in range(start, start + count)), header="id,name,is_deleted"
    )


def test_a_snapshot_in_which_too_many_keys_vanished_is_held_until_a_person_releases_it(staff):
    staff.deliver(snapshot(100), day=date(2024, 1, 1))
    held = staff.deliver(snapshot(94), day=date(2024, 1, 2))
    assert (held.state, held.reason_code) == ("held", "E-LND-013")
    assert "6 of 100 keys" in held.reason
    assert len(staff.rows()) == 100
    assert staff.pending().is_empty
    later = staff.deliver(snapshot(95), day=date(2024, 1, 3))
    assert later.state == "accepted"  # compared with the last one in force
    staff.ledger.release(held.sequence, "the shop in Ulm closed")
    assert len(staff.rows()) == 289
    staff.ingest(force=True)
    assert {each.state for each in staff.ledger.deliveries()} == {"accepted"}


def test_all_files_of_a_day_are_one_snapshot_and_deleted_rows_do_not_vanish(staff):
    staff.put(snapshot(50), "a_2024-01-01.csv")
    staff.put(snapshot(50, 50, deleted=range(60, 90)), "b_2024-01-01.csv")
    staff.put(snapshot(30), "a_2024-01-02.csv")
    staff.put(snapshot(30, 30), "b_2024-01-02.csv")
    staff.put(snapshot(10, 90), "c_2024-01-02.csv")
    assert {each.delivery.state for each in staff.ingest().results} == {"accepted"}


def test_a_header_is_no_more_than_a_header(home):
    done = home.deliver((HEADER + "\n").encode())
    assert (done.state, done.rows_in) == ("accepted", 0)
    assert home.rows() == []
