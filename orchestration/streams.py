"""Rows made in Python, read by the engine as a stream.

Lives here: handing a generator of Arrow batches to DuckDB for one statement, and ending it properly.
Does not live here: what the rows are. A generator that the engine leaves half read (a limit, an error, an empty join)
must be closed by us: left to the interpreter's end it aborts the process, because a thread of the engine started it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import pyarrow as pa


class _Batches:
    """An iterator for several threads, each batch to one; pyarrow keeps hold of it longer than the statement lasts."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches, self._turn = batches, threading.Lock()

    def __iter__(self) -> _Batches:
        return self

    def __next__(self) -> pa.RecordBatch:
        with self._turn:
            return next(self._batches)


@contextmanager
def streamed(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    schema: pa.Schema,
    batches: Iterator[pa.RecordBatch],
    readers: int = 1,
) -> Iterator[None]:
    """`name` is a relation that can be read once, within the block. `batches` must be a generator.

    Args:
        readers: threads that share the work. The engine reads one stream with one thread only, so the relation is a
            union of several that take turns at the same generator; the order of rows is then lost.
    """
    shared = _Batches(batches)
    parts = [f"{name}_part_{number}" for number in range(readers)]
    for part in parts:
        connection.register(part, pa.RecordBatchReader.from_batches(schema, shared))
    connection.execute(f"create or replace temp view {name} as {' union all '.join(f'from {part}' for part in parts)}")
    try:
        yield
    finally:
        connection.execute(f"drop view if exists {name}")
        for part in parts:
            connection.unregister(part)
        batches.close()
