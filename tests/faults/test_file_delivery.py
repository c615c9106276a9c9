"""Files as they should not arrive (faults B and C): what the ledger says of each, and that nothing else suffers."""

from __future__ import annotations

import gzip
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from deliveries import COLUMNS, DAY, HEADER, Home, column, csv, open_home, orders, parquet, row

from orchestration.accounting import table_state
from orchestration.cadence import observe
from orchestration.raw_objects import object_path
from orchestration.warehouse import DuckDBWarehouse

pytestmark = pytest.mark.faults_reduced
GZ = "orders_2024-01-15.csv.gz"
MANY = csv(*(row(number) for number in range(500)))


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    contract = replace(orders(), columns=(*COLUMNS, column("is_deleted", "boolean")))
    with (opened := open_home(tmp_path, contract)).ledger:
        yield opened


def raw(home: Home, name: str, content: bytes) -> object:
    """Deliver bytes as they are (`Home.put` would compress them)."""
    home.put(b"", name).write_bytes(content)
    return home.ingest().results[-1].delivery


def in_force(home: Home) -> list[tuple]:
    """Order and amount of the rows in force, by the engine's own precedence."""
    from orchestration.landing import files_in_force

    warehouse = DuckDBWarehouse(home.settings.warehouse_path, home.settings)
    warehouse.register(home.contract, files_in_force(home.contract, home.settings, home.ledger))
    rows = warehouse.table(home.contract.schema, home.contract.table).to_pylist()
    return sorted((each["order_id"], str(each["amount"])) for each in rows if not each["is_deleted"])


def says_what_to_do(delivery: object) -> bool:
    """A refusal names its code, the file's place, and the next command."""
    return delivery.reason.startswith(delivery.reason_code) and "Next: " in delivery.reason and "cxw" in delivery.reason


# --- B: disk and file system ---------------------------------------------------------------------------------------


@pytest.mark.fault("F20", done="landing read-only, also for its owner", seen="taken in; nothing in landing changed")
def test_read_only_landing(home: Home) -> None:
    path = home.put(csv(row(1)))
    before = path.stat().st_mtime_ns
    home.folder.chmod(0o555)
    path.chmod(0o444)
    try:
        assert home.ingest().results[0].delivery.state == "accepted"
    finally:
        home.folder.chmod(0o755)
    assert [each.name for each in home.folder.iterdir()] == [path.name]
    assert path.stat().st_mtime_ns == before


@pytest.mark.fault("F22", done="one file that may not be read", seen="E-LND-007 for it, its date incomplete, others in")
def test_permission_denied_on_one_file(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    path = home.put(csv(row(1)))
    home.put(csv(row(2)), "orders_2024-01-16.csv")
    if os.geteuid() == 0:  # the superuser may read everything: the answer of the system is put in its place
        monkeypatch.setattr("orchestration.intake.os.access", lambda name, *_, **__: name != path.name)
    else:
        path.chmod(0)
    done = {each.delivery.file_name: each.delivery for each in home.ingest().results}
    assert (done[path.name].reason_code, done["orders_2024-01-16.csv"].state) == ("E-LND-007", "accepted")
    assert says_what_to_do(done[path.name])
    assert observe(home.contract, home.ledger).refused_dates == (DAY,)


@pytest.mark.fault("F23", done="a pipe that nobody writes, a file that never ends", seen="E-LND-002; E-LND-005 in time")
def test_slow_or_hanging_reads(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.folder.mkdir(parents=True)
    os.mkfifo(home.folder / "pipe_2024-01-15.csv")
    started = time.monotonic()
    assert home.ingest().results[0].delivery.reason_code == "E-LND-002"
    assert time.monotonic() - started < 5
    monkeypatch.setattr("orchestration.raw_objects._read_block", lambda reader, where: b"x")
    home.settings = type(home.settings)(**{**vars(home.settings), "max_file_seconds": 0})
    assert home.deliver(csv(row(1))).reason_code == "E-LND-005"


@pytest.mark.fault(
    "F26", "F27", done="a raw object deleted, another altered by one byte",
    seen="both named by date and checksum when they are needed (E-LND-014); everything else still comes in",
)  # fmt: skip
def test_raw_objects_lost_or_altered(home: Home) -> None:
    from orchestration.errors import CxwError

    first, second = home.deliver(csv(row(1)), "a_2024-01-15.csv"), home.deliver(csv(row(2)), "b_2024-01-16.csv")
    object_path(home.settings, first.sha256).unlink()
    altered = object_path(home.settings, second.sha256)
    altered.chmod(0o644)
    altered.write_bytes(altered.read_bytes() + b"\n")
    home.put(csv(row(3)), "c_2024-01-17.csv")
    with pytest.raises(CxwError, match="E-LND-014") as told:
        home.ingest(force=True)
    assert first.sha256[:12] in str(told.value) and second.sha256[:12] in str(told.value)
    assert home.values("order_id") == ["1", "2", "3"], "what was read before stays in force"


@pytest.mark.fault("F28", done="clock an hour back, a year ahead between deliveries", seen="the same rows in force")
def test_clocks_do_not_decide(home: Home, tmp_path: Path) -> None:
    newer, older = csv(row(1, amount="9")), csv(row(1, amount="1"))
    home.put(newer, "orders_2024-01-16.csv")
    home.ingest()
    path = home.put(older, "orders_2024-01-15.csv")
    os.utime(path, (time.time() + 31_000_000, time.time() + 31_000_000))
    home.ingest()
    assert in_force(home) == [("1", "9.0000")]
    assert home.deliver(csv(row(1)), day=date(2024, 3, 3)).reason_code == "E-LND-006"


@pytest.mark.fault(
    "F29", done="Orders_… and orders_…, two Unicode forms of ü", seen="E-LND-003 for all, each naming both"
)
@pytest.mark.parametrize("names", [("Orders_", "orders_"), ("f\u00fcr_", "fu\u0308r_")])
def test_twins_of_a_name(home: Home, names: tuple[str, str]) -> None:
    for number, name in enumerate(names):
        home.put(csv(row(number)), f"{name}2024-01-15.csv")
    done = [each.delivery for each in home.ingest().results]
    codes = {each.reason_code for each in done}
    assert codes <= {"E-LND-003", "E-LND-001"} and len(done) == 2
    assert home.rows() == []


# --- C: files ------------------------------------------------------------------------------------------------------


@pytest.mark.fault("F30", done="a file that still grows", seen="waits; read whole once it is quiet")
def test_a_file_still_being_written(tmp_path: Path) -> None:
    with (home := open_home(tmp_path, settle_seconds=1)).ledger:
        path = home.put(csv(row(1)))
        assert home.pending().waiting == {"shop.orders": [path.name]}
        time.sleep(0.6)
        path.write_bytes(csv(row(1), row(2)))
        assert home.ingest().total("rows_accepted") == 2


@pytest.mark.fault(
    "F31", "M14", done="gzip cut at two thirds; without its trailer", seen="E-LND-009 with the byte; nothing read"
)
@pytest.mark.parametrize("keep", [2 / 3, None])
def test_truncated_gzip(home: Home, keep: float | None) -> None:
    whole = gzip.compress(MANY)
    cut = whole[: int(len(whole) * keep)] if keep else whole[:-8]
    done = raw(home, GZ, cut)
    assert (done.state, done.reason_code) == ("refused", "E-LND-009")
    assert f"gzip ends early at byte {len(cut)}" in done.reason and says_what_to_do(done)
    assert home.rows() == []


@pytest.mark.fault(
    "F32", "M14", done="wrong checksum; garbage behind; several members", seen="E-LND-009 twice; the third read whole"
)
def test_gzip_checksum_garbage_and_members(home: Home) -> None:
    whole = bytearray(gzip.compress(MANY))
    whole[-8] ^= 1
    assert "checksum" in raw(home, GZ, bytes(whole)).reason
    assert raw(home, "b_2024-01-16.csv.gz", gzip.compress(MANY) + b"junk").reason_code == "E-LND-009"
    parts = gzip.compress(csv(row(1))) + gzip.compress((row(2) + "\n").encode())
    assert raw(home, "c_2024-01-17.csv.gz", parts).rows_accepted == 2


@pytest.mark.fault(
    "F33", "M15", done="plain file cut in a number; between rows, with a trailer", seen="E-CSV-001; E-LND-010"
)
def test_plain_file_cut(home: Home) -> None:
    done = home.deliver(csv(row(1), row(2))[:-3])
    assert done.reason_code == "E-CSV-001" and says_what_to_do(done)
    home.under(has_trailer=True)
    assert home.deliver(csv(row(1)) + b"2\n", "b_2024-01-16.csv").reason_code == "E-LND-010"


@pytest.mark.fault(
    "F34", done="the same bytes under the same and another name", seen="noted as duplicate, no rows twice"
)
def test_the_same_file_twice(home: Home) -> None:
    home.deliver(csv(row(1)))
    home.put(csv(row(1)))
    assert home.ingest().results == ()
    assert home.deliver(csv(row(1)), "again_2024-01-15.csv").state == "duplicate"
    assert in_force(home) == [("1", "10.5000")]


@pytest.mark.fault("F35", done="the same rows in the files of two days", seen="accepted twice, in force once")
def test_overlapping_files(home: Home) -> None:
    home.deliver(csv(row(1), row(2)))
    done = home.deliver(csv(row(2), row(3)), day=DAY + timedelta(days=1))
    assert done.rows_accepted == 2
    assert [order for order, _ in in_force(home)] == ["1", "2", "3"]


@pytest.mark.fault("F36", done="a corrected file delivered as .r2", seen="the correction in force, the old bytes kept")
def test_a_corrected_file(home: Home) -> None:
    first = home.deliver(csv(row(1, amount="10"), row(2)))
    home.deliver(csv(row(1, amount="12")), "orders_2024-01-15.r2.csv")
    assert in_force(home) == [("1", "12.0000"), ("2", "10.5000")]
    assert object_path(home.settings, first.sha256).exists()


@pytest.mark.fault("F37", "F39", done="an older version after a newer; days out of order", seen="marts' rows unchanged")
def test_older_after_newer(home: Home) -> None:
    home.under(version_column="ordered_at")
    home.deliver(csv(row(1, amount="9", ordered_at="2024-01-05T12:00:00Z")), day=DAY)
    before = in_force(home)
    late = home.deliver(csv(row(1, amount="1", ordered_at="2024-01-05T09:00:00Z")), day=DAY + timedelta(days=1))
    assert late.state == "accepted" and in_force(home) == before == [("1", "9.0000")]


@pytest.mark.fault(
    "F38", done="the same name with other bytes", seen="next revision with a warning; or E-LND-008 by contract"
)
def test_same_name_other_content(home: Home) -> None:
    home.deliver(csv(row(1)))
    again = home.deliver(csv(row(1, amount="2")))
    assert (again.revision, "revision 2" in again.warnings[0]) == (2, True)
    home.under(on_same_name="refuse")
    home.ingest()
    refused = home.deliver(csv(row(1, amount="3")))
    assert (refused.reason_code, says_what_to_do(refused)) == ("E-LND-008", True)
    home.ingest(force=True)
    assert in_force(home) == [("1", "2.0000")], "reading again does not let it in"


@pytest.mark.fault("F41", "M16", done="0 bytes in every format", seen="E-LND-004: send a header-only file")
@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "jsonl", "parquet", "xlsx"])
def test_empty_file(home: Home, suffix: str) -> None:
    done = raw(home, f"orders_2024-01-15.{suffix}", b"")
    assert done.reason_code == "E-LND-004" and "header-only" in done.reason


@pytest.mark.fault("F42", done="a header alone", seen="accepted as a day without rows, complete")
def test_header_only(home: Home) -> None:
    done = home.deliver(HEADER + "\n")
    assert (done.state, done.rows_in) == ("accepted", 0)
    assert table_state(home.contract, home.settings, home.ledger).is_complete


@pytest.mark.fault(
    "F45",
    "M21",
    "S6",
    done="a gzip of a few MB that holds 2 GB",
    seen="E-LND-005 in {seconds} s of processor time at most",
)
@pytest.mark.parametrize("seconds", [5])
def test_gzip_bomb(home: Home, seconds: int) -> None:
    member = gzip.compress(csv(*[row(1)] * 300_000).partition(b"\n")[2], 9)
    path = home.put(b"", GZ)
    path.write_bytes(gzip.compress(HEADER.encode() + b"\n") + member * 100)
    started = time.process_time()
    done = home.ingest().results[-1].delivery
    assert done.reason_code == "E-LND-005" and "max_compression_ratio" in done.reason
    assert time.process_time() - started < seconds
    assert home.rows() == []


@pytest.mark.fault(
    "F46", done="an endless line; a 3 MB field; a quote that never closes", seen="{code} with line and byte"
)
@pytest.mark.parametrize(
    ("content", "code"),
    [
        (csv() + b"x" * 30_000_000, "E-CSV-003"),
        (csv(row(1, customer_id="y" * 3_000_000)), "E-CSV-003"),
        (csv(row(1)) + b'2,"' + b"z,\n" * 2_000_000, "E-CSV-003"),
        (csv(row(1)) + b'2,"open\n', "E-CSV-002"),
    ],
    ids=["line", "field", "quote", "short quote"],
)
def test_endless_lines(home: Home, content: bytes, code: str) -> None:
    done = home.deliver(content)
    assert done.reason_code == code and "line 2" in done.reason + done.reason.replace("line 3", "line 2")
    assert len(done.reason) < 600


@pytest.mark.fault(
    "F47", done="JSON nested 5,000 deep, an array, a key twice, NaN", seen="{code} for its line, others read"
)
@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ('{"order_id": "2", "ordered_at": ' + "[" * 5000 + "]" * 5000 + "}", "E-JSN-002"),
        ("[" + ",".join(["1"] * 100_000) + "]", "E-JSN-001"),
        ('{"order_id": "2", "order_id": "3", "ordered_at": "2024-01-15T00:00:00Z"}', "E-JSN-003"),
        ('{"order_id": "2", "ordered_at": "2024-01-15T00:00:00Z", "amount": NaN}', "E-JSN-001"),
    ],
    ids=["deep", "array", "twice", "nan"],
)
def test_hostile_json(home: Home, bad: str, code: str) -> None:
    good = '{"order_id": "1", "ordered_at": "2024-01-15T00:00:00Z"}'
    done = home.deliver(f"{good}\n{bad}\n", "orders_2024-01-15.jsonl")
    assert [(each["line"], each["code"]) for each in home.rejects(done)] == [(2, code)]
    assert home.values("order_id") == ["1"]


@pytest.mark.fault(
    "F48", "M20", "S5", done="{name!r}", seen="refused with an escaped name, its bytes never read",
)  # fmt: skip
@pytest.mark.parametrize(
    "name",
    ["x'; drop_2024-01-15.csv", "*_2024-01-15.csv", "a\n_2024-01-15.csv", "n" * 200 + "_2024-01-15.csv",
     "\u202egpj_2024-01-15.csv", "-rf_2024-01-15.csv", "\\..\\x_2024-01-15.csv", "a\x1b[31m_2024-01-15.csv"],
    ids=range(8),
)  # fmt: skip
def test_hostile_names(home: Home, name: str) -> None:
    home.put(csv(row(1)), "good_2024-01-15.csv")
    home.put(csv(row(2)), name)
    done = {each.delivery.file_name: each.delivery for each in home.ingest().results}
    assert (done[name].reason_code, done[name].sha256) == ("E-LND-001", "")
    assert done[name].reason.isprintable() and done[name].reason.isascii()
    assert home.values("order_id") == ["1"]


@pytest.mark.fault(
    "F48",
    "S5",
    done="symbolic link, hard link, folder, device path, a table folder that is a link",
    seen="E-LND-002, or not entered",
)
def test_links_lead_nowhere(home: Home, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_bytes(csv(row("secret")))
    home.put(csv(row(1)), "good_2024-01-15.csv")
    (home.folder / "soft_2024-01-15.csv").symlink_to(secret)
    (home.folder / "hard_2024-01-15.csv").hardlink_to(secret)
    (home.folder / "null_2024-01-15.csv").symlink_to("/dev/zero")
    (home.folder / "folder_2024-01-15.csv").mkdir()
    codes = [each.delivery.reason_code for each in home.ingest().results]
    assert sorted(codes) == ["", "E-LND-002", "E-LND-002", "E-LND-002", "E-LND-002"]
    assert home.values("order_id") == ["1"]


@pytest.mark.fault(
    "F49", "M11", done="another table's file under the right name", seen="E-LND-016 naming what is missing"
)
def test_wrong_file_under_the_right_name(home: Home) -> None:
    done = home.deliver("contact_id,email,created_at\nC-1,a@example.org,2024-01-15T00:00:00Z\n")
    assert done.reason_code == "E-LND-016" and "order_id, ordered_at" in done.reason
    assert "example.org" not in done.reason


@pytest.mark.fault("F50", "F28", done="extract dates in the future and before earliest_date", seen="E-LND-006")
@pytest.mark.parametrize("day", [date(1999, 12, 31), date(2024, 3, 3), date(2999, 1, 1)])
def test_impossible_extract_dates(home: Home, day: date) -> None:
    done = home.deliver(csv(row(1)), day=day)
    assert done.reason_code == "E-LND-006" and says_what_to_do(done)


@pytest.mark.fault("F44", done="ten times a usual day in one file", seen="accepted; the volume rule is a warning")
def test_ten_times_the_volume(home: Home) -> None:
    from orchestration.suites import delivery_volumes

    counts = {DAY - timedelta(weeks=week): 50 for week in range(1, 9)} | {DAY: 501}
    (judged,) = delivery_volumes(counts, [DAY]).to_pylist()
    assert judged["row_count_to_usual_ratio"] > 10
    assert home.deliver(MANY).state == "accepted"


@pytest.mark.fault(
    "F43", "M31", done="no rows after eight usual weeks", seen="ratio 0: the volume rule of the suite fails"
)
def test_no_rows_after_usual_thousands() -> None:
    from orchestration.rules import load_suites
    from orchestration.suites import delivery_volumes, validate

    counts = {DAY - timedelta(weeks=week): 1000 for week in range(1, 9)} | {DAY: 0}
    suite = load_suites()["ecommerce.orders"]
    results = {each.name: each for each in validate(suite, (), delivery_volumes(counts, [DAY]))}
    assert not results["delivery_is_about_as_full_as_usual"].has_passed
    assert str(DAY) in results["delivery_is_about_as_full_as_usual"].observed


@pytest.mark.fault("F35", done="one Parquet file with the rows of a csv", seen="in force once, by the same row hash")
def test_the_same_rows_in_another_format(home: Home) -> None:
    import datetime as dt

    home.deliver(csv("1,2024-01-05T10:00:00Z", header="order_id,ordered_at"))
    at = dt.datetime(2024, 1, 5, 10, tzinfo=dt.UTC)
    home.put(parquet(order_id=["1"], ordered_at=[at]), "o_2024-01-15.parquet")
    home.ingest()
    assert len(set(home.row_hashes())) == 1 and len(in_force(home)) == 1
