"""Rows in force: one per key, by version, extract date, revision and row hash, whatever arrived in which order."""

import hashlib
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.contracts import Column, Contract, ExtractSettings
from orchestration.settings import load_settings
from orchestration.warehouse import LINEAGE_COLUMNS, DuckDBWarehouse, in_force_query

COLUMNS = (
    Column("id", "varchar", "key"),
    Column("version", "bigint", "version"),
    Column("note", "varchar", "what else the row says"),
    Column("is_deleted", "boolean", "deleted"),
)
Row = tuple[str, int | None, bool | None, int, int, str]  # id, version, is_deleted, day, revision, note


def contract(mode: str = "incremental", version: str = "version") -> Contract:
    return Contract(
        source="crm", table="things", description="", owner="", columns=COLUMNS, primary_key=("id",),
        extract=ExtractSettings(mode=mode, version_column=version), path=str(Path("contract.yml")),
    )  # fmt: skip


def typed(rows: Sequence[Row]) -> pa.Table:
    return pa.table(
        {
            "id": pa.array([row[0] for row in rows], pa.string()),
            "version": pa.array([row[1] for row in rows], pa.int64()),
            "note": pa.array([row[5] for row in rows], pa.string()),
            "is_deleted": pa.array([row[2] for row in rows], pa.bool_()),
            "_extract_date": pa.array([date(2026, 3, row[3]) for row in rows], pa.date32()),
            "_revision": pa.array([row[4] for row in rows], pa.int32()),
            "_source_file": pa.array(["f"] * len(rows), pa.string()),
            "_line": pa.array(range(2, len(rows) + 2), pa.int64()),
        }
    )


def in_force(rows: Sequence[Row], of: Contract) -> dict[str, tuple]:
    frame = typed(rows)
    assert set(LINEAGE_COLUMNS) <= set(frame.column_names)
    with duckdb.connect() as connection:
        connection.register("typed_rows", frame)
        found = connection.execute(in_force_query(of, "select * from typed_rows")).to_arrow_table().to_pylist()
    assert len({row["id"] for row in found}) == len(found), "one row per key"
    return {row["id"]: (row["version"], row["is_deleted"], row["note"], row["_is_conflict"]) for row in found}


def test_the_later_version_wins_even_when_it_arrives_first() -> None:
    rows = [("a", 2, None, 1, 1, "x"), ("a", 1, None, 9, 1, "y")]
    assert in_force(rows, contract())["a"][0] == 2


def test_an_absent_version_sorts_lowest() -> None:
    rows = [("a", None, None, 9, 9, "z"), ("a", 1, None, 1, 1, "a")]
    assert in_force(rows, contract())["a"][0] == 1


def test_equal_versions_go_by_extract_date_then_revision_then_hash() -> None:
    assert in_force([("a", 1, None, 2, 1, "a"), ("a", 1, None, 1, 9, "z")], contract())["a"][2] == "a"
    assert in_force([("a", 1, None, 1, 1, "z"), ("a", 1, None, 1, 2, "a")], contract())["a"][2] == "a"
    larger = max("abc", key=lambda note: hashlib.sha256(f"id=a\x1fnote={note}\x1fversion=1".encode()).digest())
    tied = [("a", 1, None, 1, 1, note) for note in "abc"]
    assert in_force(tied, contract())["a"][2:] == (larger, True)


def test_the_same_row_twice_is_no_conflict() -> None:
    assert in_force([("a", 1, None, 1, 1, "a"), ("a", 1, None, 1, 1, "a")], contract())["a"][3] is False


def test_an_event_that_changed_is_taken_and_marked() -> None:
    changed = [("a", None, None, 1, 1, "a"), ("a", None, None, 2, 1, "b")]
    assert in_force(changed, contract("append", version=""))["a"][2:] == ("b", True)
    assert in_force(changed, contract(version=""))["a"][2:] == ("b", False), (
        "of a versioned row that is its next version"
    )


def test_a_deleted_row_comes_back_with_a_later_version() -> None:
    deleted = [("a", 2, True, 2, 1, "b"), ("a", 1, None, 1, 1, "a")]
    assert in_force(deleted, contract())["a"][1] is True
    assert in_force([*deleted, ("a", 3, None, 3, 1, "c")], contract())["a"][1] is False


def test_a_key_that_the_newest_snapshot_lacks_is_deleted() -> None:
    rows = [("a", 9, None, 1, 1, "x"), ("b", 1, None, 1, 1, "y"), ("b", 1, None, 2, 1, "y")]
    found = in_force(rows, contract("snapshot"))
    assert (found["a"][1], found["b"][1]) == (True, False)


ROWS = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.none() | st.integers(1, 3),
        st.none() | st.booleans(),
        st.integers(1, 3),
        st.integers(1, 2),
        st.sampled_from("xyz"),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=40, deadline=None)
@given(deliveries=st.lists(ROWS, min_size=1, max_size=4), mode=st.sampled_from(["incremental", "append"]))
def test_files_on_top_of_what_is_registered_give_what_all_files_give(deliveries: list[list[Row]], mode: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{number}.parquet" for number in range(len(deliveries))]
        for path, rows in zip(files, deliveries, strict=True):
            pq.write_table(typed(rows), path)
        warehouse = DuckDBWarehouse(Path(folder) / "w.duckdb", load_settings(Path(folder), {}), stays_open=True)
        of = contract(mode)
        warehouse.register(of, files)
        at_once = warehouse.table(of.schema, of.table).sort_by("id")
        warehouse.register(of, files[:1])
        for path in files[1:]:
            conflicts = warehouse.register(of, [path], are_added=True)
            assert conflicts == sum(warehouse.table(of.schema, of.table)["_is_conflict"].to_pylist())
        one_by_one = warehouse.table(of.schema, of.table).sort_by("id")
        warehouse.release()
    ignored = ["_line"]  # of two equal rows either may stand for both
    assert one_by_one.drop_columns(ignored) == at_once.drop_columns(ignored)


@settings(max_examples=40, deadline=None)
@given(rows=ROWS, order=st.randoms(use_true_random=False))
def test_order_and_repetition_never_matter(rows: list[Row], order) -> None:
    shuffled = rows + rows[: len(rows) // 2]
    order.shuffle(shuffled)
    for mode in ("incremental", "append", "snapshot"):
        assert in_force(shuffled, contract(mode)) == in_force(rows, contract(mode))


def test_deleted_rows_leave_the_file_once_they_are_a_fifth_of_a_table(tmp_path) -> None:
    warehouse = DuckDBWarehouse(tmp_path / "build.duckdb", load_settings(tmp_path, {}))

    def sizes() -> tuple[int, int]:
        with warehouse.connect() as connection:
            said = "select estimated_size from duckdb_tables() where table_name = 'people'"
            return connection.execute(f"select ({said}), (select count(*) from people)").fetchone()

    warehouse.execute("create table people as select range as id from range(400_000)")
    warehouse.execute("delete from people where id % 10 = 0")
    assert warehouse.tidy() == []
    warehouse.execute("delete from people where id % 10 < 6")
    assert sizes() == (400_000, 160_000), "no checkpoint did it by itself"
    assert warehouse.tidy() == ["main.people"]
    assert sizes() == (160_000, 160_000)
    assert warehouse.tidy() == []
