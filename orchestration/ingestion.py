"""Delivered tables as Dagster assets: one per contract, a partition per extract date.

Lives here: what an ingestion asset looks like, which dates a run asks for, events per extract date, door checks.
Does not live here: reading files (`landing.py` and below), rules (`expectations/`), when it runs (`automation.py`).
A cycle's run carries no partition: the step finds its work in landing and ledger and reports one materialization per
extract date that really got a delivery, so a missing day never looks filled and 374 days cost one pass.
"""

import time
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
from dagster._core.definitions.source_asset import SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION
from dagster._core.events import DagsterEvent, DagsterEventBatchMetadata

from orchestration import accounting, quality
from orchestration.contracts import Contract
from orchestration.export import CheckResult
from orchestration.instance import WRITER_POOL
from orchestration.intake import scan
from orchestration.landing import DeliveryResult, IngestResult
from orchestration.lateness import LIVING_DAYS
from orchestration.ledger import Ledger
from orchestration.registration import Registered
from orchestration.rules import Suite
from orchestration.site import Site
from orchestration.suites import row_rules
from orchestration.writer import Writer, reporting_errors

LANDING = "landing"
# Checks that every delivered table has, whatever its suite says: name, severity, what it claims.
COUNT_CHECKS = (
    (
        "rows_in_are_accounted_for",
        "critical",
        "rows in = accepted + rejected + exact duplicates, counted outside the engine",
    ),
    ("every_expected_date_has_arrived", "warning", "no expected extract date is missing"),
    ("no_delivery_is_refused", "warning", "no delivered file is refused or held"),
    ("no_rows_contradict_each_other", "warning", "no row has a twin of the same key and version, or of an event's key"),
)


def build_ingestion_assets(site: Site, suites: Mapping[str, Suite]) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """Per contract the landing folder (shown only) and the partitioned table that is read from it."""
    partitions = _partitions(site)
    assets: list[dg.AssetsDefinition | dg.AssetSpec] = []
    for contract in site.contracts.values():
        assets += [_landing_spec(site, contract), _table_asset(site, contract, suites.get(contract.name), partitions)]
    return assets


def _partitions(site: Site) -> dg.DailyPartitionsDefinition:
    """Extract dates from the first one known to today; one definition, so that a backfill can span tables.

    A history that ended long ago ends at its last date: nobody wants to look for it among years of empty days.
    """
    settings = site.settings
    today = datetime.now(UTC).date()
    days: list[date] = []
    if settings.ledger_path.exists():
        with Ledger(settings.ledger_path) as ledger:
            days = [delivery.extract_date for delivery in ledger.deliveries() if delivery.extract_date]
            for contract in site.contracts.values():
                ready = scan(contract, settings, ledger).ready
                days += [candidate.name.extract_date for candidate in ready if candidate.name]
    first, last = min(days, default=today), max(days, default=today)
    is_history = today - last > LIVING_DAYS
    return dg.DailyPartitionsDefinition(
        first.isoformat(),
        end_date=(last + timedelta(days=1)).isoformat() if is_history else None,
        timezone=settings.reporting_zone,
        end_offset=0 if is_history else 1,
    )


def _landing_spec(site: Site, contract: Contract) -> dg.AssetSpec:
    return dg.AssetSpec(
        key=dg.AssetKey([LANDING, contract.source, contract.table]),
        group_name=contract.source,
        description=f"Delivered files in `landing/{contract.source}/{contract.table}/`. We only ever read here.",
        owners=[contract.owner] if contract.owner else [],
        kinds={"file"},
    )


def _table_asset(
    site: Site, contract: Contract, suite: Suite | None, partitions: dg.DailyPartitionsDefinition
) -> dg.AssetsDefinition:
    key = dg.AssetKey([contract.source, contract.table])

    @dg.asset(
        key=key,
        deps=[dg.AssetKey([LANDING, contract.source, contract.table])],
        group_name=contract.source,
        description=_description(contract),
        owners=[contract.owner] if contract.owner else None,
        kinds={"parquet", "duckdb"},
        metadata={
            "dagster/column_schema": _column_schema(contract),
            "dagster/table_name": f"{contract.schema}.{contract.table}",
            "contract": contract.path,
        },
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        output_required=False,
        dagster_type=dg.Nothing,
        pool=WRITER_POOL,
        required_resource_keys={"writer"},
        check_specs=[*_count_specs(key), *quality.rule_specs(suite, key)],
    )  # fmt: skip
    def ingest_table(context: dg.AssetExecutionContext) -> Iterator[Any]:
        writer: Writer = context.resources.writer
        with reporting_errors(writer.settings):
            started = time.monotonic()
            days = _asked_dates(context, writer)
            rules = row_rules(suite)
            taken = writer.ingest(contract, days, rules, is_forced=days is not None)
            registered = writer.register(contract)
            arrived = {delivery.extract_date for delivery in taken.in_state("accepted")}
            _report_dates(context, taken)
            counts = _count_checks(writer, contract, taken, registered)
            known = rules.results() if rules else ()
            checks = quality.judge_table(writer, contract, suite, arrived, counts, known)
        for check in checks:
            yield quality.to_dagster(check, key)
        absent = sorted((days or set()) - arrived)
        if absent:  # they stay unfilled, so a backfill over them ends as failed for these dates only
            context.log.warning(f"{contract.name}: {accounting.spelled_dates(absent, 'without a delivery')}")
        seconds = time.monotonic() - started
        context.log.info(
            f"{contract.name}: {len(taken.results)} files, {registered.conflicts} conflicts in {seconds:.1f} s"
        )
        writer.tell_ingested(contract, total=_tables_in_run(context, site))
        # The output only lets the steps behind this one run. Its own materialization event is left out by the marker
        # that Dagster's observable sources use: the events above already say which extract dates arrived.
        yield dg.Output(None, metadata={SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION: True})

    return ingest_table


def _description(contract: Contract) -> str:
    said = " Generated for the demo, not real." if contract.is_generated else ""
    key = ", ".join(contract.primary_key)
    return f"{contract.description}{said}\n\nKey: {key}. Contract: `{contract.path}`, mode {contract.extract.mode}."


def _column_schema(contract: Contract) -> dg.TableSchema:
    return dg.TableSchema(
        [
            dg.TableColumn(
                name=column.name,
                type=column.data_type,
                description=column.description,
                constraints=dg.TableColumnConstraints(nullable=not column.is_required),
                tags={} if column.pii == "none" else {"pii": column.pii},
            )
            for column in contract.columns
        ]
    )


def _tables_in_run(context: dg.AssetExecutionContext, site: Site) -> int:
    chosen = context.run.asset_selection
    every = {dg.AssetKey([contract.source, contract.table]) for contract in site.contracts.values()}
    return len(every & chosen) if chosen else len(every)


def _asked_dates(context: dg.AssetExecutionContext, writer: Writer) -> set[date] | None:
    """Extract dates that the run is about: its partitions, or the resource's range; None = whatever there is."""
    if context.has_partition_key or context.has_partition_key_range:
        return {date.fromisoformat(day) for day in context.partition_keys}
    return writer.asked_dates()


def _report_dates(context: dg.AssetExecutionContext, taken: IngestResult) -> None:
    """One materialization per extract date that got a delivery, stored as one batch."""
    by_day: dict[date, list[DeliveryResult]] = defaultdict(list)
    for result in taken.results:
        if result.delivery.state == "accepted":
            by_day[result.delivery.extract_date].append(result)
    step = context.op_execution_context.get_step_execution_context()
    batch = str(uuid.uuid4())
    for number, (day, of_day) in enumerate(sorted(by_day.items()), start=1):
        event = dg.AssetMaterialization(
            context.asset_key,
            partition=day.isoformat(),
            metadata={
                "rows_in": sum(result.delivery.rows_in for result in of_day),
                "accepted": sum(result.delivery.rows_accepted for result in of_day),
                "rejected": sum(result.delivery.rows_rejected for result in of_day),
                "duplicates": sum(result.delivery.rows_duplicate for result in of_day),
                "files": len(of_day),
                "seconds": round(sum(result.seconds for result in of_day), 3),
            },
        )
        DagsterEvent.asset_materialization(step, event, DagsterEventBatchMetadata(batch, number == len(by_day)))


def _count_specs(key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(name, asset=key, description=claim, metadata={"severity": severity, "place": "door"})
        for name, severity, claim in COUNT_CHECKS
    ]


def _count_checks(writer: Writer, contract: Contract, taken: IngestResult, registered: Registered) -> list[CheckResult]:
    """Accounting of this run's files, missing dates, refusals and contradictions of the table as it stands."""
    read = taken.in_state("accepted")
    counts = [sum(getattr(d, f"rows_{part}") for d in read) for part in ("in", "accepted", "rejected", "duplicate")]
    state = accounting.table_state(contract, writer.settings, writer.ledger)
    missing, refused = state.missing_dates, state.open_refusals
    observed = {
        "rows_in_are_accounted_for": (
            counts[0] == sum(counts[1:]),
            f"{counts[0]} rows in, {counts[1]} accepted, {counts[2]} rejected, {counts[3]} duplicates",
        ),
        "every_expected_date_has_arrived": (not missing, accounting.spelled_dates(missing, "missing")),
        "no_delivery_is_refused": (not refused, f"{len(refused)} refused or held"),
        "no_rows_contradict_each_other": (
            not registered.conflicts,
            f"{registered.conflicts} rows in force where only the row hash decided, or an event that changed",
        ),
    }  # fmt: skip
    return [
        CheckResult(name, contract.name, "door", severity, *observed[name], expected=claim)
        for name, severity, claim in COUNT_CHECKS
    ]
