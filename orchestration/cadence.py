"""Which extract dates a table owes, which are missing, and through which date it is observed.

Lives here: the reading of `cadence`, gaps and refused files as dates. Does not live here: what a mart makes of it.

A table owes from its first accepted delivery up to the newest extract date that any table of any source delivered
(never up to today: a stopped clock or a quiet installation owes nothing). Daily: every date. Weekly and monthly: one
date in each period of seven days from the first delivery, or calendar month, once that period is over. Irregular:
none, so such a table is observed through the newest date of all. Otherwise it is observed through its last delivered
date (or accepted gap) before the first that is missing; a date with a file refused or held counts as missing until a
delivery under the same name follows, or a person accepts the gap.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from orchestration.contracts import Contract
from orchestration.filenames import stem_of
from orchestration.ledger import Ledger
from orchestration.ledger_rows import Delivery

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Observation:
    """How far one delivered table is observed. `observed_through` is None when not even its first date is whole."""

    source: str
    table: str
    observed_through: date | None
    first_extract_date: date
    missing_dates: tuple[date, ...] = ()
    refused_dates: tuple[date, ...] = ()

    @property
    def complete_through(self) -> date:
        """`observed_through` as a date in any case: the day before the first when not even that one is whole."""
        return self.observed_through or self.first_extract_date - _DAY


def observe(contract: Contract, ledger: Ledger) -> Observation | None:
    """Observation of one table; None when nothing of it was ever accepted."""
    deliveries = ledger.deliveries(contract.source, contract.table)
    horizon = ledger.newest_extract_date()
    delivered = {each.extract_date for each in deliveries if each.state == "accepted"}
    if not delivered or horizon is None:
        return None
    gaps = {gap.extract_date for gap in ledger.gaps(contract.source, contract.table)}
    first = min(delivered)
    refused = sorted(_incomplete(deliveries) - gaps)
    settled = (delivered | gaps) - set(refused)
    missing = []
    through: date | None = None
    is_whole = True
    for start, end in _periods(contract.extract.cadence, first, horizon):
        present = [day for day in settled if start <= day <= end]
        broken = [day for day in refused if start <= day <= end]
        if not present and not broken and end <= horizon:
            missing.append(end)
        if not is_whole:
            continue
        if broken:
            before = [day for day in present if day < broken[0]]
            through, is_whole = (max(before) if before else through), False
        elif present:
            through = max(present)
        else:
            is_whole = end > horizon
    if contract.extract.cadence == "irregular":
        through = min([horizon, *(day - _DAY for day in refused)])
    return Observation(contract.source, contract.table, through, first, tuple(missing), tuple(refused))


def _incomplete(deliveries: list[Delivery]) -> set[date]:
    """Dates with a refused or held file that no later delivery under the same name has made good."""
    last_good: dict[tuple[date | None, str], int] = {}
    for each in deliveries:
        if each.state == "accepted":
            last_good[each.extract_date, stem_of(each.file_name)] = each.sequence
    return {
        each.extract_date
        for each in deliveries
        if each.state in ("refused", "held")
        and each.extract_date
        and each.sequence > last_good.get((each.extract_date, stem_of(each.file_name)), 0)
    }


def _periods(cadence: str, first: date, horizon: date) -> Iterator[tuple[date, date]]:
    """First and last day of every period in which one delivery is owed."""
    start = first
    while start <= horizon and cadence != "irregular":
        if cadence == "daily":
            end = start
        elif cadence == "weekly":
            end = start + 6 * _DAY
        else:
            end = (start.replace(day=1) + 31 * _DAY).replace(day=1) - _DAY
        yield start, end
        start = end + _DAY
