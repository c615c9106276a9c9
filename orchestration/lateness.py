"""Which source is behind the objective of the published snapshot, and since which day.

Lives here: that question over the account of the tables and a clock, which tests set. Does not live here: the account
(`accounting.py`), dates that are missing between others (`cadence.py`): those never look at a clock, so a site whose
sources all stop on the same day owes nothing there. Here it does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from orchestration.accounting import TableState
from orchestration.settings import Settings

LIVING_DAYS = timedelta(days=90)  # a site without any delivery for longer than this is a history
NAMED_TABLES = 3
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Behind:
    """Daily tables of one source that are whole through the same day, and the day awaited.

    `hours` have passed since the last whole day was over.
    """

    source: str
    tables: tuple[str, ...]
    observed_through: date
    awaited: date
    hours: float

    def __str__(self) -> str:
        more = f" and {len(self.tables) - NAMED_TABLES} more" if len(self.tables) > NAMED_TABLES else ""
        tables = ", ".join(self.tables[:NAMED_TABLES]) + more
        return f"{self.source} is whole through {self.observed_through} only ({tables}): {self.awaited} is awaited"


def oldest(states: Iterable[TableState]) -> str:
    """The source that is whole through the earliest day of all, in words; empty when nothing ever arrived."""
    days = [(state.observed_through, state.contract.name) for state in states if state.observed_through]
    return f"{min(days)[1]} is whole through {min(days)[0]}" if days else ""


def behind(states: Iterable[TableState], settings: Settings, now: datetime) -> list[Behind]:
    """Sources with a daily table whose last whole day ended longer ago than `freshness_hours`; none for a history."""
    zone = ZoneInfo(settings.reporting_zone)
    tables: dict[tuple[str, date], list[str]] = {}
    newest = date.min
    for state in states:
        if state.observed_through is None or state.first_date is None:
            continue
        newest = max(newest, state.observed_through, *state.missing_dates)
        if state.contract.extract.cadence == "daily":
            tables.setdefault((state.contract.source, state.observed_through), []).append(state.contract.table)
    if newest + LIVING_DAYS < now.astimezone(zone).date():
        return []
    found = []
    for (source, day), names in sorted(tables.items()):
        hours = (now - datetime.combine(day + _DAY, time.min, zone)).total_seconds() / 3600
        if hours > settings.freshness_hours:
            found.append(Behind(source, tuple(names), day, day + _DAY, hours))
    return found
