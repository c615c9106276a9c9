"""Rows in force in the build database, registered again only when the files behind them changed.

Lives here: knowing whether `raw_<source>.<table>` still stands for the typed files of its table, and which snapshot
a build is for. Both notes are tables of the build database itself: deleting that file forgets all together.
Does not live here: which files are in force (`landing.py`), precedence between rows (`warehouse.py`).
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Any

from orchestration import build
from orchestration.contracts import Contract
from orchestration.ledger import Ledger
from orchestration.settings import Settings
from orchestration.warehouse import DuckDBWarehouse

SCHEMA = "meta_input"


@dataclass(frozen=True)
class Registered:
    """What the relation of one table was made from. `conflicts`: rows that only their hash could tell apart."""

    source: str
    table_name: str
    files_hash: str
    conflicts: int
    typed_rows: int = -1  # in the files, by their own footers


Notes = dict[tuple[str, str], Registered]


def read_notes(warehouse: DuckDBWarehouse) -> Notes:
    """What is registered, by source and table; read once per run, since opening the file is what costs."""
    return {(row["source"], row["table_name"]): Registered(**row) for row in _read(warehouse, "registered")}


def ensure_registered(
    contract: Contract, settings: Settings, ledger: Ledger, warehouse: DuckDBWarehouse, known: Notes
) -> Registered:
    """Register the rows in force of one table unless they are registered already; keeps `known` up to date."""
    import pyarrow.parquet as pq

    from orchestration.landing import files_in_force

    files = files_in_force(contract, settings, ledger)
    lines = [str(path.relative_to(settings.home)) for path in files]
    lines += [contract.extract.mode, contract.extract.version_column, *contract.primary_key]
    lines += [f"{column.name} {column.data_type}" for column in contract.columns]
    files_hash = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    note = known.get((contract.source, contract.table))
    if note is None or note.files_hash != files_hash or note.typed_rows < 0:
        conflicts = build.register_table(contract, settings, ledger, warehouse)
        typed_rows = sum(pq.read_metadata(path).num_rows for path in files)
        note = Registered(contract.source, contract.table, files_hash, conflicts, typed_rows)
        known[contract.source, contract.table] = note
        _write(warehouse, "registered", [asdict(entry) for entry in known.values()])
    return note


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
