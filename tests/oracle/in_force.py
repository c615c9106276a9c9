"""Which version of each row counts, and up to which day each table is known.

Lives here: precedence of deliveries, row hashes, observed-through dates. Does not live here: what rows mean.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from .company import Company
from .tables import TABLES, Row, Table, Value

_LOWEST = datetime(1, 1, 1, tzinfo=UTC)
_SCALES = {"money": 4, "quantity": 6, "rate": 10}


def rows_in_force(company: Company) -> dict[str, list[Row]]:
    """Per delivered table, one row per key: the largest of (version, extract date, revision, row hash).

    Deleted rows are among them (identity needs them); keys are in ascending order.
    """
    best: dict[str, dict[tuple, tuple]] = {}
    for delivery in company.deliveries:
        table = TABLES[delivery.table]
        kept = best.setdefault(table.name, {})
        for delivered in delivery.rows:
            row = {name: _known(delivered.get(name)) if name in delivery.columns else None for name in table.columns}
            version = row[table.version] if table.version else None
            rank = (version or _LOWEST, delivery.extract_date, delivery.revision, row_hash(table, row))
            key = tuple(row[name] for name in table.key)
            if key not in kept or rank > kept[key][0]:
                kept[key] = (rank, row)
    return {name: [row for _, (_, row) in sorted(kept.items())] for name, kept in best.items()}


def _known(value: Value) -> Value:
    return None if isinstance(value, str) and not value.strip() else value


def row_hash(table: Table, row: Row) -> str:
    """sha256 over the columns in name order, nulls left out, values in canonical text."""
    parts = [f"{name}={_canonical(row[name], table.columns[name])}" for name in sorted(row) if row[name] is not None]
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def _canonical(value: Value, kind: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ")
    if isinstance(value, Decimal):
        return f"{value:.{_SCALES[kind]}f}"
    return value.isoformat() if isinstance(value, date) else str(value)


def observed_through(company: Company) -> dict[str, date]:
    """Per delivered table, the last extract date up to which no day since its first delivery is missing."""
    delivered: dict[str, set[date]] = {}
    for delivery in company.deliveries:
        delivered.setdefault(delivery.table, set()).add(delivery.extract_date)
    through = {}
    for name, days in delivered.items():
        day = min(days)
        while day + timedelta(days=1) in days:
            day += timedelta(days=1)
        through[name] = day
    return through


def as_of(company: Company, entities: Iterable[str]) -> date | None:
    """The smallest observed-through date over those of `entities` (generic table names) that were delivered."""
    wanted = set(entities)
    return min((day for name, day in observed_through(company).items() if TABLES[name].entity in wanted), default=None)
