"""Running a job of the Dagster graph in this process, recorded in the home's persistent instance.

Lives here: what `cxw run`, `backfill` and `rebuild` start, and what came of it. Does not live here: what there is to
do (`cycle.py`), the graph (`definitions.py`), saying it (`screens.py`). The UI shows these runs like its own.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from orchestration import project, rule_worker
from orchestration.crash_points import CrashPoint, reach
from orchestration.errors import CATALOGUE
from orchestration.instance import LOCATION, fail_dead_runs, open_instance, process_tag
from orchestration.site import Site
from orchestration.snapshots import current_snapshot

if TYPE_CHECKING:
    import dagster as dg

INTERRUPT = "DagsterExecutionInterruptedError"  # what a signal becomes inside a run


@dataclass(frozen=True)
class Outcome:
    """What a run came to. `problem` is one sentence with code and next command, empty when it succeeded.

    `is_stopped`: a signal ended it; the run shows as cancelled.
    """

    run_id: str
    seconds: float
    snapshot_id: str | None
    problem: str = ""
    exit_code: int = 0
    trace: str = ""
    is_stopped: bool = False


def run_job(
    site: Site,
    tables: Sequence[str],
    *,
    with_build: bool = True,
    force: bool = False,
    first_date: date | None = None,
    last_date: date | None = None,
) -> Outcome:
    """Take in these tables and build everything behind them; hold the lease around the call.

    Args:
        tables: `<source>.<table>` to read; may be empty when only the build is stale.
        with_build: False stops after ingestion.
        force: read files again that were accepted before.
        first_date, last_date: narrow ingestion to these extract dates.
    """
    started = time.monotonic()
    with rule_worker.warm(), open_instance(site.settings) as instance:
        from orchestration.automation import BUILD_JOB, CYCLE_JOB, cycle_keys, raw_keys
        from orchestration.definitions import build_definitions

        fail_dead_runs(instance)
        repository = build_definitions(site.settings, site.manifest).get_repository_def()
        executable = sorted(repository.asset_graph.executable_asset_keys)
        keys = cycle_keys(site, executable, tables)
        if not with_build:
            keys = [key for key in keys if key in set(raw_keys(site))]
        options = {
            "force": force,
            "first_date": first_date.isoformat() if first_date else "",
            "last_date": last_date.isoformat() if last_date else "",
        }
        job = repository.get_job(CYCLE_JOB if tables else BUILD_JOB)
        # What fails is told once, by whoever called; everything else is in the event log.
        quiet = {"console": {"config": {"log_level": "CRITICAL"}}}
        with project.parsing_ahead(site.settings, site.sources) if with_build else nullcontext():
            result = _execute(instance, job, keys, {"resources": {"writer": {"config": options}}, "loggers": quiet})
        problem, exit_code, trace = ("", 0, "") if result.success else _explain(result)
        is_stopped = INTERRUPT in trace
        if is_stopped:
            instance.report_run_canceled(result.dagster_run, "Stopped by a signal; safe to run again.")
        return Outcome(
            run_id=result.run_id,
            seconds=time.monotonic() - started,
            snapshot_id=current_snapshot(site.settings),
            problem=problem,
            exit_code=exit_code,
            trace=trace,
            is_stopped=is_stopped,
        )


def _execute(
    instance: dg.DagsterInstance, job: dg.JobDefinition, keys: Sequence[dg.AssetKey], run_config: dict[str, Any]
) -> dg.JobExecutionResult:
    """One run in this process. It names the code location, so that the UI links it to its job and assets."""
    from dagster._core.definitions.job_base import InMemoryJob
    from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
    from dagster._core.execution.api import execute_run
    from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

    location = RegisteredCodeLocationOrigin(LOCATION)
    run = instance.create_run_for_job(
        job_def=job,
        run_config=run_config,
        tags={**job.run_tags, **process_tag()},
        asset_selection=frozenset(keys),
        remote_job_origin=RemoteJobOrigin(RemoteRepositoryOrigin(location, SINGLETON_REPOSITORY_NAME), job.name),
    )
    reach(CrashPoint.CYCLE_RUN_CREATED)
    return execute_run(InMemoryJob(job), run, instance)


def _explain(result: dg.JobExecutionResult) -> tuple[str, int, str]:
    """Sentence, exit code and stack of the first failed step; errors of the house carry their code along."""
    for event in result.all_events:
        if event.is_step_failure:
            failure = event.step_failure_data
            told = failure.user_failure_data
            code = told.metadata["code"].value if told and "code" in told.metadata else ""
            stack = failure.error.to_string() if failure.error else ""
            if code:
                # 4 would say "published": what ends a run publishes nothing.
                exit_code = CATALOGUE[code].exit_code
                return told.description or code, 3 if exit_code == 4 else exit_code, stack
            # An engine's words may quote a row; the stack behind --debug is for who may see it.
            error = failure.error.cause or failure.error if failure.error else None
            kind = error.cls_name if error else "failed"
            return f"E-RUN-003 {event.step_key}: {kind}. Next: cxw --debug run", 3, stack
    return "E-RUN-003 the run ended without a failed step; it was cancelled or could not start", 3, ""
