"""Time passes and nobody looks: a snapshot behind its objective, ticks that were missed, a host that came up again.

In process, on the tiny company, with clocks that the tests set; quick enough for every `make test`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from deliveries import csv, open_home, row

from orchestration import lease, snapshots, status
from orchestration.automation import CYCLE_JOB
from orchestration.definitions import build_definitions
from orchestration.errors import CxwError
from orchestration.instance import PROCESS_TAG, fail_dead_runs, process_tag
from orchestration.landing import ingest
from orchestration.ledger import Ledger
from orchestration.orphans import end_orphans, family_environment
from orchestration.settings import Settings, load_settings
from orchestration.site import Site

pytestmark = pytest.mark.faults_reduced
ROOT = Path(__file__).parent.parent.parent
PUBLISHED_AT = datetime(2026, 4, 2, 4, 0, tzinfo=UTC)  # 06:00 in Berlin, the morning after the last day
NOBODY = 65534


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, tiny_site: Site) -> Site:
    """The tiny company, taken in through 1 April and published on the morning of the 2nd."""
    from conftest import make_home

    settings = make_home(tmp_path_factory.mktemp("clock"))
    site = replace(tiny_site, settings=settings)
    with Ledger(settings.ledger_path) as ledger:
        for contract in site.contracts.values():
            ingest(contract, settings, ledger)
        snapshot_id = snapshots.new_snapshot_id(settings, site.sources, ledger)
        folder = settings.published / snapshot_id
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text(json.dumps({"published_at": PUBLISHED_AT.isoformat()}))
        (settings.published / "current").symlink_to(snapshot_id)
        snapshots._record(settings, ledger, snapshot_id)
    return site


def after(hours: float, site: Site) -> status.Status:
    return status.read_status(site, PUBLISHED_AT + timedelta(hours=hours))


@pytest.mark.fault("F14", done="30 h pass after a publish, every source delivered; the clock goes back a day",
                   seen="status is 0: nothing is late within the objective")  # fmt: skip
@pytest.mark.parametrize("hours", [0, 29, -24])
def test_a_snapshot_within_its_objective_is_green(site: Site, hours: int) -> None:
    now = after(hours, site)
    assert (now.exit_code, now.late, now.behind) == (0, [], [])


@pytest.mark.fault("F14", done="40 h pass, every process up, no source delivers",
                   seen="status 3 (red), in --json too: the age, each source, its tables, the day awaited")  # fmt: skip
def test_an_old_snapshot_is_red_and_names_source_and_day(site: Site) -> None:
    now = after(40, site)
    assert now.exit_code == 3
    assert now.late[0].startswith("the published snapshot is 40 h old (objective 36 h): ")
    assert {each.source for each in now.behind} == set(site.sources)
    (crm,) = [line for line in now.late if line.startswith("crm ")]
    assert "crm is whole through 2026-04-01 only (" in crm and "2026-04-02 is awaited" in crm
    told = status.as_json(now)
    assert not told["is_fresh"] and told["late"] == now.late
    assert {"2026-04-02"} == {each["awaited_date"] for each in told["behind"]}


@pytest.mark.fault("F40", "F14", done="one source goes on delivering and publishing, the others have stopped",
                   seen="red although the snapshot is of today: the sources that stopped, and since when")  # fmt: skip
def test_a_young_snapshot_of_old_data_is_red(site: Site, tmp_path: Path) -> None:
    now = after(72, site)
    tables = tuple(
        replace(state, observed_through=date(2026, 4, 4)) if state.contract.source == "ecommerce" else state
        for state in now.tables
    )
    young = replace(now, published_at=now.now - timedelta(hours=1), tables=tables)
    assert young.exit_code == 3 and not any("published snapshot" in line for line in young.late)
    assert {each.source for each in young.behind} == set(site.sources) - {"ecommerce"}


@pytest.mark.fault("F14", done="a site without any delivery for more than 90 days, published an hour ago",
                   seen="a history: not late, whatever the date")  # fmt: skip
def test_a_history_is_not_late(site: Site) -> None:
    now = after(24 * 100, site)
    assert replace(now, published_at=now.now - timedelta(hours=1)).exit_code == 0


@pytest.mark.fault("F14", done="three daily ticks missed, then evaluated one after the other, as Dagster catches up",
                   seen="all ask for the same run of everything missing, started once; the rest skip")  # fmt: skip
def test_missed_ticks_ask_for_one_run(tiny_home: Settings, site_at: Callable[[Settings], Site]) -> None:
    site = site_at(tiny_home)
    repository = build_definitions(site.settings, site.manifest).get_repository_def()
    schedule = repository.get_schedule_def("run_cycle_daily")
    keys = set()
    with dg.instance_for_test() as instance:
        for day in (2, 3, 4):
            moment = datetime(2026, 4, day, 4, tzinfo=UTC)
            with dg.build_schedule_context(instance, moment, repository_def=repository) as context:
                (request,) = schedule.evaluate_tick(context).run_requests
                keys.add(request.run_key)
        assert len(keys) == 1, "Dagster starts one run for one key"
        instance.create_run_for_job(repository.get_job(CYCLE_JOB), status=dg.DagsterRunStatus.STARTED)
        with dg.build_schedule_context(instance, moment, repository_def=repository) as context:
            assert "is under way" in schedule.evaluate_tick(context).skip_message


@dg.job
def nothing() -> None: ...


@pytest.mark.fault("F15", "M28", done="a run marked as under way by a process of before the reboot (another boot id)",
                   seen="the first tick fails it, and it keeps no place in the queue")  # fmt: skip
def test_a_reboot_in_the_middle_of_a_run() -> None:
    host, pid, _, started = process_tag()[PROCESS_TAG].split(":")
    with dg.instance_for_test() as instance:
        tags = {PROCESS_TAG: f"{host}:{pid}:the-boot-before:{started}"}  # the same process number lives again
        run = instance.create_run_for_job(nothing, status=dg.DagsterRunStatus.STARTED, tags=tags)
        assert fail_dead_runs(instance) == [run.run_id]
        assert instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.FAILURE


@pytest.fixture
def other() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Another process, ended with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
        command = [sys.executable, "-c", code, *arguments]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables))
        assert started[-1].stdout.readline() == "ready\n"
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


HOLD = """
import sys, time
from pathlib import Path
from orchestration import lease
from orchestration.settings import load_settings
with lease.hold_daemon(load_settings(Path(sys.argv[1]), {})):
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.mark.fault("F87", done="two daemons on one home", seen="the second is refused: E-UI-001 with process and host")
def test_one_daemon_a_home(tmp_path: Path, other: Callable[..., subprocess.Popen[str]]) -> None:
    first = other(HOLD, str(tmp_path))
    settings = load_settings(tmp_path, {})
    with pytest.raises(CxwError, match=rf"cxw ui .process {first.pid} on {os.uname().nodename}") as refused:
        lease.hold_daemon(settings).__enter__()
    assert refused.value.code == "E-UI-001"
    first.kill()
    first.wait()
    with lease.hold_daemon(settings):
        assert f'"pid": {os.getpid()}' in settings.daemon_lock_path.read_text()


@pytest.mark.fault("F87", done="a daemon whose `cxw ui` was killed, and one of another home",
                   seen="the first is ended before a new one starts, the other lives on")  # fmt: skip
def test_orphans_of_this_home_are_ended(tmp_path: Path, other: Callable[..., subprocess.Popen[str]]) -> None:
    mine, foreign = load_settings(tmp_path / "mine", {}), load_settings(tmp_path / "foreign", {})
    sleep = "import time\nprint('ready', flush=True)\ntime.sleep(60)"
    orphan, neighbour = (other(sleep, **family_environment(settings)) for settings in (mine, foreign))
    assert end_orphans(mine) == [orphan.pid]
    assert orphan.wait(timeout=5) != 0 and neighbour.poll() is None
    assert end_orphans(mine) == []


@pytest.mark.fault("F22", done="a file of mode 000, read by a process without the superuser's rights",
                   seen="E-LND-007 for it, the other file of the table is taken in")  # fmt: skip
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            _be_nobody(Path(folder), writer)
        os.close(writer)
        with os.fdopen(reader) as answers:
            said = answers.read()
        os.waitpid(child, 0)
        assert json.loads(said) == {"orders_2024-01-15.csv": "E-LND-007", "orders_2024-01-16.csv": ""}, said


def _be_nobody(folder: Path, answers: int) -> None:
    """Take the files in with the rights of nobody; never returns."""
    try:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        home = open_home(folder / "home")
        home.put(csv(row(1))).chmod(0)
        home.put(csv(row(2)), "orders_2024-01-16.csv")
        found = {each.delivery.file_name: each.delivery.reason_code for each in home.ingest().results}
        os.write(answers, json.dumps(found).encode())
    except BaseException:
        os.write(answers, traceback.format_exc().encode())
    finally:
        os._exit(0)
