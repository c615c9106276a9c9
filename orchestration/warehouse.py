"""The engine seam: open the build database, run SQL, read and write frames, register delivered rows.

Lives here: everything that names an engine in Python; one small class per engine with the same five methods.
Does not live here: SQL that computes something (dbt models), which files are in force (`landing.py`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from orchestration import disk
from orchestration.contracts import Contract
from orchestration.settings import Settings

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

POLL_SECONDS = 0.2
_DEAD_SHARE = 0.2  # of the rows of a table
_FEW_ROWS = 100_000  # deleted ones that nobody notices
LINEAGE_COLUMNS = {
    "_extract_date": "date",
    "_revision": "integer",
    "_source_file": "varchar",
    "_line": "bigint",
}

OF_PRECEDENCE = {"_told_deleted": "boolean", "_is_conflict": "boolean"}  # columns of rows in force alone
Quoted = Callable[[str], str]


def quote(identifier: str) -> str:
    """A SQL identifier from our own contracts, quoted. Never for a header of a delivered file."""
    return '"' + identifier.replace('"', '""') + '"'


class Warehouse(Protocol):
    """What a build needs of an engine. Tables are `schema.table`; frames are Arrow tables.

    `is_transactional`: several tables can change together or not at all, through `connect`.
    """

    is_transactional: bool

    def execute(self, sql: str) -> None: ...

    def table(self, schema: str, table: str) -> pa.Table: ...

    def write(self, schema: str, table: str, rows: pa.Table) -> None: ...

    def register(self, contract: Contract, files: Sequence[Path], *, are_added: bool = False) -> int: ...


def row_hash(contract: Contract, quoted: Quoted = quote, digest: str = "sha256({})") -> str:
    """SQL for the row hash of law 6: columns in name order, typed values in canonical text, nulls left out.

    `digest` is the engine's spelling of SHA-256 around a text. `concat_ws` skips nulls in every engine.
    """
    named = [f"'{name}=' || cast({quoted(name)} as string)" for name in sorted(each.name for each in contract.columns)]
    return digest.format(f"concat_ws(chr(31), {', '.join(named)})")


def in_force_query(
    contract: Contract, typed_rows: str, quoted: Quoted = quote, digest: str = "sha256({})", was_conflict: str = "false"
) -> str:
    """SQL for the rows in force (law 6): per key the maximum of (version, extract date, revision, row hash).

    A null version sorts lowest. In snapshot mode a key that the newest snapshot lacks is a delete. The last column,
    `_is_conflict`, marks a row that ties with a different one on everything but the hash; of events that never change
    (append mode), one that did; `_told_deleted` keeps `is_deleted` as it was delivered, which the row hash is of.

    Most keys come once: only the others are ranked, a third of the cost on 540,000 lines. Hardly any row ties with
    another on all but the hash: only those are hashed, which typing every row would cost 40 % of its time for.

    Args:
        digest: see `row_hash`.
        was_conflict: expression over a typed row that says so already, when rows in force are among `typed_rows`.
    """
    names = [quoted(name) for name in contract.primary_key]
    key = ", ".join(names)
    same_key = " and ".join(f"typed.{name} = repeated.{name}" for name in names)
    version = contract.extract.version_column
    order = [f"{quoted(version)} desc nulls last"] if version else []
    order += ["_extract_date desc", "_revision desc", "_row_hash desc"]
    tie = [] if contract.extract.mode == "append" else [*filter(None, [version]), "_extract_date", "_revision"]
    alike = ", ".join([key, *(quoted(name) for name in tie)])
    columns = ", ".join(quoted(column.name) for column in contract.columns if column.name != "is_deleted")
    hashed = row_hash(contract, quoted, digest)
    deleted = "coalesce(is_deleted, false)"
    if contract.extract.mode == "snapshot":
        deleted = f"({deleted} or _last_seen < (select max(_extract_date) from typed))"
    rest = f"{deleted} as is_deleted, {', '.join(LINEAGE_COLUMNS)}, is_deleted as _told_deleted, _is_conflict"
    return f"""
        with typed as ({typed_rows}),
        repeated as (
            select {key} from typed group by {key} having count(*) > 1
        ),
        ranked as (
            select
                typed.*,
                row_number() over (partition by {key} order by {", ".join(order)}) as _rank,
                coalesce(max(_row_hash) over alike <> min(_row_hash) over alike, false)
                or max({was_conflict}) over alike as _is_conflict,
                max(_extract_date) over (partition by {key}) as _last_seen
            from (
                select *, case when count(*) over (partition by {alike}) > 1 then {hashed} end as _row_hash
                from (select typed.* from typed inner join repeated on {same_key}) as typed
            ) as typed
            window alike as (partition by {alike})
        ),
        single as (
            select typed.*, {was_conflict} as _is_conflict, typed._extract_date as _last_seen
            from typed
            left join repeated on {same_key}
            where repeated.{names[0]} is null
        )
        select {columns}, {rest} from ranked where _rank = 1
        union all
        select {columns}, {rest} from single
    """


class DuckDBWarehouse:
    """The build database as one DuckDB file.

    `stays_open` keeps it open between uses until `release`, which dbt and the publish need: opening and closing it,
    with its checkpoint, costs 0.1 s, and a cycle asks it a hundred times.
    """

    is_transactional = True

    def __init__(self, path: Path, settings: Settings, *, stays_open: bool = False) -> None:
        self.path, self.settings, self.stays_open = path, settings, stays_open
        self._kept: duckdb.DuckDBPyConnection | None = None

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection with the site's memory and threads, UTC, no extension downloads, no progress bar."""
        if self._kept is None:
            self._kept = self._open()
        connection = self._kept.cursor()
        try:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute("set enable_progress_bar = false")  # both belong to a cursor, not to the database
            yield connection
        finally:
            connection.close()
            if not self.stays_open:
                self.release()

    def _open(self) -> duckdb.DuckDBPyConnection:
        import duckdb

        self.path.parent.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + disk.READER_WAIT_SECONDS
        while True:
            try:
                connection = duckdb.connect(str(self.path))
                break
            except duckdb.IOException as error:
                if not disk.is_held(str(error)) or time.monotonic() >= deadline:
                    raise
            time.sleep(POLL_SECONDS)
        connection.execute("set autoinstall_known_extensions = false; set autoload_known_extensions = false")
        connection.execute("set max_vacuum_tasks = 0")  # see `tidy`
        connection.execute("set memory_limit = ?", [self.settings.memory_limit])
        connection.execute("set threads = ?", [self.settings.threads])
        return connection

    def release(self) -> None:
        """Let go of the file."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def tidy(self) -> list[str]:
        """Write tables again that are full of deleted rows; returns their names.

        DuckDB would move rows together now and then as it closes the file, to gain a part of a row group: a quarter of
        a day of identity at a million records. Nobody waits for this one after the publish, and it is every other week.
        """
        tidied = []
        with self.connect() as connection:
            sizes = connection.execute(
                "select schema_name, table_name, estimated_size from duckdb_tables()"
                " where database_name = current_database() and not temporary"
            ).fetchall()
            for schema, table, with_dead in sizes:
                (living,) = connection.execute(f"select count(*) from {quote(schema)}.{quote(table)}").fetchone()
                if with_dead - living > max(_DEAD_SHARE * with_dead, _FEW_ROWS):
                    name = f"{quote(schema)}.{quote(table)}"
                    connection.execute(f"create or replace table {name} as from {name}")
                    tidied.append(f"{schema}.{table}")
        return tidied

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

    def register(self, contract: Contract, files: Sequence[Path], *, are_added: bool = False) -> int:
        """Make `raw_<source>.<table>` the rows in force of typed files; returns the number of conflicts.

        With `are_added` the files come on top of what the table holds. A maximum over a maximum and new rows is the
        maximum over all, so the result is the same; only in snapshot mode must every row be seen again.
        """
        target = f"{quote(contract.schema)}.{quote(contract.table)}"
        if are_added and contract.extract.mode == "snapshot":
            raise ValueError("rows vanish from snapshots: all files are needed")
        with self.connect() as connection:
            connection.execute(f"create schema if not exists {quote(contract.schema)}")
            if not files:
                columns = (
                    {column.name: column.data_type for column in contract.columns} | LINEAGE_COLUMNS | OF_PRECEDENCE
                )
                spelled = ", ".join(f"{quote(name)} {data_type}" for name, data_type in columns.items())
                connection.execute(f"create or replace table {target} ({spelled})")
                return 0
            rows = "select * from read_parquet($files, hive_partitioning = false)"
            paths = {"files": [str(path) for path in files]}
            if are_added:
                connection.execute(f"create or replace temp table added as {rows}", paths)
                _add(connection, contract, target)
            else:
                connection.execute(f"create or replace table {target} as {in_force_query(contract, rows)}", paths)
            return connection.execute(f"select count(*) from {target} where _is_conflict").fetchone()[0]


def _add(connection: duckdb.DuckDBPyConnection, contract: Contract, target: str) -> None:
    """Let the rows of `added` compete with those in force that have their keys, in one transaction."""
    key = ", ".join(quote(name) for name in contract.primary_key)
    same_key = " and ".join(f"target.{quote(name)} = winners.{quote(name)}" for name in contract.primary_key)
    rows = f"""
        select *, false as _was_conflict from added
        union all by name
        select * exclude (is_deleted) rename (_told_deleted as is_deleted, _is_conflict as _was_conflict)
        from {target} semi join added using ({key})
    """
    query = in_force_query(contract, rows, was_conflict="_was_conflict")
    connection.execute("begin")
    connection.execute(f"create or replace temp table winners as {query}")
    connection.execute(f"delete from {target} as target using winners where {same_key}")
    connection.execute(f"insert into {target} by name select * from winners")
    connection.execute("commit")
