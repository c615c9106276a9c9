"""Crash points from facts to the pointer that readers follow; what must hold at each is in `crashes.py`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestration.crash_points import CrashPoint

from .crashes import EARLY, FAULTS, Bench, at_each_point, cases, converges


@at_each_point
@pytest.mark.parametrize("point", cases(FAULTS.keys() - set(EARLY)))
def test_a_cycle_killed_here_converges_with_one_ordinary_run(
    point: CrashPoint, bench: Bench, seen: Callable[[str], None]
) -> None:
    seen(converges(bench, point))
