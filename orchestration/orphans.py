"""Processes that a killed `cxw ui` left behind: found by what they are, and ended before a new one starts.

Lives here: making children end with their parent, and ending those of a home that outlived it. Does not live here:
starting and watching them (`ui.py`), runs whose process is gone (`instance.py`). Two daemons on one home would tick
twice, and a code server without its parent would keep running what nobody watches any more.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from orchestration.settings import Settings

MARK = "WAREHOUSE_UI_OF"
_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG
GRACE_SECONDS = 5.0


def ending_with_parent() -> Callable[[], None] | None:
    """What a child runs before its program: the kernel sends it SIGTERM when its parent is gone, however it went."""
    if sys.platform != "linux":
        return None
    set_option = ctypes.CDLL(None).prctl  # found here: nothing may be imported between fork and exec
    parent = os.getpid()

    def tie() -> None:
        set_option(_DEATH_SIGNAL, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return tie


def family_environment(settings: Settings) -> dict[str, str]:
    """The mark that every process below a `cxw ui` carries."""
    return {MARK: str(settings.home)}


def end_orphans(settings: Settings) -> list[int]:
    """End what a killed `cxw ui` of this home left; returns process ids. Only for who holds the lock of the daemon.

    Known by the mark in their environment, never by a number that may be another's by now.
    """
    found = _of_home(settings)
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in _of_home(settings):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        deadline = time.monotonic() + GRACE_SECONDS
        while _of_home(settings) and time.monotonic() < deadline:
            time.sleep(0.1)
    return found


def _of_home(settings: Settings) -> list[int]:
    wanted = f"{MARK}={settings.home}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # ended meanwhile, or another user's
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return sorted(set(found) - {os.getpid()})
