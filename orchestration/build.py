"""One build of the warehouse: register delivered rows, three dbt phases, what Python computes in between.

Lives here: the order of the steps and what each hands to the next, for any engine. Dagster's assets call the steps
one by one; `build_warehouse` calls them all (rebuild, tests, the second engine). Does not live here: Dagster,
publishing (`snapshots.py`), the SQL (dbt models).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration import project
from orchestration.contracts import Contract
from orchestration.crash_points import CrashPoint, reach
from orchestration.email_hashes import read_key
from orchestration.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

    from orchestration.ledger import Ledger
    from orchestration.project import NodeResult
    from orchestration.warehouse import Warehouse

# What a phase may build is decided by lineage, never by a list of models: phase 2 needs the customers that
# identity.py found, phase 3 the channel weights that attribution.py solved for and the models that clv.py fitted.
PHASES: dict[str, tuple[str, ...]] = {
    "conformed": ("--exclude", "source:identity_output+", "source:attribution_output+", "source:clv_output+"),
    "core": ("--select", "source:identity_output+", "--exclude", "source:attribution_output+", "source:clv_output+"),
    "marts": ("--select", "source:attribution_output+", "source:clv_output+"),
}


def phase_arguments(phase: str, sources: Iterable[str]) -> list[str]:
    """dbt arguments of one phase. Folders of sources that this site does not have are left out."""
    arguments = list(PHASES[phase])
    absent = [f"path:models/staging/{source}" for source in project.unconfigured_sources(sources)]
    if absent:
        arguments += absent if "--exclude" in arguments else ["--exclude", *absent]
    return ["build", *arguments, "--exclude-resource-type", "unit_test", "--indirect-selection", "buildable"]


def run_phase(
    settings: Settings,
    sources: Iterable[str],
    phase: str,
    snapshot_id: str,
    on_node: Callable[[str, str, float], None] | None = None,
) -> list[NodeResult]:
    """Build and test the models of one phase. Failed tests come back as results with status `fail`."""
    sources = tuple(sources)
    return project.invoke(settings, sources, phase_arguments(phase, sources), snapshot_id=snapshot_id, on_node=on_node)


def register_table(contract: Contract, settings: Settings, ledger: Ledger, warehouse: Warehouse) -> int:
    """Rows in force of one delivered table into the build database; returns the number of conflicts (law 6)."""
    from orchestration.landing import files_in_force

    return warehouse.register(contract, files_in_force(contract, settings, ledger))


def register_pipeline_inputs(
    manifest: Mapping[str, Any],
    contracts: Mapping[str, Contract],
    sources: Iterable[str],
    settings: Settings,
    ledger: Ledger,
    warehouse: Warehouse,
) -> dict[str, date | None]:
    """`meta_input`: how far each delivered table is observed, and every mart's `as_of`. Returns the latter."""
    import pyarrow as pa

    from orchestration.cadence import observe

    chosen = set(sources)
    observed = [
        seen for contract in contracts.values() if contract.source in chosen and (seen := observe(contract, ledger))
    ]
    schema = pa.schema(
        [
            ("source", pa.string()),
            ("table_name", pa.string()),
            ("observed_through_date", pa.date32()),
            ("first_extract_date", pa.date32()),
            ("missing_dates", pa.string()),
            ("refused_dates", pa.string()),
        ]
    )
    rows = [
        {
            "source": table.source,
            "table_name": table.table,
            "observed_through_date": table.observed_through,
            "first_extract_date": table.first_extract_date,
            "missing_dates": ",".join(map(str, table.missing_dates)),
            "refused_dates": ",".join(map(str, table.refused_dates)),
        }
        for table in observed
    ]
    warehouse.write("meta_input", "observed_through", pa.Table.from_pylist(rows, schema=schema))
    by_table = {f"{table.source}.{table.table}": table.complete_through for table in observed}
    as_of = mart_as_of(manifest, chosen, by_table)
    pairs = [{"mart": mart, "as_of_date": day} for mart, day in sorted(as_of.items())]
    as_of_schema = pa.schema([("mart", pa.string()), ("as_of_date", pa.date32())])
    warehouse.write("meta_input", "mart_as_of", pa.Table.from_pylist(pairs, schema=as_of_schema))
    return as_of


def mart_as_of(
    manifest: Mapping[str, Any], sources: Iterable[str], observed: Mapping[str, date]
) -> dict[str, date | None]:
    """`as_of` per model that declares `config.meta.reads`: the smallest observed-through of the delivered tables read.

    Args:
        observed: `<source>.<table>` to its observed-through date; only delivered tables are in it.

    A read entity stands for every configured source's staging model of that name and the tables behind it. Without
    any delivered table the result is None.
    """
    tables_of: dict[str, set[str]] = {}
    chosen = set(sources)
    for unique_id, node in manifest["nodes"].items():
        if node["resource_type"] == "model" and node["name"].startswith("stg_"):
            for parent in manifest["parent_map"][unique_id]:
                if parent.startswith("source.") and manifest["sources"][parent]["source_name"] in chosen:
                    source = manifest["sources"][parent]
                    entity = node["name"].split("__", 1)[1]
                    tables_of.setdefault(entity, set()).add(f"{source['source_name']}.{source['name']}")
    as_of: dict[str, date | None] = {}
    for node in manifest["nodes"].values():
        reads = node.get("config", {}).get("meta", {}).get("reads") if node["resource_type"] == "model" else None
        if reads:
            days = [observed[t] for entity in reads for t in tables_of.get(entity, ()) if t in observed]
            as_of[node["name"]] = min(days) if days else None
    return as_of


def resolve_identity(settings: Settings, ledger: Ledger, warehouse: Warehouse, snapshot_id: str) -> dict[str, int]:
    """People of the conformed records and mentions into `identity_output`; returns row counts by table."""
    from orchestration import identity_build

    # Under the name of its snapshot: DuckDB remembers what it has read of a path.
    published = _published_path(settings, "core", "customer_identities").resolve()
    return identity_build.resolve_identity(settings, ledger, warehouse, snapshot_id, published)


def read_published(settings: Settings, schema: str, table: str) -> pa.Table | None:
    """A table of the snapshot that readers see now; None before the first publish."""
    import pyarrow.parquet as pq

    path = _published_path(settings, schema, table)
    return pq.read_table(path) if path.exists() else None


def _published_path(settings: Settings, schema: str, table: str) -> Path:
    return settings.published / "current" / "parquet" / schema / f"{table}.parquet"


def weigh_channels(warehouse: Warehouse) -> int:
    """Markov removal effects of the conformed transitions into `attribution_output`; returns the channel count."""
    from orchestration import attribution

    rows = attribution.markov_weights(warehouse.table("conformed", "int_attribution__transitions"))
    warehouse.write("attribution_output", "markov_weights", rows)
    reach(CrashPoint.WEIGHTS_WRITTEN)
    return rows.num_rows


def fit_lifetime_values(warehouse: Warehouse, snapshot_id: str) -> dict[str, int]:
    """Fits and backtest of predicted customer value into `clv_output`; returns row counts by table."""
    from orchestration import clv

    tables = clv.predict(warehouse.table("conformed", "int_clv__purchase_groups"), snapshot_id)
    for name, rows in tables.items():
        warehouse.write("clv_output", name, rows)
        reach(CrashPoint.LIFETIME_WRITING)
    return {name: rows.num_rows for name, rows in tables.items()}


def build_warehouse(
    manifest: Mapping[str, Any],
    contracts: Mapping[str, Contract],
    sources: Sequence[str],
    settings: Settings,
    ledger: Ledger,
    warehouse: Warehouse,
    snapshot_id: str,
    on_node: Callable[[str, str, float], None] | None = None,
) -> list[NodeResult]:
    """All steps of a build in order; returns every dbt result. A failed step leaves the published snapshot alone."""
    for contract in contracts.values():
        if contract.source in sources:
            register_table(contract, settings, ledger, warehouse)
    register_pipeline_inputs(manifest, contracts, sources, settings, ledger, warehouse)
    results = run_phase(settings, sources, "conformed", snapshot_id, on_node)
    resolve_identity(settings, ledger, warehouse, snapshot_id)
    results += run_phase(settings, sources, "core", snapshot_id, on_node)
    weigh_channels(warehouse)
    fit_lifetime_values(warehouse, snapshot_id)
    return results + run_phase(settings, sources, "marts", snapshot_id, on_node)


def code_version() -> str:
    """Version of everything that decides a number: package sources, models, suites; 12 hex characters."""
    digest = hashlib.sha256()
    for path in _code_files():
        digest.update(str(path.relative_to(project.PROJECT.parent)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def code_changed_at() -> int:
    """Newest change of any file that `code_version` reads: cheap enough to look at every few seconds."""
    return max(path.stat().st_mtime_ns for path in _code_files())


def _code_files() -> list[Path]:
    folders = [project.PROJECT.parent / name for name in ("orchestration", "dbt_project", "expectations")]
    suffixes = (".py", ".sql", ".yml", ".csv", ".md")
    return [path for folder in folders for path in sorted(folder.rglob("*")) if path.suffix in suffixes]


def input_version(settings: Settings, sources: Iterable[str], ledger: Ledger) -> str:
    """What a snapshot is made of: accepted deliveries, code, settings that change numbers, the model that a person
    had trained; 12 hex characters."""
    from orchestration import identity_matching

    ignored = ("WAREHOUSE_LANDING", "WAREHOUSE_MEMORY_LIMIT", "WAREHOUSE_THREADS", "WAREHOUSE_SCHEDULE_CRON")
    ignored += ("WAREHOUSE_HAS_LOGIN_PROXY", "WAREHOUSE_EMAIL_HASH_KEY_FILE", "WAREHOUSE_LOOK_SECONDS")
    values = {name: value for name, value in settings.environment().items() if name not in ignored}
    parts = [ledger.input_fingerprint(), code_version(), sorted(values.items()), sorted(sources)]
    key = read_key(settings)
    parts.append(key.version if key else "")
    parts.append(json.dumps(settings.source_overrides, sort_keys=True, default=str))
    if settings.has_probabilistic_matching:
        parts.append(identity_matching.asked_version(ledger))
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]
