"""Dagster's own home below `CXW_HOME`: its configuration file, opening it, and runs whose process is gone.

Lives here: `dagster.yaml` (telemetry off, one writing run, run monitoring, retention), the environment of every
Dagster process, the start-up reconciler. Does not live here: who may write now (`lease.py`), when things run
(`automation.py`). Everything in this home is history: it may be deleted, the next cycle starts a new one.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun

MODULE = "orchestration.definitions"
LOCATION = "cx_warehouse"  # as pyproject.toml says
WRITER_POOL = "warehouse"
PROCESS_TAG = "cxw/process"
EVENT_BATCH_SIZE = "2000"

# Pools count per run: a run that writes anything waits in the queue until no other writing run is under way, and
# a run that dies frees its place with its status, so no slot is ever left taken.
CONFIGURATION = """\
# Written by cxw at every start; changes here are lost. Settings of the warehouse are in cxw.toml.
telemetry: {{enabled: false}}
nux: {{enabled: false}}
event_log_storage:
  module: orchestration.event_log
  class: CycleEventLogStorage
  config: {{base_dir: {base_dir}}}
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
concurrency:
  pools: {{default_limit: 1, granularity: run}}
  runs: {{max_concurrent_runs: 4}}
run_monitoring:
  enabled: true
  poll_interval_seconds: 10
  start_timeout_seconds: 180
  cancel_timeout_seconds: 60
  free_slots_after_run_end_seconds: 5
freshness: {{enabled: true}}
retention:
  schedule: {{purge_after_days: 90}}
  sensor: {{purge_after_days: {{skipped: 2, failure: 30, success: 90, started: 90}}}}
code_servers: {{local_startup_timeout: 120}}
"""


def dagster_environment(settings: Settings) -> dict[str, str]:
    """Variables of every Dagster process of this home, in process or a child."""
    return {
        "CXW_HOME": str(settings.home),
        "DAGSTER_HOME": str(settings.dagster_home),
        "DAGSTER_EVENT_BATCH_SIZE": EVENT_BATCH_SIZE,
        # While the code server starts again its assets are unknown; a backfill waits for it instead of failing.
        "DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR": "1",
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
        "GX_ANALYTICS_ENABLED": "false",
    }


def write_configuration(settings: Settings) -> None:
    """Write `dagster.yaml` unless it already says the same."""
    path = settings.dagster_home / "dagster.yaml"
    text = CONFIGURATION.format(base_dir=json.dumps(str(settings.dagster_home / "history" / "runs")))
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        settings.dagster_home.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@contextmanager
def open_instance(settings: Settings) -> Iterator[DagsterInstance]:
    """The persistent instance of this home; sets the environment that Dagster reads in this process."""
    write_configuration(settings)
    os.environ.update(dagster_environment(settings))
    import dagster as dg

    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        yield instance


def process_tag() -> dict[str, str]:
    """Run tag that names the process doing the work, so that its death can be told later."""
    return {PROCESS_TAG: f"{socket.gethostname()}:{os.getpid()}:{_boot_id()}:{_started_at(os.getpid())}"}


def fail_dead_runs(instance: DagsterInstance, *, no_daemon_is_alive: bool = False) -> list[str]:
    """Mark runs as failed that say they are under way although their process is gone; returns their ids.

    Dagster notices a worker that dies below a living code server; after a kill of everything, or of `cxw run`, a
    run would stay "started" for ever and keep the writer pool. A run of another host is left alone.

    Args:
        no_daemon_is_alive: nothing of this home's daemon runs (it is about to be started), so that a run which never
            came to naming its process is dead as well.
    """
    import dagster as dg

    dead = []
    # Not started: `cxw run` names its process with the run and may be killed before the first event of it.
    active = [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]
    active += [dg.DagsterRunStatus.CANCELING]
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=active)):
        is_orphan = no_daemon_is_alive and PROCESS_TAG not in run.tags
        if is_orphan or _is_gone(run):
            instance.report_run_failed(run, "The process of this run is gone. Safe to rerun: `cxw run`.")
            dead.append(run.run_id)
    return dead


def _is_gone(run: DagsterRun) -> bool:
    host, _, rest = run.tags.get(PROCESS_TAG, "").partition(":")
    if not rest or host != socket.gethostname():
        return False
    pid, boot_id, started_at = rest.split(":", 2)
    return boot_id != _boot_id() or started_at != _started_at(int(pid))


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return "unknown"


def _started_at(pid: int) -> str:
    """Clock ticks since boot at which a process began ("" = there is none): pids come again, such pairs do not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
