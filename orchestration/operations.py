"""What the writing commands do, in order: take the lease, look, run, say what is left open.

Lives here: `run`, `backfill`, `rebuild` as plain functions; the demo and the tests call them too.
Does not live here: options and printing (`cli.py`, `screens.py`), the Dagster run (`execution.py`). Nothing here
imports Dagster, dbt or Great Expectations before there is something to do: an empty cycle takes a second.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from orchestration import accounting, cycle, disk, lease, snapshots
from orchestration.errors import CxwError
from orchestration.ledger import Ledger
from orchestration.quarantine import set_aside
from orchestration.settings import CONFIG_NAME, Settings, default_config
from orchestration.site import Site, open_site
from orchestration.stopping import stoppable

LEASE_WAIT_SECONDS = 3600.0


@dataclass(frozen=True)
class Report:
    """How a command ended. `open` names what is refused, held or missing, one line each."""

    exit_code: int
    said: str
    snapshot_id: str | None
    open: tuple[str, ...] = ()
    trace: str = ""
    seconds: float = 0.0


Say = Callable[[str], None]


def prepare_home(settings: Settings, values: dict[str, Any] | None = None) -> bool:
    """Write `cxw.toml` with every default and its meaning unless there is one; returns whether it was written."""
    if settings.config_path.exists():
        return False
    settings.home.mkdir(parents=True, exist_ok=True)
    settings.config_path.write_text(default_config(values), encoding="utf-8")
    return True


def run_cycle(settings: Settings, say: Say, *, wait_seconds: float = LEASE_WAIT_SECONDS) -> Report:
    """One cycle: whatever is new, missing or stale; the exit code of `architecture.md`."""
    with _writing(settings, "cxw run", say, wait_seconds) as site:
        with Ledger(settings.ledger_path) as ledger:
            for found in snapshots.reconcile(settings, ledger):
                say(found)
            work = cycle.find_work(site, ledger)
        if work.is_empty and not work.waiting:
            return _report(site, 0, f"{work}: {_served(settings)}")
        say(str(work))
        if work.is_empty:  # files that may still be growing: nothing is built before one of them is whole
            return _run_if_changed(site, work.waiting)
        return _run(site, (*work.tables, *work.waiting))


def backfill(settings: Settings, say: Say, first: date, last: date, source: str = "") -> Report:
    """Read the extract dates of a range again, in one pass; build and publish when that changed something."""
    if last < first:
        raise CxwError("E-RUN-002", "the range ends before it begins", where=f"{first} to {last}")
    with _writing(settings, "cxw backfill", say, LEASE_WAIT_SECONDS) as site:
        if source and source not in site.sources:
            raise CxwError("E-RUN-002", f"no source {source}; there are {', '.join(site.sources)}", where="--source")
        tables = [name for name, contract in site.contracts.items() if source in ("", contract.source)]
        say(f"reading {first} to {last} of {len(tables)} tables again")
        return _run_if_changed(site, tables, force=True, first_date=first, last_date=last)


def replay(settings: Settings, say: Say, wanted: str = "") -> Report:
    """Read again what was set aside, now under today's contracts and suites; publish when that changed something.

    Args:
        wanted: number or sha256 of one delivery; default every delivery that is refused or lost rows.
    """
    with _writing(settings, "cxw quarantine replay", say, LEASE_WAIT_SECONDS) as site:
        found = [each for each in set_aside(settings, wanted) if each.name in site.contracts and each.extract_date]
        if not found:
            return _report(site, 0, f"nothing to read again: {_served(settings)}")
        days = [each.extract_date for each in found]
        tables = sorted({each.name for each in found})
        say(f"reading {len(found)} deliveries of {len(tables)} tables again")
        return _run_if_changed(site, tables, force=True, first_date=min(days), last_date=max(days))


def rebuild(settings: Settings, say: Say) -> Report:
    """Make everything again from raw objects and ledger: typed rows, build, snapshot. The marts hash the same."""
    with _writing(settings, "cxw rebuild", say, LEASE_WAIT_SECONDS) as site:
        shutil.rmtree(settings.build, ignore_errors=True)
        say("build removed; reading every accepted delivery again")
        return _run(site, list(site.contracts), force=True)


def train_identity(settings: Settings, say: Say) -> str:
    """Train the matcher on the newest build's records and put the model in force; returns what to say."""
    from orchestration import identity_matching, matching
    from orchestration.warehouse import DuckDBWarehouse

    with _writing(settings, "cxw identity train", say, LEASE_WAIT_SECONDS):
        if not settings.warehouse_path.exists():
            raise CxwError("E-IDN-003", "no build on this machine has the records", next_command="cxw run")
        warehouse = DuckDBWarehouse(settings.warehouse_path, settings)
        records = {name: warehouse.table("conformed", f"int_{name}__unioned") for name in matching.ENTITY_NAMES}
        with Ledger(settings.ledger_path) as ledger:
            model = identity_matching.train(settings, ledger, matching.matchable_records(**records), is_asked_for=True)
    return f"trained model {model.version} on {model.record_count} records; the next `cxw run` uses it"


@contextmanager
def _writing(settings: Settings, what: str, say: Say, wait_seconds: float) -> Iterator[Site]:
    """The lease and the site; a stopped command ends at a safe point."""
    prepare_home(settings)
    with (
        lease.hold(
            settings, what, wait_seconds=wait_seconds, on_wait=lambda holder: say(f"waiting: {holder} is writing")
        ),
        stoppable(),
    ):
        site = open_site(settings)
        if not site.sources:
            raise CxwError(
                "E-CFG-003",
                "no source: nothing below landing has the name of a source",
                where=str(settings.landing),
                next_command=f"put files under {settings.landing}/<source>/<table>/, or name sources in {CONFIG_NAME}",
            )
        yield site


def _run_if_changed(site: Site, tables: Sequence[str], **options: Any) -> Report:
    """Take in these tables; build only when what is accepted now differs from what is published."""
    report = _run(site, tables, with_build=False, **options)
    if report.exit_code not in (0, 4):
        return report
    with Ledger(site.settings.ledger_path) as ledger:
        is_stale = cycle.find_work(site, ledger).is_stale
    return _run(site, ()) if is_stale else replace(report, said=f"nothing changed: {_served(site.settings)}")


def _run(site: Site, tables: Sequence[str], **options: Any) -> Report:
    from orchestration.execution import run_job

    disk.require_room(site.settings)
    outcome = run_job(site, tables, **options)
    if outcome.is_stopped:
        raise KeyboardInterrupt
    if outcome.problem:
        return _report(site, outcome.exit_code, outcome.problem, outcome.trace, outcome.seconds)
    said = f"published {outcome.snapshot_id} in {outcome.seconds:.0f} s"
    return _report(site, 0, said, seconds=outcome.seconds)


def _report(site: Site, exit_code: int, said: str, trace: str = "", seconds: float = 0.0) -> Report:
    with Ledger(site.settings.ledger_path) as ledger:
        states = accounting.table_states(list(site.contracts.values()), site.settings, ledger)
    problems = tuple(accounting.problems(states))
    if exit_code == 0 and problems:
        exit_code = 4
    return Report(exit_code, said, snapshots.current_snapshot(site.settings), problems, trace, seconds)


def _served(settings: Settings) -> str:
    snapshot_id = snapshots.current_snapshot(settings)
    return f"snapshot {snapshot_id} is current" if snapshot_id else "nothing is published yet"
