"""Impatient and mistaken people, on one home, in order: each test goes on from what the one before left.

Ctrl-C twice, a cancelled backfill, two at once, a tick in between, a day that never comes, a reader in the wrong file,
code deployed in the middle of a run. The code and the models that run are a copy, which the last test changes.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import duckdb
import pytest
from golden_hashes import NAMES_ITS_SNAPSHOT, differences, unlike_golden

from orchestration import disk
from orchestration.crash_points import VARIABLE, CrashPoint
from orchestration.errors import CxwError
from orchestration.ledger import Ledger
from orchestration.snapshots import current_snapshot
from orchestration.warehouse import DuckDBWarehouse

from .lab import TESTS, Lab, make_lab

PUBLISHED, STOPPED = 4, 130  # the tiny company misses a date in its other tables
RANGE = ("--from", "2026-03-30", "--to", "2026-04-02")
MART = "mart_orders__day"
OPEN_AND_WAIT = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=True)
print("open", flush=True)
sys.stdin.readline()
"""


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code and the models, as somebody installs them."""
    folder = tmp_path_factory.mktemp("code")
    for name in ("orchestration", "dbt_project", "expectations"):
        unwanted = shutil.ignore_patterns("__pycache__", "target", "logs")
        shutil.copytree(TESTS.parent / name, folder / name, ignore=unwanted)
    return folder


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, code: Path) -> Lab:
    return make_lab(tmp_path_factory.mktemp("people"), code)


def start(lab: Lab, *arguments: str) -> subprocess.Popen[str]:
    """A command in a process of its own, beside the one that stands still."""
    program = "from orchestration.cli import main; main()"
    environment = {**os.environ, "PYTHONPATH": str(lab.code)}
    return subprocess.Popen(
        [sys.executable, "-c", program, "--home", str(lab.home), *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, cwd=lab.code,
    )  # fmt: skip


@pytest.fixture
def reader() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that read a DuckDB file; ended with the test."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.communicate()


def open_file(path: Path, started: list[subprocess.Popen[str]]) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", OPEN_AND_WAIT, str(path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    started.append(process)
    assert process.stdout.readline() == "open\n"
    return process


def served(lab: Lab, sql: str) -> list[tuple]:
    path = (lab.settings.published / "current" / "cxw.duckdb").resolve()
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def as_of(lab: Lab) -> dict[str, str | None]:
    """The day through which each delivered table is whole, as readers see it."""
    rows = served(lab, "select source || '.' || \"table\", observed_through_date from meta.observed_through")
    return {name: str(day) for name, day in rows}


@pytest.mark.fault("F90", done="content hashes of every published table held against the golden ones; one changed",
                   seen="equal; a change is named by table, with the command that accepts it")  # fmt: skip
def test_an_upgrade_that_changes_a_number_is_named(lab: Lab) -> None:
    found = {name: digest for name, digest in lab.first.items() if name not in NAMES_ITS_SNAPSHOT}
    assert unlike_golden(found) == ""
    other = differences(found, {**found, f"marts.{MART}": "other"})
    assert f"1 tables hold other rows than before: marts.{MART}. " in other


@pytest.mark.fault("F10", "F9", done="Ctrl-C between two models, and again while it stops",
                   seen="exit 130 at once and without a stack, no child left, N served")  # fmt: skip
def test_ctrl_c_twice(lab: Lab) -> None:
    with lab.paused_at(CrashPoint.CORE_NODE, 40) as paused:
        os.kill(paused.pid, signal.SIGINT)
        again = threading.Timer(0.3, interrupt, [paused.pid])
        again.start()
    again.join()
    assert paused.ended.code == STOPPED, paused.ended.said
    assert "Traceback" not in paused.ended.said and paused.ended.said.strip()
    deadline = time.monotonic() + 10
    while children_of(paused.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert children_of(paused.pid) == []
    assert lab.hashes() == lab.first


def interrupt(pid: int) -> None:
    with suppress(ProcessLookupError):  # the first one was enough
        os.kill(pid, signal.SIGINT)


def children_of(group: int) -> list[str]:
    """Processes of a group that has lost its leader."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        if fields[2] == str(group) and fields[0] != "Z":
            found.append(path.parent.name)
    return found


@pytest.mark.fault("F84", "F9", done="a backfill of four days stopped (SIGTERM) after some of its tables",
                   seen="exit 130, what it finished stays in the ledger, nothing is published")  # fmt: skip
def test_a_backfill_is_cancelled(lab: Lab, seen) -> None:
    before = current_snapshot(lab.settings)
    ended = lab.cxw("backfill", *RANGE, **{VARIABLE: f"{CrashPoint.LEDGER_RECORDED}:SIGTERM:9"})
    assert ended.code == STOPPED, ended.said
    assert (current_snapshot(lab.settings), lab.hashes()) == (before, lab.first)
    with Ledger(lab.settings.ledger_path) as ledger:
        taken = [each.name for each in ledger.deliveries() if str(each.extract_date) == "2026-04-02"]
    assert lab.run_states()[-1] == "CANCELED" and "STARTED" not in lab.run_states()
    seen(f"{len(taken)} of 4 new files taken in before the stop")


@pytest.mark.fault(
    "F82", "F83", "F84", "F87",
    done="the backfill again, a second one beside it, `cxw run --no-wait` and a schedule tick in the middle",
    seen="the second waits and says for whom, run is refused (E-RUN-001) with process and host, the tick skips; the"
    " first publishes the new day whole (a later rebuild hashes the same), the second finds it current",
)  # fmt: skip
def test_two_backfills_and_a_tick_overlap(lab: Lab) -> None:
    published = len(list(lab.settings.published.glob("0*")))
    with lab.paused_at(CrashPoint.READING_WRITTEN, 3, "backfill", *RANGE) as first:
        holder = rf"cxw backfill \(process {first.pid} on \S+, since "
        second = start(lab, "backfill", *RANGE, "--source", "ecommerce")
        assert re.match(f"waiting: {holder}", second.stdout.readline())
        refused = start(lab, "run", "--no-wait")
        said = refused.communicate(timeout=60)[0]
        assert refused.returncode == 3 and re.search(f"E-RUN-001 .*{holder}", said), said
        assert tick(lab) == f"run {last_run(lab)[:8]} is under way"
    said = second.communicate(timeout=180)[0]
    assert first.ended.code == PUBLISHED, first.ended.said
    assert second.returncode == PUBLISHED and "nothing changed" in said, said
    assert served(lab, "select count(*) from core.fct_orders where order_id between '7000' and '7007'") == [(8,)]
    assert lab.leftovers() == []
    assert len(list(lab.settings.published.glob("0*"))) == published + 1


def tick(lab: Lab) -> str | None:
    """What the daily schedule says now."""
    import dagster as dg

    from orchestration.definitions import build_definitions
    from orchestration.instance import open_instance
    from orchestration.site import open_site

    settings = lab.settings
    manifest = json.loads((settings.dbt_target / "manifest.json").read_bytes())
    repository = build_definitions(open_site(settings, manifest).settings, manifest).get_repository_def()
    with (
        open_instance(settings) as instance,
        dg.build_schedule_context(instance=instance, repository_def=repository) as context,
    ):
        return repository.get_schedule_def("run_cycle_daily").evaluate_tick(context).skip_message


def last_run(lab: Lab) -> str:
    from orchestration.instance import open_instance

    with open_instance(lab.settings) as instance:
        return instance.get_runs(limit=1)[0].run_id


@pytest.mark.fault(
    "F40",
    done="one day that only the shop delivered; `cxw status`, `cxw gaps accept all … --why`",
    seen="as_of of the others stays before it, status names table and day, the acceptance is in the ledger",
)  # fmt: skip
def test_a_day_that_never_comes_is_accepted(lab: Lab) -> None:
    if lab.hashes() == lab.first:  # this test alone
        assert lab.cxw("run").code == PUBLISHED
    held = as_of(lab)
    assert (held["ecommerce.orders"], held["crm.leads"]) == ("2026-04-02", "2026-04-01")
    status = lab.cxw("status")
    missing = re.search(r"open: (\S+) and \d+ more tables: 1 date missing: 2026-04-02", status.said)
    assert status.code == PUBLISHED and missing, status.said
    assert "2026-04-02" in lab.cxw("gaps", "list").said
    assert lab.cxw("gaps", "accept", "all", "2026-04-02", "--why", "bank holiday").code == 0
    with Ledger(lab.settings.ledger_path) as ledger:
        assert {gap.why for gap in ledger.gaps()} == {"bank holiday"}
    assert as_of(lab) == held, "readers see it with the next publish"


@pytest.mark.fault(
    "F86", "M5",
    done="another program opens the build file read-only before a run, and closes it later",
    seen="the folder is its owner's alone; the run waits and publishes; too long: E-DSK-005 names the process",
)  # fmt: skip
def test_a_reader_in_the_build_file(lab: Lab, reader, monkeypatch: pytest.MonkeyPatch) -> None:
    assert lab.settings.build.stat().st_mode & 0o077 == 0
    wrong = open_file(lab.settings.warehouse_path, reader)
    monkeypatch.setattr(disk, "READER_WAIT_SECONDS", 0.5)
    with (
        pytest.raises(duckdb.IOException) as refused,
        DuckDBWarehouse(lab.settings.warehouse_path, lab.settings).connect(),
    ):
        pass
    told = disk.as_disk_error(refused.value)
    assert isinstance(told, CxwError) and told.code == "E-DSK-005" and f"process {wrong.pid} " in str(told)
    leaving = threading.Timer(4, lambda: (wrong.stdin.write("\n"), wrong.stdin.flush()))
    leaving.start()
    ended = lab.cxw("run")
    leaving.join()
    assert ended.code == 0, ended.said


@pytest.mark.fault(
    "F40", done="the cycle after the acceptance", seen="as_of of every table moves on, nothing is missing"
)
def test_an_accepted_gap_moves_what_is_whole(lab: Lab) -> None:
    assert set(as_of(lab).values()) == {"2026-04-02"}
    assert lab.cxw("status").code == 0


@pytest.mark.fault(
    "F88", "F89", "F91", "M24",
    done=f"`{MART}` gets a new column while `cxw rebuild` stands between two models; then `cxw rebuild` again",
    seen="E-PUB-006 and N served; status says it is stale; then the column is published under its own code version,"
    " every other table hashes as before, the accepted gap is still one",
)  # fmt: skip
def test_code_is_deployed_in_the_middle_of_a_rebuild(lab: Lab, code: Path) -> None:
    before, days, manifest = lab.hashes(), as_of(lab), published_manifest(lab)
    with lab.paused_at(CrashPoint.CORE_NODE, 10, "rebuild") as paused:
        add_column(code)
    assert paused.ended.code == 3 and "E-PUB-006" in paused.ended.said, paused.ended.said
    assert lab.hashes() == before
    assert "not made of what is accepted now" in lab.cxw("status").said
    ended = lab.cxw("rebuild")
    assert ended.code == 0, ended.said
    assert served(lab, f"select distinct probe_count from marts.{MART}") == [(1,)]
    assert published_manifest(lab)["code_version"] != manifest["code_version"]
    assert {name for name, digest in lab.hashes().items() if before[name] != digest} == {f"marts.{MART}"}
    assert as_of(lab) == days and "bank holiday" in lab.cxw("gaps", "list").said


def published_manifest(lab: Lab) -> dict:
    return json.loads((lab.settings.published / "current" / "manifest.json").read_bytes())


def add_column(code: Path) -> None:
    """One more column of a mart, in its SQL and in its contract."""
    (sql,) = (code / "dbt_project" / "models" / "marts").rglob(f"{MART}.sql")
    text = sql.read_text(encoding="utf-8").rstrip()
    assert text.endswith("select * from final")
    sql.write_text(
        text.removesuffix("select * from final") + "select *, cast(1 as integer) as probe_count from final\n"
    )
    for path in sql.parent.glob("_*.yml"):
        text = path.read_text(encoding="utf-8")
        head, name, rest = text.partition(f"  - name: {MART}\n")
        if name:
            columns, word, after = rest.partition("    columns:\n")
            column = "      - name: probe_count\n        data_type: integer\n        description: One.\n"
            path.write_text(head + name + columns + word + column + after, encoding="utf-8")
