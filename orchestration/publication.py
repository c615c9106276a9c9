"""From built marts to published ones: the checks at the window, then one atomic switch.

Lives here: the `published/<mart>` assets and the gate in front of them. Does not live here: running rules
(`suites.py`), the files of a snapshot (`export.py`) and the pointer to it (`snapshots.py`).
A failed critical check anywhere in the build leaves the previous snapshot in place and ends the run with a message
that says which rule, what it saw and what to do.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from orchestration import accounting, check_results, identity_growth, progress, quality, registration
from orchestration.crash_points import CrashPoint, reach
from orchestration.errors import CxwError
from orchestration.export import CheckResult
from orchestration.instance import WRITER_POOL
from orchestration.lineage import generated_inputs
from orchestration.restatements import find_restatements
from orchestration.rules import Suite
from orchestration.site import Site
from orchestration.snapshots import publish
from orchestration.writer import Writer, reporting_errors

if TYPE_CHECKING:
    import pyarrow as pa

GROUP = "published"
_BY_CUSTOMER = dg.AssetKey([GROUP, "mart_customer_value__customer"])


def build_publication_assets(site: Site, suites: Mapping[str, Suite]) -> dg.AssetsDefinition:
    """One asset per mart, published together or not at all."""
    marts = published_models(site.manifest, "marts")
    specs = [_spec(site, node) for node in marts]
    checks = [
        check
        for node in marts
        for check in quality.rule_specs(suites.get(node["name"]), dg.AssetKey([GROUP, node["name"]]))
    ]
    checks.append(dg.AssetCheckSpec(identity_growth.CHECK, asset=_BY_CUSTOMER, description=identity_growth.EXPECTED))

    @dg.multi_asset(
        specs=specs, check_specs=checks, name="publish", pool=WRITER_POOL, required_resource_keys={"writer"}
    )
    def publish_marts(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        writer: Writer = context.resources.writer
        with reporting_errors(writer.settings):
            for number, node in enumerate(marts, start=1):
                suite = suites.get(node["name"])
                for result in quality.judge_mart(writer, node["name"], suite) if suite else ():
                    yield quality.to_dagster(result, dg.AssetKey([GROUP, node["name"]]))
                progress.tell("window", node["name"], number, len(marts))
                reach(CrashPoint.PUBLISH_JUDGING)
            grown = identity_growth.find_grown(writer.settings, writer.warehouse, writer.snapshot_id)
            growth = identity_growth.judge_growth(grown, writer.snapshot_id)
            check_results.keep(writer.settings, "window", "customer_identities", [growth])
            yield quality.to_dagster(growth, _BY_CUSTOMER)
            accounting.raise_if_required_is_missing(writer.site, writer.ledger)
            accounting.reconcile(writer.ledger, writer.typed_rows())
            results = check_results.kept(writer.settings)
            check_results.raise_if_held(results)
            reach(CrashPoint.PUBLISH_JUDGED)
            yield from _publish(writer, results, grown)

    return publish_marts


def _publish(writer: Writer, results: list[CheckResult], grown: "pa.Table") -> Iterator[dg.MaterializeResult]:
    built = registration.built_snapshot(writer.warehouse)
    if built != writer.snapshot_id:
        raise CxwError(
            "E-PUB-005", f"the build at hand is of {built}, the deliveries make {writer.snapshot_id}",
            where="build", next_command="cxw run",
        )  # fmt: skip
    writer.refuse_changed_code()
    settings, ledger, manifest, snapshot_id = writer.settings, writer.ledger, writer.site.manifest, writer.snapshot_id
    restated = find_restatements(settings, manifest, ledger, writer.warehouse, snapshot_id)
    further = {**accounting.meta_tables(writer.warehouse, ledger), "restatements": restated, "grown_customers": grown}
    writer.warehouse.release()  # the publish attaches the build file to its own database
    publication = publish(settings, ledger, manifest, snapshot_id, results, further)
    progress.tell("publish", publication.snapshot_id, 1, 1)
    headlines = {node["name"]: writer.headline(node) for node in published_models(writer.site.manifest, "marts")}
    for table in publication.tables:
        if table.schema == "marts":
            yield dg.MaterializeResult(
                asset_key=dg.AssetKey([GROUP, table.name]),
                metadata={
                    "dagster/row_count": table.rows,
                    "snapshot_id": publication.snapshot_id,
                    "content_hash": table.content_hash,
                    "path": f"published/{publication.snapshot_id}/parquet/marts/{table.name}.parquet",
                    **headlines[table.name],
                },
                data_version=dg.DataVersion(table.content_hash),
            )


def published_models(manifest: Mapping[str, Any], schema: str) -> list[Mapping[str, Any]]:
    """The models of one published schema, by name."""
    nodes = [n for n in manifest["nodes"].values() if n["resource_type"] == "model" and n["schema"] == schema]
    return sorted(nodes, key=lambda node: node["name"])


def _spec(site: Site, node: Mapping[str, Any]) -> dg.AssetSpec:
    owner = node.get("config", {}).get("meta", {}).get("owner")
    said = generated_inputs(site.manifest, site.contracts, site.settings, node["unique_id"])
    readers = f"What readers of `published/current` see: `marts.{node['name']}`."
    hours = site.settings.freshness_hours
    return dg.AssetSpec(
        key=dg.AssetKey([GROUP, node["name"]]),
        deps=[dg.AssetKey(["marts", node["name"]])],
        description="\n\n".join(filter(None, [said, node["description"], readers])),
        group_name=GROUP,
        owners=[owner] if owner else [],
        kinds={"duckdb", "parquet"},
        freshness_policy=dg.FreshnessPolicy.time_window(
            fail_window=timedelta(hours=hours), warn_window=timedelta(hours=max(1, hours * 2 // 3))
        ),
        metadata={"dagster/table_name": f"marts.{node['name']}"},
    )
