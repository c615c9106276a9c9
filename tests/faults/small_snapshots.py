"""A home whose build file holds two small marts, published through the real publish as often as a test likes.

Every row of a build carries its snapshot id, and `amount` sums to the number of the build in both marts, so that a
reader can tell a mixture. Does not live here: what readers must see (the tests).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from orchestration import snapshots
from orchestration.ledger import Ledger
from orchestration.settings import Settings, load_settings

ROWS = 100


def _model(name: str) -> dict[str, Any]:
    return {
        "resource_type": "model",
        "unique_id": f"model.test.{name}",
        "schema": "marts",
        "name": name,
        "description": f"{name} of a test",
        "columns": {},
        "config": {"meta": {}},
    }


MANIFEST: dict[str, Any] = {
    "nodes": {f"model.test.{name}": _model(name) for name in ("mart_even__row", "mart_odd__row")},
    "sources": {},
    "parent_map": {},
}


class Publisher:
    """Publishes build after build of one home."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cxw.toml").write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))
        self.settings: Settings = load_settings(folder, {})
        self.ledger = Ledger(self.settings.ledger_path)
        self.number = 0

    def build(self) -> str:
        """The next build; returns the id of the snapshot that it makes."""
        self.number += 1
        snapshot_id = f"{self.number:06d}-{'abcdef'[self.number % 6] * 12}"
        self.settings.build.mkdir(exist_ok=True)
        with duckdb.connect(str(self.settings.warehouse_path)) as connection:
            connection.execute("create schema if not exists marts")
            for node in MANIFEST["nodes"].values():
                connection.execute(
                    f"create or replace table marts.{node['name']} as select range as row_number,"
                    " cast($number as decimal(18, 4)) as amount, $id as snapshot_id from range($rows)",
                    {"number": self.number, "id": snapshot_id, "rows": ROWS},
                )
        return snapshot_id

    def publish(self) -> str:
        snapshot_id = self.build()
        snapshots.publish(self.settings, self.ledger, MANIFEST, snapshot_id, [], {})
        return snapshot_id
