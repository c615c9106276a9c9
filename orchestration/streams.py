"""Rows made in Python, read by the engine as a stream.

Lives here: handing a generator of Arrow batches to DuckDB for one statement, and ending it properly.
Does not live here: what the rows are. A generator that the engine leaves half read (a limit, an error, an empty join)
must be closed by us: left to the interpreter's end it aborts the process, because a thread of the engine started it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import pyarrow as pa


class _Batches:
    """An iterator that can be closed; pyarrow keeps hold of it longer than the statement lasts."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches = batches

    def __iter__(self) -> _Batches:
        return self

    def __next__(self) -> pa.RecordBatch:
        return next(self._batches)


@contextmanager
def streamed(
    connection: duckdb.DuckDBPyConnection, name: str, schema: pa.Schema, batches: Iterator[pa.RecordBatch]
) -> Iterator[None]:
    """`name` is a relation that can be read once, within the block. `batches` must be a generator."""
    connection.register(name, pa.RecordBatchReader.from_batches(schema, _Batches(batches)))
    try:
        yield
    finally:
        connection.unregister(name)
        batches.close()
