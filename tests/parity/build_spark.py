"""The Spark side of the parity run; runs in the second engine's environment.

Lives here: one build of a home that intake has filled, its published tables as Parquet, how every dbt node ended.
Does not live here: the DuckDB side and the verdict (`run_spark.py`).
Usage: `build_spark.py HOME RESULTS [--unit-tests]`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from orchestration import build, project
from orchestration.contracts import load_contracts
from orchestration.export import PUBLISHED_SCHEMAS
from orchestration.ledger import Ledger
from orchestration.settings import load_settings
from orchestration.warehouse_spark import SparkWarehouse, open_session

# Tables of ten rows: the time goes into starting and compiling, so what pays off on large data is left out. The plans
# are those of any Spark, interpreted instead of compiled; tables outlive the process only with a metastore.
TINY = {
    "spark.master": "local[1]",
    "spark.sql.catalogImplementation": "in-memory",
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
}
_STARTED = time.monotonic()


def main(home: Path, results: Path, has_unit_tests: bool) -> None:
    """Build the sources of `home`; `results` gets `<schema>/<table>.parquet` and `nodes.json`."""
    os.environ["WAREHOUSE_ENGINE"] = "spark"
    settings = load_settings(home)
    sources = settings.sources
    warehouse = SparkWarehouse(open_session(home / "spark", TINY))
    _say("session is open")
    manifest = project.prepare_manifest(settings, sources)
    contracts = {name: each for name, each in load_contracts(manifest, settings).items() if each.source in sources}
    _say("project is parsed")
    ledger = Ledger(settings.ledger_path)
    nodes = build.build_warehouse(manifest, contracts, sources, settings, ledger, warehouse, "parity", _Progress())
    _say(f"{len(nodes)} dbt nodes have ended")
    for name, schema in published_models(manifest):
        if warehouse.session.catalog.tableExists(f"{schema}.{name}"):
            (results / schema).mkdir(exist_ok=True)
            pq.write_table(warehouse.table(schema, name), results / schema / f"{name}.parquet")
    if has_unit_tests:
        absent = [f"path:models/staging/{source}" for source in project.unconfigured_sources(sources)]
        arguments = ["test", "--select", "test_type:unit", *(["--exclude", *absent] if absent else [])]
        nodes += project.invoke(settings, sources, arguments)
        _say(f"{len(nodes)} dbt nodes have ended, unit tests included")
    ends = {node.unique_id: [node.status, node.failures, node.message] for node in nodes}
    (results / "nodes.json").write_text(json.dumps(ends), encoding="utf-8")


def published_models(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name and schema of every model that readers see."""
    models = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    return sorted((node["name"], node["schema"]) for node in models if node["schema"] in PUBLISHED_SCHEMAS)


class _Progress:
    """A line every fifty nodes: nobody should have to guess whether a slow machine still works."""

    def __init__(self) -> None:
        self._ended = 0

    def __call__(self, unique_id: str, status: str, seconds: float) -> None:
        self._ended += 1
        if self._ended % 50 == 0:
            _say(f"{self._ended} dbt nodes have ended")


def _say(text: str) -> None:
    sys.stdout.write(f"        Spark after {time.monotonic() - _STARTED:.0f} s: {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), "--unit-tests" in sys.argv[3:])
