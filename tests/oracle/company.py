"""A tiny company: its deliveries, its settings, and how they become landing files.

Lives here: `Company`, `Delivery`, `write_landing`, and the hypothesis strategy `companies()`. Does not live here:
the invention of rows (`generator.py`, `generator_events.py`).
"""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from orchestration.settings import Settings

from .tables import TABLES, Row, Value

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

_YES_NO = (("true", "false"), ("t", "f"), ("yes", "no"), ("Y", "N"), ("1", "0"), ("True", "FALSE"))
_OFFSETS = ("Z", "+00:00", "+02:00", "-05:00", "+05:30")


@dataclass(frozen=True)
class Delivery:
    """One landing file: typed rows, and the columns that the file carries (others are null for these rows)."""

    table: str
    extract_date: date
    rows: tuple[Row, ...]
    columns: tuple[str, ...]
    revision: int = 1
    file_format: str = "csv"
    label: str = ""

    @property
    def file_name(self) -> str:
        revision = f".r{self.revision}" if self.revision > 1 else ""
        return f"{TABLES[self.table].entity}{self.label}_{self.extract_date.isoformat()}{revision}.{self.file_format}"


@dataclass(frozen=True)
class Company:
    """Everything that a company delivers, and the settings under which it is read."""

    name: str
    deliveries: tuple[Delivery, ...]
    overrides: Mapping[str, Any] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        return dataclasses.replace(Settings(home=Path()), **self.overrides)

    def environment(self) -> dict[str, str]:
        """`CXW_<NAME>` variables that give a run this company's settings."""
        return {f"CXW_{name.upper()}": _setting_text(value) for name, value in self.overrides.items()}

    def with_rows(self, change: Callable[[str, Row], Row | None]) -> Company:
        """The same company with every delivered row passed through `change(table, row)`; None drops the row."""
        deliveries = []
        for delivery in self.deliveries:
            changed = (change(delivery.table, dict(row)) for row in delivery.rows)
            rows = tuple(row for row in changed if row is not None)
            deliveries.append(dataclasses.replace(delivery, rows=rows))
        return dataclasses.replace(self, deliveries=tuple(deliveries))

    def scattered(self, random: Random) -> Company:
        """The same rows in other files: every delivery cut in two, each half shuffled; half of the rows come twice."""
        deliveries = []
        for delivery in self.deliveries:
            rows = random.sample(delivery.rows, len(delivery.rows))
            cut = random.randint(0, len(rows))
            again = random.sample(rows, len(rows) // 2)
            for label, part in (("-a", rows[:cut]), ("-b", rows[cut:]), ("-again", again)):
                file_format = random.choice(("csv", "jsonl"))
                deliveries.append(dataclasses.replace(delivery, rows=tuple(part), label=label, file_format=file_format))
        random.shuffle(deliveries)
        return dataclasses.replace(self, name=f"{self.name}, scattered", deliveries=tuple(deliveries))

    def shifted(self, days: int) -> Company:
        """The same company, `days` days later: every date, instant and extract date."""

        def shift(value: Value) -> Value:
            return value + timedelta(days=days) if isinstance(value, date) else value

        moved = self.with_rows(lambda _, row: {name: shift(value) for name, value in row.items()})
        deliveries = tuple(
            dataclasses.replace(delivery, extract_date=delivery.extract_date + timedelta(days=days))
            for delivery in moved.deliveries
        )
        return dataclasses.replace(moved, deliveries=deliveries)


def from_rows(rows: Mapping[str, list[Row]], as_of: date, name: str = "hand made", **overrides: Any) -> Company:
    """A company that delivers each table of `rows` once, on `as_of`; required times that are missing are filled."""
    deliveries = []
    for table_name, table_rows in rows.items():
        table = TABLES[table_name]
        filled = tuple(_filled(table_name, row) for row in table_rows)
        deliveries.append(Delivery(table_name, as_of, filled, tuple(table.columns)))
    return Company(name, tuple(deliveries), overrides)


def _filled(table_name: str, row: Row) -> Row:
    table = TABLES[table_name]
    unknown = set(row) - set(table.columns)
    if unknown:
        raise KeyError(f"{table_name} has no column {sorted(unknown)}")
    times = [value for value in row.values() if isinstance(value, datetime)]
    for column in table.required:
        if row.get(column) is None and table.columns[column] == "time":
            row = {**row, column: min(times, default=datetime(2000, 1, 1, tzinfo=UTC))}
    return {column: row.get(column) for column in table.columns}


def companies(**options: Any) -> SearchStrategy[Company]:
    """Hypothesis strategy of random companies; every random choice is drawn, so that failures shrink."""
    from hypothesis import strategies

    from .generator import invent

    return strategies.randoms(use_true_random=False).map(lambda random: invent(random, **options))


def company(number: int, **options: Any) -> Company:
    """Company `number` of an endless, reproducible series."""
    from .generator import invent

    return invent(Random(number), name=f"company {number}", **options)


def write_landing(company: Company, landing: Path) -> list[Path]:
    """Write every delivery below `landing` as `<source>/<table>/<table>_<date>[.rN].<format>`; returns the paths."""
    paths = []
    for delivery in company.deliveries:
        table = TABLES[delivery.table]
        path = landing / table.source / table.entity / delivery.file_name
        path.parent.mkdir(parents=True, exist_ok=True)
        random = Random(f"{company.name} {path.name}")
        with path.open("w", encoding="utf-8", newline="") as file:
            if delivery.file_format == "jsonl":
                for row in delivery.rows:
                    spoken = {name: _json_value(row.get(name), random) for name in delivery.columns}
                    file.write(json.dumps({name: value for name, value in spoken.items() if value is not None}) + "\n")
                if not delivery.rows:
                    file.write("\n")
            else:
                writer = csv.writer(file, lineterminator=random.choice(("\n", "\r\n")))
                writer.writerow(delivery.columns)
                writer.writerows([_text(row.get(name), random) for name in delivery.columns] for row in delivery.rows)
        paths.append(path)
    return paths


def _text(value: Value, random: Random) -> str:
    if value is None:
        return random.choice(("", "", "", "  "))
    if isinstance(value, bool):
        return random.choice(_YES_NO)[0 if value else 1]
    if isinstance(value, datetime):
        return _instant_text(value, random)
    if isinstance(value, Decimal):
        return format(value, "f")
    return value.isoformat() if isinstance(value, date) else str(value)


def _json_value(value: Value, random: Random) -> Any:
    if isinstance(value, datetime):
        return _instant_text(value, random)
    if isinstance(value, Decimal):
        return format(value, "f")  # a JSON number would pass through a double on the way out
    return value.isoformat() if isinstance(value, date) else value


def _instant_text(value: datetime, random: Random) -> str:
    offset = random.choice(_OFFSETS)
    if offset == "Z":
        return value.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
    sign = -1 if offset[0] == "-" else 1
    zone = timezone(sign * timedelta(hours=int(offset[1:3]), minutes=int(offset[4:6])))
    return value.astimezone(zone).isoformat(sep=random.choice(("T", " ")))


def _setting_text(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(value)
    if isinstance(value, Mapping):
        return ",".join(f"{key}={number}" for key, number in value.items())
    return str(value)


def end_of_day(day: date, zone: str) -> datetime:
    """The last second of a business day, as an instant."""
    start = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)) + timedelta(days=1)
    return start.astimezone(UTC) - timedelta(seconds=1)
