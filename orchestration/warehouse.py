"""The engine seam: open the build database, run SQL, read and write frames, register delivered rows.

Lives here: everything that names an engine in Python; one small class per engine with the same five methods.
Does not live here: SQL that computes something (dbt models), which files are in force (`landing.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from orchestration.contracts import Contract
from orchestration.settings import Settings

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

LINEAGE_COLUMNS = {
    "_extract_date": "date",
    "_revision": "integer",
    "_source_file": "varchar",
    "_line": "bigint",
    "_row_hash": "varchar",
}


def quote(identifier: str) -> str:
    """A SQL identifier from our own contracts, quoted. Never for a header of a delivered file."""
    return '"' + identifier.replace('"', '""') + '"'


class Warehouse(Protocol):
    """What a build needs of an engine. Tables are `schema.table`; frames are Arrow tables."""

    def execute(self, sql: str) -> None: ...

    def table(self, schema: str, table: str) -> pa.Table: ...

    def write(self, schema: str, table: str, rows: pa.Table) -> None: ...

    def register(self, contract: Contract, files: Sequence[Path]) -> int: ...


def in_force_query(contract: Contract, typed_rows: str, quoted: Any = quote) -> str:
    """SQL for the rows in force (law 6): per key the maximum of (version, extract date, revision, row hash).

    A null version sorts lowest. In snapshot mode a key that the newest snapshot lacks is a delete. The last column,
    `_is_conflict`, marks a row that ties with a different one on everything but the hash; of events that never change
    (append mode), one that did.
    """
    key = ", ".join(quoted(name) for name in contract.primary_key)
    version = contract.extract.version_column
    order = [f"{quoted(version)} desc nulls last"] if version else []
    order += ["_extract_date desc", "_revision desc", "_row_hash desc"]
    tie = [] if contract.extract.mode == "append" else [*filter(None, [version]), "_extract_date", "_revision"]
    alike = ", ".join([key, *(quoted(name) for name in tie)])
    columns = [quoted(column.name) for column in contract.columns if column.name != "is_deleted"]
    deleted = "coalesce(is_deleted, false)"
    if contract.extract.mode == "snapshot":
        deleted = f"({deleted} or _last_seen < (select max(_extract_date) from typed))"
    lineage = ", ".join(LINEAGE_COLUMNS)
    return f"""
        with typed as ({typed_rows}),
        ranked as (
            select
                *,
                row_number() over (partition by {key} order by {", ".join(order)}) as _rank,
                max(_row_hash) over (partition by {alike})
                <> min(_row_hash) over (partition by {alike}) as _is_conflict,
                max(_extract_date) over (partition by {key}) as _last_seen
            from typed
        )
        select {", ".join(columns)}, {deleted} as is_deleted, {lineage}, _is_conflict
        from ranked
        where _rank = 1
    """


class DuckDBWarehouse:
    """The build database as one DuckDB file; opened per use so that dbt can have it in between."""

    def __init__(self, path: Path, settings: Settings) -> None:
        self.path, self.settings = path, settings

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection with the site's memory and threads, UTC, and no extension downloads."""
        import duckdb

        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = duckdb.connect(str(self.path))
        try:
            connection.execute("set autoinstall_known_extensions = false; set autoload_known_extensions = false")
            connection.execute("set TimeZone = 'UTC'")
            connection.execute("set memory_limit = ?", [self.settings.memory_limit])
            connection.execute("set threads = ?", [self.settings.threads])
            yield connection
        finally:
            connection.close()

    def execute(self, sql: str) -> None:
        with self.connect() as connection:
            connection.execute(sql)

    def table(self, schema: str, table: str) -> pa.Table:
        """All rows of `schema.table`: for the small tables that Python computes on, never a whole fact."""
        with self.connect() as connection:
            return connection.execute(f"select * from {quote(schema)}.{quote(table)}").to_arrow_table()

    def write(self, schema: str, table: str, rows: pa.Table) -> None:
        """Replace `schema.table` with the rows of an Arrow table."""
        with self.connect() as connection:
            connection.register("incoming_rows", rows)
            connection.execute(f"create schema if not exists {quote(schema)}")
            connection.execute(f"create or replace table {quote(schema)}.{quote(table)} as select * from incoming_rows")

    def register(self, contract: Contract, files: Sequence[Path]) -> int:
        """Replace `raw_<source>.<table>` by the rows in force of these typed files; returns the number of conflicts."""
        target = f"{quote(contract.schema)}.{quote(contract.table)}"
        with self.connect() as connection:
            connection.execute(f"create schema if not exists {quote(contract.schema)}")
            if not files:
                columns = {column.name: column.data_type for column in contract.columns} | LINEAGE_COLUMNS
                spelled = ", ".join(f"{quote(name)} {data_type}" for name, data_type in columns.items())
                connection.execute(f"create or replace table {target} ({spelled}, _is_conflict boolean)")
                return 0
            query = in_force_query(contract, "select * from read_parquet($files, hive_partitioning = false)")
            connection.execute(f"create or replace table {target} as {query}", {"files": [str(path) for path in files]})
            return connection.execute(f"select count(*) from {target} where _is_conflict").fetchone()[0]
