"""`cxw ui`: Dagster's code server, web page and daemon for one home, ended together.

Lives here: starting the three on loopback, watching them, ending them with their children. Does not live here: what
they show (`definitions.py`), their configuration (`instance.py`), what a killed one left behind (`orphans.py`).
There is no login in the open-source web page and whoever reaches it can launch runs, so it listens on 127.0.0.1, and
elsewhere only where the site says that a proxy with a login stands before it.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from orchestration import build, lease, snapshots
from orchestration.errors import CxwError
from orchestration.instance import (
    LOCATION,
    MODULE,
    dagster_environment,
    fail_dead_runs,
    open_instance,
    write_configuration,
)
from orchestration.ledger import Ledger
from orchestration.orphans import end_orphans, ending_with_parent, family_environment
from orchestration.settings import Settings

LOOPBACK = "127.0.0.1"
START_SECONDS, STOP_SECONDS, WATCH_SECONDS, LOOK_SECONDS = 120.0, 25.0, 1.0, 3.0
RELOAD = "mutation($name: String!) {reloadRepositoryLocation(repositoryLocationName: $name) {__typename}}"
RESTARTS = 5  # of one child, before the whole is given up
LOG_BYTES = 20_000_000  # a longer log is put aside at the next start


def serve(settings: Settings, port: int, say: Callable[[str], None], host: str = LOOPBACK) -> int:
    """Run until interrupted; returns the exit code.

    Raises:
        CxwError: E-UI-001 when the port is taken or this home has a UI already, E-UI-003 for an address that others
            can reach while the site does not say that a proxy with a login stands before it.
    """
    if not _is_loopback(host) and not settings.has_login_proxy:
        raise CxwError(
            "E-UI-003",
            "who reaches the page can launch runs, and it has no login",
            where=host,
            next_command="cxw ui; or put a proxy with a login before it and set has_login_proxy = true in cxw.toml",
        )
    write_configuration(settings)
    with lease.hold_daemon(settings):
        orphans = end_orphans(settings)
        if orphans:
            say(f"{len(orphans)} processes of an earlier `cxw ui` that was killed are ended")
        if not _is_free(port, host):
            raise CxwError("E-UI-001", "the port is taken", where=str(port), next_command=f"cxw ui --port {port + 1}")
        with open_instance(settings) as instance:  # the lock is ours and no orphan is left: no daemon is alive
            for run_id in fail_dead_runs(instance, no_daemon_is_alive=True):
                say(f"run {run_id[:8]} died with its process; what it left undone is found again")
        _reconcile(settings, say)
        return _Family(settings, port, say, host).run()


def _reconcile(settings: Settings, say: Callable[[str], None]) -> None:
    """What a crash left between pointer, files and ledger, unless somebody writes now: every run looks as well."""
    with contextlib.suppress(CxwError), lease.hold(settings, "cxw ui"), Ledger(settings.ledger_path) as ledger:
        for found in snapshots.reconcile(settings, ledger):
            say(found)


class _Family:
    """The three processes, each in a group of its own so that its children end with it."""

    def __init__(self, settings: Settings, port: int, say: Callable[[str], None], host: str) -> None:
        self.settings, self.port, self.say, self.host = settings, port, say, host
        self.page = f"http://{LOOPBACK if host == '0.0.0.0' else host}:{port}"
        self.code_port = _free_port()
        self.environment = {**os.environ, **dagster_environment(settings), **family_environment(settings)}
        self.logs = settings.home / "logs"
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.replaced: list[subprocess.Popen[bytes]] = []  # ended themselves; what they started may still work
        self.restarts: dict[str, int] = {}
        self.is_stopping = False

    def run(self) -> int:
        before = {number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            self.logs.mkdir(parents=True, exist_ok=True)
            workspace = self._write_workspace()
            self.say("starting Dagster (about 20 seconds) …")
            self._start("code-server", self._code_server())
            self._await("code server", lambda: not _is_free(self.code_port))
            self._start("daemon", [_program("dagster-daemon"), "run", "-w", str(workspace)])
            web = [_program("dagster-webserver"), "-w", str(workspace), "-h", self.host, "-p", str(self.port)]
            self._start("webserver", web)
            self._await("web page", self._answers)
            if not self.is_stopping:
                self.say(f"Dagster:  {self.page}   logs: {self.logs}   Ctrl-C ends it")
            return self._watch()
        finally:
            self._end_all()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _code_server(self) -> list[str]:
        where = ["-m", MODULE, "-h", LOOPBACK, "-p", str(self.code_port), "--location-name", LOCATION]
        return [_program("dagster"), "code-server", "start", *where]

    def _write_workspace(self) -> Path:
        path = self.settings.dagster_home / "workspace.yaml"
        server = {"host": LOOPBACK, "port": self.code_port, "location_name": LOCATION}
        path.write_text(json.dumps({"load_from": [{"grpc_server": server}]}), encoding="utf-8")  # JSON is YAML
        return path

    def _start(self, name: str, command: list[str]) -> None:
        if self.is_stopping:
            return
        path = self.logs / f"{name}.log"
        if path.exists() and path.stat().st_size > LOG_BYTES:
            path.replace(path.with_suffix(".log.old"))
        with path.open("ab") as log:
            self.replaced += [self.children[name]] if name in self.children else []
            self.children[name] = subprocess.Popen(
                command,
                env=self.environment,
                cwd=self.settings.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=ending_with_parent(),
            )

    def _await(self, what: str, is_there: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self.is_stopping and not is_there():
            dead = [name for name, child in self.children.items() if child.poll() is not None]
            if dead or time.monotonic() > deadline:
                log = self.logs / f"{dead[0] if dead else 'code-server'}.log"
                raise CxwError("E-UI-002", f"the {what} did not start", where=str(log), next_command=f"tail {log}")
            time.sleep(0.2)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.page}/server_info", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def _watch(self) -> int:
        """Start again whatever dies, give up when one does not stay; load the graph again when the site changed."""
        site, looked_at = self._site(), time.monotonic()
        while not self.is_stopping:
            time.sleep(WATCH_SECONDS)
            if time.monotonic() - looked_at > LOOK_SECONDS:
                looked_at = time.monotonic()
                before, site = site, self._site()
                if site != before:
                    self.say("sources, settings or code changed; loading the graph again")
                    self._reload()
            for name, child in self.children.items():
                if child.poll() is None or self.is_stopping:
                    continue
                self.restarts[name] = self.restarts.get(name, 0) + 1
                if self.restarts[name] > RESTARTS:
                    self.say(f"{name} ended {RESTARTS} times; see {self.logs / name}.log")
                    return 3
                self.say(f"{name} ended (code {child.returncode}); starting it again")
                self._start(name, list(child.args))
        return 0

    def _site(self) -> tuple[object, ...]:
        """What decides what is in the graph: the folders below landing, cxw.toml, code and models."""
        landing, config = self.settings.landing, self.settings.config_path
        folders = sorted(path.name for path in landing.iterdir() if path.is_dir()) if landing.is_dir() else []
        return (*folders, config.stat().st_mtime_ns if config.exists() else 0, build.code_changed_at())

    def _reload(self) -> None:
        body = json.dumps({"query": RELOAD, "variables": {"name": LOCATION}}).encode()
        url, headers = f"{self.page}/graphql", {"Content-Type": "application/json"}
        with contextlib.suppress(urllib.error.URLError, OSError):  # a restart loads it too
            urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=START_SECONDS).close()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.is_stopping = True

    def _end_all(self) -> None:
        """Ask politely in the order that loses least, then end what is left of each group."""
        for name in ("daemon", "webserver", "code-server"):
            _signal_group(self.children.get(name), signal.SIGTERM)
        for child in self.replaced:
            _signal_group(child, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for child in (*self.children.values(), *self.replaced):
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(timeout=max(0.1, deadline - time.monotonic()))
            _signal_group(child, signal.SIGKILL)
            child.wait()


def _signal_group(child: subprocess.Popen[bytes] | None, number: int) -> None:
    if child is not None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)


def _program(name: str) -> str:
    """A console script of the environment that this process runs in."""
    return str(Path(sys.executable).parent / name)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_free(port: int, host: str = LOOPBACK) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]
