"""Dagster's event log on SQLite, fast enough for one event per extract date.

Lives here: the event log storage that `dagster.yaml` names. It stores the same rows as Dagster's own SQLite storage
(a test compares them) with open connections kept, and a batch of events in one transaction per database file.
Stock: a new engine, two transactions and a schema inspection per event, 14 ms; a first load of 374 extract dates for
13 tables is 4,862 events. Does not live here: what the events say (`ingestion.py`, `transformation.py`).
"""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as db
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS, EVENT_TYPE_TO_PIPELINE_RUN_STATUS, DagsterEventType
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from dagster_shared.serdes import serialize_value
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import StaticPool

OPEN_DATABASES = 8  # the index, the run being written and a few that the UI reads


class CycleEventLogStorage(SqliteEventLogStorage):
    """SQLite event log with kept connections and real batch writes; the file format is Dagster's."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._connection_lock = threading.RLock()
        self._known_tables: set[str] = set()
        self._has_index_columns = False
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> CycleEventLogStorage:
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        """One transaction on one database file. The lock makes the single kept connection safe between threads."""
        with self._connection_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _engine(self, shard: str) -> Engine:
        engine = self._engines.pop(shard, None)
        if engine is None:
            engine = db.create_engine(
                self.conn_string_for_shard(shard),
                poolclass=StaticPool,
                connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
            )
            # The log is history, not truth: losing the last events to a power cut is allowed, a torn file is not,
            # and write-ahead logging without a sync per commit gives exactly that.
            db.event.listen(engine, "connect", lambda raw, _: raw.execute("pragma synchronous = normal"))
        self._engines[shard] = engine
        while len(self._engines) > OPEN_DATABASES:
            self._engines.popitem(last=False)[1].dispose()
        return engine

    def _close_engines(self) -> None:
        with self._connection_lock:
            while self._engines:
                self._engines.popitem()[1].dispose()

    def wipe(self) -> None:
        self._close_engines()
        super().wipe()

    def dispose(self) -> None:
        self._close_engines()
        super().dispose()

    def has_table(self, table_name: str) -> bool:
        """Stock inspects the schema at every event; tables never go away, so a found one stays found."""
        if table_name not in self._known_tables and super().has_table(table_name):
            self._known_tables.add(table_name)
        return table_name in self._known_tables

    def _has_asset_key_index_cols_on_connection(self, conn: Connection) -> bool:
        self._has_index_columns = self._has_index_columns or super()._has_asset_key_index_cols_on_connection(conn)
        return self._has_index_columns

    def store_event(self, event: EventLogEntry) -> None:
        self.store_event_batch([event])

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events in one transaction per run database and one for the index.

        Dagster hands over several at once when they carry batch metadata and DAGSTER_EVENT_BATCH_SIZE is set; after
        an exception it comes back with the same events one by one.
        """
        by_run: dict[str, list[EventLogEntry]] = defaultdict(list)
        for event in events:
            by_run[event.run_id].append(event)
        rows = {id(event): self._event_to_row(event) for event in events}
        for run_id, of_run in by_run.items():
            with self.run_connection(run_id) as connection:
                connection.execute(SqlEventLogStorageTable.insert(), [rows[id(event)] for event in of_run])
        mirrored = [event for event in events if _is_mirrored(event)]
        if not mirrored:
            return
        with self.index_transaction() as connection:
            ids = [_insert(connection, rows[id(event)]) for event in mirrored]
            stored = list(zip(mirrored, ids, strict=True))
            asset_events = [(e, i) for e, i in stored if e.dagster_event_type in ASSET_EVENTS]
            self._store_asset_event_tags(connection, [e for e, _ in asset_events], [i for _, i in asset_events])
            for event, event_id in _last_of_each_kind(asset_events):
                self._store_asset_event(connection, event, event_id)
            self._store_planned_checks(connection, stored)
        for event, event_id in stored:
            if event.dagster_event_type == DagsterEventType.ASSET_CHECK_EVALUATION:
                self.store_asset_check_event(event, event_id)

    def _store_planned_checks(self, connection: Connection, stored: Sequence[tuple[EventLogEntry, int]]) -> None:
        planned = [
            {
                "asset_key": event.dagster_event.event_specific_data.asset_key.to_string(),
                "check_name": event.dagster_event.event_specific_data.check_name,
                "partition": partition,
                "run_id": event.run_id,
                "execution_status": AssetCheckExecutionRecordStatus.PLANNED.value,
                "evaluation_event": serialize_value(event),
                "evaluation_event_timestamp": self._event_insert_timestamp(event),
                "evaluation_event_storage_id": event_id,
            }
            for event, event_id in stored
            if event.dagster_event_type == DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED
            for partition in _planned_partitions(event)
        ]
        if planned:
            connection.execute(AssetCheckExecutionsTable.insert(), planned)


def _is_mirrored(event: EventLogEntry) -> bool:
    """Whether the index holds a copy: asset events, check events and changes of a run's status."""
    return event.is_dagster_event and (
        event.dagster_event_type in ASSET_EVENTS
        or event.dagster_event_type in ASSET_CHECK_EVENTS
        or event.dagster_event_type in EVENT_TYPE_TO_PIPELINE_RUN_STATUS
    )


def _insert(connection: Connection, row: dict[str, Any]) -> int:
    return connection.execute(SqlEventLogStorageTable.insert(), row).inserted_primary_key[0]


def _planned_partitions(event: EventLogEntry) -> Sequence[str | None]:
    subset = event.dagster_event.event_specific_data.partitions_subset
    return subset.get_partition_keys() if subset else [None]


def _last_of_each_kind(stored: Sequence[tuple[EventLogEntry, int]]) -> list[tuple[EventLogEntry, int]]:
    """Per asset and event type the last event, in order: all that the row of an asset remembers of a batch.

    Each type always sets the same columns, so the earlier ones of a batch would be overwritten anyway.
    """
    last = {}
    for event, event_id in stored:
        if event.dagster_event.asset_key:
            place = (event.dagster_event.asset_key, event.dagster_event_type)
            last.pop(place, None)
            last[place] = (event, event_id)
    return list(last.values())
