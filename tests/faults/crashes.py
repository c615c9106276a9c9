"""A cycle is killed at every registered point: readers keep a whole snapshot, one ordinary run brings the same marts.

Every point gets SIGTERM, then SIGKILL, then one ordinary `cxw run`. The cycle is the real one, in a process of its
own: a day of orders with a bad row, a delivery that repeats itself and a correction. Hashes are those of the manifest.
Lives here: what is done at a point and what must hold. Does not live here: which points (`test_crash_early.py` and
`test_crash_late.py`: two files, so that two workers share them).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestration.crash_points import RECORD, VARIABLE, CrashPoint

from .lab import Ended, Lab, make_lab

# The n-th passage where the first says little: between models and tables, not before all of them.
NTH = {"build_conformed.node": 31, "build_core.node": 40, "build_marts.node": 17, "publish.writing": 20,
       "publish.judging": 5, "resolve_identity.writing": 2}  # fmt: skip
VISIBLE = (CrashPoint.PUBLISH_POINTED, CrashPoint.PUBLISH_RECORDED)
REDUCED = (CrashPoint.PUBLISH_POINTED,)
EARLY = ("cycle", "intake", "reading", "ledger", "door", "build_conformed", "resolve_identity")
FAULTS = {
    "cycle": "F1", "intake": "F1", "reading": "F2", "ledger": "F3", "door": "F5", "build_conformed": "F4",
    "resolve_identity": "F3", "build_core": "F4", "weigh_channels": "F3",
    "fit_lifetime_values": "F3", "build_marts": "F5", "publish": "F6",
}  # fmt: skip
ALSO = {
    "intake.copied": "F8", "intake.kept": "F2", "publish.described": "F8",
    "publish.pointed": "F7", "publish.recorded": "F7", "publish.judging": "F5",
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """What was observed at one point; hashes are of what readers saw."""

    stopped: Ended
    after_stop: dict[str, str]
    killed: Ended
    after_kill: dict[str, str]
    served_after_kill: set[str]
    rerun: Ended
    after_rerun: dict[str, str]
    served_after_rerun: set[str]
    run_states: list[str]
    leftovers: list[str]


def crash(lab: Lab, point: CrashPoint) -> Case:
    """SIGTERM at the point, SIGKILL at the point, one ordinary run."""
    lab.restore()
    nth = NTH.get(point, 1)
    stopped = lab.cxw("run", **{VARIABLE: f"{point}:SIGTERM:{nth}"})
    after_stop = lab.hashes()
    if point in VISIBLE:  # what was stopped there is published, and there would be nothing to kill
        lab.restore()
    killed = lab.cxw("run", **{VARIABLE: f"{point}:SIGKILL:{nth}"})
    after_kill, served = lab.hashes(), lab.served_ids()
    rerun = lab.cxw("run")
    return Case(
        stopped, after_stop, killed, after_kill, served, rerun, lab.hashes(), lab.served_ids(), lab.run_states(),
        lab.leftovers(),
    )  # fmt: skip


class Bench:
    """One lab, what its undisturbed cycle gives, and the points which that cycle passed."""

    def __init__(self, folder: Path) -> None:
        self.lab = make_lab(folder)
        notes = folder / "passed"
        assert self.lab.cxw("run", **{VARIABLE: f"{RECORD}:{notes}"}).code == 4
        self.first, self.undisturbed = self.lab.first, self.lab.hashes()
        self.passed = Counter(notes.read_text().split())


def cases(parts: Collection[str]) -> list:
    """The points of some parts of the house, each with the faults that it shows."""
    every = []
    for point in CrashPoint:
        part = point.partition(".")[0]
        if part in parts:
            marks = [pytest.mark.fault(FAULTS[part], ALSO.get(point, "F9"))]
            marks += [pytest.mark.faults_reduced] if point in REDUCED else []
            every.append(pytest.param(point, marks=marks, id=point.value))
    return every


at_each_point = pytest.mark.fault(
    "F9", "C4",
    done="SIGTERM at `{point.value}`, the same again with SIGKILL, then one ordinary run",
    seen="readers on a whole snapshot after each, the same hashes of all tables as undisturbed",
)  # fmt: skip


def converges(bench: Bench, point: CrashPoint) -> str:
    """Assert all that must hold at a point; returns what the table adds."""
    case = crash(bench.lab, point)
    assert case.killed.code == -9, f"the point was not reached: {case.killed.said}"
    assert case.stopped.code in (130, 4), case.stopped.said
    assert "Traceback" not in case.stopped.said
    served = bench.undisturbed if point in VISIBLE else bench.first
    assert case.after_kill == served and len(case.served_after_kill) == 1
    assert case.after_stop in (served, bench.undisturbed)
    assert case.rerun.code == 4, case.rerun.said  # the tiny company misses a date in its other tables
    assert case.after_rerun == bench.undisturbed and len(case.served_after_rerun) == 1
    assert case.leftovers == []
    if point not in VISIBLE:  # else the last run is empty and Dagster is not asked
        assert set(case.run_states) <= {"SUCCESS", "FAILURE", "CANCELED"}
    return f"SIGTERM ends it with {case.stopped.code}"
