"""Crash points from the beginning of a cycle to its customers; what must hold at each is in `crashes.py`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestration.crash_points import CrashPoint

from .crashes import EARLY, NTH, Bench, at_each_point, cases, converges


@at_each_point
@pytest.mark.parametrize("point", cases(EARLY))
def test_a_cycle_killed_here_converges_with_one_ordinary_run(
    point: CrashPoint, bench: Bench, seen: Callable[[str], None]
) -> None:
    seen(converges(bench, point))


@pytest.mark.fault("C4", done="a cycle with every point noted", seen="every registered point is passed, none is spare")
def test_an_ordinary_cycle_passes_every_registered_point(bench: Bench) -> None:
    assert set(bench.passed) == {point.value for point in CrashPoint}
    assert all(bench.passed[point] >= nth for point, nth in NTH.items())
