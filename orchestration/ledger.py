"""The ledger: one SQLite row per delivery with its state and its counts, gaps, holds, publishes, retired keys,
models of the matcher.

Lives here: the tables, and the questions that can be answered without opening a data file.
Does not live here: typed rows (`ledger_rows.py`), reading files (`intake.py`, `extracts.py`).
Together with the raw objects and the code the ledger is the truth; everything else can be rebuilt from them.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from orchestration.crash_points import CrashPoint, reach
from orchestration.errors import CxwError
from orchestration.ledger_rows import Delivery, Gap, Publish, Sighting, State

_SCHEMA = """
create table if not exists deliveries (
    sequence integer primary key autoincrement,
    source text not null, "table" text not null, file_name text not null, sha256 text not null,
    extract_date text, revision integer not null,
    state text not null check (state in ('accepted', 'refused', 'duplicate', 'held')),
    bytes integer not null, rows_in integer not null, rows_accepted integer not null,
    rows_rejected integer not null, rows_duplicate integer not null, expected_rows integer,
    typed_bytes integer not null,
    reason_code text not null, reason text not null, warnings text not null,
    contract_fingerprint text not null, received_at text not null,
    check (state <> 'accepted' or rows_in = rows_accepted + rows_rejected + rows_duplicate)
);
create index if not exists deliveries_by_table on deliveries (source, "table", extract_date);
create table if not exists sightings (
    source text not null, "table" text not null, file_name text not null,
    size integer not null, mtime_ns integer not null, inode integer not null,
    primary key (source, "table", file_name)
) without rowid;
create table if not exists gaps (
    source text not null, "table" text not null, extract_date text not null,
    why text not null, accepted_by text not null, accepted_at text not null,
    primary key (source, "table", extract_date)
) without rowid;
create table if not exists holds (
    source text not null, "table" text not null, extract_date text not null,
    primary key (source, "table", extract_date)
) without rowid;
create table if not exists retired_customer_keys (
    since_snapshot_id text not null, old_customer_key text not null,
    source_system text not null, source_table text not null, source_id text not null,
    primary key (since_snapshot_id, old_customer_key)
) without rowid;
create table if not exists secrets (name text primary key, value text not null) without rowid;
create table if not exists identity_models (
    sequence integer primary key autoincrement,
    version text not null, model text not null, is_asked_for integer not null, recorded_at text not null
);
create table if not exists publishes (
    snapshot_id text primary key, input_fingerprint text not null, published_at text not null,
    manifest_hash text not null, state text not null
);
"""
_DELIVERY_COLUMNS = (
    "sequence", "source", "table", "file_name", "sha256", "extract_date", "revision", "state", "bytes", "rows_in",
    "rows_accepted", "rows_rejected", "rows_duplicate", "expected_rows", "typed_bytes", "reason_code", "reason",
    "warnings",
    "contract_fingerprint", "received_at",
)  # fmt: skip
_RECORD_DELIVERY = (
    "insert or replace into deliveries values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class Ledger:
    """The ledger of one home. Open it with `with Ledger(settings.ledger_path) as ledger:`; safe between threads."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
        self._connection.execute("pragma journal_mode = wal")
        self._connection.execute("pragma synchronous = full")
        self._connection.executescript(_SCHEMA)

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("begin immediate")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("rollback")
                raise
            self._connection.execute("commit")

    def _rows(self, sql: str, parameters: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._connection.execute(sql, tuple(parameters)).fetchall()

    def record(self, deliveries: Iterable[Delivery], sightings: Iterable[Sighting] = ()) -> list[Delivery]:
        """Write the outcome of a batch of files in one transaction.

        A delivery with a `sequence` replaces that row (it was read again); one without is appended. Deliveries come
        back with their sequence.
        """
        written = []
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with self._transaction() as connection:
            for delivery in deliveries:
                delivery = delivery if delivery.received_at else replace(delivery, received_at=now)
                values = [_to_column(getattr(delivery, name)) for name in _DELIVERY_COLUMNS[1:]]
                cursor = connection.execute(_RECORD_DELIVERY, (delivery.sequence or None, *values))
                written.append(replace(delivery, sequence=cursor.lastrowid or delivery.sequence))
            connection.executemany(
                "insert or replace into sightings values (?, ?, ?, ?, ?, ?)",
                [(s.source, s.table, s.file_name, s.size, s.mtime_ns, s.inode) for s in sightings],
            )
            reach(CrashPoint.LEDGER_RECORDING)
        reach(CrashPoint.LEDGER_RECORDED)
        return written

    def deliveries(
        self, source: str | None = None, table: str | None = None, states: Iterable[State] = ()
    ) -> list[Delivery]:
        """Deliveries in order of arrival; of one source, one table, some states."""
        wanted = set(states)
        rows = self._rows(
            'select * from deliveries where (?1 is null or source = ?1) and (?2 is null or "table" = ?2)'
            " order by sequence",
            (source, table),
        )
        return [delivery for delivery in map(_delivery, rows) if not wanted or delivery.state in wanted]

    def sightings(self, source: str, table: str) -> dict[str, Sighting]:
        """Known landing files of one table, by name."""
        rows = self._rows('select * from sightings where source = ? and "table" = ?', (source, table))
        return {row[2]: Sighting(*row) for row in rows}

    def refused_unread(self, source: str, table: str) -> dict[str, str]:
        """Landing files whose last delivery was refused by name, kind or size alone, with the reason's code."""
        rows = self._rows(
            'select file_name, sha256, reason_code from deliveries where source = ?1 and "table" = ?2 and file_name in'
            " (select file_name from deliveries where source = ?1 and \"table\" = ?2 and sha256 = '')"
            " order by sequence",
            (source, table),
        )
        last = {file_name: (sha256, code) for file_name, sha256, code in rows}
        return {file_name: code for file_name, (sha256, code) in last.items() if not sha256}

    def newest_extract_date(self) -> date | None:
        """Newest extract date that any table of any source delivered and that was accepted."""
        ((newest,),) = self._rows("select max(extract_date) from deliveries where state = 'accepted'")
        return date.fromisoformat(newest) if newest else None

    def release(self, sequence: int, why: str) -> Delivery:
        """Accept a held delivery: a person looked at it.

        Raises:
            CxwError: E-LND-017 when that delivery is not held.
        """
        held = [delivery for delivery in self.deliveries(states=["held"]) if delivery.sequence == sequence]
        if not held:
            raise CxwError("E-LND-017", "this delivery is not held", where=f"delivery {sequence}")
        warnings = (*held[0].warnings, f"held ({held[0].reason_code}), released by a person: {why}")
        return self.record([replace(held[0], state="accepted", reason_code="", reason="", warnings=warnings)])[0]

    def accept_gap(self, source: str, table: str, extract_date: date, *, why: str, accepted_by: str) -> None:
        """Say that nothing will ever come for this extract date."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with self._transaction() as connection:
            connection.execute(
                "insert or replace into gaps values (?, ?, ?, ?, ?, ?)",
                (source, table, extract_date.isoformat(), why, accepted_by, now),
            )

    def gaps(self, source: str | None = None, table: str | None = None) -> list[Gap]:
        """Accepted gaps by table and date."""
        sql = 'select * from gaps where (?1 is null or source = ?1) and (?2 is null or "table" = ?2) order by 1, 2, 3'
        return [Gap(*row[:2], date.fromisoformat(row[2]), *row[3:]) for row in self._rows(sql, (source, table))]

    def hold(self, source: str, table: str, extract_dates: Iterable[date]) -> None:
        """Extract dates that a critical rule at the door refuses, in place of those held so far; none = released."""
        with self._transaction() as connection:
            connection.execute('delete from holds where source = ? and "table" = ?', (source, table))
            connection.executemany(
                "insert into holds values (?, ?, ?)", [(source, table, day.isoformat()) for day in set(extract_dates)]
            )

    def held_dates(self, source: str, table: str) -> set[date]:
        """Extract dates of one table that may not be built on."""
        rows = self._rows('select extract_date from holds where source = ? and "table" = ?', (source, table))
        return {date.fromisoformat(day) for (day,) in rows}

    def retire_customer_keys(self, snapshot_id: str, rows: Iterable[Mapping[str, str]]) -> None:
        """Keys that the build of this snapshot retires, in place of those that an earlier try of it retired."""
        with self._transaction() as connection:
            connection.execute("delete from retired_customer_keys where since_snapshot_id = ?", (snapshot_id,))
            connection.executemany(
                "insert into retired_customer_keys values"
                " (:since_snapshot_id, :old_customer_key, :source_system, :source_table, :source_id)",
                list(rows),
            )

    def retired_customer_keys(self) -> list[dict[str, str]]:
        """Keys that published snapshots retired, the newest word on each; what a build that failed retired is none."""
        names = ("since_snapshot_id", "old_customer_key", "source_system", "source_table", "source_id")
        rows = self._rows(
            "select retired_customer_keys.* from retired_customer_keys"
            " join publishes on snapshot_id = since_snapshot_id order by published_at, snapshot_id"
        )
        return list({row[1]: dict(zip(names, row, strict=True)) for row in rows}.values())

    def secret(self, name: str) -> bytes:
        """A random value of this home, made when first asked for, then the same for ever; readers never see it."""
        with self._transaction() as connection:
            connection.execute("insert or ignore into secrets values (?, ?)", (name, secrets.token_hex(32)))
            (row,) = connection.execute("select value from secrets where name = ?", (name,)).fetchall()
        return bytes.fromhex(row[0])

    def keep_identity_model(self, version: str, model: str, *, is_asked_for: bool) -> None:
        """Put a trained model in force; the earlier ones stay.

        Args:
            model: text of `MatchModel.to_json`.
            is_asked_for: a person asked for the training; False = the first build that needed a model trained it.
        """
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with self._transaction() as connection:
            connection.execute(
                "insert into identity_models (version, model, is_asked_for, recorded_at) values (?, ?, ?, ?)",
                (version, model, int(is_asked_for), now),
            )

    def identity_models(self) -> list[tuple[str, str, bool]]:
        """(version, model, whether it was asked for) of every training, oldest first: the last one is in force."""
        rows = self._rows("select version, model, is_asked_for from identity_models order by sequence")
        return [(version, model, bool(is_asked_for)) for version, model, is_asked_for in rows]

    def record_publish(self, publish: Publish) -> None:
        with self._transaction() as connection:
            connection.execute(
                "insert or replace into publishes values (?, ?, ?, ?, ?)",
                (
                    publish.snapshot_id,
                    publish.input_fingerprint,
                    publish.published_at,
                    publish.manifest_hash,
                    publish.state,
                ),
            )

    def publishes(self) -> list[Publish]:
        """Publishes, oldest first."""
        return [Publish(*row) for row in self._rows("select * from publishes order by published_at, snapshot_id")]

    def input_fingerprint(self) -> str:
        """sha256 of what the marts are made from, whatever the order in which it arrived.

        That is the accepted deliveries, and what decides how far a table is observed: refused and held ones, gaps.
        """
        parts = self._rows(
            'select source, "table", sha256, extract_date, revision, state, contract_fingerprint, rows_accepted'
            " from deliveries where state <> 'duplicate' and extract_date is not null"
            " union all select source, \"table\", '', extract_date, 0, 'gap', '', 0 from gaps"
        )
        lines = sorted(json.dumps(part) for part in parts)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _to_column(value: Any) -> Any:
    if isinstance(value, tuple):
        return json.dumps(value)
    return value.isoformat() if isinstance(value, date) else value


def _delivery(row: tuple[Any, ...]) -> Delivery:
    values = dict(zip(_DELIVERY_COLUMNS, row, strict=True))
    values["warnings"] = tuple(json.loads(values["warnings"]))
    values["extract_date"] = date.fromisoformat(values["extract_date"]) if values["extract_date"] else None
    return Delivery(**values)
