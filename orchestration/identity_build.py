"""The identity step of a build: everything in `identity_output`, on either engine.

Lives here: what is read and written, and in which order. Does not live here: the rule (`identity.py`), the tables of
people where a day costs what it touches (`identity_incremental.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from orchestration import accounts, email_hashes, identity, identity_incremental, identity_matching
from orchestration.crash_points import CrashPoint, reach
from orchestration.settings import Settings

if TYPE_CHECKING:
    from orchestration.ledger import Ledger
    from orchestration.warehouse import Warehouse


def resolve_identity(
    settings: Settings, ledger: Ledger, warehouse: Warehouse, snapshot_id: str, published: Path
) -> dict[str, int]:
    """People of the conformed records and mentions into `identity_output`; returns row counts by table.

    Keys of the snapshot now served that are no customer's any more are retired: the ledger keeps them from one
    publish to the next. Where tables can change together, a day costs what it touches (`identity_incremental.py`).

    Args:
        published: `core.customer_identities` of the snapshot now served; there is no such file before the first.
    """
    key, records = email_hashes.read_key(settings), _Records(warehouse)
    decided = warehouse.table("conformed", "int_identity__judged_pairs")
    judged_pairs, tables = identity_matching.judge(settings, ledger, records, decided)
    if warehouse.is_transactional:
        counts = identity_incremental.refresh(settings, ledger, warehouse, snapshot_id, published, judged_pairs)
    else:
        counts = _resolve_everybody(settings, ledger, warehouse, snapshot_id, published, records, judged_pairs)
    mentions = warehouse.table("conformed", "int_identity__mentions") if key else None
    shared = warehouse.table("identity_output", "shared_identifiers")
    tables["email_hashes"] = email_hashes.hashes(records, mentions, shared, key)
    tables["account_hierarchy"] = accounts.hierarchy(warehouse.table("conformed", "int_accounts__unioned"))
    return counts | _write_identity(warehouse, tables)


def _resolve_everybody(
    settings: Settings,
    ledger: Ledger,
    warehouse: Warehouse,
    snapshot_id: str,
    published: Path,
    records: Mapping[str, pa.Table],
    judged_pairs: pa.Table,
) -> dict[str, int]:
    """Where each table changes by itself."""
    tables = identity.resolve(
        **records,
        mentions=warehouse.table("conformed", "int_identity__mentions"),
        settings=settings,
        published_identities=pq.read_table(published) if published.exists() else None,
        retired_keys=ledger.retired_customer_keys(),
        snapshot_id=snapshot_id,
        id_secret=ledger.secret("record ids"),
        judged_pairs=judged_pairs,
    ).tables()
    reach(CrashPoint.IDENTITY_FOUND)
    retired = tables["retired_customer_keys"].to_pylist()
    ledger.retire_customer_keys(snapshot_id, [row for row in retired if row["since_snapshot_id"] == snapshot_id])
    reach(CrashPoint.IDENTITY_RETIRED)
    return _write_identity(warehouse, tables)


def _write_identity(warehouse: Warehouse, tables: Mapping[str, pa.Table]) -> dict[str, int]:
    for name, rows in tables.items():
        warehouse.write("identity_output", name, rows)
        reach(CrashPoint.IDENTITY_WRITING)
    return {name: rows.num_rows for name, rows in tables.items()}


class _Records(Mapping[str, pa.Table]):
    """`int_<entity>__unioned` by entity, read when asked for: on most days nobody needs all of them."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse, self._read = warehouse, {}

    def __getitem__(self, entity: str) -> pa.Table:
        if entity not in self._read:
            self._read[entity] = self._warehouse.table("conformed", f"int_{entity}__unioned")
        return self._read[entity]

    def __iter__(self) -> Iterator[str]:
        return iter(("contacts", "leads", "customers"))

    def __len__(self) -> int:
        return 3
