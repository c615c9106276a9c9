"""A home whose daemon does the work, in order: workers die, the whole stack dies with days passing, servers restart.

The stack is the real `cxw ui`; each test goes on from what the one before left.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

import duckdb
import pytest

from .lab import LINES, ORDERS
from .stack import Run, Stack, open_stack

DAYS = ("2026-04-02", "2026-04-03", "2026-04-04")
FILLED = ("2026-03-30", "2026-03-31", "2026-04-01")
ENDED = ("SUCCESS", "FAILURE", "CANCELED")


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    yield from open_stack(tmp_path_factory.mktemp("stack"))


@pytest.fixture
def stack(fresh: Stack) -> Stack:
    """The stack after its first snapshot, also for a test that runs alone."""
    if not fresh.is_up:
        fresh.start()
        fresh.wait("a snapshot", fresh.snapshot, 240)
    return fresh


def deliver(stack: Stack) -> None:
    """Three days of the shop, as a sender lays them down while nobody looks."""
    for number, day in enumerate(DAYS):
        order = f"{8000 + number},1001,{day}T10:00:00+02:00,paid,EUR,{day}T10:00:00+02:00\n"
        for table, header, row in (("orders", ORDERS, order), ("order_lines", LINES, f"{8000 + number},1,1,9.50\n")):
            path = stack.settings.landing / "ecommerce" / table / f"{table}_{day}.csv"
            path.write_text(header + row)


def of_backfills(stack: Stack) -> list[Run]:
    return [run for run in stack.runs() if run.job == "__ASSET_JOB"]


def orders_by_day(stack: Stack) -> dict[str, int]:
    path = (stack.settings.published / "current" / "cxw.duckdb").resolve()
    with duckdb.connect(str(path), read_only=True) as connection:
        rows = connection.execute(
            "select cast(date as varchar), sum(order_count) from marts.mart_orders__day group by 1"
        ).fetchall()
    return {day: int(count) for day, count in rows}


@pytest.mark.fault("F14", done="daemon started for the first time, files of three days in landing",
                   seen="one run takes every file in once and publishes, without any tick of the schedule")  # fmt: skip
def test_what_landed_before_the_start_is_found(fresh: Stack, seen) -> None:
    up = fresh.start()
    took = fresh.wait("a snapshot", fresh.snapshot, 240)
    assert [run.job for run in fresh.runs()] == ["run_cycle"]
    assert fresh.dates_taken_in("ecommerce.order_lines") == ["2026-03-30", "2026-03-31", "2026-04-01"]
    fresh.wait("the end of the run", lambda: fresh.runs()[0].status == "SUCCESS", 60)
    seen(f"page after {up:.0f} s, snapshot {took:.0f} s later")


@pytest.mark.fault("F87", done="a second `cxw ui`, and `cxw ui` on another port, for the same home",
                   seen="E-UI-001 names the process, the host and since when")  # fmt: skip
def test_a_second_daemon_is_refused(stack: Stack) -> None:
    for port in (stack.port, stack.port + 1):
        second = stack.cxw("ui", "--port", str(port))
        assert second.returncode == 2 and "E-UI-001" in second.stderr, second.stderr
        assert f"cxw ui (process {stack.ui_pid} on {os.uname().nodename}, since 20" in second.stderr


@pytest.mark.fault("F12", "F13", "M27", done="web page stopped; run worker killed (SIGKILL), a run waiting behind it",
                   seen="the run is failed, the next one starts within 60 s, the page is not needed")  # fmt: skip
def test_a_killed_worker_frees_the_queue(stack: Stack, seen) -> None:
    killed, waiting = stack.launch("build_warehouse"), stack.launch("build_warehouse")
    webservers = stack.processes("dagster-webserver")
    for pid in webservers:
        os.kill(pid, signal.SIGSTOP)
    stack.wait("the worker", lambda: stack.run(killed).pid, 120)
    assert stack.run(waiting).status == "QUEUED"
    os.kill(stack.run(killed).pid, signal.SIGKILL)
    gone = time.monotonic()
    stack.wait("the failed run", lambda: stack.run(killed).status == "FAILURE", 60)
    failed = time.monotonic() - gone
    stack.wait("the next run", lambda: stack.run(waiting).status in ("STARTING", "STARTED", "SUCCESS"), 60)
    started = time.monotonic() - gone
    assert started <= 60
    for pid in webservers:
        os.kill(pid, signal.SIGKILL)
    stack.wait("another page", lambda: set(stack.processes("dagster-webserver")) - set(webservers), 30)
    seen(f"failed after {failed:.0f} s, the next starts after {started:.0f} s")


@pytest.mark.fault(
    "F14", "F15", "M28",
    done="every process killed (SIGKILL) in the middle of a run, one more queued; three days delivered; start again",
    seen="the dead run is failed, the queue moves, the three days are built once and published",
)  # fmt: skip
def test_everything_dies_and_days_pass(stack: Stack, seen) -> None:
    stack.wait("the page", stack.answers, 120)
    alive = [run.run_id for run in stack.runs() if run.status not in ENDED]
    dying = alive[0] if alive else stack.launch("build_warehouse")
    stack.wait("a run under way", lambda: stack.run(dying).pid, 120)
    queued = stack.launch("ingest_survey")
    assert stack.run(dying).status == "STARTED" and stack.run(queued).status in ("QUEUED", "NOT_STARTED")
    before = stack.snapshot()
    stack.kill_everything()
    assert stack.run(dying).status == "STARTED", "nobody was left to say otherwise"
    deliver(stack)
    started = time.monotonic()
    stack.start()
    stack.wait("the dead run", lambda: stack.run(dying).status == "FAILURE", 90)
    failed = time.monotonic() - started
    stack.wait("the queue", lambda: stack.run(queued).status in ENDED, 180)
    moved = time.monotonic() - started
    stack.wait("the three days", lambda: stack.snapshot() != before and DAYS[2] in orders_by_day(stack), 240)
    found = orders_by_day(stack)
    assert [found[day] for day in DAYS] == [1, 1, 1]
    taken = Counter(stack.dates_taken_in("ecommerce.order_lines"))
    assert [taken[day] for day in DAYS] == [1, 1, 1]
    assert stack.run(queued).status == "SUCCESS"
    assert failed <= 90
    seen(f"failed after {failed:.0f} s, queue after {moved:.0f} s, published after {time.monotonic() - started:.0f} s")


@pytest.mark.fault("F84", done="a backfill of six tables started in the page and cancelled while its run works",
                   seen="it and its run are cancelled, no other run follows, the snapshot stays")  # fmt: skip
def test_a_backfill_is_cancelled_in_the_page(stack: Stack) -> None:
    for _ in range(3):  # on a busy machine its run may be done before it is stopped: then there was nothing to cancel
        stack.wait("quiet", lambda: all(run.status in ENDED for run in stack.runs()), 120)
        before = stack.snapshot()
        state, statuses = cancelled_at_once(stack)
        if statuses != ["SUCCESS"]:
            break
    assert (state, statuses) == ("CANCELED", ["CANCELED"])
    assert stack.snapshot() == before


def cancelled_at_once(stack: Stack) -> tuple[str, list[str]]:
    """How a backfill ended that was cancelled while its run was stopped, and how its runs did."""
    earlier = len(of_backfills(stack))
    tables = ("orders", "order_lines", "customers", "sessions", "refunds")
    backfill = stack.backfill([*(f"ecommerce.{table}" for table in tables), "survey.responses"], FILLED)
    stack.wait("its run", lambda: [run for run in of_backfills(stack)[earlier:] if run.pid], 120)
    (run,) = of_backfills(stack)[earlier:]
    with suppress(ProcessLookupError):
        os.kill(run.pid, signal.SIGSTOP)  # a quick one would be done before the page has sent the cancellation
    stack.cancel(backfill)
    stack.wait("its cancelling", lambda: of_backfills(stack)[earlier].status != "STARTED", 60)
    with suppress(ProcessLookupError):
        os.kill(run.pid, signal.SIGCONT)
    ends = ("CANCELED", "FAILED", "COMPLETED_SUCCESS")
    stack.wait("the end of it", lambda: stack.backfill_state(backfill) in ends, 120)
    return stack.backfill_state(backfill), [run.status for run in of_backfills(stack)[earlier:]]


@pytest.mark.fault("F16", "F84", done="the cancelled days again, the code server killed (SIGKILL) as it begins",
                   seen="it is started again, the backfill waits for it, goes on and completes")  # fmt: skip
def test_the_code_server_restarts_during_a_backfill(stack: Stack, seen) -> None:
    stack.wait("quiet", lambda: all(run.status in ENDED for run in stack.runs()), 120)
    servers = stack.processes("code-server")
    backfill = stack.backfill(["survey.responses"], FILLED)
    for pid in stack.processes("grpc") + servers:
        os.kill(pid, signal.SIGKILL)
    took = stack.wait("the backfill", lambda: stack.backfill_state(backfill) not in ("REQUESTED", "COMPLETING"), 240)
    assert stack.backfill_state(backfill) == "COMPLETED_SUCCESS"
    assert "code-server ended" in stack.said
    seen(f"{took:.0f} s")


@pytest.mark.fault("F87", "F15", done="`cxw ui` alone killed (SIGKILL), its children left", seen="they end with it")
def test_children_do_not_outlive_their_parent(stack: Stack, seen) -> None:
    assert stack.processes()
    stack.kill_ui()
    deadline = time.monotonic() + 60
    programs = ("dagster-daemon", "dagster-webserver", "code-server")
    while any(map(stack.processes, programs)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [program for program in programs if stack.processes(program)] == []
    seen(f"after {60 - (deadline - time.monotonic()):.0f} s")
