"""Two engines' versions of one table, cell by cell.

Lives here: what "the same" means, and saying readably where two tables are not. Does not live here: building them
(`run_spark.py`, `build_spark.py`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

_RELATIVE = 1e-12
_LEFT_OUT = ("snapshot_id",)
_MOST_SHOWN = 5

Row = Mapping[str, Any]


def keys_of(manifest: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Model -> the columns that its `key_is_unique_and_complete` test says are its key."""
    keys = {}
    for node in manifest["nodes"].values():
        test = node.get("test_metadata") or {}
        if test.get("name") == "key_is_unique_and_complete" and node.get("attached_node"):
            keys[node["attached_node"].rpartition(".")[2]] = tuple(test["kwargs"]["columns"])
    return keys


def differences(expected: pa.Table, got: pa.Table, key: Sequence[str]) -> list[str]:
    """Where `got` is not `expected`: names, types and order of columns, rows by `key`, then cells.

    Decimals and everything else that is exact must be equal, doubles to 1e-12 of their size. `snapshot_id` is left out.
    """
    expected, got = _without(expected, _LEFT_OUT), _without(got, _LEFT_OUT)
    if expected.column_names != got.column_names:
        return [f"columns: expected {expected.column_names}, got {got.column_names}"]
    found = [
        f"{name}: expected type {wanted}, got {other}"
        for name, wanted, other in zip(expected.column_names, expected.schema.types, got.schema.types, strict=True)
        if wanted != other
    ]
    key = [name for name in key if name in expected.column_names] or [
        field.name for field in expected.schema if not pa.types.is_floating(field.type)
    ]
    wanted_rows, other_rows = _by_key(expected, key), _by_key(got, key)
    for place in sorted({*wanted_rows, *other_rows}, key=repr):
        wanted, other = wanted_rows.get(place, []), other_rows.get(place, [])
        if len(wanted) != len(other):
            found.append(f"{_shown(place, key)}: expected {len(wanted)} rows, got {len(other)}")
            continue
        for one, another in zip(wanted, other, strict=True):
            found += [
                f"{_shown(place, key)} {name}: expected {value!r}, got {another[name]!r}"
                for name, value in one.items()
                if not agrees(value, another[name])
            ]
    return found


def agrees(expected: Any, got: Any) -> bool:
    """Equal, or as doubles within 1e-12 of their size; null is only equal to null."""
    if isinstance(expected, float) and isinstance(got, float):
        return math.isclose(expected, got, rel_tol=_RELATIVE, abs_tol=0)
    return expected == got


def shortened(found: Sequence[str]) -> list[str]:
    """The first few, and how many more there are."""
    more = [f"and {len(found) - _MOST_SHOWN} more"] if len(found) > _MOST_SHOWN else []
    return [*found[:_MOST_SHOWN], *more]


def _without(table: pa.Table, names: Sequence[str]) -> pa.Table:
    return table.drop_columns([name for name in names if name in table.column_names])


def _by_key(table: pa.Table, key: Sequence[str]) -> dict[tuple, list[Row]]:
    """Rows by key; rows that share one (none is declared, or it is broken) in an order of their own, doubles last."""
    rows: dict[tuple, list[Row]] = {}
    for row in table.to_pylist():
        rows.setdefault(tuple(row[name] for name in key), []).append(row)
    for same in rows.values():
        same.sort(key=_exact_first)
    return rows


def _exact_first(row: Row) -> tuple[str, list[tuple[bool, float]]]:
    exact = repr([value for value in row.values() if not isinstance(value, float)])
    return exact, [(value is None, value or 0.0) for value in row.values() if value is None or isinstance(value, float)]


def _shown(place: tuple, key: Sequence[str]) -> str:
    return "[" + ", ".join(f"{name}={value}" for name, value in zip(key, place, strict=True)) + "]"
