"""The engine that types delivered rows: private, in memory, bounded, with the two functions SQL lacks.

Lives here: its settings, `local_to_utc` and `odd_clock`. Does not live here: the SQL (`casting.py`), the build's own
engine (`warehouse.py`).
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from orchestration.contracts import Contract
from orchestration.settings import Settings
from orchestration.zones import wall_clock

_ENGINE_MEMORY = "600MB"  # with Arrow's and Python's share a file of any size stays near 1 GiB


def engine(contract: Contract, settings: Settings, scratch: Path, oddities: list[int]) -> duckdb.DuckDBPyConnection:
    """A private in-memory engine for reading files; it spills to `scratch`.

    `oddities` grows by the number of times found in hours that clocks repeat or skip.
    """
    connection = duckdb.connect(config={"threads": settings.threads, "memory_limit": _ENGINE_MEMORY,
                                        "autoinstall_known_extensions": False})  # fmt: skip
    connection.execute("set temp_directory = ?", [str(scratch)])
    connection.execute("set timezone = 'UTC'")
    clock = wall_clock(contract.extract.zone or settings.reporting_zone)

    def local_to_utc(local: pa.ChunkedArray) -> pa.Array:
        return pa.array(clock.to_utc(_microseconds(local)), pa.timestamp("us"))

    def odd_clock(local: pa.ChunkedArray) -> pa.Array:
        odd = clock.is_odd(_microseconds(local)).astype(np.int32)
        oddities.append(int(odd.sum()))
        return pa.array(odd)

    connection.create_function("local_to_utc", local_to_utc, ["TIMESTAMP"], "TIMESTAMP", type="arrow")
    connection.create_function("odd_clock", odd_clock, ["TIMESTAMP"], "INTEGER", type="arrow")
    return connection


def _microseconds(local: pa.ChunkedArray | pa.Array) -> np.ndarray:
    return local.cast(pa.int64()).to_numpy()
