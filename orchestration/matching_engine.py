"""The matcher's own DuckDB: the site's memory and threads, and errors that tell no value.

Lives here: opening it. Does not live here: what runs on it (the other `matching_*.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from orchestration.errors import CxwError

if TYPE_CHECKING:
    import duckdb

    from orchestration.settings import Settings


@contextmanager
def engine(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """The matcher's own DuckDB, in memory: the site's memory and threads, no downloads."""
    import duckdb

    connection = duckdb.connect()
    try:
        connection.execute("set autoinstall_known_extensions = false; set autoload_known_extensions = false")
        connection.execute("set enable_progress_bar = false; set preserve_insertion_order = false")
        connection.execute("set memory_limit = ?", [settings.memory_limit])
        connection.execute("set threads = ?", [settings.threads])
        yield connection
    finally:
        connection.close()


@contextmanager
def told_plainly() -> Iterator[None]:
    """Errors of the engine quote SQL and values: of them only the kind is told."""
    try:
        yield
    except CxwError:
        raise
    except Exception as error:
        message = f"the engine failed with {type(error).__name__}"
        raise CxwError("E-IDN-002", message, where="probabilistic matching", next_command="cxw run") from None
