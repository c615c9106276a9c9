"""The engine that types delivered rows: private, in memory, bounded, with the functions SQL lacks.

Lives here: its settings, `local_to_utc`, `odd_clock` and `note_keys`. Does not live here: the SQL (`casting.py`),
the build's own engine (`warehouse.py`).
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import mmap
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.contracts import Contract
from orchestration.settings import Settings
from orchestration.zones import wall_clock

_STATM = Path("/proc/self/statm")
_GIVE_BACK_ABOVE = 600_000_000  # bytes; without it a file of 2 GB took 1.1 GiB
_ENGINE_MEMORY = "400MB"  # with Arrow's and Python's share a file of any size stays below 1 GiB


# glibc: number of mallopt's parameter and its value. By itself it raises the size from which a block is mapped and
# unmapped alone to what was freed last, and then keeps megabytes of holes between small blocks in up to 16 arenas.
# Blocks of text up to 4 MB stay in the heap: mapping each anew was an eighth of the whole reading time.
_FRUGAL_MALLOC = {-3: 16 << 20, -1: 32 << 20, -8: 2}


@functools.cache
def _be_frugal() -> None:
    """Make this process return large blocks when they are freed."""
    pa.set_memory_pool(pa.system_memory_pool())  # the one allocator that listens
    with contextlib.suppress(OSError, AttributeError):  # another C library than glibc
        for parameter, value in _FRUGAL_MALLOC.items():
            ctypes.CDLL(None).mallopt(parameter, value)


def give_memory_back() -> None:
    """Return to the system what was freed and is still kept for later, once this process has grown large.

    What is given back must be mapped and cleared again when it is needed: done after every 400,000 rows, however small
    the process, it was a thirteenth of the whole reading time.
    """
    if _resident_bytes() > _GIVE_BACK_ABOVE:
        pa.default_memory_pool().release_unused()  # of the system's own allocator, for which it trims the heap


def _resident_bytes() -> int:
    try:
        return int(_STATM.read_text("ascii").split()[1]) * mmap.PAGESIZE
    except OSError:  # only Linux tells, and only its C library needs to be asked
        return 0


@dataclass
class Noticed:
    """What the engine's functions saw while it read: times in odd hours, and the keys of JSON objects by file."""

    odd_clocks: int = 0
    keys: dict[int, set[str]] = field(default_factory=dict)

    def forget(self) -> None:
        """Begin anew, for the next statement."""
        self.odd_clocks = 0
        self.keys.clear()


def engine(contract: Contract, settings: Settings, scratch: Path, noticed: Noticed) -> duckdb.DuckDBPyConnection:
    """A private in-memory engine for reading files; it spills to `scratch` and tells `noticed` what it saw."""
    _be_frugal()
    connection = duckdb.connect(config={"threads": settings.threads, "memory_limit": _ENGINE_MEMORY,
                                        "autoinstall_known_extensions": False})  # fmt: skip
    connection.execute("set temp_directory = ?", [str(scratch)])
    connection.execute("set timezone = 'UTC'")
    clock = wall_clock(contract.extract.zone or settings.reporting_zone)

    def local_to_utc(local: pa.ChunkedArray) -> pa.Array:
        return pa.array(clock.to_utc(_microseconds(local)), pa.timestamp("us"))

    def odd_clock(local: pa.ChunkedArray) -> pa.Array:
        odd = clock.is_odd(_microseconds(local)).astype(np.int32)
        noticed.odd_clocks += int(odd.sum())
        return pa.array(odd)

    def note_keys(files: pa.ChunkedArray, keys: pa.ChunkedArray) -> pa.Array:
        number = pc.min_max(files)["min"].as_py()
        if number == pc.min_max(files)["max"].as_py():
            _note(number, keys)
        else:
            for each in pc.unique(files).to_pylist():
                _note(each, keys.filter(pc.equal(files, each)))
        return pa.nulls(len(files), pa.int32()).fill_null(0)

    def _note(number: int, keys: pa.ChunkedArray) -> None:
        known = noticed.keys.setdefault(number, set())
        if len(known) <= settings.max_columns:  # a file that names a new key in every row must not fill the memory
            known.update(pc.unique(pc.list_flatten(keys)).to_pylist())

    connection.create_function("local_to_utc", local_to_utc, ["TIMESTAMP"], "TIMESTAMP", type="arrow")
    connection.create_function("note_keys", note_keys, ["INTEGER", "VARCHAR[]"], "INTEGER", type="arrow")
    connection.create_function("odd_clock", odd_clock, ["TIMESTAMP"], "INTEGER", type="arrow")
    return connection


def _microseconds(local: pa.ChunkedArray | pa.Array) -> np.ndarray:
    return local.cast(pa.int64()).to_numpy()
