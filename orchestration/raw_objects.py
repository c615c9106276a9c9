"""Delivered bytes made safe: copied, synced, named by their checksum, never changed again.

Lives here: the copy from landing to `raw/objects/<sha256>` and its checks.
Does not live here: which files are copied (`intake.py`), what is inside them (`extracts.py`).
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import stat
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from orchestration.contracts import Contract
from orchestration.crash_points import CrashPoint, reach
from orchestration.errors import CxwError
from orchestration.filenames import FileName, printable
from orchestration.intake import Candidate, landing_folder
from orchestration.ledger_rows import Sighting
from orchestration.settings import Settings

_BLOCK = 1 << 20
UNREADABLE_COUNT = -1  # a row-count file without exactly one number; no file has so many rows
# Not blocking: opening a pipe that nobody writes would otherwise hang the cycle.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


@dataclass(frozen=True)
class Arrival:
    """A file whose bytes are safe: `sha256` names its raw object."""

    sighting: Sighting
    name: FileName
    sha256: str
    expected_rows: int | None = None


def object_path(settings: Settings, sha256: str) -> Path:
    """Where the immutable bytes of a delivery are kept."""
    return settings.raw_objects / sha256[:2] / sha256


def take_in(
    candidates: Iterable[Candidate], contract: Contract, settings: Settings
) -> list[tuple[Candidate, Arrival | CxwError | None]]:
    """Copy candidates into the raw objects. None: it changed while being read, the next cycle takes it."""
    incoming = settings.raw_objects / "incoming"
    incoming.mkdir(parents=True, exist_ok=True)
    for leftover in incoming.iterdir():  # one writer per home, so nothing in here is alive
        leftover.unlink()
    outcomes: list[tuple[Candidate, Arrival | CxwError | None]] = []
    copies: dict[Path, Path] = {}
    with landing_folder(contract, settings) as folder:
        for candidate in candidates:
            outcome: Arrival | CxwError | None = candidate.refusal
            if candidate.refusal is None and folder is not None:
                temporary = incoming / str(candidate.sighting.inode)
                try:
                    outcome = _copy(candidate, folder, temporary, contract, settings)
                except CxwError as refusal:
                    outcome = refusal
                if isinstance(outcome, Arrival):
                    copies[temporary] = object_path(settings, outcome.sha256)
            outcomes.append((candidate, outcome))
    _keep(copies)
    return outcomes


def _keep(copies: Mapping[Path, Path]) -> None:
    """Put copies in their places for good. Syncs run side by side: the file system joins them into few writes."""
    reach(CrashPoint.INTAKE_COPIED)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(_sync, copies))
        for temporary, target in copies.items():
            # The name is the checksum: what stands there already is the same, or was damaged and is mended.
            temporary.chmod(0o444)
            move(temporary, target)
        reach(CrashPoint.INTAKE_KEPT)
        list(pool.map(_sync, {target.parent for target in copies.values()}))


def move(written: Path, target: Path) -> None:
    """Rename into a folder that mostly exists."""
    try:
        written.rename(target)
    except FileNotFoundError:
        target.parent.mkdir(parents=True, exist_ok=True)
        written.rename(target)


def _sync(path: Path) -> None:
    """Make a file's bytes, or the names in a folder, last through a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _copy(candidate: Candidate, folder: int, temporary: Path, contract: Contract, settings: Settings) -> Arrival | None:
    sighting, digest = candidate.sighting, hashlib.sha256()
    where = f"{contract.name} {printable(sighting.file_name)}"
    deadline = time.monotonic() + settings.max_file_seconds
    try:
        source = os.open(sighting.file_name, _FILE, dir_fd=folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CxwError("E-LND-007", f"cannot be read: {error.strerror}", where=where) from error
    with os.fdopen(source, "rb", buffering=0) as reader:
        if not stat.S_ISREG(os.fstat(reader.fileno()).st_mode):
            raise CxwError("E-LND-002", "not a regular file", where=where)
        with temporary.open("wb", buffering=0) as writer:
            while block := _read_block(reader, where):
                digest.update(block)
                writer.write(block)
                reach(CrashPoint.INTAKE_COPYING)
                if time.monotonic() > deadline:
                    message = f"reading took longer than max_file_seconds {settings.max_file_seconds}"
                    raise CxwError("E-LND-005", message, where=where)
        status = os.fstat(reader.fileno())
    if (status.st_size, status.st_mtime_ns, status.st_ino) != (sighting.size, sighting.mtime_ns, sighting.inode):
        return None
    return Arrival(sighting, candidate.name, digest.hexdigest(), _announced_rows(folder, sighting.file_name, contract))


def _read_block(reader: io.FileIO, where: str) -> bytes:
    try:
        return reader.read(_BLOCK)
    except OSError as error:
        raise CxwError("E-LND-007", f"cannot be read: {error.strerror}", where=where) from error


def _announced_rows(folder: int, file_name: str, contract: Contract) -> int | None:
    """Row count in the side file that the contract names; kept in the ledger, so that a rebuild needs no landing."""
    if not contract.extract.manifest:
        return None
    with os.fdopen(os.open(f"{file_name}{contract.extract.manifest}", _FILE, dir_fd=folder), "rb") as side:
        numbers = re.findall(rb"\d+", side.read(4096))
    return int(numbers[0]) if len(numbers) == 1 else UNREADABLE_COUNT


def is_intact(settings: Settings, sha256: str) -> bool:
    """Whether a raw object is there and still has its checksum."""
    try:
        with object_path(settings, sha256).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except FileNotFoundError:
        return False
