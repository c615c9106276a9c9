"""Ctrl-C and SIGTERM during a writing command: once stops it at a safe point, twice ends it where it stands.

Lives here: telling the second signal from the first, whoever minds them. Does not live here: what a stop leaves behind
(nothing half done: `execution.py` marks the run, the next command the rest). During a run Dagster has handlers of its
own, so the second signal is seen beside them: every signal of this process also writes a byte to a pipe.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOPPED = 130  # the exit code, as shells say it of Ctrl-C
SAME_SECONDS = 0.2  # a signal that a supervisor and a terminal both send is one
_SAID = b"stopped at once; nothing is half done, run again when you like\n"


@contextmanager
def stoppable() -> Iterator[None]:
    """SIGTERM ends the body like Ctrl-C; a second signal of either kind ends the process."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not the main thread: whoever runs us minds the signals
        yield
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    watched = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=_end_at_the_second, args=(reader,), name="signals", daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(watched)
        os.close(writer)  # ends the thread
        signal.signal(signal.SIGTERM, before)


def _end_at_the_second(reader: int) -> None:
    first = 0.0
    with os.fdopen(reader, "rb", buffering=0) as signals:
        while byte := signals.read(1):
            if byte[0] not in (signal.SIGINT, signal.SIGTERM):
                continue
            if not first:
                first = time.monotonic()
            elif time.monotonic() - first > SAME_SECONDS:
                os.write(2, _SAID)
                os._exit(STOPPED)
