"""`cxw ui` of a small home, started, watched and killed like a machine would: code server, daemon, web page, workers.

Lives here: the processes, what Dagster's database and page say of them. Does not live here: what is done to them (the
tests). Every process below it carries a mark in its environment, so that none survives a test, however it ended.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conftest import make_home

from orchestration.instance import LOCATION, PROCESS_TAG
from orchestration.ledger import Ledger
from orchestration.orphans import MARK
from orchestration.settings import Settings
from orchestration.snapshots import current_snapshot

ROOT = Path(__file__).parent.parent.parent
PROGRAM = "from orchestration.cli import main; main()"
LAUNCH = """mutation($params: ExecutionParams!) {launchRun(executionParams: $params)
    {__typename ... on LaunchRunSuccess {run {runId}} ... on PythonError {message}}}"""
BACKFILL = """mutation($params: LaunchBackfillParams!) {launchPartitionBackfill(backfillParams: $params)
    {__typename ... on LaunchBackfillSuccess {backfillId} ... on PythonError {message}}}"""

CANCEL = """mutation($params: String!) {cancelPartitionBackfill(backfillId: $params)
    {__typename ... on PythonError {message}}}"""


@dataclass(frozen=True)
class Run:
    """A run as Dagster's database has it. `pid`: of the process that does its work, 0 before it has said so."""

    run_id: str
    job: str
    status: str
    pid: int


class Stack:
    """One home and its `cxw ui`."""

    def __init__(self, folder: Path) -> None:
        self.settings: Settings = make_home(folder, look_seconds=3, threads=1)
        self.home = folder
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._ui: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start it; returns the seconds until the page answered."""
        started = time.monotonic()
        with (self.home / "said.txt").open("ab") as log:
            self._ui = subprocess.Popen(
                [*self._command("ui", "--port", str(self.port))],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT, env=self._environment(),
                start_new_session=True,
            )  # fmt: skip
        self.wait("the page", self.answers, 240)
        return time.monotonic() - started

    def cxw(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._command(*arguments), capture_output=True, text=True, cwd=ROOT, env=self._environment(), timeout=240
        )

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-c", PROGRAM, "--home", str(self.home), *arguments]

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(ROOT)}

    @property
    def is_up(self) -> bool:
        return self._ui is not None and self._ui.poll() is None

    @property
    def ui_pid(self) -> int:
        assert self._ui is not None
        return self._ui.pid

    @property
    def said(self) -> str:
        return (self.home / "said.txt").read_text()

    def kill_ui(self) -> None:
        """SIGKILL for `cxw ui` alone."""
        assert self._ui is not None
        self._ui.kill()
        self._ui.wait()

    def kill_everything(self) -> None:
        """What a power cut does: SIGKILL for every process of the home."""
        if self._ui is not None and self._ui.poll() is None:
            self._ui.send_signal(signal.SIGSTOP)  # else it starts its children again, or they hear of its end
        while found := self.processes():
            for pid in found:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
        if self._ui is not None:
            self._ui.kill()
            self._ui.wait()

    def processes(self, word: str = "") -> list[int]:
        """Living processes below `cxw ui`, by a word of their command line."""
        mark = f"{MARK}={self.home}".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    found += [int(folder.name)] if word in command else []
        return sorted(found)

    def answers(self) -> bool:
        page = f"http://127.0.0.1:{self.port}/server_info"
        with suppress(OSError), urllib.request.urlopen(page, timeout=2) as answer:
            return answer.status == 200
        return False

    def _ask(self, query: str, params: Any) -> dict[str, Any]:
        body = json.dumps({"query": query, "variables": {"params": params}}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/graphql", body, headers)
        with urllib.request.urlopen(request, timeout=120) as answer:
            (outcome,) = json.loads(answer.read())["data"].values()
        assert outcome["__typename"].endswith("Success"), outcome
        return outcome

    def launch(self, job: str) -> str:
        """A run started by hand; its id."""
        selector = {"repositoryLocationName": LOCATION, "repositoryName": "__repository__", "jobName": job}
        return self._ask(LAUNCH, {"selector": selector, "runConfigData": {}})["run"]["runId"]

    def backfill(self, tables: Sequence[str], days: Sequence[str]) -> str:
        """A backfill of delivered tables started by hand; its id."""
        assets = [{"path": table.split(".")} for table in tables]
        return self._ask(BACKFILL, {"assetSelection": assets, "partitionNames": list(days)})["backfillId"]

    def cancel(self, backfill_id: str) -> None:
        self._ask(CANCEL, backfill_id)

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        path = self.settings.dagster_home / "history" / "runs.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as connection:
            return connection.execute(sql).fetchall()

    def runs(self) -> list[Run]:
        """Every run that Dagster knows, oldest first."""
        with suppress(sqlite3.OperationalError):  # not there yet
            tags = dict(self._rows(f"select run_id, value from run_tags where key = '{PROCESS_TAG}'"))
            rows = self._rows("select run_id, pipeline_name, status from runs order by id")
            return [Run(*row, pid=int(tags.get(row[0], "host:0:").split(":")[1])) for row in rows]
        return []

    def run(self, run_id: str) -> Run:
        return next(run for run in self.runs() if run.run_id == run_id)

    def backfill_state(self, backfill_id: str) -> str:
        return self._rows(f"select status from bulk_actions where key = '{backfill_id}'")[0][0]

    def snapshot(self) -> str | None:
        return current_snapshot(self.settings)

    def dates_taken_in(self, table: str) -> list[str]:
        """Extract dates of the accepted deliveries of one table, one per delivery."""
        with Ledger(self.settings.ledger_path) as ledger:
            return sorted(str(each.extract_date) for each in ledger.deliveries(*table.split("."), ["accepted"]))

    def wait(self, what: str, is_so: Callable[[], object], seconds: float) -> float:
        """Until something is so; returns how long it took."""
        started = time.monotonic()
        while not is_so():
            assert time.monotonic() - started < seconds, (
                f"{what} not within {seconds:.0f} s: {self.runs()}\n{self.said}"
            )
            assert self._ui is not None and self._ui.poll() is None, f"cxw ui ended: {self.said}"
            time.sleep(0.1)
        return time.monotonic() - started


def open_stack(folder: Path) -> Iterator[Stack]:
    """A stack whose home holds the tiny extracts; whatever happens, no process of it is left."""
    stack = Stack(folder)
    try:
        yield stack
    finally:
        stack.kill_everything()
