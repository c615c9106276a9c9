"""The disk below a home: room for a build, folders that can be written, what to say when a write fails.

Lives here: the look before a run, the words for an error of the disk, and giving up a build file that cannot be
trusted. Does not live here: what is written (`landing.py`, `build.py`, `snapshots.py`). A build file is expendable:
DuckDB notices most damage by checksum, but a flipped bit in the wrong place ends the whole process instead, so a file
whose last writer died or met damage is made again and never read.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

from orchestration.errors import CxwError
from orchestration.settings import Settings

ROOM_FOR_BUILDS = 2.5  # the build grows, its snapshot is written aside, and the engine spills
READER_WAIT_SECONDS = 30.0  # for somebody who opened the build file by mistake and closes it again
_LOCKED = re.compile(r"Could not set lock on file(?:.*?held in (?P<program>\S+) .*?\(PID (?P<pid>\d+)\))?", re.DOTALL)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_FULL_WORDS = ("No space left on device", "database or disk is full", "Disk quota exceeded", "Read-only file system",
               "unable to open database file", "disk I/O error")  # fmt: skip
_DAMAGE_WORDS = ("Corrupt database file", "not a valid DuckDB database", "checksum", "INTERNAL Error", "FATAL Error",
                 "Could not read enough bytes", "Serialization Error", "WAL file")  # fmt: skip


def require_room(settings: Settings) -> None:
    """Refuse to begin what cannot end well.

    Raises:
        CxwError: E-DSK-002 naming a folder that cannot be written, E-DSK-001 when there is too little free space.
    """
    folders = (settings.home, settings.raw_objects, settings.typed, settings.quarantine, settings.build,
               settings.published, settings.dagster_home, settings.dbt_target)  # fmt: skip
    for folder in folders:
        existing = _existing(folder)
        if not os.access(existing, os.W_OK | os.X_OK):
            raise CxwError("E-DSK-002", "the folder cannot be written", where=str(existing), next_command="cxw run")
    needed = bytes_needed(settings)
    free = free_bytes(settings)
    if free < needed:
        said = f"{free // 1_000_000} MB free, the next build needs {needed // 1_000_000} MB"
        raise CxwError(
            "E-DSK-001", f"{said} ({ROOM_FOR_BUILDS} x the last)", where=str(settings.home),
            next_command="cxw snapshots list",
        )  # fmt: skip


def bytes_needed(settings: Settings) -> int:
    """Room that the next build wants, from the size of the last one; 0 before the first."""
    last = [settings.warehouse_path, settings.published / "current" / "cxw.duckdb"]
    return int(ROOM_FOR_BUILDS * max(path.stat().st_size if path.exists() else 0 for path in last))


def free_bytes(settings: Settings) -> int:
    """Free space where the build and the published files are written, whichever has less."""
    return min(shutil.disk_usage(_existing(folder)).free for folder in (settings.build, settings.published))


def distrust_build(settings: Settings) -> None:
    """Remove the build file; the next run makes it from the typed files, which the ledger knows."""
    for path in (settings.warehouse_path, settings.warehouse_path.with_name(settings.warehouse_path.name + ".wal")):
        path.unlink(missing_ok=True)


def as_disk_error(error: BaseException, where: str = "") -> CxwError | None:
    """The house's words for an error of the disk or of a damaged build file; None for anything else."""
    text = str(error)
    if held := _LOCKED.search(text):
        program = Path(held["program"] or "another program").name
        said = f"process {held['pid']} ({program})" if held["pid"] else "another program"
        return CxwError("E-DSK-005", f"{said} has the build file open", where="build", next_command="cxw run")
    if (isinstance(error, OSError) and error.errno in _FULL) or any(words in text for words in _FULL_WORDS):
        return CxwError(
            "E-DSK-003", "a write failed: no space, no inodes, over quota or read-only", where=where,
            next_command="cxw run",
        )  # fmt: skip
    if type(error).__module__.startswith(("duckdb", "_duckdb")) and is_damage(text):
        return CxwError("E-DSK-004", "the build file is damaged; it is removed", where=where, next_command="cxw run")
    return None


def is_held(engine_words: str) -> bool:
    """Whether an engine's message says that another process has the file open."""
    return _LOCKED.search(engine_words) is not None


def make_build_private(settings: Settings) -> None:
    """The build folder is its owner's alone: a reader who lost the way finds `published/` instead."""
    settings.build.mkdir(parents=True, exist_ok=True)
    if settings.build.stat().st_mode & 0o077:
        with suppress(OSError):  # another owner's folder, or one that cannot be written: `require_room` tells
            settings.build.chmod(0o700)


def is_damage(engine_words: str) -> bool:
    """Whether an engine's message is about the file it reads, not about what was asked."""
    return any(words in engine_words for words in _DAMAGE_WORDS)


def _existing(folder: Path) -> Path:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder
