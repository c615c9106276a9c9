"""Rows in force in the build database, registered again only when the files behind them changed.

Lives here: knowing whether `raw_<source>.<table>` still stands for the typed files of its table, and which snapshot
a build is for. Both notes are tables of the build database itself: deleting that file forgets all together.
Does not live here: which files are in force (`landing.py`), precedence between rows (`warehouse.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any

from orchestration import build
from orchestration.backlog import typed_path
from orchestration.contracts import Contract
from orchestration.crash_points import CrashPoint, reach
from orchestration.ledger import Ledger
from orchestration.ledger_rows import Delivery
from orchestration.settings import Settings
from orchestration.warehouse import DuckDBWarehouse

SCHEMA = "meta_input"


@dataclass(frozen=True)
class Registered:
    """What the relation of one table was made from.

    `shape_hash` is of keys, mode and columns, `files_hash` of the deliveries up to `last_sequence`; `conflicts` are
    rows that contradict another one (`warehouse.in_force_query`), `typed_rows` those of the files by their footers.
    """

    source: str
    table_name: str
    shape_hash: str
    files_hash: str
    last_sequence: int
    conflicts: int
    typed_rows: int


Notes = dict[tuple[str, str], Registered]


def read_notes(warehouse: DuckDBWarehouse) -> Notes:
    """What is registered, by source and table. Notes of another version of this code are none."""
    names = {field.name for field in fields(Registered)}
    rows = [row for row in _read(warehouse, "registered") if row.keys() == names]
    return {(row["source"], row["table_name"]): Registered(**row) for row in rows}


def ensure_registered(
    contract: Contract, settings: Settings, ledger: Ledger, warehouse: DuckDBWarehouse, known: Notes
) -> Registered:
    """Register the rows in force of one table unless they are registered already; keeps `known` up to date.

    When every delivery that was registered is still in force as it was read then, only the new ones are read.
    """
    import pyarrow.parquet as pq

    shape = [contract.extract.mode, contract.extract.version_column, *contract.primary_key]
    shape_hash = _hash(shape + [f"{column.name} {column.data_type}" for column in contract.columns])
    accepted = ledger.deliveries(contract.source, contract.table, ["accepted"])
    note = known.get((contract.source, contract.table))
    is_known = note is not None and note.shape_hash == shape_hash
    before = [each for each in accepted if is_known and each.sequence <= note.last_sequence]
    is_growing = is_known and _files_hash(before) == note.files_hash
    added = accepted[len(before) :] if is_growing else accepted
    if is_growing and not added:
        return note
    paths = [typed_path(settings, each) for each in added]
    if is_growing and before and contract.extract.mode != "snapshot":
        conflicts = warehouse.register(contract, paths, are_added=True)
    else:
        conflicts = build.register_table(contract, settings, ledger, warehouse)
    reach(CrashPoint.DOOR_REGISTERED)
    note = Registered(
        contract.source,
        contract.table,
        shape_hash,
        _files_hash(accepted),
        last_sequence=max((each.sequence for each in accepted), default=0),
        conflicts=conflicts,
        typed_rows=(note.typed_rows if is_growing else 0) + sum(pq.read_metadata(path).num_rows for path in paths),
    )
    known[contract.source, contract.table] = note
    _write(warehouse, "registered", [asdict(entry) for entry in known.values()])
    return note


def _files_hash(deliveries: Iterable[Delivery]) -> str:
    """Of deliveries in order of arrival; another reading of the same bytes is another file."""
    names = ("extract_date", "revision", "sha256", "contract_fingerprint", "typed_bytes", "rows_accepted")
    return _hash(" ".join(str(getattr(each, name)) for name in names) for each in deliveries)


def _hash(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def begin_build(warehouse: DuckDBWarehouse, snapshot_id: str) -> None:
    """Note which snapshot the models about to be built are for."""
    _write(warehouse, "build", [{"snapshot_id": snapshot_id}])


def built_snapshot(warehouse: DuckDBWarehouse) -> str | None:
    """The snapshot that the build at hand was begun for."""
    rows = _read(warehouse, "build")
    return rows[0]["snapshot_id"] if rows else None


def _read(warehouse: DuckDBWarehouse, table: str) -> list[dict[str, Any]]:
    with warehouse.connect() as connection:
        found = "select count(*) from duckdb_tables() where schema_name = ? and table_name = ?"
        if not connection.execute(found, [SCHEMA, table]).fetchone()[0]:
            return []
    return warehouse.table(SCHEMA, table).to_pylist()


def _write(warehouse: DuckDBWarehouse, table: str, rows: list[dict[str, Any]]) -> None:
    import pyarrow as pa

    warehouse.write(SCHEMA, table, pa.Table.from_pylist(rows))
