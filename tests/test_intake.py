"""Which landing files are taken in, and how their bytes become safe."""

from __future__ import annotations

import hashlib
import os
import stat
from datetime import date

import pytest
from deliveries import DAY, csv, open_home, row

from orchestration import intake, raw_objects
from orchestration.filenames import parse_name, stem_of


@pytest.fixture
def home(tmp_path):
    with (opened := open_home(tmp_path)).ledger:
        yield opened


@pytest.mark.parametrize(
    ("name", "day", "revision", "kind"),
    [
        ("orders_2024-01-15.csv", date(2024, 1, 15), 1, "csv"),
        ("Export of (today)_2024-01-15.r12.jsonl.gz", date(2024, 1, 15), 12, "jsonl.gz"),
        ("a.b_2023-12-31_2024-01-15.parquet", date(2024, 1, 15), 1, "parquet"),
        ("Bestellungen für heute_2024-01-15.xlsx", date(2024, 1, 15), 1, "xlsx"),
    ],
)
def test_a_name_says_date_revision_and_format(home, name, day, revision, kind):
    found = parse_name(name, home.contract, home.settings, date(2024, 2, 1))
    assert (found.extract_date, found.revision, found.format) == (day, revision, kind)


def test_a_contract_may_name_another_pattern(home):
    home.under(pattern=r"export-(?P<date>\d{4}-\d{2}-\d{2})(-v(?P<revision>\d+))?\.csv")
    home.put(csv(row(1)), "export-2024-01-15-v3.csv")
    home.put(csv(row(2)), "orders_2024-01-15.csv")
    done = {each.delivery.file_name: each.delivery for each in home.ingest().results}
    assert (done["export-2024-01-15-v3.csv"].state, done["export-2024-01-15-v3.csv"].revision) == ("accepted", 3)
    assert done["orders_2024-01-15.csv"].reason_code == "E-LND-001"


HOSTILE = [
    "x'; drop table y_2024-01-15.csv",
    "*_2024-01-15.csv",
    "a[0-9]_2024-01-15.csv",
    "a\n_2024-01-15.csv",
    "-rf_2024-01-15.csv",
    "\u202efdp_2024-01-15.csv",
    "a" * 200 + "_2024-01-15.csv",
    "orders.csv",
    "orders_2024-02-30.csv",
    "orders_2024-01-15.exe",
    "orders_2024-01-15.r0.csv",
]


def test_a_name_that_does_not_follow_the_rules_is_refused_without_being_read(home):
    for name in HOSTILE:
        home.put(csv(row(1)), name)
    results = home.ingest().results
    assert {each.delivery.file_name for each in results} == set(HOSTILE)
    assert {each.delivery.reason_code for each in results} == {"E-LND-001"}
    assert {each.delivery.sha256 for each in results} == {""}
    assert all(each.delivery.reason.isascii() and "\n" not in each.delivery.reason for each in results)
    assert home.pending().is_empty


@pytest.mark.parametrize(
    "name", [".a_2024-01-15.csv", "_a_2024-01-15.csv", "a_2024-01-15.csv.tmp", "a_2024-01-15.csv.part"]
)
def test_a_file_that_is_still_being_written_is_not_looked_at(home, name):
    home.put(csv(row(1)), name)
    assert home.pending().is_empty
    assert home.ingest().results == ()


def test_only_plain_files_of_landing_itself_are_read(home, tmp_path):
    secret = tmp_path / "secret.csv"
    secret.write_bytes(csv(row(1)))
    home.put(csv(row(2)), "good_2024-01-15.csv")
    (home.folder / "link_2024-01-15.csv").symlink_to(secret)
    (home.folder / "hard_2024-01-15.csv").hardlink_to(secret)
    (home.folder / "folder_2024-01-15.csv").mkdir()
    os.mkfifo(home.folder / "pipe_2024-01-15.csv")
    done = {each.delivery.file_name.split("_")[0]: each.delivery for each in home.ingest().results}
    assert done["good"].state == "accepted"
    assert {name: each.reason_code for name, each in done.items() if name != "good"} == dict.fromkeys(
        ["link", "hard", "folder", "pipe"], "E-LND-002"
    )


def test_a_table_folder_that_is_a_link_leads_nowhere(home, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "orders_2024-01-15.csv").write_bytes(csv(row(1)))
    home.folder.parent.mkdir(parents=True)
    home.folder.symlink_to(elsewhere)
    assert home.ingest().results == ()


def test_names_that_differ_only_by_case_or_form_are_both_refused_until_one_is_gone(home):
    home.put(csv(row(1)), "Orders_2024-01-15.csv")
    home.put(csv(row(2)), "orders_2024-01-15.csv")
    assert {each.delivery.reason_code for each in home.ingest().results} == {"E-LND-003"}
    assert home.pending().is_empty
    (home.folder / "Orders_2024-01-15.csv").unlink()
    assert [each.delivery.state for each in home.ingest().results] == ["accepted"]


@pytest.mark.parametrize(
    "name",
    ["o_2024-01-15.csv", "o_2024-01-15.csv.gz", "o_2024-01-15.jsonl", "o_2024-01-15.parquet", "o_2024-01-15.xlsx"],
)
def test_a_file_of_no_bytes_is_refused_in_every_format(home, name):
    home.put(b"", name).write_bytes(b"")
    done = home.ingest().results[0].delivery
    assert done.reason_code == "E-LND-004"
    assert "header-only" in done.reason


@pytest.mark.parametrize("day", [date(1999, 12, 31), date(2024, 3, 3)])
def test_an_extract_date_that_cannot_be_is_refused(home, day):
    assert home.deliver(csv(row(1)), day=day).reason_code == "E-LND-006"


def test_a_date_ahead_is_read_once_it_has_come(home):
    home.put(csv(row(1, ordered_at="2024-03-02T10:00:00Z")), day=date(2024, 3, 3))
    home.ingest()
    done = intake.scan(home.contract, home.settings, home.ledger, date(2024, 3, 2))
    assert [each.refusal for each in done.ready] == [None]


def test_a_file_above_its_budget_is_refused_unread(tmp_path):
    with (home := open_home(tmp_path, max_compressed_bytes=100)).ledger:
        done = home.deliver(csv(*(row(n) for n in range(50))))
        assert (done.reason_code, done.sha256) == ("E-LND-005", "")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_that_may_not_be_read_is_named_and_others_go_on(home):
    home.put(csv(row(1))).chmod(0)
    home.put(csv(row(2)), "other_2024-01-15.csv")
    assert sorted(each.delivery.reason_code for each in home.ingest().results) == ["", "E-LND-007"]


# --- complete files ------------------------------------------------------------------------------------------------


def test_a_fresh_file_waits_unless_a_done_mark_lies_beside_it(tmp_path):
    with (home := open_home(tmp_path, settle_seconds=3600)).ledger:
        home.put(csv(row(1)), "a_2024-01-15.csv")
        home.put(csv(row(2)), "b_2024-01-15.csv")
        home.put(b"", "b_2024-01-15.csv.done")
        plan = home.pending()
        assert plan.waiting == {"shop.orders": ["a_2024-01-15.csv"]}
        assert plan.new == {"shop.orders": {DAY: ["b_2024-01-15.csv"]}}


def test_a_cycle_waits_for_a_file_instead_of_skipping_it(tmp_path, monkeypatch):
    waits = []
    monkeypatch.setattr(intake.time, "sleep", waits.append)
    with (home := open_home(tmp_path, settle_seconds=5)).ledger:
        home.put(csv(row(1)))
        assert home.ingest().total("rows_accepted") == 1
    assert len(waits) == 1
    assert 0 < waits[0] <= 5


def test_a_file_that_grows_while_we_wait_is_left_for_the_next_cycle(tmp_path, monkeypatch):
    with (home := open_home(tmp_path, settle_seconds=5)).ledger:
        path = home.put(csv(row(1)))
        monkeypatch.setattr(intake.time, "sleep", lambda seconds: path.write_bytes(csv(row(1), row(2))))
        done = home.ingest()
        assert (done.results, done.waiting) == ((), (path.name,))


def test_a_file_that_changes_while_being_copied_is_left_for_the_next_cycle(home, monkeypatch):
    path = home.put(csv(row(1)))
    read = raw_objects._read_block

    def grow(reader, where):
        block = read(reader, where)
        if not block:
            path.write_bytes(csv(row(1), row(2)))
        return block

    monkeypatch.setattr(raw_objects, "_read_block", grow)
    assert home.ingest().waiting == (path.name,)
    monkeypatch.setattr(raw_objects, "_read_block", read)
    assert home.ingest().total("rows_accepted") == 2


def test_a_file_waits_for_the_row_count_that_its_contract_promises(home):
    home.under(manifest=".count")
    home.put(csv(row(1), row(2))[:-1])  # the count proves that the last line is whole
    assert home.ingest().waiting == ("orders_2024-01-15.csv",)
    home.put(b"rows=2\n", "orders_2024-01-15.csv.count")
    assert home.ingest().total("rows_accepted") == 2
    home.put(csv(row(3)), "b_2024-01-16.csv")
    home.put(b"3", "b_2024-01-16.csv.count")
    assert home.ingest().results[0].delivery.reason_code == "E-LND-010"


# --- raw objects ---------------------------------------------------------------------------------------------------


def test_a_raw_object_is_the_delivered_bytes_under_their_checksum_and_never_changes(home):
    path = home.put(csv(row(1)))
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    done = home.ingest().results[0].delivery
    kept = raw_objects.object_path(home.settings, done.sha256)
    assert kept.read_bytes() == path.read_bytes()
    assert done.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o444
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert list((home.settings.raw_objects / "incoming").iterdir()) == []


def test_what_a_killed_copy_left_is_swept(home):
    incoming = home.settings.raw_objects / "incoming"
    incoming.mkdir(parents=True)
    (incoming / "4711").write_bytes(b"half")
    home.deliver(csv(row(1)))
    assert list(incoming.iterdir()) == []


def test_a_known_file_is_not_opened_again(home, monkeypatch):
    home.deliver(csv(row(1)))
    monkeypatch.setattr(raw_objects, "_copy", lambda *_: pytest.fail("opened"))
    assert home.ingest().results == ()
    assert home.pending().known_files == 1


def test_stems_tell_the_parts_of_a_day_apart_and_join_the_versions_of_one_part():
    assert stem_of("Part1_2024-01-15.r2.csv.gz") == stem_of("part1_2024-01-15.csv")
    assert stem_of("part1_2024-01-15.csv") != stem_of("part2_2024-01-15.csv")
