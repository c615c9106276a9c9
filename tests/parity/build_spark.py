"""The Spark side of the parity run, in the second engine's environment.

Lives here: one build of a home that intake has filled, its published tables as Parquet, how every dbt node ended.
Does not live here: the DuckDB side and what must be equal (`run_spark.py`).
Usage: build_spark.py <home> <folder for the results>
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq

from orchestration import build, project
from orchestration.contracts import load_contracts
from orchestration.export import PUBLISHED_SCHEMAS
from orchestration.ledger import Ledger
from orchestration.settings import load_settings
from orchestration.warehouse_spark import SparkWarehouse, open_session

# Tables of ten rows: starting and compiling cost everything, so none of what pays off on large data is on. The answers
# are the same: Spark runs its own interpreter of the same plans.
TINY = {
    "spark.master": "local[1]",
    "spark.sql.catalogImplementation": "in-memory",
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
}


def main(home: Path, results: Path) -> None:
    """Build on Spark; `results` gets `<schema>/<table>.parquet` and `nodes.json`."""
    os.environ["WAREHOUSE_ENGINE"] = "spark"
    settings = load_settings(home)
    sources = settings.sources
    warehouse = SparkWarehouse(open_session(home / "spark", TINY))
    _say("session is open")
    manifest = project.prepare_manifest(settings, sources)
    contracts = load_contracts(manifest, settings)
    _say("project is parsed")
    ended = 0

    def listen(unique_id: str, status: str, seconds: float) -> None:
        nonlocal ended
        ended += 1
        if ended % 50 == 0:
            _say(f"{ended} nodes have ended")

    nodes = build.build_warehouse(
        manifest, contracts, sources, settings, Ledger(settings.ledger_path), warehouse, "parity", listen
    )
    for node in manifest["nodes"].values():
        if node["resource_type"] == "model" and node["schema"] in PUBLISHED_SCHEMAS:
            path = results / node["schema"] / f"{node['name']}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            if warehouse.session.catalog.tableExists(f"{node['schema']}.{node['name']}"):
                pq.write_table(warehouse.table(node["schema"], node["name"]), path)
    ends = {node.unique_id: [node.status, node.failures, node.message, node.seconds] for node in nodes}
    (results / "nodes.json").write_text(json.dumps(ends), encoding="utf-8")
    _say("tables are written")


def _say(text: str) -> None:
    sys.stderr.write(f"spark {time.monotonic() - STARTED:5.0f} s  {text}\n")


STARTED = time.monotonic()
if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
