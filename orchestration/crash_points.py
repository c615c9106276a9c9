"""Places where a cycle may be killed, by name: `make test-faults` kills it at every one of them.

Lives here: the register of the points and the one call that a step makes as it passes one. Does not live here: what
must hold after a crash (`tests/faults/`). Nothing happens unless `WAREHOUSE_CRASH_AT` names the point: a lookup in the
environment is all that a cycle pays. The first word of a point is the step of the graph or the part of the house that
passes it; a test demands one for every step, and that a cycle passes every point.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from enum import StrEnum
from pathlib import Path

VARIABLE = "WAREHOUSE_CRASH_AT"
RECORD = "record"


class CrashPoint(StrEnum):
    """What has happened so far, and what has not."""

    CYCLE_RUN_CREATED = "cycle.run_created"  # Dagster knows the run, none of its steps has begun
    INTAKE_COPYING = "intake.copying"  # a part of the bytes is copied aside
    INTAKE_COPIED = "intake.copied"  # all bytes are copied aside, none is synced
    INTAKE_KEPT = "intake.kept"  # under its checksum, the ledger does not know it
    READING_BEGUN = "reading.begun"  # the scratch folder is there
    READING_WRITTEN = "reading.written"  # typed rows are written aside
    READING_TYPED_KEPT = "reading.typed_kept"  # typed rows are in place, rejected ones are not
    READING_REJECTS_KEPT = "reading.rejects_kept"  # both are in place, the ledger does not know
    LEDGER_RECORDING = "ledger.recording"  # inside the transaction of a batch of deliveries
    LEDGER_RECORDED = "ledger.recorded"  # the deliveries count
    DOOR_REGISTERED = "door.registered"  # rows in force are in the build file, the note of it is not
    DOOR_JUDGED = "door.judged"  # the rules have spoken, nothing is kept of it
    CONFORMED_NOTED = "build_conformed.noted"  # the build file says which snapshot it is for, nothing else is new
    CONFORMED_INPUTS = "build_conformed.inputs"  # how far tables are observed is written
    CONFORMED_NODE = "build_conformed.node"  # between two models
    CONFORMED_BUILT = "build_conformed.built"  # all models of the phase stand, their checks are not kept
    IDENTITY_FOUND = "resolve_identity.found"  # people are found, nothing of it is committed
    IDENTITY_RETIRED = "resolve_identity.retired"  # the ledger has the retired keys of a build that is not published
    IDENTITY_WRITING = "resolve_identity.writing"  # some of the tables are written
    CORE_NODE = "build_core.node"
    CORE_BUILT = "build_core.built"
    WEIGHTS_WRITTEN = "weigh_channels.written"
    LIFETIME_WRITING = "fit_lifetime_values.writing"  # some of the tables are written
    MARTS_NODE = "build_marts.node"
    MARTS_BUILT = "build_marts.built"
    PUBLISH_JUDGING = "publish.judging"  # some marts are judged at the window
    PUBLISH_JUDGED = "publish.judged"  # every check has passed
    PUBLISH_WRITING = "publish.writing"  # some tables are in the database aside
    PUBLISH_WRITTEN = "publish.written"  # the database aside is whole, it has no manifest
    PUBLISH_DESCRIBED = "publish.described"  # the manifest is written, nothing is synced
    PUBLISH_NAMED = "publish.named"  # under its own name, readers still see the one before
    PUBLISH_POINTER_READY = "publish.pointer_ready"  # the new pointer exists beside the old one
    PUBLISH_POINTED = "publish.pointed"  # readers see it, the ledger does not know
    PUBLISH_RECORDED = "publish.recorded"  # the ledger knows, expired snapshots are still there


_passed: Counter[str] = Counter()
_lock = threading.Lock()


def reach(point: CrashPoint) -> None:
    """Pass a point; die here if the environment says so."""
    wanted = os.environ.get(VARIABLE)
    if wanted:
        _obey(point, wanted)


def _obey(point: CrashPoint, wanted: str) -> None:
    """`<point>:<signal>[:<n>]` sends the signal at the n-th passage, `record:<file>` notes every passage."""
    what, _, rest = wanted.partition(":")
    if what == RECORD:
        with _lock, Path(rest).open("a", encoding="utf-8") as notes:
            notes.write(f"{point}\n")
        return
    if what != point:
        return
    number, _, nth = rest.partition(":")
    with _lock:
        _passed[point] += 1
        is_now = _passed[point] == int(nth or 1)
    if is_now:
        os.kill(os.getpid(), signal.Signals[number])
