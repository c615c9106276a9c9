"""The models as Dagster assets: three dbt phases, and what Python computes between them (people, weights, fits).

Lives here: how a dbt node looks in Dagster (key, group, owner, kinds, checks) and what a phase reports.
Does not live here: what a phase builds (`build.py`), the SQL, publishing (`publication.py`). dbt runs in this
process and stays warm between the phases; the dbt command line is never called.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtProject, dbt_assets

from orchestration import build, check_results, disk, identity_matching, project, quality
from orchestration.crash_points import CrashPoint, reach
from orchestration.errors import CxwError
from orchestration.instance import WRITER_POOL
from orchestration.lineage import (
    ATTRIBUTION_SOURCE,
    CLV_SOURCE,
    IDENTITY_SOURCE,
    INPUT_SOURCE,
    phases_of,
    test_subjects,
)
from orchestration.project import NodeResult
from orchestration.site import Site
from orchestration.writer import Writer, reporting_errors


class WarehouseTranslator(DagsterDbtTranslator):
    """House names for dbt nodes: key `schema/model`, group by folder, a landed dbt source is its raw asset."""

    def __init__(self, manifest: Mapping[str, Any], phase: str = "") -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_source_tests_as_checks=True))
        self.manifest, self.phase = manifest, phase

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        if dbt_resource_props["resource_type"] == "source":
            return dg.AssetKey([dbt_resource_props["source_name"], dbt_resource_props["name"]])
        return dg.AssetKey([dbt_resource_props["schema"], dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        if dbt_resource_props["resource_type"] in ("source", "seed"):
            return "seeds" if dbt_resource_props["resource_type"] == "seed" else "conformed"
        layer, *below = dbt_resource_props["fqn"][1:]
        return below[0] if layer in ("staging", "marts") else layer

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str] | None:
        owner = dbt_resource_props.get("config", {}).get("meta", {}).get("owner")
        return [owner] if owner else None

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        materialized = self.get_resource_props(manifest, unique_id).get("config", {}).get("materialized", "table")
        return spec.replace_attributes(kinds={"dbt", "duckdb", materialized})

    def get_asset_check_spec(
        self,
        asset_spec: dg.AssetSpec,
        manifest: Mapping[str, Any],
        unique_id: str,
        project: DbtProject | None,
    ) -> dg.AssetCheckSpec | None:
        test = manifest["nodes"][unique_id]
        if self.phases[unique_id] != self.phase or self.subject_key(unique_id) != asset_spec.key:
            return None
        severity = quality.dbt_severity(test)
        return dg.AssetCheckSpec(
            name=test["name"],
            asset=asset_spec.key,
            description=quality.claim_of(test),
            blocking=severity == "critical",
            metadata={"severity": severity, "place": "rooms"},
        )

    def subject_key(self, test_id: str) -> dg.AssetKey:
        """The asset that a dbt test is shown on."""
        return self.get_asset_key(self.get_resource_props(self.manifest, self._subjects[test_id]))

    @cached_property
    def phases(self) -> dict[str, str]:
        """Phase that builds or tests each node."""
        return phases_of(self.manifest)

    @cached_property
    def _subjects(self) -> dict[str, str]:
        return test_subjects(self.manifest)


def phase_selection(phase: str, site: Site) -> dict[str, str]:
    """`select` and `exclude` of one phase as dagster-dbt takes them: those of the build, folders by their fqn."""
    chosen: dict[str, list[str]] = {"--select": ["fqn:*"], "--exclude": []}
    option = ""
    for argument in build.PHASES[phase]:
        if argument.startswith("--"):
            option = argument
            chosen[option] = []
        else:
            chosen[option].append(argument)
    chosen["--exclude"] += [f"fqn:staging.{source}" for source in project.unconfigured_sources(site.sources)]
    return {option.removeprefix("--"): " ".join(names) for option, names in chosen.items()}


def build_transformation_assets(site: Site) -> list[dg.AssetsDefinition]:
    """The three phases, and in between identity, attribution and predicted value."""
    translator = WarehouseTranslator(site.manifest)
    phases = [_phase_assets(site, WarehouseTranslator(site.manifest, phase), phase) for phase in build.PHASES]
    between = (_identity_assets, _attribution_asset, _prediction_assets)
    return [*phases, *(build_assets(site, translator) for build_assets in between)]


def build_input_specs(site: Site) -> list[dg.AssetSpec]:
    """`meta_input`: what the pipeline knows of its deliveries, written when a build begins."""
    translator = WarehouseTranslator(site.manifest)
    landed = [dg.AssetKey([contract.source, contract.table]) for contract in site.contracts.values()]
    specs = [translator.get_asset_spec(site.manifest, name, None) for name in _tables_of(site, INPUT_SOURCE)]
    return [spec.replace_attributes(deps=landed, skippable=False) for spec in specs]


def _phase_assets(site: Site, translator: WarehouseTranslator, phase: str) -> dg.AssetsDefinition:
    selection = phase_selection(phase, site)

    @dbt_assets(
        manifest=site.manifest,
        **selection,
        name=f"build_{phase}",
        dagster_dbt_translator=translator,
        pool=WRITER_POOL,
        required_resource_keys={"writer"},
    )
    def build_phase(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        writer: Writer = context.resources.writer
        with reporting_errors(writer.settings):
            if phase == "conformed":
                yield from _begin(context, writer)
            selected = sorted(key.path[-1] for key in context.selected_asset_keys) if context.is_subset else None
            results = writer.run_phase(phase, selected)
            reach(CrashPoint(f"build_{phase}.built"))
            yield from _phase_events(context, writer, translator, phase, results)

    return build_phase


def _begin(context: dg.AssetExecutionContext, writer: Writer) -> Iterator[dg.AssetMaterialization]:
    """Refuse to build on deliveries that failed at the door; else register what is new and what is known of it."""
    quality.refuse_held_tables(writer)
    for place in ("rooms", "window"):
        check_results.forget(writer.settings, place)
    as_of = writer.register_inputs()
    reach(CrashPoint.CONFORMED_INPUTS)
    context.log.info(f"build {writer.snapshot_id} begins")
    yield dg.AssetMaterialization(
        dg.AssetKey([INPUT_SOURCE, "observed_through"]), metadata={"tables": len(writer.site.contracts)}
    )
    yield dg.AssetMaterialization(
        dg.AssetKey([INPUT_SOURCE, "mart_as_of"]), metadata={mart: str(day) for mart, day in as_of.items() if day}
    )


def _phase_events(
    context: dg.AssetExecutionContext,
    writer: Writer,
    translator: WarehouseTranslator,
    phase: str,
    results: Sequence[NodeResult],
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """Built models first, then what the tests said; a model that did not build ends the phase."""
    nodes = translator.manifest["nodes"]
    results = [result for result in results if result.unique_id in nodes]  # dbt reports exposures too
    row_counts = writer.row_counts()
    broken = [result for result in results if result.status == "error"]
    checks = []
    for result in results:
        node = nodes[result.unique_id]
        if node["resource_type"] == "test":
            key = translator.subject_key(result.unique_id)
            advice = writer.advice(node) if result.status in ("warn", "fail") else ""
            check = quality.from_dbt(node, result, key.path[-1], advice)
            checks += [(check, key)] if check else []
        elif result.status == "success":
            metadata: dict[str, Any] = {"seconds": round(result.seconds, 2)}
            if (node["schema"], node["name"]) in row_counts:
                metadata["dagster/row_count"] = row_counts[node["schema"], node["name"]]
            metadata |= writer.headline(node)
            yield dg.MaterializeResult(asset_key=translator.get_asset_key(node), metadata=metadata)
    if not context.is_subset:
        check_results.keep(writer.settings, "rooms", phase, [check for check, _ in checks])
    known = context.selected_asset_check_keys
    for check, key in checks:
        if dg.AssetCheckKey(key, check.check_name) in known:
            yield quality.to_dagster(check, key)
    if broken:
        place = nodes[broken[0].unique_id]["original_file_path"]
        if disk.is_damage(broken[0].message):
            disk.distrust_build(writer.settings)
            raise CxwError("E-DSK-004", "the build file is damaged; it is removed", where=place, next_command="cxw run")
        if told := disk.as_disk_error(OSError(broken[0].message), place):
            raise told
        raise CxwError("E-DBT-003", broken[0].message, where=place)
    check_results.raise_if_held(check for check, _ in checks)


def _identity_assets(site: Site, translator: WarehouseTranslator) -> dg.AssetsDefinition:
    records = (
        "int_contacts__unioned",
        "int_leads__unioned",
        "int_customers__unioned",
        "int_accounts__unioned",
        "int_identity__event_references",
        "int_identity__judged_pairs",
    )
    return _python_tables(
        site,
        translator,
        source=IDENTITY_SOURCE,
        reads=records,
        name="resolve_identity",
        compute=lambda writer: build.resolve_identity(
            writer.settings, writer.ledger, writer.warehouse, writer.snapshot_id
        ),
        about=lambda writer: identity_matching.run_metadata(writer.settings, writer.ledger),
    )


def _attribution_asset(site: Site, translator: WarehouseTranslator) -> dg.AssetsDefinition:
    return _python_tables(
        site,
        translator,
        source=ATTRIBUTION_SOURCE,
        reads=("int_attribution__transitions",),
        name="weigh_channels",
        compute=lambda writer: {"markov_weights": build.weigh_channels(writer.warehouse)},
    )


def _prediction_assets(site: Site, translator: WarehouseTranslator) -> dg.AssetsDefinition:
    return _python_tables(
        site,
        translator,
        source=CLV_SOURCE,
        reads=("int_clv__purchase_groups",),
        name="fit_lifetime_values",
        compute=lambda writer: build.fit_lifetime_values(writer.warehouse, writer.snapshot_id),
    )


def _python_tables(
    site: Site,
    translator: WarehouseTranslator,
    *,
    source: str,
    reads: Sequence[str],
    name: str,
    compute: Any,
    about: Callable[[Writer], dict[str, Any]] = lambda writer: {},
) -> dg.AssetsDefinition:
    """Assets of one step that Python computes between two phases; the dbt source describes its tables.

    `about`: what the run says of the step beside its row counts.
    """
    specs = [
        translator.get_asset_spec(site.manifest, unique_id, None).replace_attributes(
            deps=[dg.AssetKey(["conformed", model]) for model in reads],
            kinds={"python"},
            group_name="conformed",
            skippable=False,
        )
        for unique_id in _tables_of(site, source)
    ]

    @dg.multi_asset(specs=specs, name=name, pool=WRITER_POOL, required_resource_keys={"writer"})
    def compute_tables(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
        writer: Writer = context.resources.writer
        with reporting_errors(writer.settings):
            rows = compute(writer)
            said = about(writer)
        for spec in specs:
            metadata = {"dagster/row_count": rows[spec.key.path[-1]], **said}
            yield dg.MaterializeResult(asset_key=spec.key, metadata=metadata)

    return compute_tables


def _tables_of(site: Site, source: str) -> list[str]:
    return sorted(unique_id for unique_id, node in site.manifest["sources"].items() if node["source_name"] == source)
