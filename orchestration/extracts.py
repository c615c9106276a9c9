"""Raw objects + contract -> typed rows and rejected rows: one statement of the engine for many files.

Lives here: which reader a format has, batches from reader to engine, the account of every file, exact duplicates.
Does not live here: reading formats (`delimited.py`, `json_lines.py`, `columnar.py`), the SQL (`casting.py`), where
rows are written and what the ledger says (`landing.py`). A second reader is one more line in `_batches`.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from orchestration.casting import LINEAGE, Casting, arrow_casting, json_casting, text_casting
from orchestration.columnar import parquet_schema, read_parquet, read_workbook
from orchestration.contracts import Contract
from orchestration.decompression import expanded
from orchestration.delimited import read_delimited
from orchestration.errors import CxwError
from orchestration.json_lines import bind_keys, read_json_lines
from orchestration.ledger_rows import Delivery
from orchestration.raw_objects import UNREADABLE_COUNT
from orchestration.reading_engine import Noticed, give_memory_back
from orchestration.rejects import Account
from orchestration.settings import Settings
from orchestration.streams import streamed
from orchestration.warehouse import quote
from orchestration.zones import utc_midnight

_GIVE_BACK_ROWS = 400_000
_BATCH_ROWS, _FULL_BATCH_ROWS = 50_000, 8_000  # many tiny batches would be slow to read, one of a file's blocks is not
RowRules = Callable[[pa.Table], list[tuple[np.ndarray, str]]]


@dataclass
class Source:
    """One raw object to read, and its account."""

    delivery: Delivery
    path: Path
    format: str
    account: Account = field(init=False)

    def __post_init__(self) -> None:
        where = f"{self.delivery.name} {self.delivery.extract_date} (sha {self.delivery.sha256[:8]})"
        self.account = Account(self.delivery.table, where, announced_rows=self.delivery.expected_rows)


def groups(
    sources: list[Source], contract: Contract, settings: Settings
) -> Iterator[tuple[Casting, pa.Schema, list[Source]]]:
    """Sources that one statement can read: text together, JSON lines together, Parquet by its types."""
    width = len(contract.columns)
    text = pa.schema([(f"c{number}", pa.string()) for number in range(width)])
    parquet: dict[pa.Schema, list[Source]] = {}
    lines, cells = [], []
    for source in sources:
        if source.format == "parquet":
            try:
                schema = parquet_schema(source.path, contract, settings, source.account)
                parquet.setdefault(schema, []).append(source)
            except CxwError as refusal:
                source.account.refusal = refusal
        else:
            (lines if source.format.startswith("jsonl") else cells).append(source)
    if cells:
        yield text_casting(contract), text, cells
    if lines:
        yield json_casting(contract), pa.schema([("_text", pa.string())]), lines
    for schema, members in parquet.items():
        yield arrow_casting(contract, schema), schema, members


def _batches(
    number: int, source: Source, contract: Contract, settings: Settings, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    """Delivered rows of one file with `_file` and `_line`; a refusal ends them and is kept in the account."""
    account = source.account
    try:
        if source.format == "parquet":
            parts = read_parquet(source.path, contract, settings, account, schema)
        elif source.format == "xlsx":
            parts = read_workbook(source.path, contract, settings, account)
        else:
            blocks = expanded(source.path, source.format.endswith(".gz"), settings, account.where)
            if source.format.startswith("jsonl"):
                parts = (([rows], lines) for rows, lines in read_json_lines(blocks, contract, settings, account))
            else:
                parts = read_delimited(blocks, contract, settings, account)
        for columns, lines in parts:
            if account.rows_in > settings.max_rows:
                raise CxwError("E-LND-005", f"more than max_rows {settings.max_rows} rows", where=account.where)
            filled = [
                pa.nulls(len(lines), kind) if column is None else column
                for column, kind in zip(columns, schema.types, strict=True)
            ]
            arrays = [*filled, pa.array(np.full(len(lines), number, np.int32)), pa.array(lines, pa.int64())]
            yield pa.RecordBatch.from_arrays(arrays, names=[*schema.names, "_file", "_line"])
        if account.announced_rows is not None and account.announced_rows != account.rows_in:
            message = f"{account.announced_rows} rows announced, {account.rows_in} delivered"
            if account.announced_rows == UNREADABLE_COUNT:
                message = "the row-count file does not hold exactly one number"
            raise CxwError("E-LND-010", message, where=account.where)
    except CxwError as refusal:
        account.refusal = refusal
    except Exception as error:  # whatever it is, it must cost one file only, and its text may hold a row
        place = traceback.extract_tb(error.__traceback__)[-1]
        message = f"reading failed: {type(error).__name__} at {Path(place.filename).name}:{place.lineno}"
        account.refusal = CxwError("E-LND-018", message, where=account.where)


@contextmanager
def delivered(
    connection: duckdb.DuckDBPyConnection,
    sources: list[Source],
    contract: Contract,
    settings: Settings,
    schema: pa.Schema,
    readers: int = 1,
) -> Iterator[None]:
    """Relations `delivered` (read once) and `files` for one statement of `casting.py`, within the block."""
    full = pa.schema([*schema, ("_file", pa.int32()), ("_line", pa.int64())])

    def rows() -> Iterator[pa.RecordBatch]:
        held: list[pa.RecordBatch] = []
        passed = 0
        for number, source in enumerate(sources):
            for batch in _batches(number, source, contract, settings, schema):
                passed += batch.num_rows
                if passed >= _GIVE_BACK_ROWS:
                    give_memory_back()
                    passed = 0
                if not held and batch.num_rows >= _FULL_BATCH_ROWS:
                    yield batch
                    continue
                held.append(batch)
                if sum(part.num_rows for part in held) >= _BATCH_ROWS:
                    yield from pa.Table.from_batches(held, full).combine_chunks().to_batches()
                    held = []
        if held:
            yield from pa.Table.from_batches(held, full).combine_chunks().to_batches()

    connection.register("files", _files(sources, settings))
    with streamed(connection, "delivered", full, rows(), readers):
        yield


def _files(sources: list[Source], settings: Settings) -> pa.Table:
    zone, day = settings.reporting_zone, timedelta(days=1)
    dates = [source.delivery.extract_date for source in sources]
    earliest = utc_midnight(settings.earliest_date, zone)
    return pa.table(
        {
            "_file": pa.array(range(len(sources)), pa.int32()),
            "_extract_date": pa.array(dates, pa.date32()),
            "_revision": pa.array([source.delivery.revision for source in sources], pa.int32()),
            "_source_file": pa.array([source.delivery.sha256 for source in sources], pa.string()),
            "_earliest_at": pa.array([earliest] * len(sources), pa.timestamp("us")),
            "_latest_at": pa.array([utc_midnight(each + 2 * day, zone) for each in dates], pa.timestamp("us")),
            "_earliest_date": pa.array([settings.earliest_date] * len(sources), pa.date32()),
            "_latest_date": pa.array([each + day for each in dates], pa.date32()),
        }
    )


def read_small(
    connection: duckdb.DuckDBPyConnection, casting: Casting, schema: pa.Schema, sources: list[Source],
    contract: Contract, settings: Settings, noticed: Noticed, row_rules: RowRules | None = None,
) -> list[tuple[Source, pa.Table]]:  # fmt: skip
    """Typed rows of many small files, in one statement held in memory. Rejects go to the accounts."""
    every = ", ".join(quote(column.name) for column in contract.columns)
    statement = f"select *, hash({every}) as _digest from ({casting.judged})"  # noqa: S608 (composed in casting.py)
    if not casting.is_ordered:
        statement += " order by _file, _line"
    with delivered(connection, sources, contract, settings, schema):
        rows = connection.execute(statement).to_arrow_table().combine_chunks()
    for number, source in enumerate(sources):
        judge_keys(noticed.keys.pop(number, set()), source, contract, settings)
    numbers = rows.column("_file").to_numpy()
    if len(numbers) and (np.diff(numbers) < 0).any():
        rows = rows.sort_by([("_file", "ascending"), ("_line", "ascending")])
        numbers = rows.column("_file").to_numpy()
    bounds = np.searchsorted(numbers, np.arange(len(sources) + 1))
    keep = np.ones(len(numbers), bool)
    lines = rows.column("_line").to_numpy()
    _set_aside(rows, numbers, lines, keep, sources, casting)
    odd = rows.column("_odd_clock").to_numpy()
    for number in np.unique(numbers[odd > 0]) if odd.any() else ():
        sources[number].account.clock_shifts = int(odd[numbers == number].sum())
    _drop_duplicates(rows, numbers, keep, sources, contract)
    typed = rows.select([*(column.name for column in contract.columns), *LINEAGE])
    if row_rules:
        kept = np.flatnonzero(keep)
        for positions, rule in row_rules(typed.take(kept)):
            for position in kept[np.asarray(positions, np.int64)]:
                account = sources[numbers[position]].account
                if keep[position] and account.refusal is None:
                    keep[position] = False
                    account.reject(int(lines[position]), "", "E-TYP-004", rule, row_text(typed, position))
    found = []
    for number, source in enumerate(sources):
        begin, end = int(bounds[number]), int(bounds[number + 1])
        mask = keep[begin:end]
        part = typed.slice(begin, end - begin)
        part = part if mask.all() else part.filter(pa.array(mask))
        source.account.accepted = part.num_rows
        found.append((source, part))
    return found


def judge_keys(keys: set[str], source: Source, contract: Contract, settings: Settings) -> None:
    """A file of JSON lines is judged by the keys of all its rows; a refusal is kept in its account."""
    try:
        bind_keys(keys, contract, source.account, settings)
    except CxwError as refusal:
        source.account.refusal = source.account.refusal or refusal


def row_text(rows: pa.Table, position: int) -> str:
    """A typed row for the quarantine."""
    return str(
        {name: str(value) for name, value in rows.slice(position, 1).to_pylist()[0].items() if value is not None}
    )


def _set_aside(
    rows: pa.Table, numbers: np.ndarray, lines: np.ndarray, keep: np.ndarray, sources: list[Source], casting: Casting
) -> None:
    problems = rows.column("_problem")
    if problems.null_count == len(problems):
        return
    codes = problems.fill_null(0).to_numpy()
    bad = np.flatnonzero(codes)
    keep[bad] = False
    texts = rows.column("_raw").take(bad).to_pylist()
    for position, text in zip(bad.tolist(), texts, strict=True):
        account, rule = sources[numbers[position]].account, casting.rules[codes[position] - 1]
        if account.refusal is None:
            try:
                account.reject(int(lines[position]), rule.column, rule.code, rule.what, text)
            except CxwError as refusal:
                account.refusal = refusal


def _drop_duplicates(
    rows: pa.Table, numbers: np.ndarray, keep: np.ndarray, sources: list[Source], contract: Contract
) -> None:
    """Rows equal in every contract column to an earlier row of their file; the first line stays."""
    digests = rows.column("_digest").to_numpy()
    ordered = np.sort(digests[keep])
    twice = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if not len(twice):
        return
    suspects = np.flatnonzero(keep & np.isin(digests, twice))
    values = rows.select([column.name for column in contract.columns]).take(suspects).to_pylist()
    seen: set[tuple[int, tuple]] = set()
    for position, row in zip(suspects.tolist(), values, strict=True):
        key = (int(numbers[position]), tuple(row.values()))
        if key in seen:
            keep[position] = False
            sources[key[0]].account.duplicates += 1
        seen.add(key)
