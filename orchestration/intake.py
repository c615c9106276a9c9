"""Which landing files are taken in: new, complete and allowed ones; the others wait or are refused by name.

Lives here: one look at the folder of a table. Does not live here: copying bytes (`raw_objects.py`), what is inside a
file (`extracts.py`), what becomes of it (`landing.py`). Landing is only ever read.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from orchestration.contracts import Contract
from orchestration.errors import CxwError
from orchestration.filenames import FileName, is_delivery, parse_name, printable, twins
from orchestration.ledger import Ledger
from orchestration.ledger_rows import Sighting
from orchestration.settings import Settings

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


@dataclass(frozen=True)
class Candidate:
    """A landing file that the ledger does not know as it is now. `refusal` is set when its name or kind is refused."""

    sighting: Sighting
    name: FileName | None
    refusal: CxwError | None = None


@dataclass(frozen=True)
class Scan:
    """One look at the landing folder of a table. `waiting` are files that are not complete yet."""

    ready: list[Candidate] = field(default_factory=list)
    waiting: list[Candidate] = field(default_factory=list)
    unchanged: int = 0
    wait_seconds: float = 0.0


def scan(contract: Contract, settings: Settings, ledger: Ledger, today: date | None = None) -> Scan:
    """What is new in `landing/<source>/<table>/`. Reads names and file status only, no content."""
    today = today or datetime.now(UTC).date()
    known = ledger.sightings(contract.source, contract.table)
    refused = ledger.refused_unread(contract.source, contract.table)
    ready, waiting, unchanged, longest = [], [], 0, 0.0
    with landing_folder(contract, settings) as folder:
        if folder is None:
            return Scan()
        with os.scandir(folder) as entries:
            found = [(entry.name, entry.stat(follow_symlinks=False)) for entry in entries]
        names = {name for name, _ in found}
        deliveries = [(name, status) for name, status in found if is_delivery(name, contract)]
        ambiguous = twins(name for name, _ in deliveries)
        now = time.time_ns()
        for name, status in deliveries:
            sighting = Sighting(
                contract.source, contract.table, name, status.st_size, status.st_mtime_ns, status.st_ino
            )
            if known.get(name) == sighting and name not in ambiguous:
                unchanged += 1
                continue
            candidate = _judge(contract, settings, sighting, status, folder, ambiguous.get(name), today)
            if candidate.refusal and refused.get(name) == candidate.refusal.code:
                unchanged += 1
                continue
            announced = not contract.extract.manifest or f"{name}{contract.extract.manifest}" in names
            # The change time cannot be set by the writer: a copy that keeps its old dates is still seen as fresh.
            age = (now - max(status.st_ctime_ns, status.st_mtime_ns)) / 1_000_000_000
            if candidate.name is None or (announced and (age >= settings.settle_seconds or f"{name}.done" in names)):
                ready.append(candidate)
            else:
                waiting.append(candidate)
                longest = max(longest, min(settings.settle_seconds - age, settings.settle_seconds))
    return Scan(sorted(ready, key=_order), sorted(waiting, key=_order), unchanged, longest)


def _order(candidate: Candidate) -> tuple[date, int, str]:
    name = candidate.name
    return (name.extract_date, name.revision, candidate.sighting.file_name) if name else (date.min, 0, "")


def settle(first: Scan, contract: Contract, settings: Settings, ledger: Ledger, today: date | None = None) -> Scan:
    """Wait as long as a waiting file needs to be complete, once, and look again: no clock can starve a file."""
    if not first.waiting:
        return first
    time.sleep(first.wait_seconds)
    second = scan(contract, settings, ledger, today)
    before = {candidate.sighting for candidate in first.waiting}
    # Unchanged while we waited is complete, whatever the file's own clock says; a missing row count is not.
    complete = [each for each in second.waiting if each.sighting in before and not contract.extract.manifest]
    still = [each for each in second.waiting if each not in complete]
    return Scan(sorted([*second.ready, *complete], key=_order), still, second.unchanged)


def _judge(
    contract: Contract, settings: Settings, sighting: Sighting, status: os.stat_result, folder: int,
    group: list[str] | None, today: date,
) -> Candidate:  # fmt: skip
    """Refuse by name, kind and size before a byte is read."""
    where = f"{contract.name} {printable(sighting.file_name)}"
    name = None
    try:
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            raise CxwError("E-LND-002", "not a regular file of its own (link, folder, pipe or device)", where=where)
        name = parse_name(sighting.file_name, contract, settings, today)
        if group:
            others = ", ".join(printable(other) for other in group)
            raise CxwError("E-LND-003", f"names differ only by case or Unicode form: {others}", where=where)
        if not os.access(sighting.file_name, os.R_OK, dir_fd=folder):
            raise CxwError("E-LND-007", "may not be read by this user", where=where)
        if status.st_size == 0:
            raise CxwError("E-LND-004", "0 bytes; send a header-only file for a day without rows", where=where)
        if status.st_size > settings.max_compressed_bytes:
            message = f"{status.st_size} bytes, max_compressed_bytes is {settings.max_compressed_bytes}"
            raise CxwError("E-LND-005", message, where=where)
    except CxwError as refusal:
        return Candidate(sighting, name, refusal)
    return Candidate(sighting, name)


@contextmanager
def landing_folder(contract: Contract, settings: Settings) -> Iterator[int | None]:
    """The table's landing folder, opened step by step so that no link leads out of landing; None when there is none."""
    opened: list[int] = []
    try:
        try:
            opened.append(os.open(settings.landing, os.O_RDONLY | os.O_DIRECTORY))
            for part in (contract.source, contract.table):
                opened.append(os.open(part, _DIRECTORY, dir_fd=opened[-1]))
        except (FileNotFoundError, NotADirectoryError):
            yield None
            return
        except OSError as error:
            place = f"{contract.source}/{contract.table}"
            raise CxwError(
                "E-LND-007", f"the landing folder cannot be opened: {error.strerror}", where=place
            ) from error
        yield opened[-1]
    finally:
        for descriptor in opened:
            os.close(descriptor)
