"""Refresh `identity_output` in the build database: all of it, or only the parts that a day's rows touch.

Lives here: reading, choosing between the two, writing tables and state in one transaction. Does not live here: the rule
(`identity.py`), the state's SQL (`identity_state.py`), engines without transactions (`build.py` writes all there).

Either way the tables hold the same rows. The rule runs unchanged over whole parts (`identity_components.Touches`): the
parts that hold what changed, vanished or appeared, by old values and new ones. Any doubt means the whole: no state, one
made with something else, a fingerprint that stands for two rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from orchestration import identity
from orchestration.crash_points import CrashPoint, reach
from orchestration.identity_customers import ENTITIES
from orchestration.identity_evidence import link
from orchestration.identity_inputs import FINGERPRINT, INPUTS
from orchestration.identity_state import OUTPUT, IdentityState
from orchestration.settings import Settings

if TYPE_CHECKING:
    import duckdb

    from orchestration.identity_components import Parts
    from orchestration.identity_customers import Traced
    from orchestration.ledger import Ledger
    from orchestration.warehouse import DuckDBWarehouse

_MOST_TOUCHED = 0.3  # share of rows above which looking at everything is as quick


class _InDoubt(Exception):
    """The parts cannot be told apart, or are most of it; everything is looked at."""


def refresh(
    settings: Settings,
    ledger: Ledger,
    warehouse: DuckDBWarehouse,
    snapshot_id: str,
    published: Path,
    judged_pairs: pa.Table,
) -> dict[str, int]:
    """Write who is who; returns row counts by table.

    Args:
        judged_pairs: see `identity.find`; ids as delivered.
        published: `core.customer_identities` of the snapshot now served; there is no such file before the first.
    """
    with warehouse.connect() as connection:
        state = IdentityState(connection, settings, ledger.secret("record ids"))
        state.judge(judged_pairs)
        try:
            _refresh_touched(settings, ledger, state, snapshot_id, published)
        except _InDoubt:
            _refresh_all(settings, ledger, state, snapshot_id, published, judged_pairs)
        tables = (*OUTPUT, "retired_customer_keys")
        counts = [connection.execute(f"select count(*) from identity_output.{name}").fetchone()[0] for name in tables]
        return dict(zip(tables, counts, strict=True))


def _refresh_all(
    settings: Settings, ledger: Ledger, state: IdentityState, snapshot_id: str, published: Path, judged_pairs: pa.Table
) -> None:
    records, mentions, fingerprints = _inputs(state.inputs.read_all())
    connection = state.connection
    with _transaction(connection), _beside() as write, ThreadPoolExecutor(1) as beside:
        found = identity.find(records, mentions, settings, judged_pairs=judged_pairs, id_secret=state.id_secret)
        del records, mentions
        reach(CrashPoint.IDENTITY_FOUND)
        links = beside.submit(found.customer_links)  # as long as everything else here
        write(state.begin)
        parts = found.parts
        write(_remember, state, fingerprints, parts)
        for name, traced in found.tables():
            write(_show, state, name, traced, parts, anew=True)
            if name == "customers":
                customers = traced.table
        earlier, served = ledger.retired_customer_keys(), pq.read_table(published) if published.exists() else None
        retired = identity.retired(customers, served, earlier, snapshot_id)
        _retire(ledger, retired, snapshot_id)
        write(_replace_retired, connection, retired)
        write(_show, state, "customer_links", links.result(), parts, anew=True)
        write(state.close, parts.count)
        del found, traced, customers, served  # a peak of 2.7 GiB instead of 2.9 for a million records


def _refresh_touched(
    settings: Settings, ledger: Ledger, state: IdentityState, snapshot_id: str, published: Path
) -> None:
    """Look at the touched parts only.

    Raises:
        _InDoubt: nothing is written then.
    """
    connection = state.connection
    if not state.is_usable():
        raise _InDoubt
    compared = state.compare()
    if not compared.is_one_to_one:
        raise _InDoubt
    appeared = {entity: state.inputs.read(entity, "appeared") for entity in INPUTS}
    wanted = state.touch(_values(appeared, settings), appeared)
    if wanted > _MOST_TOUCHED * compared.row_count:
        raise _InDoubt
    rows = {entity: state.inputs.read(entity, "wanted") for entity in INPUTS}
    ids = [chunk for entity, name in ENTITIES.items() for chunk in rows[entity].column(name).chunks]
    judged = state.judged_among(ids)
    records, mentions, fingerprints = _inputs(rows)
    with _transaction(connection):
        with _beside() as write:
            write(state.forget_touched)
            found = identity.find(records, mentions, settings, judged_pairs=judged, id_secret=state.id_secret)
            reach(CrashPoint.IDENTITY_FOUND)
            parts = found.parts
            for name, traced in found.tables():
                write(_show, state, name, traced, parts)
            write(_remember, state, fingerprints, parts)
            write(_show, state, "customer_links", found.customer_links(), parts)
            write(state.close, parts.count)
        retired = _retired(ledger, connection, snapshot_id, published)
        _retire(ledger, retired, snapshot_id)
        _replace_retired(connection, retired)


def _inputs(rows: dict[str, pa.Table]) -> tuple[pa.Table, pa.Table, pa.ChunkedArray]:
    """Records and mentions as the rule wants them, and the fingerprints of both."""
    fingerprints = [chunk for entity in INPUTS for chunk in rows[entity].column(FINGERPRINT).chunks]
    records = identity.record_table(**{entity: rows[entity] for entity in ENTITIES})
    return records, rows["mentions"], pa.chunked_array(fingerprints, pa.uint64())


def _values(rows: dict[str, pa.Table], settings: Settings) -> dict[str, pa.Array]:
    """Normal forms that these rows carry or mention, by kind."""
    records, mentions, _ = _inputs(rows)
    return dict(link(records, mentions, settings).touches.values)


def _remember(state: IdentityState, fingerprints: pa.ChunkedArray, parts: Parts) -> None:
    """Rows and values with their parts into the state."""
    state.add_rows(fingerprints, parts.of_row)
    place = 0
    for kind, values in parts.values:
        state.add_values(kind, values, parts.of_value[place : place + len(values)])
        place += len(values)


def _show(state: IdentityState, name: str, traced: Traced, parts: Parts, *, anew: bool = False) -> None:
    state.show(name, traced.table, parts.of_row[traced.origin], anew=anew)
    reach(CrashPoint.IDENTITY_WRITING)


def _retired(ledger: Ledger, connection: duckdb.DuckDBPyConnection, snapshot_id: str, published: Path) -> pa.Table:
    """`retired_customer_keys` against the customers as they stand in the transaction."""
    earlier = ledger.retired_customer_keys()
    connection.register(
        "keys", pa.table({"customer_key": pa.array([row["old_customer_key"] for row in earlier], pa.string())})
    )
    dead = "select distinct customer_key from keys anti join identity_output.customers using (customer_key)"
    gone = {key for (key,) in connection.execute(dead).fetchall()}
    gone_rows = None
    if published.exists():
        gone_rows = connection.execute(
            "select * from read_parquet($path) where customer_key in ("
            " select customer_key from read_parquet($path) anti join identity_output.customers using (customer_key))",
            {"path": str(published)},
        ).to_arrow_table()
    nobody = pa.table({"customer_key": pa.array([], pa.string())})
    earlier = [row for row in earlier if row["old_customer_key"] in gone]
    return identity.retired(nobody, gone_rows, earlier, snapshot_id)


def _retire(ledger: Ledger, retired: pa.Table, snapshot_id: str) -> None:
    rows = [row for row in retired.to_pylist() if row["since_snapshot_id"] == snapshot_id]
    ledger.retire_customer_keys(snapshot_id, rows)
    reach(CrashPoint.IDENTITY_RETIRED)


def _replace_retired(connection: duckdb.DuckDBPyConnection, rows: pa.Table) -> None:
    connection.register("incoming", rows)
    connection.execute("create or replace table identity_output.retired_customer_keys as select * from incoming")
    reach(CrashPoint.IDENTITY_WRITING)


@contextmanager
def _beside() -> Iterator[Callable[..., None]]:
    """What it is given runs in another thread, one after the other: tables are written while the next ones are made.

    The block ends when all of it is done, and raises what went wrong first.
    """
    with ThreadPoolExecutor(1) as executor:
        asked: list[Future[object]] = []
        try:
            yield lambda work, *arguments, **named: asked.append(executor.submit(work, *arguments, **named))
            for each in asked:
                each.result()
        finally:
            executor.shutdown(cancel_futures=True)


@contextmanager
def _transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """All or nothing.

    Keys are hashes: looking for a way to compress them takes longer than writing them plainly. Rows are in no order, so
    two threads need not agree on one. A commit writes the file itself, and not first a log of it; left until the file
    is closed, that would look for a compression.
    """
    settings = {"force_compression": "uncompressed", "preserve_insertion_order": "false", "checkpoint_threshold": "0B"}
    for name, value in settings.items():
        connection.execute(f"set {name} = '{value}'")
    connection.begin()
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    else:
        connection.commit()
    finally:
        for name in settings:
            connection.execute(f"reset {name}")
