"""What comes out of a delivered file: typed rows, rejected rows, or a refusal."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import json
import zipfile
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deliveries import DAY, HEADER, column, csv, open_home, parquet, row
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration import delimited, extracts, streaming, text_records, typed_files
from orchestration.contracts import Contract, ExtractSettings


@pytest.fixture
def home(tmp_path):
    with (opened := open_home(tmp_path)).ledger:
        yield opened


@pytest.fixture(params=["together", "streamed"])
def either(request, monkeypatch, tmp_path):
    """A home in which even small files take the way of large ones, and one in which they do not."""
    if request.param == "streamed":
        monkeypatch.setattr(typed_files, "_LARGE_BYTES", 0)
    with (opened := open_home(tmp_path)).ledger:
        yield opened


def test_a_row_is_typed_by_the_contract(either):
    either.deliver(csv(row(7)))
    (found,) = either.rows()
    assert found["order_id"] == "7"
    assert found["ordered_at"] == dt.datetime(2024, 1, 5, 10, 0)
    assert found["amount"] == Decimal("10.5000")
    assert (found["quantity"], found["is_test"], found["shipped_on"]) == (2, False, dt.date(2024, 1, 6))
    assert found["rate"] == Decimal("1.1000000000")
    assert (found["_extract_date"], found["_revision"], found["_line"]) == (DAY, 1, 2)


@pytest.mark.parametrize("name", ["o_2024-01-15.csv", "o_2024-01-15.csv.gz"])
def test_every_row_carries_the_line_it_stands_on(home, name):
    quoted = row(2, customer_id='"two\nlines, ""quoted"""')
    home.deliver(csv(row(1), quoted, "", row(3)), name)
    assert [(each["order_id"], each["_line"]) for each in home.rows()] == [("1", 2), ("2", 3), ("3", 6)]
    assert home.values("customer_id")[1] == 'two\nlines, "quoted"'


def test_columns_bind_by_name_and_absent_optional_ones_are_null(home):
    done = home.deliver(csv("10.50,9,2024-01-15T10:00:00Z", header="amount,order_id,ordered_at"))
    (found,) = home.rows()
    assert (found["order_id"], found["amount"], found["customer_id"]) == ("9", Decimal("10.5000"), None)
    assert "customer_id" in done.warnings[0]


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("order_id,amount", "E-LND-016"),
        ("order_id,order_id,ordered_at", "E-LND-016"),
        ("order_id,,ordered_at", "E-LND-016"),
        ("", "E-CSV-006"),
    ],
)
def test_a_header_that_does_not_fit_refuses_the_file(home, header, code):
    done = home.deliver(f"{header}\n1,2,3\n")
    assert (done.state, done.reason_code) == ("refused", code)
    assert home.rows() == []


def test_an_extra_column_is_ignored_with_a_warning_or_refused_by_contract(home):
    content = csv(row(1) + ",x", header=HEADER + ",colour")
    assert "colour" in home.deliver(content).warnings[0]
    home.under(on_extra_column="refuse")
    assert home.deliver(content, "b_2024-01-16.csv").reason_code == "E-LND-015"


def test_an_alias_names_a_delivered_header(home):
    home.under(aliases={"Bestellnummer": "order_id"})
    home.deliver(csv(row(5), header=HEADER.replace("order_id", "Bestellnummer")))
    home.deliver(json.dumps({"Bestellnummer": "6", "ordered_at": "2024-01-16T00:00:00Z"}) + "\n", "a_2024-01-16.jsonl")
    assert home.values("order_id") == ["5", "6"]


BAD_FIELDS = [
    ("amount", "10.00005", "E-TYP-001"),
    ("amount", "1e3", "E-TYP-001"),
    ("amount", "NaN", "E-TYP-001"),
    ("amount", '"1,234.56"', "E-TYP-001"),
    ("amount", "$5", "E-TYP-001"),
    ("amount", "(5)", "E-TYP-001"),
    ("amount", "1_000", "E-TYP-001"),
    ("amount", "999999999999999", "E-TYP-001"),
    ("quantity", "1.5", "E-TYP-001"),
    ("quantity", "0x1F", "E-TYP-001"),
    ("quantity", "99999999999999999999", "E-TYP-001"),
    ("is_test", "maybe", "E-TYP-001"),
    ("shipped_on", "16/01/2024", "E-TYP-001"),
    ("shipped_on", "2024-02-30", "E-TYP-001"),
    ("shipped_on", "2024-1-5", "E-TYP-001"),
    ("ordered_at", "2024-01-15T10:00:00", "E-TYP-001"),  # no offset, and the contract names no zone
    ("ordered_at", "2024-01-15", "E-TYP-001"),
    ("ordered_at", "infinity", "E-TYP-001"),
    ("ordered_at", "2024-01-15T10:00:00.1234567Z", "E-TYP-001"),
    ("ordered_at", "2024-01-15T10:00:00+99:00", "E-TYP-001"),
    ("ordered_at", "1970-01-01T00:00:00Z", "E-TYP-003"),
    ("ordered_at", "2024-01-17T00:00:01Z", "E-TYP-003"),
    ("ordered_at", "9999-12-31T00:00:00Z", "E-TYP-003"),
    ("shipped_on", "9999-12-31", "E-TYP-003"),
    ("ordered_at", "", "E-TYP-002"),
    ("order_id", '"  "', "E-TYP-002"),
]


def test_a_value_that_is_not_of_its_type_rejects_its_row(either):
    either.under(max_rejected_rows=100)
    bad = [row(100 + number, **{name: text}) for number, (name, text, _) in enumerate(BAD_FIELDS)]
    done = either.deliver(csv(row(1), *bad, row(2), row(3), row(4)))
    assert (done.rows_in, done.rows_accepted, done.rows_rejected) == (len(bad) + 4, 4, len(bad))
    found = [(each["line"], each["column"], each["code"]) for each in either.rejects(done)]
    assert found == [(number, name, code) for number, (name, _, code) in enumerate(BAD_FIELDS, 3)]
    assert all(each["rule"].startswith(f"orders.{each['column']}.") for each in either.rejects(done))
    for _, text, _ in BAD_FIELDS:
        value = text.strip('" ')
        assert not value or all(value not in message for message in (*done.warnings, done.reason))


GOOD_FIELDS = [
    ("amount", "-0.01", Decimal("-0.0100")),
    ("amount", "+5", Decimal("5.0000")),
    ("amount", ".5", Decimal("0.5000")),
    ("amount", "1.500000", Decimal("1.5000")),  # zeros behind the last digit change nothing
    ("amount", " 7 ", Decimal("7.0000")),
    ("amount", "12345678901234.1234", Decimal("12345678901234.1234")),
    ("amount", "", None),
    ("quantity", "12.0", 12),
    ("quantity", "-9223372036854775808", -9223372036854775808),
    ("is_test", "YES", True),
    ("is_test", "f", False),
    ("is_test", "0", False),
    ("customer_id", "=cmd|x", "=cmd|x"),
    ("customer_id", "  a ", "  a "),
    ("customer_id", '"   "', None),
    ("customer_id", "Zoë 🙂", "Zoë 🙂"),
    ("ordered_at", "2024-01-15T12:00:00+02:00", dt.datetime(2024, 1, 15, 10)),
    ("ordered_at", "2024-01-15 05:30:00.25-0430", dt.datetime(2024, 1, 15, 10, 0, 0, 250000)),
    ("ordered_at", "2024-01-15T10:00Z", dt.datetime(2024, 1, 15, 10)),
    ("ordered_at", "2024-01-15T10:00+02", dt.datetime(2024, 1, 15, 8)),
    ("ordered_at", "2024-01-16T23:59:59Z", dt.datetime(2024, 1, 16, 23, 59, 59)),
]


def test_a_value_of_its_type_is_read_exactly(either):
    done = either.deliver(csv(*(row(number, **{name: text}) for number, (name, text, _) in enumerate(GOOD_FIELDS))))
    assert done.rows_rejected == 0
    rows = either.rows()
    assert [each[name] for each, (name, _, _) in zip(rows, GOOD_FIELDS, strict=True)] == [
        value for _, _, value in GOOD_FIELDS
    ]


def test_null_words_date_formats_and_decimal_commas_are_said_by_the_contract(home):
    home.under(null_tokens=("NULL", "n/a"), decimal_comma=True, thousands_separator=".", delimiter=";")
    home.under(date_format="%d.%m.%Y %H:%M", zone="Europe/Berlin")
    header = "order_id;ordered_at;amount;customer_id"
    good = "1;15.01.2024 11:00;1.234,56;NULL"
    bad = "2;15.01.2024 11:00;1,234.56;c\n3;2024-01-15 11:00;1,5;c\n4;15.01.2024 11:00;12.34;c"
    done = home.deliver(f"{header}\n{good}\n{bad}\n")
    (found,) = home.rows()
    assert (found["amount"], found["customer_id"]) == (Decimal("1234.5600"), None)
    assert found["ordered_at"] == dt.datetime(2024, 1, 15, 10)
    assert [(each["line"], each["column"]) for each in home.rejects(done)] == [
        (3, "amount"),
        (4, "ordered_at"),
        (5, "amount"),
    ]


def test_a_date_format_may_carry_its_offset(home):
    home.under(date_format="%d/%m/%Y %H:%M %z")
    home.deliver(csv("1,15/01/2024 11:00 +0100", header="order_id,ordered_at"))
    assert home.values("ordered_at") == [dt.datetime(2024, 1, 15, 10)]


def test_hours_that_clocks_repeat_or_skip_have_one_reading_and_are_counted(either):
    either.under(zone="Europe/Berlin")
    repeated, skipped, plain = "2023-10-29T02:30:00", "2023-03-26T02:30:00", "2023-10-29T03:30:00"
    done = either.deliver(csv(row(1, ordered_at=repeated), row(2, ordered_at=skipped), row(3, ordered_at=plain)))
    assert either.values("ordered_at") == [
        dt.datetime(2023, 10, 29, 0, 30),  # the first 02:30, summer time still
        dt.datetime(2023, 3, 26, 1, 30),  # read as 03:30 summer time
        dt.datetime(2023, 10, 29, 2, 30),
    ]
    assert any(warning.startswith("2 times") for warning in done.warnings)


def test_a_date_without_a_clock_is_midnight_in_the_zone_where_the_contract_allows_it(tmp_path):
    columns = (column("id", required=True), column("at", "timestamp", allows_date_only=True))
    contract = Contract("shop", "orders", "", "", columns, ("id",), ExtractSettings(zone="Europe/Berlin"), "")
    with (home := open_home(tmp_path, contract)).ledger:
        home.deliver("id,at\n1,2024-01-15\n")
        assert home.values("at") == [dt.datetime(2024, 1, 14, 23)]


def test_exact_duplicates_within_a_file_are_dropped_and_counted(either):
    done = either.deliver(csv(row(1), row(1, amount="10.5"), row(1, amount="11"), row(2), row(1)))
    assert (done.rows_in, done.rows_accepted, done.rows_duplicate) == (5, 3, 2)
    assert [each["_line"] for each in either.rows()] == [2, 4, 5]


def test_exact_duplicates_of_a_large_file_are_found_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(typed_files, "_LARGE_BYTES", 0)
    monkeypatch.setattr(streaming, "_DIGESTS", 3)
    rows = [row(number) for number in range(20)]
    with (home := open_home(tmp_path)).ledger:
        done = home.deliver(csv(*rows, *rows[::3], *(row(number, amount="11") for number in range(20))))
        assert (done.rows_in, done.rows_accepted, done.rows_duplicate) == (47, 40, 7)
        assert [each["_line"] for each in home.rows()] == [*range(2, 22), *range(29, 49)]


@pytest.mark.parametrize("large_bytes", [0, 150, 10_000])
def test_files_read_in_one_cycle_keep_their_accounts_and_order_apart(tmp_path, monkeypatch, large_bytes):
    monkeypatch.setattr(typed_files, "_LARGE_BYTES", large_bytes)
    skipped = "2023-03-26T02:30:00"
    files = [
        [row(1, ordered_at=skipped), row(2, ordered_at=skipped), row(2, ordered_at=skipped), row(3, amount="x")],
        [row(4)],
        [row(5, ordered_at=skipped), *(row(number) for number in range(20, 10, -1)), "too,few"],
        [row(7)],
    ]
    with (home := open_home(tmp_path)).ledger:
        home.under(zone="Europe/Berlin", max_rejected_rows=1)
        for number, rows in enumerate(files):
            home.put(csv(*rows), day=DAY - dt.timedelta(days=number))
        done = [each.delivery for each in reversed(home.ingest().results)]
        found = [(each.rows_in, each.rows_accepted, each.rows_rejected, each.rows_duplicate) for each in done]
        assert found == [(4, 2, 1, 1), (1, 1, 0, 0), (12, 11, 1, 0), (1, 1, 0, 0)]
        times = [[warning.split()[0] for warning in each.warnings if "clocks" in warning] for each in done]
        assert times == [["3"], [], ["1"], []]
        assert home.values("order_id") == ["7", "5", *map(str, range(20, 10, -1)), "4", "1", "2"]


def test_rejected_rows_are_the_same_for_small_and_large_files(either):
    done = either.deliver(csv(row(1), row(2, amount="x"), "too,few", row(3), row(3), row(4, ordered_at="")))
    assert (done.rows_in, done.rows_accepted, done.rows_rejected, done.rows_duplicate) == (6, 2, 3, 1)
    assert [(each["line"], each["code"]) for each in either.rejects(done)] == [
        (3, "E-TYP-001"), (4, "E-CSV-010"), (7, "E-TYP-002"),
    ]  # fmt: skip


def test_rows_that_a_suite_quarantines_are_set_aside_like_rejects(either):
    def rules(rows: pa.Table):
        return [
            ([n for n, value in enumerate(rows.column("quantity").to_pylist()) if value == 0], "quantity_is_not_zero")
        ]

    either.put(csv(row(1), row(2, quantity="0"), row(3)))
    done = either.ingest(row_rules=rules).results[0].delivery
    assert (done.rows_accepted, done.rows_rejected) == (2, 1)
    (reject,) = either.rejects(done)
    assert (reject["line"], reject["code"], reject["rule"]) == (3, "E-TYP-004", "orders.row.quantity_is_not_zero")


@pytest.mark.parametrize("rows", [100, 30_000, 80_000])
def test_a_text_of_any_size_is_read_whole(home, rows):
    """Below the budget of a line, between it and a block, and of more than one block."""
    assert home.deliver(csv(*(row(number) for number in range(rows)))).rows_accepted == rows


@pytest.mark.parametrize("bad", [10, 11])
def test_more_bad_rows_than_the_contract_allows_refuse_the_file(either, bad):
    rows = [row(number, amount="x" if number < bad else "1") for number in range(100)]
    done = either.deliver(csv(*rows))
    assert done.state == ("accepted" if bad == 10 else "refused")
    assert len(either.rejects(done)) == bad
    assert done.reason_code == ("" if bad == 10 else "E-LND-012")


def test_a_file_of_bad_rows_only_is_refused_however_small(home):
    assert home.deliver(csv(row(1, amount="x"))).reason_code == "E-LND-012"


@pytest.mark.parametrize("bad", [row(1, amount="x"), "too,few", '1,5" wide', row(1, customer_id="\0")])
def test_a_broken_export_is_one_message_and_not_one_per_row(either, monkeypatch, bad):
    monkeypatch.setattr("orchestration.rejects._GIVE_UP_AFTER", 50)
    done = either.deliver(csv(*[bad] * 500))
    assert (done.state, done.reason_code) == ("refused", "E-LND-012")
    assert "more than half" in done.reason
    assert len(done.reason) < 500


def test_a_failure_that_nobody_foresaw_costs_one_file_and_tells_no_value(either, monkeypatch):
    fields = delimited._fields

    def fail(block, *rest):
        if b"secret" in block.text:
            raise RuntimeError("secret")
        return fields(block, *rest)

    monkeypatch.setattr(delimited, "_fields", fail)
    either.put(csv(row(1, customer_id="secret")), "a_2024-01-15.csv")
    either.put(csv(row(2)), "b_2024-01-15.csv")
    done = {each.delivery.file_name[0]: each.delivery for each in either.ingest().results}
    assert (done["a"].reason_code, done["b"].state) == ("E-LND-018", "accepted")
    assert "RuntimeError at test_extracts.py" in done["a"].reason
    assert "secret" not in done["a"].reason


# --- bytes ---------------------------------------------------------------------------------------------------------


def test_a_byte_order_mark_is_no_part_of_the_first_header(home):
    assert home.deliver(b"\xef\xbb\xbf" + csv(row(1))).state == "accepted"


@pytest.mark.parametrize("name", ["o_2024-01-15.csv", "o_2024-01-15.csv.gz"])
def test_bytes_that_the_encoding_does_not_know_reject_their_row(home, name):
    good, bad = csv(row(1, customer_id="Zoë")), (row(2, customer_id="José") + "\n").encode("cp1252")
    done = home.deliver(good + bad + (row(3) + "\n").encode(), name)
    (reject,) = home.rejects(done)
    assert (reject["line"], reject["column"], reject["code"]) == (3, "customer_id", "E-CSV-011")
    assert reject["rule"].endswith("byte_0xE9")
    assert any("cp1252" in warning for warning in done.warnings)
    assert home.values("order_id") == ["1", "3"]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-16-le", "utf-8-sig", "shift_jis"])
def test_a_declared_encoding_is_honoured(home, encoding):
    home.under(encoding=encoding)
    name = "ゾエ" if encoding == "shift_jis" else "Zoë, José"
    home.deliver(csv(row(1, customer_id=f'"{name}"'), row(2)).decode().encode(encoding))
    assert home.values("customer_id") == [name, "c1"]


def test_undeclared_utf16_is_refused_and_not_guessed(home):
    assert home.deliver(csv(row(1)).decode().encode("utf-16")).reason_code == "E-CSV-004"


@pytest.mark.parametrize("end", ["\r\n", "\r\r\n"])
def test_line_ends_of_other_systems_are_read(home, end):
    home.deliver(csv(row(1), row(2)).decode().replace("\n", end))
    assert [(each["order_id"], each["rate"]) for each in home.rows()] == [("1", Decimal("1.1")), ("2", Decimal("1.1"))]


def test_lone_carriage_returns_refuse_a_file_and_reject_a_row(home):
    assert home.deliver(csv(row(1)).replace(b"\n", b"\r")).reason_code == "E-CSV-005"
    done = home.deliver(csv(row(1), row(2, customer_id="a\rb"), row(3, customer_id='"a\rb"')), "b_2024-01-16.csv")
    assert [(each["line"], each["code"]) for each in home.rejects(done)] == [(3, "E-CSV-013")]
    assert home.values("customer_id") == ["c1", "a\rb"]


def test_a_nul_byte_rejects_its_row(home):
    done = home.deliver(csv(row(1), row(2, customer_id="a\0b"), row(3)))
    assert [(each["line"], each["column"], each["rule"]) for each in home.rejects(done)] == [
        (3, "customer_id", "orders.customer_id.nul_byte")
    ]


@pytest.mark.parametrize(
    ("rows", "lines"),
    [
        ([row(1), '2,5" pipe,2024-01-15T10:00:00Z,1,1,no,,', row(3)], [3]),
        ([row(1), '2,"open,2024-01-15T10:00:00Z,1,1,no,,', row(3), row(4, customer_id='"fine"'), row(5)], [3]),
        ([row(1), '2,"a"b,2024-01-15T10:00:00Z,1,1,no,,', row(3, customer_id='"x\ny"')], [3]),
    ],
)
def test_a_quote_where_none_may_stand_rejects_its_line_and_swallows_no_other(home, rows, lines):
    done = home.deliver(csv(*rows))
    assert [(each["line"], each["code"]) for each in home.rejects(done)] == [(line, "E-CSV-012") for line in lines]
    assert done.rows_accepted == len(rows) - 1


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (csv(row(1), row(2))[:-1], "E-CSV-001"),
        (csv(row(1), row(2))[:-6], "E-CSV-001"),
        (HEADER.encode(), "E-CSV-001"),
        (csv(row(1), '2,"never closed'), "E-CSV-002"),
        (csv(row(1, customer_id="x" * 2000)), "E-CSV-003"),
        (csv(row(1), '2,"' + "x\n" * 1000), "E-CSV-003"),
        (b"\n\n", "E-CSV-006"),
    ],
)
def test_a_cut_or_endless_text_is_refused(tmp_path, content, code):
    with (home := open_home(tmp_path, max_line_bytes=1000)).ledger:
        done = home.deliver(content)
        assert (done.state, done.reason_code) == ("refused", code)
        assert home.rows() == []


def _patched_checksum(data: bytes) -> bytes:
    return data[:-8] + bytes([data[-8] ^ 1]) + data[-7:]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data[: len(data) * 2 // 3], "ends early"),
        (lambda data: data[:-8], "ends early"),
        (_patched_checksum, "checksum"),
        (lambda data: data + b"rest", "not gzip follows"),
        (lambda data: data + b"\0", "not gzip follows"),
        (lambda data: b"plain text", "damaged"),
    ],
)
def test_gzip_that_is_not_whole_is_refused(home, change, words):
    home.put(b"", "o_2024-01-15.csv.gz").write_bytes(change(gzip.compress(csv(*(row(n) for n in range(200))))))
    done = home.ingest().results[0].delivery
    assert done.reason_code == "E-LND-009"
    assert words in done.reason


def test_gzip_in_several_members_is_one_file(home):
    data = gzip.compress(csv(row(1))) + gzip.compress((row(2) + "\n").encode()) + gzip.compress(b"")
    home.put(b"", "o_2024-01-15.csv.gz").write_bytes(data)
    assert home.ingest().total("rows_accepted") == 2


def test_a_bomb_is_stopped_by_its_ratio(home, monkeypatch):
    monkeypatch.setattr("orchestration.decompression._RATIO_FROM", 1_000_000)
    home.put(b"", "o_2024-01-15.csv.gz").write_bytes(gzip.compress(csv(row(1)) + (b"x" * 1000 + b"\n") * 5000))
    done = home.ingest().results[0].delivery
    assert done.reason_code == "E-LND-005"
    assert "max_compression_ratio" in done.reason


def test_preamble_and_trailer_are_said_by_the_contract(home):
    home.under(preamble_lines=2, has_trailer=True)
    assert home.deliver(b"Report\n2024\n" + csv(row(1), row(2)) + b"Rows: 2").rows_accepted == 2
    assert [each["_line"] for each in home.rows()] == [4, 5]
    assert home.deliver(b"Report\n2024\n" + csv(row(1)) + b"Rows: 2\n", "b_2024-01-16.csv").reason_code == "E-LND-010"
    assert home.deliver(b"Report\n2024\n" + csv() + b"Rows: 0\n", "c_2024-01-16.csv").state == "accepted"
    assert home.deliver(b"Report\n2024\n" + csv(), "d_2024-01-16.csv").reason_code == "E-LND-010"


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (csv(), 0),
        (b"\n", 0),
        (parquet(order_id=pa.array([], pa.string()), ordered_at=pa.array([], pa.timestamp("us", "UTC"))), 0),
    ],
    ids=["csv", "jsonl", "parquet"],
)
def test_a_day_without_rows_is_accepted(home, content, rows, request):
    done = home.deliver(content, f"o_2024-01-15.{request.node.callspec.id}")
    assert (done.state, done.rows_in) == ("accepted", rows)


# --- other formats -------------------------------------------------------------------------------------------------


def test_json_lines_are_typed_by_the_same_rules(either):
    good = {"order_id": "1", "ordered_at": "2024-01-15T10:00:00Z", "amount": 1.5, "quantity": 3, "is_test": True}
    lines = [
        json.dumps(good),
        json.dumps(good | {"order_id": 2, "amount": "1.25", "quantity": None}),
        '{"order_id": "3", "ordered_at": "2024-01-15T10:00:00Z", "amount": 12345678901234.1234}',
        '{"order_id": "4", "ordered_at": "2024-01-15T10:00:00Z", "amount": 0.10000000000000000001}',
        '{"order_id": "5", "ordered_at": "2024-01-15T10:00:00Z", "amount": 1e3}',
        '{"order_id": "6", "ordered_at": "2024-01-15T10:00:00Z", "amount": NaN}',
        '{"order_id": "7", "ordered_at": ',
        '{"order_id": "8", "order_id": "9", "ordered_at": "2024-01-15T10:00:00Z"}',
        '["order_id"]',
        '{"order_id": "10", "ordered_at": "2024-01-15T10:00:00Z", "x": ' + "[" * 40 + "]" * 40 + "}",
    ]
    done = either.deliver("\n".join(lines) + "\n", "o_2024-01-15.jsonl")
    assert either.values("order_id") == ["1", "2", "3"]
    assert either.values("amount") == [Decimal("1.5000"), Decimal("1.2500"), Decimal("12345678901234.1234")]
    assert [(each["line"], each["code"]) for each in either.rejects(done)] == [
        (4, "E-TYP-001"), (5, "E-TYP-001"), (6, "E-JSN-001"), (7, "E-JSN-001"), (8, "E-JSN-003"), (9, "E-JSN-001"),
        (10, "E-JSN-002"),
    ]  # fmt: skip


def test_json_lines_without_a_required_key_are_refused(home):
    assert home.deliver('{"order_id": "1"}\n', "o_2024-01-15.jsonl").reason_code == "E-LND-016"


def test_parquet_cells_are_held_to_the_same_rules(either):
    at = dt.datetime(2024, 1, 15, 10, tzinfo=dt.UTC)
    content = parquet(
        order_id=pa.array([1.0, 2.0, 3.0, 4.0]),
        ordered_at=pa.array([at] * 4, pa.timestamp("ms", "Europe/Berlin")),
        amount=pa.array([10.1, 1.00005, float("nan"), None]),
        quantity=pa.array([1.0, 2.0, 3.0, 4.5]),
        rate=pa.array([Decimal("1.25")] * 4, pa.decimal128(20, 12)),
        is_test=pa.array([1, 0, 1, 0]),
    )
    done = either.deliver(content, "o_2024-01-15.parquet")
    (found,) = either.rows()
    assert (found["order_id"], found["ordered_at"]) == ("1", dt.datetime(2024, 1, 15, 10))
    assert (found["amount"], found["quantity"], found["is_test"]) == (Decimal("10.1000"), 1, True)
    assert [(each["line"], each["column"]) for each in either.rejects(done)] == [
        (2, "amount"),
        (3, "amount"),
        (4, "quantity"),
    ]


def test_parquet_times_without_offset_need_the_zone_of_the_contract(home):
    cells = {"order_id": ["1"], "ordered_at": pa.array([dt.datetime(2024, 1, 15, 10)], pa.timestamp("ns"))}
    assert home.deliver(parquet(**cells), "o_2024-01-15.parquet").state == "refused"
    home.under(zone="Europe/Berlin")
    home.ingest()
    assert home.values("ordered_at") == [dt.datetime(2024, 1, 15, 9)]


def test_a_broken_parquet_file_is_refused(home):
    assert home.deliver(b"PAR1 not really PAR1", "o_2024-01-15.parquet").reason_code == "E-PQT-001"


def test_a_workbook_is_read_from_its_first_sheet(home):
    cells = [
        ["order_id", "ordered_at", "amount"],
        ["1", "2024-01-15T10:00:00Z", 10.5],
        [],
        [3, "2024-01-15T10:00:00Z", "1e3"],
    ]
    done = home.deliver(workbook(cells), "o_2024-01-15.xlsx")
    (found,) = home.rows()
    assert (found["order_id"], found["amount"], found["_line"]) == ("1", Decimal("10.5000"), 2)
    assert [(each["line"], each["column"]) for each in home.rejects(done)] == [(4, "amount")]
    assert home.deliver(b"PK not really", "b_2024-01-16.xlsx").reason_code == "E-XLS-001"


def workbook(rows: list[list]) -> bytes:
    """The least that is an .xlsx file."""
    sheet = ""
    for number, cells in enumerate(rows, 1):
        sheet += f'<row r="{number}">'
        for position, cell in enumerate(cells):
            place = f"{chr(65 + position)}{number}"
            is_text = isinstance(cell, str)
            sheet += (
                f'<c r="{place}" t="inlineStr"><is><t>{cell}</t></is></c>'
                if is_text
                else f'<c r="{place}"><v>{cell}</v></c>'
            )
        sheet += "</row>"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    main, package = (
        "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
        "http://schemas.openxmlformats.org/package/2006",
    )

    def relation(kind: str, target: str) -> str:
        link = f'<Relationship Id="r1" Type="{office}/{kind}" Target="{target}"/>'
        return f'<Relationships xmlns="{package}/relationships">{link}</Relationships>'

    sheets = '<sheets><sheet name="a" sheetId="1" r:id="r1"/></sheets>'
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"/>',
        "_rels/.rels": relation("officeDocument", "xl/workbook.xml"),
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}">{sheets}</workbook>',
        "xl/_rels/workbook.xml.rels": relation("worksheet", "worksheets/sheet1.xml"),
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{sheet}</sheetData></worksheet>',
    }
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return sink.getvalue()


def test_the_same_row_has_the_same_hash_in_every_format_and_column_order(home):
    home.under(zone="UTC")
    home.deliver(csv("1,2024-01-15T11:00:00+01:00,1.50", header="order_id,ordered_at,amount"), "a_2024-01-15.csv")
    home.deliver('{"amount": 1.5, "order_id": 1, "ordered_at": "2024-01-15T10:00:00Z"}\n', "b_2024-01-15.jsonl")
    cells = {"order_id": ["1"], "ordered_at": [dt.datetime(2024, 1, 15, 10)], "amount": [Decimal("1.5")]}
    home.deliver(parquet(**cells), "c_2024-01-15.parquet")
    assert len(home.rows()) == 3
    assert len(set(home.row_hashes())) == 1


def test_a_position_stands_in_for_the_number_that_the_vendor_does_not_give(tmp_path):
    columns = (column("invoice", required=True), column("line", "bigint", required=True), column("item"))
    extract = ExtractSettings(position_key="line", position_within=("invoice",))
    contract = Contract("shop", "orders", "", "", columns, ("invoice", "line"), extract, "")
    with (home := open_home(tmp_path, contract)).ledger:
        done = home.deliver("invoice,item\nA,x\nB,x\nA,x\nA,x\n")
        assert (done.rows_accepted, done.rows_duplicate) == (4, 0)
        assert [(each["invoice"], each["line"]) for each in home.rows()] == [("A", 1), ("B", 1), ("A", 2), ("A", 3)]


# --- properties ----------------------------------------------------------------------------------------------------

FIELDS = st.text(st.sampled_from('ab"\n\r,;é\0 1'), max_size=6)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.lists(FIELDS, min_size=1, max_size=3), max_size=12), block=st.integers(1, 30), raw=st.booleans()
)
def test_whatever_arrives_is_accounted_for_to_the_row(tmp_path_factory, rows, block, raw):
    """Rows in = accepted + rejected + duplicates for any text, however it falls into blocks, or the file is refused."""
    columns = (column("a"), column("b"), column("c"))
    contract = Contract("shop", "orders", "", "", columns, ("a",), ExtractSettings(max_rejected_rate=1.0), "")
    quote = (lambda text: text) if raw else (lambda text: '"' + text.replace('"', '""') + '"')
    text = "a,b,c\n" + "".join(",".join(map(quote, fields)) + "\n" for fields in rows)
    with (home := open_home(tmp_path_factory.mktemp("home"), contract)).ledger, pytest.MonkeyPatch.context() as patch:
        whole = extracts.expanded
        patch.setattr(
            extracts,
            "expanded",
            lambda *args: (each[i : i + block] for each in whole(*args) for i in range(0, len(each), block)),
        )
        patch.setattr(text_records, "_WINDOW", block)
        done = home.deliver(text)
        assert done.reason_code != "E-LND-011"
        if done.state == "accepted":
            assert done.rows_in == done.rows_accepted + done.rows_rejected + done.rows_duplicate
            assert len(home.rows()) == done.rows_accepted
        if not raw and done.state == "accepted":
            assert done.rows_in == len(rows)
            whole_rows = [fields for fields in rows if len(fields) == 3 and not any("\0" in field for field in fields)]
            typed = [tuple(field if field.strip(" \n\r") else None for field in fields) for fields in whole_rows]
            expected = list(dict.fromkeys(fields for fields in typed if fields[0] is not None))
            assert [(each["a"], each["b"], each["c"]) for each in home.rows()] == expected


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["1", "1.0", "2"])), min_size=1, max_size=12))
def test_a_row_counts_once_per_file_however_it_is_written(tmp_path_factory, rows):
    with (home := open_home(tmp_path_factory.mktemp("home"))).ledger:
        done = home.deliver(csv(*(row(order, amount=amount) for order, amount in rows)))
        distinct = {(order, Decimal(amount)) for order, amount in rows}
        assert done.rows_accepted == len(distinct)
        assert done.rows_duplicate == len(rows) - len(distinct)


def test_typed_files_have_the_contract_columns_in_order_and_the_lineage(either):
    either.deliver(csv(row(1)))
    (path,) = (either.settings.typed / "shop" / "orders" / f"extract_date={DAY}").iterdir()
    schema = pq.ParquetFile(path).schema_arrow
    lineage = ["_extract_date", "_revision", "_source_file", "_line"]
    assert schema.names == [each.name for each in either.contract.columns] + lineage
    assert [str(kind) for kind in schema.types] == [
        "string", "string", "timestamp[us]", "decimal128(18, 4)", "int64", "bool", "date32[day]", "decimal128(18, 10)",
        "date32[day]", "int32", "string", "int64",
    ]  # fmt: skip
