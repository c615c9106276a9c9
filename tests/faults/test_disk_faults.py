"""Disks that are full, read-only, lose files or change bytes: N is served, the message names the place, a rerun heals.

A home on a small tmpfs of its own (we need to be root for it; the module is skipped elsewhere, and says so).
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from orchestration.backlog import quarantine_path
from orchestration.crash_points import CrashPoint
from orchestration.ledger import Ledger
from orchestration.raw_objects import object_path

from .lab import Lab, make_lab

PUBLISHED = 4  # the tiny company misses a date in its other tables


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("disk")
    (folder / "disk").mkdir()
    try:
        mount("-t", "tmpfs", "-o", "size=2g", "tmpfs", str(folder / "disk"))
    except (subprocess.CalledProcessError, FileNotFoundError):
        pytest.skip("this user may not mount")
    try:
        lab = make_lab(folder)
        assert lab.cxw("run").code == PUBLISHED
        lab.second = lab.hashes()
        yield lab
    finally:
        subprocess.run(["umount", "--lazy", str(folder / "disk")], check=True)


@contextmanager
def full(lab: Lab, of: str, spare: int = 0) -> Iterator[None]:
    """No room for one more page, or one more name, except `spare`."""
    found = os.statvfs(lab.disk)
    if of == "inodes":
        limit = f"nr_inodes={found.f_files - found.f_ffree + spare}"
    else:
        limit = f"size={(found.f_blocks - found.f_bfree) * found.f_frsize + spare}"
    mount("-o", f"remount,{limit}", str(lab.disk))
    try:
        yield
    finally:
        mount("-o", "remount,size=2g,nr_inodes=1000000", str(lab.disk))


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    mount("--bind", str(folder), str(folder))
    mount("-o", "remount,ro,bind", str(folder))
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def flip(path: Path, offset: int) -> None:
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(offset)
        bytes_there = file.read(64)
        file.seek(offset)
        file.write(bytes(byte ^ 0xFF for byte in bytes_there))


FILLED = [
    pytest.param("inodes", CrashPoint.READING_BEGUN, 1, id="inodes", marks=pytest.mark.fault("F19")),
    pytest.param("bytes", CrashPoint.CORE_NODE, 40, id="build", marks=pytest.mark.fault("F18", "M4")),
    pytest.param("bytes", CrashPoint.PUBLISH_WRITING, 10, id="publish", marks=pytest.mark.fault("F18", "M4")),
]


@pytest.mark.fault(
    done="tmpfs without one more of its {of} from `{point.value}` on",
    seen="exit 3 with E-DSK-003, N served whole; with room again one run gives the hashes of an undisturbed one",
)
@pytest.mark.parametrize(("of", "point", "nth"), FILLED)
def test_a_disk_that_fills_up_in_the_middle(lab: Lab, of: str, point: CrashPoint, nth: int) -> None:
    lab.restore()
    with full(lab, "inodes", spare=10_000), lab.paused_at(point, nth) as paused:  # room enough until the point
        limits = ExitStack()
        limits.enter_context(full(lab, of))
    with limits:
        assert paused.ended.code == 3, paused.ended.said
        assert "E-DSK-003" in paused.ended.said, paused.ended.said[-3000:]
        assert lab.hashes() == lab.first
    assert lab.cxw("run").code == PUBLISHED
    assert lab.hashes() == lab.second and lab.leftovers() == []


@pytest.mark.fault("F18", done="less free space than 2.5 times the last build", seen="E-DSK-001, nothing is read")
def test_a_cycle_that_would_not_fit_is_refused(lab: Lab, seen) -> None:
    lab.restore()
    with full(lab, "bytes", spare=20_000_000):
        refused = lab.cxw("run")
        status = lab.cxw("status")
    assert refused.code == 3 and "E-DSK-001" in refused.said
    assert status.code == PUBLISHED and "E-DSK-001" in status.said
    assert lab.hashes() == lab.first
    seen(f"after {refused.seconds:.1f} s")


@pytest.mark.fault("F21", done="build folder mounted read-only", seen="E-DSK-002 names the folder, N is served")
def test_a_folder_that_cannot_be_written_is_named(lab: Lab) -> None:
    lab.restore()
    with read_only(lab.settings.build):
        refused = lab.cxw("run")
    assert refused.code == 3 and "E-DSK-002" in refused.said and str(lab.settings.build) in refused.said
    assert lab.hashes() == lab.first


@pytest.mark.fault(
    "F20", "F92",
    done="landing mounted read-only, the process in a network namespace without any interface",
    seen="an ordinary cycle with the same hashes",
)  # fmt: skip
def test_landing_is_only_read_and_no_network_is_used(lab: Lab, seen) -> None:
    lab.restore()
    with read_only(lab.landing):
        ended = lab.cxw("run", without_network=True)
    assert ended.code == PUBLISHED, ended.said
    assert lab.hashes() == lab.second
    seen(f"{ended.seconds:.0f} s")


@pytest.mark.fault(
    "F17", "F21",
    done="orchestrator database, build, dbt, typed and quarantine folders deleted",
    seen="one ordinary run makes them again, the same hashes, the same rows set aside",
)  # fmt: skip
def test_what_can_be_made_again_may_be_deleted(lab: Lab) -> None:
    lab.restore()
    settings = lab.settings
    for folder in (settings.dagster_home, settings.build, settings.dbt_target, settings.typed, settings.quarantine):
        shutil.rmtree(folder, ignore_errors=True)
    made = lab.cxw_afresh("run")
    assert made.code == PUBLISHED, made.said
    assert lab.hashes() == lab.second
    with Ledger(settings.ledger_path) as ledger:
        aside = [each for each in ledger.deliveries(states=["accepted"]) if each.rows_rejected]
    assert aside and all(quarantine_path(settings, each).exists() for each in aside)


@pytest.mark.fault("F91", done="everything but raw objects, ledger and cxw.toml deleted, landing taken away",
                   seen="`cxw rebuild` gives the same hashes")  # fmt: skip
def test_raw_objects_and_ledger_are_the_truth(lab: Lab) -> None:
    lab.restore()
    for entry in lab.home.iterdir():
        if entry.name not in ("raw", "ledger.sqlite", "cxw.toml"):
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    shutil.rmtree(lab.settings.typed)
    away = lab.landing.rename(lab.folder / "away")
    try:
        rebuilt = lab.cxw_afresh("rebuild")
    finally:
        away.rename(lab.landing)
    assert rebuilt.code == 0, rebuilt.said
    assert lab.hashes() == lab.first


@pytest.mark.fault(
    "F26", "F27",
    done="one raw object deleted, one altered, then `cxw rebuild`",
    seen="E-LND-014 names both deliveries by date and sha256, exit 3, the marts are still served",
)  # fmt: skip
def test_a_lost_raw_object_blocks_the_rebuild_and_is_named(lab: Lab) -> None:
    lab.restore()
    settings = lab.settings
    with Ledger(settings.ledger_path) as ledger:
        gone, altered = ledger.deliveries("ecommerce", "orders", ["accepted"])[:2]
    object_path(settings, gone.sha256).unlink()
    flip(object_path(settings, altered.sha256), 10)
    status = lab.cxw("status")
    assert gone.sha256[:12] in status.said
    blocked = lab.cxw("rebuild")
    assert blocked.code == 3 and "E-LND-014" in blocked.said
    assert gone.sha256[:12] in blocked.said and altered.sha256[:12] in blocked.said
    assert lab.hashes() == lab.first


DAMAGES = {"header": lambda size: 8242, "a block": lambda size: size // 4, "cut in half": None}


@pytest.mark.fault("F24", "M3", done="build file damaged: {damage}",
                   seen="one ordinary run after the one that met it gives the same hashes")  # fmt: skip
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_build_file_is_made_again(lab: Lab, damage: str, seen) -> None:
    lab.restore()
    path = lab.settings.warehouse_path
    place = DAMAGES[damage]
    if place is None:
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size // 2)
    else:
        flip(path, place(path.stat().st_size))
    met = lab.cxw("run")
    assert lab.hashes() in (lab.first, lab.second)
    assert met.code in (3, -11, -6, PUBLISHED), met.said
    if met.code != PUBLISHED:
        again = lab.cxw("run")
        assert again.code == PUBLISHED, again.said
    assert lab.hashes() == lab.second
    seen(f"the first ends with {met.code}")


@pytest.mark.fault("F24", "F25", done="served database with flipped bytes and a log beside it, no other snapshot",
                   seen="the next run says so and publishes the same content again under a new id")  # fmt: skip
def test_a_damaged_published_file_is_made_again(lab: Lab) -> None:
    lab.restore()
    folder = (lab.settings.published / "current").resolve()
    flip(folder / "cxw.duckdb", (folder / "cxw.duckdb").stat().st_size // 2)
    (folder / "cxw.duckdb.wal").write_bytes(b"not ours")
    away = lab.landing.rename(lab.folder / "away")
    try:
        healed = lab.cxw("run")
    finally:
        away.rename(lab.landing)
    assert healed.code == 0 and "is damaged" in healed.said, healed.said
    assert lab.hashes() == lab.first
    assert (lab.settings.published / "current").resolve() != folder


@pytest.mark.fault("F17", "M28", done="the orchestrator's database held by BEGIN EXCLUSIVE",
                   seen="the run ends with exit 3 in bounded time, N is served")  # fmt: skip
def test_a_locked_orchestrator_database_costs_nothing_but_the_run(lab: Lab, seen) -> None:
    lab.restore()
    path = next((lab.settings.dagster_home / "history").rglob("index.db"))
    with sqlite3.connect(path, isolation_level=None) as holder:
        holder.execute("begin exclusive")
        ended = lab.cxw("run", seconds=180)
        holder.execute("rollback")
    assert ended.code == 3, ended.said
    assert lab.hashes() == lab.first
    seen(f"after {ended.seconds:.0f} s")
