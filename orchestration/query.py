"""Reading the published snapshot: a connection that can look at the marts and at nothing else.

Lives here: the hardened connection for people and BI tools, one query's rows, CSV that a spreadsheet cannot run.
Does not live here: writing a snapshot (`snapshots.py`, `export.py`), drawing tables (`screens.py`).
Read-only alone is not enough: such a connection still reads any file of the machine, writes with COPY and raises its
own memory limit. External access goes off and the configuration is locked, in this order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from orchestration.errors import CxwError
from orchestration.settings import Settings

if TYPE_CHECKING:
    import duckdb

DATABASE = "cxw.duckdb"
# A cell that starts with one of these is a formula to a spreadsheet (full-width forms included).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


@dataclass(frozen=True)
class Answer:
    """Rows of one query; values as DuckDB gives them."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


@contextmanager
def connect_published(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the current snapshot: read-only, no files, no extensions, memory and threads fixed.

    Raises:
        CxwError: E-PUB-004 before the first publish, E-PUB-003 for a file that is damaged.
    """
    import duckdb

    path = settings.published / "current" / DATABASE
    if not path.exists():
        raise CxwError("E-PUB-004", "nothing is published yet", where=str(settings.published), next_command="cxw run")
    scratch = settings.home / "scratch"
    try:
        connection = duckdb.connect(
            str(path.resolve()),  # the snapshot's own path: DuckDB keeps one instance per path and process
            read_only=True,
            config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"},
        )
    except duckdb.IOException:
        message = "the published database cannot be opened"
        raise CxwError("E-PUB-003", message, where=str(path), next_command="cxw run") from None
    try:
        for name, value in (
            ("temp_directory", str(scratch)),
            ("memory_limit", settings.memory_limit),
            ("threads", settings.threads),
            ("TimeZone", "UTC"),
            ("enable_external_access", False),
            ("lock_configuration", True),
        ):
            connection.execute(f"set {name} = ?", [value])
        yield connection
    finally:
        connection.close()


def ask(settings: Settings, sql: str, values: Sequence[Any] = (), *, limit: int | None = None) -> Answer:
    """Run one query on the published snapshot, with values for its question marks; at most `limit` rows come back.

    Raises:
        CxwError: E-QRY-001 when the engine refuses the query; its words are about SQL, never about data.
    """
    import duckdb

    with connect_published(settings) as connection:
        try:
            cursor = connection.execute(sql, values)
            if cursor.description is None:
                return Answer((), (), ())
            columns = tuple(column[0] for column in cursor.description)
            types = tuple(str(column[1]) for column in cursor.description)
            rows = cursor.fetchmany(limit) if limit else cursor.fetchall()
        except duckdb.Error as error:
            raise CxwError("E-QRY-001", str(error), next_command='cxw query "show all tables"') from None
    return Answer(columns, types, tuple(rows))


def plain(value: Any) -> Any:
    """A value as JSON can hold it: decimals and dates as text, so that no digit is lost."""
    return str(value) if isinstance(value, (Decimal, date, datetime)) else value


def spreadsheet_rows(answer: Answer) -> Iterator[Sequence[str]]:
    """Rows as text for CSV. Only text cells are defused: a minus sign in front of a number is a number."""
    for row in answer.rows:
        yield ["" if value is None else _defused(value) if isinstance(value, str) else str(value) for value in row]


def _defused(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
