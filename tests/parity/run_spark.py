"""`make test-spark`: the tiny company built on DuckDB and on Spark, every published table compared cell by cell.

Lives here: the second engine's environment, one intake that both builds read, the two builds side by side, the verdict.
Does not live here: the Spark build (`build_spark.py`, in that environment), what "the same" means (`cells.py`).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from cells import differences, keys_of, shortened

from orchestration import build, project
from orchestration.contracts import Contract, load_contracts
from orchestration.export import PUBLISHED_SCHEMAS
from orchestration.landing import ingest
from orchestration.ledger import Ledger
from orchestration.settings import Settings, load_settings
from orchestration.warehouse import DuckDBWarehouse

ROOT = Path(__file__).resolve().parents[2]
EXTRACTS = ROOT / "tests" / "extracts"
LOCK = ROOT / "requirements-spark.lock"
ENVIRONMENT = ROOT / ".venv-spark"
OLDEST_JAVA = 17
NO_JAVA = f"""Spark needs Java {OLDEST_JAVA} or newer, and {{found}}. Install one and run this again:
  Debian, Ubuntu   apt-get install openjdk-{OLDEST_JAVA}-jre-headless
  Fedora           dnf install java-{OLDEST_JAVA}-openjdk-headless
  macOS            brew install openjdk@{OLDEST_JAVA}
A Java that is not on the PATH is found through JAVA_HOME."""
GOOD_ENDS = ("success", "pass", "warn", "no-op")

Ends = dict[str, list[Any]]  # dbt node -> status, failed rows, message


def main() -> int:
    java = missing_java()
    if java:
        _say(NO_JAVA.format(found=java))
        return 2
    python = spark_python()
    folder = Path(tempfile.mkdtemp(prefix="parity-"))
    try:
        verdicts = compare_builds(folder, python)
    except BaseException:
        _say(f"what there is of both builds: {folder}")
        raise
    failed = sum(1 for found in verdicts.values() if found)
    if failed:
        _say(f"both builds are kept: {folder}")
    else:
        shutil.rmtree(folder)
    _say(f"{len(verdicts) - failed} passed, {failed} failed")
    return 1 if failed else 0


def missing_java() -> str:
    """What is wrong with this machine's Java; empty when nothing is."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if not java or not Path(java).exists():
        return "JAVA_HOME holds none" if home else "there is none"
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', told)
    if not version or int(version[1]) < OLDEST_JAVA:
        return f"this machine's is {version[1] if version else 'of an unknown version'}"
    return ""


def spark_python() -> Path:
    """The interpreter of `.venv-spark`, which holds exactly what the lock says; nothing to do the second time."""
    python, mark = ENVIRONMENT / "bin" / "python", ENVIRONMENT / "installed"
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if mark.exists() and mark.read_text(encoding="utf-8") == wanted:
        return python
    _say("installing the second engine into .venv-spark (once)")
    uv = [sys.executable, "-m", "uv"]
    if not python.exists():
        subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(ENVIRONMENT)], check=True)
    # pyspark comes as source only: what builds it is taken from the lock as well, not from a build of its own choosing.
    builder = re.search(r"^setuptools==.*?[^\\]$", LOCK.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    quiet = ["--quiet", "--python", str(python), "--require-hashes"]
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as first:
        first.write(builder[0] + "\n")
        first.flush()
        subprocess.run([*uv, "pip", "install", *quiet, "-r", first.name], check=True)
    subprocess.run([*uv, "pip", "sync", *quiet, "--no-build-isolation", str(LOCK)], check=True)
    mark.write_text(wanted, encoding="utf-8")
    return python


def compare_builds(folder: Path, python: Path) -> dict[str, list[str]]:
    """What differs, by published table and for the ends of all dbt nodes; an empty list is a pass."""
    started = time.monotonic()
    variables = site_variables()
    home = folder / "duckdb"
    settings = load_settings(home, variables)
    manifest = project.prepare_manifest(settings, settings.sources)
    contracts = {
        name: each for name, each in load_contracts(manifest, settings).items() if each.source in settings.sources
    }
    take_in(contracts, settings)
    spark_home, spark_tables = folder / "spark", folder / "spark_tables"
    shutil.copytree(home, spark_home, ignore=shutil.ignore_patterns("dbt"))
    spark_tables.mkdir()
    _say(f"{time.monotonic() - started:4.0f} s  {len(contracts)} tables taken in")
    log = folder / "spark.log"
    with log.open("w", encoding="utf-8") as messages:
        environment = {name: text for name, text in os.environ.items() if not name.startswith(("CXW_", "WAREHOUSE_"))}
        spark = subprocess.Popen(
            [str(python), str(Path(__file__).with_name("build_spark.py")), str(spark_home), str(spark_tables)],
            env={**environment, **variables, "PYTHONPATH": str(ROOT)},
            stderr=messages,
            cwd=folder,
        )
        try:
            warehouse = DuckDBWarehouse(settings.warehouse_path, settings)
            ends = ends_of(
                build.build_warehouse(
                    manifest, contracts, settings.sources, settings, Ledger(settings.ledger_path), warehouse, "parity"
                )
            )
            _say(f"{time.monotonic() - started:4.0f} s  DuckDB is built: {len(ends)} dbt nodes")
            code = spark.wait()
        finally:
            spark.kill()
    _say(f"{time.monotonic() - started:4.0f} s  Spark has ended")
    if code:
        tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-40:]
        _say("\n".join(["Spark failed; the end of what it said:", *(line[:300] for line in tail)]))
    return judge(manifest, warehouse, ends, spark_tables)


def site_variables() -> dict[str, str]:
    """Settings of the tiny company, whatever the environment of whoever runs this says."""
    sources = sorted(path.name for path in EXTRACTS.iterdir() if path.is_dir())
    variables = {"CXW_LANDING": str(EXTRACTS), "CXW_SETTLE_SECONDS": "0", "CXW_SOURCES": ",".join(sources)}
    for line in (EXTRACTS / "cxw.toml").read_text(encoding="utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            name, _, text = line.partition("=")
            variables[f"CXW_{name.strip().upper()}"] = text.strip().strip('"')
    return variables


def take_in(contracts: Mapping[str, Contract], settings: Settings) -> None:
    """The landing folder as typed files and ledger rows: both engines read the same."""
    ledger = Ledger(settings.ledger_path)
    for contract in contracts.values():
        ingest(contract, settings, ledger)


def ends_of(nodes: list[project.NodeResult]) -> Ends:
    return {node.unique_id: [node.status, node.failures, node.message] for node in nodes}


def judge(manifest: Mapping[str, Any], warehouse: DuckDBWarehouse, ends: Ends, spark: Path) -> dict[str, list[str]]:
    """Compare every published table and the ends of the dbt nodes, saying so line by line."""
    keys = keys_of(manifest)
    verdicts: dict[str, list[str]] = {}
    for schema in PUBLISHED_SCHEMAS:
        for name in sorted(
            node["name"]
            for node in manifest["nodes"].values()
            if node["resource_type"] == "model" and node["schema"] == schema
        ):
            path = spark / schema / f"{name}.parquet"
            expected = warehouse.table(schema, name)
            found = differences(expected, pq.read_table(path), keys.get(name, ())) if path.exists() else ["not built"]
            verdicts[f"{schema}.{name}"] = found
            _tell(f"{schema}.{name}", found, _size(expected))
    report = spark / "nodes.json"
    other = json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}
    verdicts["dbt nodes"] = differing_ends(ends, other)
    _tell("dbt nodes", verdicts["dbt nodes"], f"{len(ends)} models, seeds and tests")
    return verdicts


def differing_ends(ends: Ends, other: Ends) -> list[str]:
    """Nodes that ended badly on either engine, or with another number of failed rows."""
    found = []
    for node in sorted({*ends, *other}):
        one, another = ends.get(node, ["absent", None, ""]), other.get(node, ["absent", None, ""])
        if one[:2] != another[:2] or one[0] not in GOOD_ENDS:
            message = " ".join(another[2].split())[:300]
            found.append(f"{node}: DuckDB {one[0]} {one[1] or 0}, Spark {another[0]} {another[1] or 0} {message}")
    return found


def _size(table: pa.Table) -> str:
    return f"{table.num_rows} rows x {table.num_columns} columns"


def _tell(name: str, found: list[str], size: str) -> None:
    _say(f"{'FAIL' if found else 'ok  '} {name}  {size}")
    for line in shortened(found):
        _say(f"       {line}")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
