"""When things run: jobs, the daily schedule, the sensors.

Lives here: names of jobs and what starts them. Does not live here: what there is to do (`cycle.py`), doing it.
Everything is driven by state, never by ticks: each asks ledger and landing what is new, missing or stale. Missed ticks,
downtime and daylight saving stop mattering, and two that ask at once start the same run only once.
"""

from collections.abc import Iterable

import dagster as dg

from orchestration import cycle
from orchestration.instance import fail_dead_runs
from orchestration.ledger import Ledger
from orchestration.site import Site

CYCLE_JOB, BUILD_JOB = "run_cycle", "build_warehouse"
ACTIVE = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def raw_keys(site: Site) -> list[dg.AssetKey]:
    """The delivered tables as asset keys."""
    return [dg.AssetKey([contract.source, contract.table]) for contract in site.contracts.values()]


def everything_but_landing() -> dg.AssetSelection:
    """What runs can make: landing files and inputs are only shown."""
    return dg.AssetSelection.all() - dg.AssetSelection.key_prefixes(["landing"])


def build_jobs(site: Site) -> list[dg.JobDefinition]:
    """Verbs of the business; every one of them is safe to start at any time, twice, or by hand."""
    raw = dg.AssetSelection.assets(*raw_keys(site))
    jobs = [
        dg.define_asset_job(
            CYCLE_JOB,
            everything_but_landing(),
            description="One cycle: take in what landed, build, check, publish. What is current stays as it is.",
        ),
        dg.define_asset_job(
            BUILD_JOB,
            everything_but_landing() - raw,
            description="Build, check and publish from the deliveries that are accepted already.",
        ),
    ]
    for source in site.sources:
        tables = [key for key in raw_keys(site) if key.path[0] == source]
        jobs.append(
            dg.define_asset_job(
                f"ingest_{source}",
                dg.AssetSelection.assets(*tables),
                description=f"Take in and check what {source} delivered; the build follows by itself.",
            )
        )
    return jobs


def build_schedules(site: Site) -> list[dg.ScheduleDefinition]:
    """The daily cycle. Its hour is a habit, not a need: whatever it finds missing, it does."""

    @dg.schedule(
        name=f"{CYCLE_JOB}_daily",
        job_name=CYCLE_JOB,
        cron_schedule=site.settings.schedule_cron,
        execution_timezone=site.settings.reporting_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Asks the ledger what is new, missing or stale and does that; skips with the reason otherwise.",
    )
    def daily(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        return _request(site, context)

    return [daily]


def build_sensors(site: Site) -> list[dg.SensorDefinition]:
    """Files that arrive between two ticks, and deliveries that a partition backfill took in."""

    @dg.sensor(
        name="landing_sensor",
        job_name=CYCLE_JOB,
        minimum_interval_seconds=site.settings.look_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts a cycle when complete new files lie in landing.",
    )
    def landing_sensor(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        return _request(site, context, only_landing=True)

    @dg.sensor(
        name="unpublished_data_sensor",
        job_name=BUILD_JOB,
        minimum_interval_seconds=site.settings.look_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Builds and publishes when accepted deliveries are newer than the published snapshot.",
    )
    def unpublished_data_sensor(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        busy = _busy(context.instance)
        if busy:
            return dg.SkipReason(busy)
        work = _find_work(site)
        if not work.is_stale or work.tables:
            return dg.SkipReason(str(work))
        return dg.RunRequest(run_key=f"build-{work.key}")

    return [landing_sensor, unpublished_data_sensor]


def _request(
    site: Site, context: dg.ScheduleEvaluationContext | dg.SensorEvaluationContext, *, only_landing: bool = False
) -> dg.RunRequest | dg.SkipReason:
    """A run of exactly the tables with work and everything behind them, or why there is none."""
    busy = _busy(context.instance)
    if busy:
        return dg.SkipReason(busy)
    work = _find_work(site)
    if work.is_empty or (only_landing and not work.tables):
        return dg.SkipReason(str(work))
    graph = context.repository_def.asset_graph
    keys = cycle_keys(site, sorted(graph.executable_asset_keys), work.tables)
    return dg.RunRequest(run_key=f"cycle-{work.key}", asset_selection=keys)


def cycle_keys(site: Site, every_key: Iterable[dg.AssetKey], tables: Iterable[str]) -> list[dg.AssetKey]:
    """Assets of a cycle that takes in these tables (`<source>.<table>`) and builds everything."""
    idle = set(raw_keys(site)) - {dg.AssetKey(name.split(".", 1)) for name in tables}
    return [key for key in every_key if key not in idle]


def _find_work(site: Site) -> cycle.Work:
    with Ledger(site.settings.ledger_path) as ledger:
        return cycle.find_work(site, ledger)


def _busy(instance: dg.DagsterInstance) -> str:
    """Why not to start anything: a run is under way or queued. What it leaves undone, the next tick finds.

    Runs whose process is gone are failed first: none of them may keep a tick from starting what it left undone.
    """
    fail_dead_runs(instance)
    runs = instance.get_runs(filters=dg.RunsFilter(statuses=ACTIVE), limit=1)
    return f"run {runs[0].run_id[:8]} is under way" if runs else ""
