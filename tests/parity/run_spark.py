"""`make test-spark`: the tiny company built on DuckDB and on Spark, every published table compared cell by cell.

Lives here: one intake that both builds read, the two builds side by side, the verdict.
Does not live here: Java and the second environment (`engine.py`), the Spark build in it (`build_spark.py`), what "the
same" means (`cells.py`). `--unit-tests` runs the unit tests of the models on Spark too, which takes twice as long.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from build_spark import published_models
from cells import differences, keys_of, shortened
from engine import ROOT, environment, missing_java

from orchestration import build, project, typed_files
from orchestration.contracts import load_contracts
from orchestration.landing import ingest
from orchestration.ledger import Ledger
from orchestration.settings import CONFIG_NAME, Settings, load_settings
from orchestration.warehouse import DuckDBWarehouse

EXTRACTS = ROOT / "tests" / "extracts"
GOOD_ENDS = ("success", "pass", "warn", "no-op")
_LARGE_BYTES = 700  # some tables are taken in as large files are, so that Spark reads both kinds of typed files
_STARTED = time.monotonic()

Ends = dict[str, list[Any]]  # dbt node -> status, failed rows, message
Verdicts = dict[str, list[str]]  # what was compared -> what differs


def main(options: list[str]) -> int:
    trouble = missing_java()
    if trouble:
        _say(trouble)
        return 2
    python = environment()
    folder = Path(tempfile.mkdtemp(prefix="parity-"))
    verdicts = compare_builds(folder, python, options)
    failed = sum(1 for found in verdicts.values() if found)
    if failed:
        _say(f"both builds are in {folder}")
    else:
        shutil.rmtree(folder)
    _say(f"{len(verdicts) - failed} passed, {failed} failed")
    return 1 if failed else 0


def compare_builds(folder: Path, python: Path, options: list[str]) -> Verdicts:
    """Intake once, both builds at the same time, then the verdicts."""
    settings = settings_of_the_tiny_company(folder / "duckdb")
    sources = settings.sources
    manifest = project.prepare_manifest(settings, sources)
    contracts = {name: each for name, each in load_contracts(manifest, settings).items() if each.source in sources}
    ledger = Ledger(settings.ledger_path)
    typed_files._LARGE_BYTES = _LARGE_BYTES
    for contract in contracts.values():
        ingest(contract, settings, ledger)
    results, log = folder / "results", folder / "spark.log"
    results.mkdir()
    shutil.copytree(settings.home, folder / "spark", ignore=shutil.ignore_patterns("dbt"))
    _lap(f"{len(contracts)} tables are taken in")
    with log.open("w", encoding="utf-8") as messages:
        script = Path(__file__).with_name("build_spark.py")
        spark = subprocess.Popen(
            [str(python), str(script), str(folder / "spark"), str(results), *options],
            env=_environment_without_settings() | {"PYTHONPATH": str(ROOT)},
            stderr=messages,
            cwd=folder,
        )
        try:
            warehouse = DuckDBWarehouse(settings.warehouse_path, settings)
            nodes = build.build_warehouse(manifest, contracts, sources, settings, ledger, warehouse, "parity")
            _lap(f"DuckDB: {len(nodes)} dbt nodes have ended")
            code = spark.wait()
        finally:
            spark.kill()
    _lap(f"Spark: ended with code {code}")
    if code:
        said = log.read_text(encoding="utf-8", errors="replace").splitlines()[-40:]
        _say("\n".join(line[:300] for line in said))
    ends = {node.unique_id: [node.status, node.failures, node.message] for node in nodes}
    return judge(manifest, warehouse, ends, results)


def settings_of_the_tiny_company(home: Path) -> Settings:
    """Its own zone and currency, and nothing of what the caller's environment says."""
    home.mkdir()
    sources = sorted(path.name for path in EXTRACTS.iterdir() if path.is_dir())
    lines = [f"landing = {json.dumps(str(EXTRACTS))}", f"sources = {json.dumps(sources)}", "settle_seconds = 0"]
    config = (EXTRACTS / CONFIG_NAME).read_text(encoding="utf-8") + "\n".join(lines) + "\n"
    (home / CONFIG_NAME).write_text(config, encoding="utf-8")
    return load_settings(home, {})


def judge(manifest: Mapping[str, Any], warehouse: DuckDBWarehouse, ends: Ends, results: Path) -> Verdicts:
    """Compare every published table and how the dbt nodes ended, saying so line by line."""
    keys, verdicts = keys_of(manifest), {}
    for name, schema in published_models(manifest):
        path = results / schema / f"{name}.parquet"
        is_built = ends.get(f"model.{manifest['metadata']['project_name']}.{name}", [""])[0] == "success"
        if is_built and path.exists():
            expected = warehouse.table(schema, name)
            size = f"{expected.num_rows} rows, {expected.num_columns} columns"
            found = differences(expected, pq.read_table(path), keys.get(name, ()))
        else:
            size, found = "", [f"not built by {'Spark' if is_built else 'DuckDB'}"]
        verdicts[f"{schema}.{name}"] = found
        _tell(f"{schema}.{name}", size, found)
    report = results / "nodes.json"
    spark_ends = json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}
    verdicts["dbt nodes"] = differing_ends(ends, spark_ends)
    _tell("dbt nodes", f"{len(spark_ends)} models, seeds and tests end alike", verdicts["dbt nodes"])
    return verdicts


def differing_ends(duckdb: Ends, spark: Ends) -> list[str]:
    """Nodes that ended badly on either engine, or differently. Unit tests run on DuckDB in `make test`, not here."""
    absent, found = ["absent", None, ""], []
    for node in sorted({*duckdb, *spark}):
        other = spark.get(node, absent)
        one = other if node.startswith("unit_test.") else duckdb.get(node, absent)
        if one[:2] != other[:2] or one[0] not in GOOD_ENDS:
            said = " ".join((other[2] or one[2]).split())[:500]
            found.append(f"{node}: DuckDB {one[0]} {one[1] or 0}, Spark {other[0]} {other[1] or 0}; {said}")
    return found


def _environment_without_settings() -> dict[str, str]:
    return {name: text for name, text in os.environ.items() if not name.startswith(("CXW_", "WAREHOUSE_"))}


def _tell(name: str, size: str, found: list[str]) -> None:
    _say(f"FAIL {name}" if found else f"ok   {name}: {size}")
    for line in shortened(found):
        _say(f"       {line}")


def _lap(text: str) -> None:
    _say(f"{time.monotonic() - _STARTED:4.0f} s  {text}")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
