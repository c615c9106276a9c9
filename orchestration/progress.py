"""How far a cycle is, told to whoever watches this process.

Lives here: one listener and the call that reaches it from deep inside a run (a Dagster step runs in the process of
`cxw run`, so a terminal can show what the step does). Does not live here: drawing (`screens.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """`done` of `total` parts of a stage; `subject` is the part that just ended."""

    stage: str
    subject: str
    done: int
    total: int


_listener: Callable[[Step], None] | None = None


@contextmanager
def watched(listener: Callable[[Step], None]) -> Iterator[None]:
    """Send every step of this process to `listener` while the body runs."""
    global _listener
    before, _listener = _listener, listener
    try:
        yield
    finally:
        _listener = before


def tell(stage: str, subject: str, done: int, total: int) -> None:
    """Say that a part ended; costs nothing when nobody watches."""
    if _listener is not None:
        _listener(Step(stage, subject, done, total))
