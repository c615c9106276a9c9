"""Readers while snapshots are published, rolled back, damaged and swept: N or N+1, never a mixture, never an error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from orchestration import query, snapshots
from orchestration.errors import CxwError

from .small_snapshots import Publisher

ROOT = Path(__file__).parent.parent.parent
READERS, PUBLISHES = 16, 100
# A reader as BI tools are: a process of its own that follows the pointer, asks for every mart, and comes again. Every
# fourth stays connected over several queries; all say what they saw.
READER = """
import json, pathlib, sys, time
from orchestration import query
from orchestration.settings import load_settings
home, stop, number = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
settings, seen = load_settings(home, {}), []
SQL = '''
    select snapshot_id, snapshot_id, sum(amount) / count(*), count(*) from marts.mart_even__row group by 1
    union all select snapshot_id, snapshot_id, sum(amount) / count(*), count(*) from marts.mart_odd__row group by 1
    union all select snapshot_id, snapshot_id, null, null from meta.snapshot
'''
while not stop.exists():
    with query.connect_published(settings) as connection:
        for _ in range(5 if number % 4 == 0 else 1):
            rows = connection.execute(SQL).fetchall()
            assert len(rows) == 3 and len({row[0] for row in rows}) == 1, rows
            assert rows[0][2:] == rows[1][2:] and rows[0][2] == int(rows[0][0][:6]) and rows[0][3] == 100, rows
            seen.append(rows[0][0])
            time.sleep(0.2)  # sixteen without a pause would leave the publisher no processor
print(json.dumps(seen))
"""


def start(publisher: Publisher, stop: Path, number: int) -> subprocess.Popen:
    command = [sys.executable, "-c", READER, str(publisher.settings.home), str(stop), str(number)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def crowd(folder: Path, readers: int, publishes: int) -> list[list[str]]:
    """What each reader saw, in order, while snapshots were published."""
    publisher = Publisher(
        folder / "home", snapshots_kept=2, snapshot_grace_seconds=2, memory_limit='"256MB"', threads=1
    )
    publisher.publish()
    stop = folder / "stop"
    processes = [start(publisher, stop, number) for number in range(readers)]
    time.sleep(2)
    for _ in range(publishes):
        publisher.publish()
    stop.touch()
    ended = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0] * readers, [error for _, error in ended if error]
    return [json.loads(said) for said, _ in ended]


def assert_never_back(seen: list[list[str]]) -> None:
    assert all(ids and ids == sorted(ids) for ids in seen), "a reader saw an older snapshot after a newer one"


@pytest.mark.fault(
    "F85", "C16", "M5", "M6",
    done=f"{READERS} reader processes through {PUBLISHES} publishes, every fourth with long connections",
    seen="no error, every answer of one snapshot, ids never go back",
)  # fmt: skip
def test_sixteen_readers_through_a_hundred_publishes(tmp_path: Path, seen) -> None:
    answers = crowd(tmp_path, READERS, PUBLISHES)
    assert_never_back(answers)
    different = len({snapshot_id for ids in answers for snapshot_id in ids})
    assert different > PUBLISHES / 4, "the readers must have been there while it happened"
    seen(f"{sum(map(len, answers))} answers from {different} snapshots")


@pytest.mark.faults_reduced
@pytest.mark.fault("F85", "C16", done="2 reader processes through 6 publishes", seen="no error, no mixture, never back")
def test_a_few_readers_through_a_few_publishes(tmp_path: Path) -> None:
    assert_never_back(crowd(tmp_path, 2, 6))


@pytest.mark.faults_reduced
@pytest.mark.fault("F85", done="a snapshot superseded a moment ago, long after it was published",
                   seen="it stays for the grace period, then it goes; who is connected reads on")  # fmt: skip
def test_grace_begins_when_the_pointer_leaves(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path, snapshots_kept=1, snapshot_grace_seconds=600)
    first = publisher.publish()
    folder = publisher.settings.published / first
    for path in (folder, folder / "manifest.json"):
        os.utime(path, (time.time() - 9999, time.time() - 9999))  # published long ago
    with duckdb.connect(str(folder / "cxw.duckdb"), read_only=True) as connected:
        publisher.publish()
        assert folder.exists(), "somebody may have connected a moment ago"
        os.utime(folder, (time.time() - 601, time.time() - 601))
        publisher.publish()
        assert not folder.exists()
        assert connected.execute("select sum(amount) from marts.mart_odd__row").fetchone() == (100,)


@pytest.mark.faults_reduced
@pytest.mark.fault("F24", "F25", done="served snapshot damaged: {damage}; a whole one before it",
                   seen="readers go back to the whole one, the ledger calls the other damaged")  # fmt: skip
@pytest.mark.parametrize("damage", ["flipped byte", "cut", "manifest gone", "log beside it", "folder gone"])
def test_a_damaged_snapshot_gives_way_to_the_one_before(tmp_path: Path, damage: str) -> None:
    publisher = Publisher(tmp_path)
    settings = publisher.settings
    first, second = publisher.publish(), publisher.publish()
    database = settings.published / second / "cxw.duckdb"
    database.chmod(0o644)
    if damage == "flipped byte":
        content = bytearray(database.read_bytes())
        content[len(content) // 2] ^= 1
        database.write_bytes(content)
    elif damage == "cut":
        os.truncate(database, 5000)
    elif damage == "log beside it":
        database.with_name("cxw.duckdb.wal").touch()
    elif damage == "manifest gone":
        database.with_name("manifest.json").unlink()
    else:
        database.parent.rename(tmp_path / "gone")
    (said,) = snapshots.reconcile(settings, publisher.ledger)
    assert second in said and first in said
    assert snapshots.current_snapshot(settings) == first
    assert [entry.state for entry in publisher.ledger.publishes()] == ["published", "damaged"]
    assert snapshots.reconcile(settings, publisher.ledger) == [], "said once"


@pytest.mark.faults_reduced
@pytest.mark.fault("F24", done="the served database cut to nothing", seen="`cxw query` says E-PUB-003 and what to do")
def test_a_query_on_a_damaged_snapshot_says_what_to_do(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path)
    publisher.publish()
    database = (publisher.settings.published / "current" / "cxw.duckdb").resolve()
    database.chmod(0o644)
    database.write_bytes(b"nothing that DuckDB wrote" * 1000)
    with pytest.raises(CxwError, match=r"E-PUB-003.*Next: cxw run"):
        query.ask(publisher.settings, "select 1")
