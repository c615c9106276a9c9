"""A comparison that cannot fail proves nothing: every way in which two tables can differ is found."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from cells import differences

_SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("amount", pa.decimal128(24, 4)),
        ("rate", pa.float64()),
        ("row_count", pa.int64()),
        ("is_final", pa.bool_()),
        ("day", pa.date32()),
        ("seen_at", pa.timestamp("us")),
        ("snapshot_id", pa.string()),
    ]
)
_ROW = {
    "name": "a",
    "amount": Decimal("1.0000"),
    "rate": 1 / 3,
    "row_count": 1,
    "is_final": True,
    "day": date(2026, 3, 29),
    "seen_at": datetime(2026, 3, 29, 1, 30, 0, 1),
    "snapshot_id": "one",
}


def _table(*rows: dict, schema: pa.Schema = _SCHEMA) -> pa.Table:
    return pa.Table.from_pylist([_ROW | row for row in rows], schema=schema)


@pytest.mark.parametrize(
    "change",
    [
        {"amount": Decimal("1.0001")},
        {"amount": None},
        {"rate": 1 / 3 + 1e-12},
        {"rate": None},
        {"rate": float("nan")},
        {"row_count": 2},
        {"is_final": None},
        {"day": date(2026, 3, 30)},
        {"seen_at": datetime(2026, 3, 29, 1, 30, 0, 2)},
        {"name": "b"},
        {"name": None},
    ],
    ids=lambda change: "-".join(f"{name}={value}" for name, value in change.items()),
)
def test_one_cell_is_enough(change):
    assert differences(_table({}), _table(change), ["name"])
    assert differences(_table(change), _table({}), ["name"])


def test_doubles_to_twelve_digits_rows_in_any_order_and_no_snapshot():
    expected = _table({}, {"name": "b", "rate": None})
    got = _table({"name": "b", "rate": None, "snapshot_id": "two"}, {"rate": (1 / 3) * (1 + 1e-13)})
    assert differences(expected, got, ["name"]) == []
    assert differences(expected, got, []) == []


def test_rows_that_are_missing_or_too_many():
    assert differences(_table({}, {"name": "b"}), _table({}), ["name"]) == ["[name=b]: expected 1 rows, got 0"]
    assert differences(_table({}), _table({}, {}), ["name"]) == ["[name=a]: expected 1 rows, got 2"]
    assert differences(_table({}), _table(), ["name"]) == ["[name=a]: expected 1 rows, got 0"]


def test_types_and_order_of_columns_even_without_rows():
    wider = _SCHEMA.set(1, pa.field("amount", pa.decimal128(38, 4)))
    assert differences(_table(), _table(schema=wider), ["name"])
    assert differences(_table(), _table().select(_SCHEMA.names[::-1]), ["name"])
