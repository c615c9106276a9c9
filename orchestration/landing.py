"""Deliveries become typed Parquet: `ingest` is the door of the house.

Lives here: which files a cycle reads, duplicates and revisions, the files in force.
Does not live here: landing files (`intake.py`), reading and writing them (`typed_files.py`), how far a table is
observed (`cadence.py`), what there is to do (`backlog.py`). A file counts when the ledger says so: raw object first,
typed file next, ledger row last, so that a crash anywhere leaves nothing half done.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from orchestration.backlog import HELD, stale, typed_path
from orchestration.contracts import Contract
from orchestration.errors import CxwError
from orchestration.extracts import RowRules
from orchestration.filenames import format_of, printable
from orchestration.intake import Candidate, scan, settle
from orchestration.ledger import Ledger
from orchestration.ledger_rows import Delivery, Sighting
from orchestration.raw_objects import Arrival, is_intact, take_in
from orchestration.rejects import told
from orchestration.settings import Settings
from orchestration.typed_files import read_deliveries
from orchestration.vanishing import hold_vanished

_BATCH_FILES = 1000
_NAME_REFUSED = "E-LND-008"


@dataclass(frozen=True)
class DeliveryResult:
    """What became of one file. `is_new` is False for a delivery that was read again."""

    delivery: Delivery
    seconds: float = 0.0
    is_new: bool = True


@dataclass(frozen=True)
class IngestResult:
    """One cycle of one table. `waiting` are files that are not complete yet."""

    table: str
    results: tuple[DeliveryResult, ...]
    waiting: tuple[str, ...]
    seconds: float

    def total(self, count: str) -> int:
        """Sum of a count of the ledger (`rows_in`, `rows_accepted`, `rows_rejected`, `rows_duplicate`, `bytes`)."""
        return sum(getattr(result.delivery, count) for result in self.results)

    def in_state(self, *states: str) -> tuple[Delivery, ...]:
        return tuple(result.delivery for result in self.results if result.delivery.state in states)

    @property
    def extract_dates(self) -> tuple[date, ...]:
        """Dates that something was read for, in order."""
        return tuple(sorted({each.delivery.extract_date for each in self.results if each.delivery.extract_date}))


def ingest(
    contract: Contract, settings: Settings, ledger: Ledger, *, extract_dates: set[date] | None = None,
    force: bool = False, row_rules: RowRules | None = None, today: date | None = None,
) -> IngestResult:  # fmt: skip
    """Take in what is new for a table, and read again what must be.

    Args:
        contract: of the table.
        settings: of this home.
        ledger: where outcomes are recorded, one transaction per batch of files.
        extract_dates: only these; None = all.
        force: also read again what is known.
        row_rules: typed rows -> positions to be set aside and the rule's name (the suite's `quarantine` severity).
        today: for tests; default the clock's.

    Raises:
        CxwError: E-LND-014 when raw objects of deliveries that must be read again are gone (after all else is done).
    """
    started = time.monotonic()
    known = ledger.deliveries(contract.source, contract.table)
    old = [each for each in known if force and each.sha256 and each.state != "duplicate"]
    old = [each for each in old if each.reason_code != _NAME_REFUSED]
    reasons = [] if old else stale(contract, settings, ledger, known)
    old = [each for each in old or [each for each, why in reasons if why != HELD]
           if _is_wanted(each.extract_date, extract_dates)]  # fmt: skip
    results: list[DeliveryResult] = []
    damage: CxwError | None = None
    try:
        results += retype(contract, settings, ledger, old, row_rules=row_rules)
    except CxwError as error:
        damage = error  # what is new still comes in
    seen = settle(scan(contract, settings, ledger, today), contract, settings, ledger, today)
    candidates = [
        each for each in seen.ready if _is_wanted(each.name.extract_date if each.name else None, extract_dates)
    ]
    waiting = [candidate.sighting.file_name for candidate in seen.waiting]
    for begin in range(0, len(candidates), _BATCH_FILES):
        known = ledger.deliveries(contract.source, contract.table)
        register, sightings, late = _register(candidates[begin : begin + _BATCH_FILES], contract, settings, known)
        waiting += late
        if register.raised:  # first: after a crash between the two, the new name finds its bytes raised already
            results += retype(contract, settings, ledger, register.raised.values(), row_rules=row_rules)
            for lower in (each for each in known if each.sequence in register.raised):
                typed_path(settings, lower).unlink(missing_ok=True)
            known = ledger.deliveries(contract.source, contract.table)
        results += _read_and_record(
            register.deliveries, sightings, known, contract, settings, ledger, row_rules, is_new=True
        )
    read = {(result.delivery.extract_date, result.delivery.revision) for result in results}
    held = [each for each, why in stale(contract, settings, ledger) if why == HELD]  # after what repairs them came in
    held = [each for each in held if (each.extract_date, each.revision) not in read]
    results += retype(contract, settings, ledger, held, row_rules=row_rules)
    if damage:
        raise damage
    return IngestResult(contract.name, tuple(results), tuple(waiting), time.monotonic() - started)


def retype(
    contract: Contract, settings: Settings, ledger: Ledger, deliveries: Iterable[Delivery], *,
    row_rules: RowRules | None = None,
) -> list[DeliveryResult]:  # fmt: skip
    """Read known deliveries again from their raw objects: after a contract change, or when typed files are gone.

    Raises:
        CxwError: E-LND-014 naming the raw objects that are missing or altered; all others are read first.
    """
    deliveries = list(deliveries)
    damaged = [each for each in deliveries if not is_intact(settings, each.sha256)]
    intact = [replace(each, state="accepted", reason_code="", reason="") for each in deliveries if each not in damaged]
    known = ledger.deliveries(contract.source, contract.table)
    results = []
    for begin in range(0, len(intact), _BATCH_FILES):
        part = intact[begin : begin + _BATCH_FILES]
        results += _read_and_record(part, [], known, contract, settings, ledger, row_rules, is_new=False)
    if damaged:
        names = ", ".join(f"{each.extract_date} {each.sha256[:12]}" for each in damaged[:5])
        more = f" and {len(damaged) - 5} more" if len(damaged) > 5 else ""
        raise CxwError("E-LND-014", f"raw objects missing or altered: {names}{more}", where=contract.name)
    return results


def files_in_force(contract: Contract, settings: Settings, ledger: Ledger) -> list[Path]:
    """Typed files of the accepted deliveries of a table, in order of date, revision and content."""
    accepted = ledger.deliveries(contract.source, contract.table, ["accepted"])
    accepted.sort(key=lambda each: (each.extract_date, each.revision, each.sha256))
    return [typed_path(settings, each) for each in accepted]


def _is_wanted(extract_date: date | None, extract_dates: set[date] | None) -> bool:
    return extract_dates is None or extract_date in extract_dates


def _read_and_record(
    deliveries: list[Delivery], sightings: list[Sighting], known: list[Delivery], contract: Contract,
    settings: Settings, ledger: Ledger, row_rules: RowRules | None, *, is_new: bool,
) -> list[DeliveryResult]:  # fmt: skip
    """Read those that are to be read (state accepted), then one transaction for all."""
    to_read = [each for each in deliveries if each.state == "accepted"]
    read = read_deliveries(to_read, contract, settings, row_rules) if to_read else []
    judged = hold_vanished([delivery for delivery, _ in read], known, contract, settings)
    outcomes = {id(each): (outcome, seconds) for each, outcome, (_, seconds) in zip(to_read, judged, read, strict=True)}
    pairs = [outcomes.get(id(each), (each, 0.0)) for each in deliveries]
    recorded = ledger.record([delivery for delivery, _ in pairs], sightings)
    return [DeliveryResult(delivery, seconds, is_new) for delivery, (_, seconds) in zip(recorded, pairs, strict=True)]


def _register(
    candidates: list[Candidate], contract: Contract, settings: Settings, known: list[Delivery]
) -> tuple[_Register, list[Sighting], list[str]]:
    """Deliveries of new files (state accepted = still to be read), what was seen, and files still changing."""
    register = _Register(contract, known)
    sightings, late = [], []
    for candidate, outcome in take_in(candidates, contract, settings):
        if outcome is None:
            late.append(candidate.sighting.file_name)
        elif isinstance(outcome, CxwError):
            register.refuse_unread(candidate, outcome)
        else:
            sightings.append(candidate.sighting)
            register.add(outcome)
    return register, sightings, late


_Bytes = tuple[str, date | None, str]


def _bytes_of(delivery: Delivery) -> _Bytes:
    """What makes deliveries of a table the same. A file refused as csv may come again as the xlsx that it is."""
    return delivery.sha256, delivery.extract_date, format_of(delivery.file_name)


class _Register:
    """Tells new bytes from known ones, and new names from names that came before.

    The same bytes may come under several names and in any order: the highest revision that a name gives them is theirs,
    and typed rows carry it. `deliveries` are new to the ledger, `raised` are known ones to be read again under a higher
    revision, by sequence.
    """

    def __init__(self, contract: Contract, known: list[Delivery]) -> None:
        self._contract = contract
        self.deliveries: list[Delivery] = []
        self.raised: dict[int, Delivery] = {}
        self._by_name: dict[str, list[Delivery]] = {}
        self._by_bytes: dict[_Bytes, Delivery] = {}
        self._newest_revision: dict[date | None, int] = {}
        for each in known:
            self._remember(each)

    def _remember(self, delivery: Delivery) -> None:
        self._by_name.setdefault(delivery.file_name, []).append(delivery)
        if delivery.sha256:
            if delivery.state != "duplicate" and delivery.reason_code != _NAME_REFUSED:  # its bytes were never read
                self._by_bytes.setdefault(_bytes_of(delivery), delivery)
            newest = self._newest_revision.get(delivery.extract_date, 0)
            self._newest_revision[delivery.extract_date] = max(newest, delivery.revision)

    def refuse_unread(self, candidate: Candidate, refusal: CxwError) -> None:
        """One row per name, however often it is looked at."""
        name, sighting, contract = candidate.name, candidate.sighting, self._contract
        before = [each for each in self._by_name.get(sighting.file_name, []) if not each.sha256]
        day = name.extract_date if name else None
        self.deliveries.append(
            Delivery(
                contract.source, contract.table, sighting.file_name, "", day, name.revision if name else 1, "refused",
                sighting.size, reason_code=refusal.code, reason=told(refusal, contract.name, day),
                sequence=before[-1].sequence if before else 0,
            )
        )  # fmt: skip

    def add(self, arrival: Arrival) -> None:
        name, sighting, contract = arrival.name, arrival.sighting, self._contract
        same_name = [each for each in self._by_name.get(sighting.file_name, []) if each.sha256]
        if any((each.sha256, each.extract_date) == (arrival.sha256, name.extract_date) for each in same_name):
            return  # touched, not changed
        twin = self._by_bytes.get((arrival.sha256, name.extract_date, name.format))
        revision, note = self._revision(arrival, same_name, twin)
        delivery = Delivery(
            contract.source, contract.table, sighting.file_name, arrival.sha256, name.extract_date, revision,
            "accepted", sighting.size, expected_rows=arrival.expected_rows, warnings=(note,) if note else (),
        )  # fmt: skip
        if twin:
            note = f"the same bytes as {printable(twin.file_name)}: nothing was read"
            if revision > twin.revision:
                self._raise(twin, revision, sighting.file_name)
                note = f"the same bytes as {printable(twin.file_name)}: they are revision {revision} now"
            delivery = replace(delivery, state="duplicate", warnings=(note,))
        elif same_name and contract.extract.on_same_name == "refuse":
            where = f"{contract.name} {printable(sighting.file_name)} (sha {arrival.sha256[:8]})"
            message = "the name came before with other bytes, the contract refuses that"
            refusal = CxwError(_NAME_REFUSED, message, where=where)
            told_reason = told(refusal, contract.name, name.extract_date)
            delivery = replace(delivery, state="refused", reason_code=refusal.code, reason=told_reason)
        self.deliveries.append(delivery)
        self._remember(delivery)

    def _revision(self, arrival: Arrival, same_name: list[Delivery], twin: Delivery | None) -> tuple[int, str]:
        """Revision of what arrived, and a warning when the name does not say it."""
        said, day = arrival.name.revision, arrival.name.extract_date
        if not same_name or self._contract.extract.on_same_name == "refuse":
            return max(said, twin.revision if twin else 0), ""
        before = [self._by_bytes.get(_bytes_of(each), each).revision for each in same_name]
        if twin and twin.revision > max(before):
            return twin.revision, ""
        revision = self._newest_revision[day] + 1
        return revision, f"the name came before with other bytes: taken as revision {revision}"

    def _raise(self, twin: Delivery, revision: int, file_name: str) -> None:
        warning = f"the same bytes came as {printable(file_name)}: taken as revision {revision}"
        higher = replace(twin, revision=revision, warnings=(*twin.warnings, warning))
        if twin.sequence:
            self.raised[twin.sequence] = higher
        else:
            self.deliveries[self.deliveries.index(twin)] = higher
        self._by_bytes[_bytes_of(higher)] = higher
