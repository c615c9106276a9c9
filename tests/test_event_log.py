"""The fast event log stores the rows that Dagster's own SQLite storage stores, one by one or in batches."""

import sqlite3

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage

from orchestration.event_log import CycleEventLogStorage

DAYS = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-01-09")
INDEX_TABLES = ("event_logs", "asset_keys", "asset_event_tags", "asset_check_executions")


@dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
def orders(context):
    return dg.MaterializeResult(metadata={"rows": 3}, tags={"kind": "delivery"})


@dg.asset(
    deps=[orders],
    check_specs=[dg.AssetCheckSpec("has_rows", asset="revenue"), dg.AssetCheckSpec("is_positive", asset="revenue")],
)
def revenue(context):
    context.log_event(dg.AssetObservation("elsewhere", metadata={"seen": 1}))
    yield dg.MaterializeResult(metadata={"rows": 1})
    yield dg.AssetCheckResult(check_name="has_rows", passed=True)
    yield dg.AssetCheckResult(check_name="is_positive", passed=False, severity=dg.AssetCheckSeverity.WARN)


@pytest.fixture(scope="module")
def events():
    """Every kind of event of two real runs, as Dagster hands them to a storage."""
    with dg.DagsterInstance.ephemeral() as instance:
        quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        range_tags = {
            "dagster/asset_partition_range_start": "2026-01-02",
            "dagster/asset_partition_range_end": "2026-01-05",
        }
        runs = [
            dg.materialize([orders], instance=instance, tags=range_tags, run_config=quiet),
            dg.materialize([revenue], instance=instance, selection=[revenue], run_config=quiet),
        ]
        return [entry for run in runs for entry in instance.all_logs(run.run_id)]


def rows_of(folder, run_ids):
    """All stored rows by file and table, without the clock of the insert."""
    found = {}
    for shard in ("index", *run_ids):
        connection = sqlite3.connect(folder / f"{shard}.db")
        for table in INDEX_TABLES if shard == "index" else ("event_logs",):
            names = [
                row[1] for row in connection.execute(f"pragma table_info({table})") if row[1] != "create_timestamp"
            ]
            query = f"select {', '.join(names)} from {table} order by id"
            found[shard, table] = connection.execute(query).fetchall()
        connection.close()
    return {**found, ("names", "runs"): list(run_ids)}


def stored(storage_class, folder, batches):
    run_ids = sorted({event.run_id for batch in batches for event in batch})
    storage = storage_class(str(folder))
    for batch in batches:
        storage.store_event_batch(batch)
    storage.dispose()
    return rows_of(folder, run_ids)


@pytest.fixture(scope="module")
def stock_rows(events, tmp_path_factory):
    return stored(SqliteEventLogStorage, tmp_path_factory.mktemp("stock"), [[event] for event in events])


def test_events_one_by_one_give_the_stock_rows(events, stock_rows, tmp_path):
    assert stored(CycleEventLogStorage, tmp_path, [[event] for event in events]) == stock_rows


def test_one_batch_gives_the_stock_rows(events, stock_rows, tmp_path):
    rows = stored(CycleEventLogStorage, tmp_path, [events])
    assert rows["index", "asset_keys"] == stock_rows["index", "asset_keys"]
    assert rows == stock_rows


def test_the_fixture_covers_every_table(stock_rows):
    assert [place for place, rows in stock_rows.items() if not rows] == []


def test_a_deleted_run_can_be_written_again(events, tmp_path):
    storage = CycleEventLogStorage(str(tmp_path))
    storage.store_event_batch(events)
    storage.wipe()
    storage.store_event_batch(events)
    assert rows_of(tmp_path, sorted({event.run_id for event in events}))["index", "event_logs"]
    storage.dispose()
