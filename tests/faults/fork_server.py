"""Forks one warm child per command: `python -m faults.fork_server <home>`, the home to be warmed on.

A cycle costs twelve seconds of imports before it does anything; a matrix of crashes cannot pay that each time. The
server opens no database and starts no thread of ours before it forks, so that a child is as good as a fresh process.
Lines in: {"home": path, "folder": path, "arguments": […], "environment": {…}, "output": path, "seconds": n}, and
`errors`, a path, where what is said there must stay apart. Lines out: {"code": …, "seconds": …};
a negative code is the signal that ended the child, -9 also when it took longer than `seconds`.
"""

import contextlib
import ctypes
import importlib
import io
import json
import os
import signal
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace

_NEW_NETWORK = 0x40000000  # CLONE_NEWNET


def warm(home: Path) -> None:
    from orchestration.garbage import look_rarely

    look_rarely()
    import dagster_dbt  # noqa: F401
    import duckdb  # noqa: F401
    import great_expectations.expectations.core
    import great_expectations.validator.validator  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import scipy.sparse.csgraph  # noqa: F401

    import orchestration.definitions
    import orchestration.execution  # noqa: F401
    from orchestration import cli, operations, project, rule_engine  # noqa: F401
    from orchestration.settings import load_settings
    from orchestration.site import open_site

    settings = load_settings(home)
    site = open_site(settings)
    os.environ.update(project.environment(settings, site.sources))
    staging, fingerprint = os.environ["WAREHOUSE_STAGING_MODELS"], project.fingerprint(site.sources)
    manifest = project._parsed(str(settings.dbt_target), staging, fingerprint)
    project._parsed = _ParsedForEveryHome(project, staging, fingerprint, manifest)


class _ParsedForEveryHome:
    """Stands in for `project._parsed`: the same project is parsed once for all homes that this process serves."""

    def __init__(self, project: ModuleType, staging: str, fingerprint: str, manifest: object) -> None:
        self.project, self.parse = project, project._parsed
        self.known, self.manifest = (staging, fingerprint), manifest

    def __call__(self, target: str, staging: str, fingerprint: str) -> object:
        is_known = (staging, fingerprint) == self.known
        return self.manifest if is_known else self.parse(target, staging, fingerprint)

    def cache_clear(self) -> None:
        self.project._parsed = self.parse
        self.parse.cache_clear()


def run(home: Path, folder: Path, order: dict) -> dict:
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        _be_cxw(home, folder, order)
    (folder / "pid").write_text(str(child))
    deadline = started + order.get("seconds", 300)
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            (folder / "pid").unlink()
            _learn(folder)
            return {"code": os.waitstatus_to_exitcode(status), "seconds": time.monotonic() - started}
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.02)


def _learn(folder: Path) -> None:
    """Import what the child had to import itself, so that the next one need not."""
    path = folder / "imported.txt"
    for name in path.read_text(encoding="utf-8").split() if path.exists() else ():
        if name not in sys.modules and not name.startswith(("__", "faults")):
            with contextlib.suppress(Exception):
                importlib.import_module(name)
    path.unlink(missing_ok=True)


class ForkedWorker:
    """Stands in for `subprocess.Popen` of the rule worker: the same process at the other end of the same pipes, forked.

    Importing Great Expectations anew is a fifth of a tiny cycle's processor time.
    """

    def __init__(self, *_: object, **__: object) -> None:
        from orchestration import rule_worker

        orders, self.stdin = _pipe()
        self.stdout, answers = _pipe()
        self.pid = os.fork()
        if self.pid:
            orders.close()
            answers.close()
            return
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.dup2(orders.fileno(), 0)
        os.dup2(answers.fileno(), 1)
        os.closerange(3, 4096)  # locks of the parent must end with the parent
        try:
            rule_worker.main()
        finally:
            os._exit(0)

    def poll(self) -> int | None:
        try:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
        except ChildProcessError:
            return 0
        return os.waitstatus_to_exitcode(status) if pid else None

    def wait(self) -> None:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def _pipe() -> tuple[io.BufferedReader, io.BufferedWriter]:
    reading, writing = os.pipe()
    return os.fdopen(reading, "rb"), os.fdopen(writing, "wb")


def _be_cxw(home: Path, folder: Path, order: dict) -> None:
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    output = os.open(order["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    if order.get("errors"):
        output = os.open(order["errors"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 2)
    os.environ.update(order.get("environment", {}))
    if order.get("without_network"):
        assert ctypes.CDLL(None, use_errno=True).unshare(_NEW_NETWORK) == 0, "no network namespace here"
    from orchestration import rule_worker
    from orchestration.cli import main

    rule_worker.subprocess = SimpleNamespace(Popen=ForkedWorker, PIPE=None)
    if order.get("mutant"):
        from .mutants import Mutant

        Mutant(**order["mutant"]).move_in()
    code = 99
    try:
        main(["--home", str(home), *order["arguments"]])
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        (folder / "imported.txt").write_text("\n".join(sys.modules), encoding="utf-8")
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def serve() -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # nothing that a library prints may look like an answer
    warm(Path(sys.argv[1]))
    answers.write('{"ready": true}\n')
    for line in sys.stdin:
        order = json.loads(line)
        answers.write(json.dumps(run(Path(order["home"]), Path(order["folder"]), order)) + "\n")


if __name__ == "__main__":
    serve()
