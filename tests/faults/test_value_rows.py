"""Text, structure and values that are not what the contract says (faults D and E, as far as one file shows them)."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from deliveries import HEADER, Home, column, csv, open_home, row

from orchestration.contracts import Contract, ExtractSettings

pytestmark = pytest.mark.faults_reduced
JSONL = "orders_2024-01-15.jsonl"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with (opened := open_home(tmp_path)).ledger:
        yield opened


def places(home: Home, delivery: object) -> list[tuple[int, str, str]]:
    return [(each["line"], each["column"], each["code"]) for each in home.rejects(delivery)]


def tells_no(delivery: object, *values: str) -> bool:
    """Neither reason nor warnings hold a value out of the file."""
    said = " ".join((delivery.reason, *delivery.warnings))
    return not any(value in said for value in values)


# --- D: encoding and structure -------------------------------------------------------------------------------------


@pytest.mark.fault("F51", done="a byte order mark before the header", seen="no part of the first header")
def test_byte_order_mark(home: Home) -> None:
    assert home.deliver(b"\xef\xbb\xbf" + csv(row(1))).rows_accepted == 1


@pytest.mark.fault(
    "F52",
    "M17",
    done="{encoding}, declared and not",
    seen="read when declared; else rows or file refused, never guessed",
)
@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16"])
def test_other_encodings(home: Home, encoding: str) -> None:
    content = csv(*(row(number, customer_id="Jos\u00e9") for number in range(20))).decode().encode(encoding)
    done = home.deliver(content)
    assert done.reason_code == ("E-CSV-004" if encoding == "utf-16" else "E-LND-012")
    assert tells_no(done, "Jos")
    home.under(encoding=encoding)
    home.ingest()
    assert set(home.values("customer_id")) == {"Jos\u00e9"}


@pytest.mark.fault(
    "F53", "F52", done="two encodings in one file", seen="the odd row rejected with line, column, byte in hex"
)
def test_mixed_encodings(home: Home) -> None:
    good = csv(*(row(number, customer_id="Zo\u00eb") for number in range(5)))
    done = home.deliver(good + (row(9, customer_id="Jos\u00e9") + "\n").encode("cp1252"))
    (reject,) = home.rejects(done)
    assert (reject["line"], reject["column"], reject["rule"]) == (7, "customer_id", "orders.customer_id.byte_0xE9")
    assert tells_no(done, "Jos", "Zo")


@pytest.mark.fault(
    "F54", done="line ends, quotes, delimiters inside quotes", seen="kept to the byte; the independent count agrees"
)
def test_quoted_text(home: Home) -> None:
    text = 'a, ""b""\r\n\nc'
    done = home.deliver(csv(row(1, customer_id=f'"{text}"'), row(2)))
    assert (done.rows_in, home.values("customer_id")[0]) == (2, text.replace('""', '"'))


@pytest.mark.fault("F55", done="lone CR, CR CR LF, NUL, control bytes", seen="normalised or rejected, never doubled")
def test_control_bytes(home: Home) -> None:
    doubled = csv(row(1), row(2)).decode().replace("\n", "\r\r\n")
    assert home.deliver(doubled).rows_accepted == 2
    assert home.deliver(csv(row(1)).replace(b"\n", b"\r"), "b_2024-01-16.csv").reason_code == "E-CSV-005"
    done = home.deliver(csv(row(1), row(2, customer_id="a\0b"), row(3, customer_id="a\rb")), "c_2024-01-17.csv")
    assert places(home, done) == [(3, "customer_id", "E-CSV-013"), (4, "customer_id", "E-CSV-013")]


@pytest.mark.fault(
    "F56", "M18", done="amount written {text!r}", seen="E-TYP-001 at line and column, the value in no message",
)  # fmt: skip
@pytest.mark.parametrize("text", ['"1.234,56"', '"1,234.56"', "12 EUR", "$5", "(5)", '"7,5"'])
def test_numbers_of_other_places(home: Home, text: str) -> None:
    done = home.deliver(csv(row(1), row(2, amount=text)))
    assert places(home, done) == [(3, "amount", "E-TYP-001")]
    assert tells_no(done, text.strip('"'))


@pytest.mark.fault(
    "F56", done="another delimiter than the contract's", seen="E-LND-016; right with the contract's setting"
)
def test_wrong_delimiter(home: Home) -> None:
    content = csv(row(1)).replace(b",", b";")
    assert home.deliver(content).reason_code == "E-LND-016"
    home.under(delimiter=";")
    home.ingest()
    assert home.values("order_id") == ["1"]


@pytest.mark.fault(
    "F57",
    "M12",
    done="an extra column, in csv and only in late rows of JSON",
    seen="warned by name; E-LND-015 where the contract says so",
)
def test_extra_columns(home: Home) -> None:
    done = home.deliver(csv(row(1) + ",x", header=HEADER + ",colour"))
    assert any("colour" in warning for warning in done.warnings)
    line = '{{"order_id": "{}", "ordered_at": "2024-01-15T00:00:00Z"{}}}'
    late = [line.format(number, "") for number in range(400)] + [line.format(400, ', "size": "L"')]
    done = home.deliver("\n".join(late) + "\n", "b_2024-01-16.jsonl")
    assert any("size" in warning for warning in done.warnings)
    home.under(on_extra_column="refuse")
    home.ingest()
    assert {each.reason_code for each in home.ledger.deliveries()} == {"E-LND-015"}


@pytest.mark.fault(
    "F58",
    done="a column missing; required ones only in late rows of JSON",
    seen="E-LND-016 naming it, or null with a warning; rows judged one by one",
)
def test_missing_columns(home: Home) -> None:
    done = home.deliver(csv("1,10", header="order_id,amount"))
    assert done.reason_code == "E-LND-016" and "ordered_at" in done.reason
    done = home.deliver(csv("1,2024-01-05T10:00:00Z", header="order_id,ordered_at"), "b_2024-01-16.csv")
    assert home.values("amount") == [None] and "amount" in done.warnings[0]
    good = '{"order_id": "1", "ordered_at": "2024-01-15T00:00:00Z"}'
    done = home.deliver("\n".join(['{"order_id": "0"}'] * 3 + [good] * 400) + "\n", "c_2024-01-17.jsonl")
    assert (done.state, done.rows_rejected) == ("accepted", 3)
    assert places(home, done)[0] == (1, "ordered_at", "E-TYP-002")


@pytest.mark.fault("F59", "M11", done="a renamed column", seen="E-LND-016; read under an alias, never by position")
def test_renamed_column(home: Home) -> None:
    content = csv(row(5), header=HEADER.replace("order_id", "Order No"))
    assert home.deliver(content).reason_code == "E-LND-016"
    home.under(aliases={"Order No": "order_id"})
    home.ingest()
    assert home.values("order_id") == ["5"]


@pytest.mark.fault("F60", "M11", done="columns in another order", seen="bound by name")
def test_reordered_columns(home: Home) -> None:
    home.deliver(csv("10.50,2024-01-05T10:00:00Z,7", header="amount,ordered_at,order_id"))
    assert (home.values("order_id"), home.values("amount")) == (["7"], [Decimal("10.5000")])


@pytest.mark.fault("F61", done="headers twice, blank, or under two names", seen="E-LND-016 with the column's number")
@pytest.mark.parametrize(
    "header", ["order_id,order_id,ordered_at", "order_id,,ordered_at", "order_id, order_id,ordered_at"]
)
def test_duplicate_or_blank_headers(home: Home, header: str) -> None:
    done = home.deliver(f"{header}\n1,2,2024-01-05T10:00:00Z\n")
    assert done.reason_code == "E-LND-016" and "the header of column " in done.reason


@pytest.mark.fault("F62", done="rows with too few and too many fields", seen="E-CSV-010 with line and both counts")
def test_ragged_rows(home: Home) -> None:
    done = home.deliver(csv(row(1), "2,c", row(3), row(4) + ",more,and more"))
    assert places(home, done) == [(3, "", "E-CSV-010"), (5, "", "E-CSV-010")]
    assert home.rejects(done)[0]["rule"] == "orders.row.2_fields_for_8"


@pytest.mark.fault(
    "F63", done="the contract changed between two days", seen="what was read by the old one is read again"
)
def test_changed_contract(home: Home) -> None:
    home.deliver(csv(row(1, ordered_at="2024-01-05T10:00:00"), row(2)))
    assert home.values("order_id") == ["2"]
    home.under(zone="Europe/Berlin")
    assert list(home.pending().reread) == ["shop.orders"]
    home.ingest()
    assert home.values("ordered_at")[0] == dt.datetime(2024, 1, 5, 9)


# --- E: values -----------------------------------------------------------------------------------------------------


@pytest.mark.fault(
    "F64", "M13", done="one bad row in 100,000", seen="the others loaded, one set aside with line, column, rule"
)
def test_one_bad_row(home: Home) -> None:
    rows = [row(number) for number in range(100_000)]
    rows[77_776] = row(77_776, amount="many")
    done = home.deliver(csv(*rows))
    assert (done.rows_accepted, done.rows_rejected) == (99_999, 1)
    assert places(home, done) == [(77_778, "amount", "E-TYP-001")]
    assert any("first on line 77778" in warning for warning in done.warnings)


@pytest.mark.fault(
    "F65", "F93", done="30,000 rows with a wrong column", seen="one message with the count, the file refused"
)
def test_a_wrong_column_is_one_message(home: Home) -> None:
    done = home.deliver(csv(*(row(number, amount="n/a") for number in range(30_000))))
    assert done.reason_code == "E-LND-012" and len(done.reason) < 500
    assert 'column "amount"' in done.reason and tells_no(done, "n/a")


@pytest.mark.fault("F66", done="a blank and a missing key", seen="E-TYP-002; the count stands in the ledger")
def test_blank_keys(home: Home) -> None:
    done = home.deliver(csv(row(""), row('"   "'), row(3)))
    assert (done.rows_rejected, done.rows_accepted) == (2, 1)
    assert places(home, done) == [(2, "order_id", "E-TYP-002"), (3, "order_id", "E-TYP-002")]


@pytest.mark.fault(
    "F67",
    "M10",
    done="a row twice; a key twice with other values",
    seen="the twin dropped and counted; the larger hash in force, the conflict counted",
)
def test_duplicate_keys(tmp_path: Path) -> None:
    from orchestration.landing import files_in_force
    from orchestration.warehouse import DuckDBWarehouse

    columns = (column("id", required=True), column("v", "bigint"), column("is_deleted", "boolean"))
    contract = Contract("shop", "orders", "", "", columns, ("id",), ExtractSettings(), "")
    with (home := open_home(tmp_path, contract)).ledger:
        done = home.deliver("id,v\n1,1\n1,1\n1,2\n2,5\n")
        assert (done.rows_in, done.rows_accepted, done.rows_duplicate) == (4, 3, 1)
        warehouse = DuckDBWarehouse(home.settings.warehouse_path, home.settings)
        files = files_in_force(contract, home.settings, home.ledger)
        assert warehouse.register(contract, files) == 1
        rows = warehouse.table(contract.schema, "orders").to_pylist()
        larger = max((1, 2), key=lambda v: hashlib.sha256(f"id=1\x1fv={v}".encode()).digest())
        assert {each["id"]: each["v"] for each in rows} == {"1": larger, "2": 5}


@pytest.mark.fault("F68", "M18", done="{text!r} as money", seen="E-TYP-001, never rounded")
@pytest.mark.parametrize("text", ["10.00005", "NaN", "Infinity", "1e3", "123456789012345678"])
def test_money_that_is_none(home: Home, text: str) -> None:
    done = home.deliver(csv(row(1), row(2, amount=text)))
    assert places(home, done) == [(3, "amount", "E-TYP-001")]


@pytest.mark.fault(
    "F69",
    done="a negative total and a quantity of 0 under the real suites",
    seen="the row set aside with its rule (E-TYP-004)",
)
def test_negative_amounts(tmp_path: Path) -> None:
    from contract_files import contracts

    from orchestration.rules import load_suites
    from orchestration.suites import row_rules

    contract = contracts()["ecommerce.orders"]
    header = "order_id,ordered_at,status,currency_code,total_amount,updated_at"
    good = "{},2024-01-05T10:00:00Z,paid,EUR,{},2024-01-05T10:00:00Z"
    with (home := open_home(tmp_path, contract)).ledger:
        home.put(csv(good.format(1, "5"), good.format(2, "-5"), header=header))
        done = home.ingest(row_rules=row_rules(load_suites()[contract.name])).results[0].delivery
        (reject,) = home.rejects(done)
        assert (reject["line"], reject["code"]) == (3, "E-TYP-004")
        assert reject["rule"].endswith("order_total_is_not_negative")


@pytest.mark.fault(
    "F76", done="{text!r} as a time", seen="set aside: E-TYP-003 outside the window, E-TYP-001 when no time"
)
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("1970-01-01T00:00:00Z", "E-TYP-003"),
        ("9999-12-31T00:00:00Z", "E-TYP-003"),
        ("0001-01-01T00:00:00Z", "E-TYP-003"),
        ("infinity", "E-TYP-001"),
        ("2024-02-01T00:00:00Z", "E-TYP-003"),
        ("2024-02-30T00:00:00Z", "E-TYP-001"),
    ],
)  # fmt: skip
def test_times_outside_the_window(home: Home, text: str, code: str) -> None:
    done = home.deliver(csv(row(1), row(2, ordered_at=text)))
    assert places(home, done) == [(3, "ordered_at", code)]
    assert home.values("order_id") == ["1"]


@pytest.mark.fault(
    "F77",
    "M29",
    done="02:30 in the skipped and in the repeated hour, two offsets in one file, midnight",
    seen="one instant each by the written rule, the odd ones counted",
)
def test_clocks_that_change(home: Home) -> None:
    home.under(zone="Europe/Berlin")
    done = home.deliver(
        csv(
            row(1, ordered_at="2023-03-26T02:30:00"),
            row(2, ordered_at="2023-10-29T02:30:00"),
            row(3, ordered_at="2024-01-05T23:30:00+01:00"),
            row(4, ordered_at="2024-01-05T23:30:00Z"),
        )
    )
    utc = [dt.datetime(2023, 3, 26, 1, 30), dt.datetime(2023, 10, 29, 0, 30)]
    assert home.values("ordered_at") == [*utc, dt.datetime(2024, 1, 5, 22, 30), dt.datetime(2024, 1, 5, 23, 30)]
    assert any(warning.startswith("2 times") for warning in done.warnings)


@pytest.mark.fault(
    "F80", "S11", done="texts that a spreadsheet would run", seen="kept as they are; defused in CSV for people only"
)
@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1", "-5", "@x", "\uff1d1+1"])
def test_formula_text(home: Home, text: str) -> None:
    from orchestration.query import Answer, spreadsheet_rows

    home.deliver(csv(row(1, customer_id=text)))
    assert home.values("customer_id") == [text]
    (shown,) = spreadsheet_rows(Answer(("a", "n"), ("VARCHAR", "DECIMAL"), ((text, Decimal("-5")),)))
    assert list(shown) == [f"'{text}", "-5"]


@pytest.mark.fault(
    "F74", done="a snapshot without 6 % of its keys", seen="held with E-LND-013 until a person releases it"
)
def test_vanished_keys(tmp_path: Path) -> None:
    columns = (column("id", required=True), column("is_deleted", "boolean"))
    contract = Contract("shop", "orders", "", "", columns, ("id",), ExtractSettings(mode="snapshot"), "")
    with (home := open_home(tmp_path, contract)).ledger:
        home.deliver("id\n" + "".join(f"{n}\n" for n in range(100)), day=dt.date(2024, 1, 1))
        held = home.deliver("id\n" + "".join(f"{n}\n" for n in range(94)), day=dt.date(2024, 1, 2))
        assert (held.state, held.reason_code) == ("held", "E-LND-013")
        assert home.ledger.release(held.sequence, "looked").state == "accepted"


@pytest.mark.fault(
    "F64",
    done="a file whose bad rows are corrected and delivered again",
    seen="the same rows in force as if always good",
)
def test_repair_by_delivery(home: Home, tmp_path: Path) -> None:
    good = csv(row(1), row(2), row(3))
    home.deliver(csv(row(1), row(2, amount="x"), row(3)))
    repaired = home.deliver(good, "orders_2024-01-15.r2.csv")
    assert repaired.rows_rejected == 0
    with (other := open_home(tmp_path / "other")).ledger:
        other.deliver(good)
        assert set(home.row_hashes()) == set(other.row_hashes())


@pytest.mark.fault(
    "F64",
    done="a suite that no longer sets a row aside; a lost quarantine file",
    seen="read again by itself; the file is back",
)
def test_changed_suite_and_lost_quarantine(home: Home) -> None:
    from dataclasses import replace

    from orchestration.backlog import quarantine_path

    def strict(rows: object) -> list:
        values = rows.column("quantity").to_pylist()
        return [([n for n, value in enumerate(values) if value == 0], "quantity_is_not_zero")]

    home.contract = replace(home.contract, suite_version="strict")
    home.put(csv(row(1), row(2, quantity="0"), row(3, amount="x")))
    done = home.ingest(row_rules=strict).results[0].delivery
    assert done.rows_rejected == 2 and home.pending().is_empty
    quarantine_path(home.settings, done).unlink()
    assert list(home.pending().reread) == ["shop.orders"]
    home.ingest(row_rules=strict)
    assert len(home.rejects(done)) == 2 and home.pending().is_empty
    home.contract = replace(home.contract, suite_version="kind")
    assert list(home.pending().reread) == ["shop.orders"]
    home.ingest()
    assert home.values("order_id") == ["1", "2"]
