"""The right to write to one home: a file lock that names its holder and dies with the process.

Lives here: taking the lease, waiting for it, saying who has it, noticing that its last holder died. Every run takes it,
whether `cxw` or the Dagster daemon started it, so two backfills queue and a second installation is refused with the
holder's name. `cxw ui` holds one of the same kind: a home has one daemon.
Does not live here: the pool that keeps Dagster from starting two writing runs (`instance.py`).
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from orchestration.disk import distrust_build
from orchestration.errors import CxwError
from orchestration.settings import Settings

POLL_SECONDS = 0.2
GRACE_SECONDS = 0.5  # longer than `current_holder` looks, so that looking never refuses a writer


@dataclass(frozen=True)
class Holder:
    """Who writes. `what` is a command or a run, in words a person can look for."""

    what: str
    pid: int
    host: str
    since: str

    def __str__(self) -> str:
        return f"{self.what} (process {self.pid} on {self.host}, since {self.since})"


# A process that holds the lease may take it again: `cxw run` holds it around a Dagster run that asks for it too.
_held: dict[Path, int] = {}
_guard = threading.Lock()


def current_holder(settings: Settings) -> Holder | None:
    """Who holds the lease now; None when nobody does (a name left by a crash is not a holder)."""
    try:
        descriptor = os.open(settings.lock_path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    if os.fstat(descriptor).st_size == 0:
        os.close(descriptor)
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read_holder(settings.lock_path)
    else:
        return None
    finally:
        os.close(descriptor)


@contextmanager
def hold(
    settings: Settings,
    what: str,
    *,
    wait_seconds: float = 0.0,
    on_wait: Callable[[Holder], None] | None = None,
) -> Iterator[None]:
    """Hold the lease of `settings.home` while the body runs.

    Args:
        what: name shown to those who wait.
        wait_seconds: how long to wait for another holder; 0 refuses at once.
        on_wait: called once with the holder before waiting.

    Raises:
        CxwError: E-RUN-001 when another process still holds it; names the holder.
    """
    path = settings.lock_path
    with _guard:
        is_nested = _held.get(path, 0) > 0
        if is_nested:
            _held[path] += 1
    if is_nested:
        try:
            yield
        finally:
            with _guard:
                _held[path] -= 1
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _lock(descriptor, path, time.monotonic() + max(wait_seconds, GRACE_SECONDS), on_wait)
        if os.fstat(descriptor).st_size:  # the last holder died with its name on it
            distrust_build(settings)
        _sign(descriptor, what)
        with _guard:
            _held[path] = 1
        try:
            yield
        finally:
            with _guard:
                del _held[path]
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


@contextmanager
def hold_daemon(settings: Settings) -> Iterator[None]:
    """The right to run the daemon of this home, for as long as the body runs.

    Raises:
        CxwError: E-UI-001 naming the holder, its process and its host.
    """
    path = settings.daemon_lock_path
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            said = f"{_read_holder(path)} runs the daemon of this home"
            raise CxwError("E-UI-001", said, where=str(path), next_command="cxw status") from None
        _sign(descriptor, "cxw ui")
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _sign(descriptor: int, what: str) -> None:
    holder = Holder(what, os.getpid(), socket.gethostname(), datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ"))
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(asdict(holder)).encode(), 0)


def _lock(descriptor: int, path: Path, deadline: float, on_wait: Callable[[Holder], None] | None) -> None:
    has_told = False
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _read_holder(path)
        if time.monotonic() >= deadline:
            raise CxwError(
                "E-RUN-001", f"{holder} is writing to this home", where=str(path), next_command="cxw status"
            ) from None
        if on_wait and not has_told:
            on_wait(holder)
            has_told = True
        time.sleep(POLL_SECONDS)


def _read_holder(path: Path) -> Holder:
    try:
        return Holder(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):  # taken a moment ago, its name not written yet
        return Holder("another process", 0, "an unknown host", "just now")
