"""One large file from raw object to typed Parquet without holding it in memory.

Lives here: the streaming twin of `extracts.read_small`: same SQL, same accounts, rows go straight to a file.
Does not live here: what happens to the file written (`landing.py`). The common case is one pass; rejected rows,
duplicates and rows set aside by rules each cost another, which only files that have them pay.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.casting import LINEAGE, Casting
from orchestration.contracts import Contract
from orchestration.errors import CxwError
from orchestration.extracts import RowRules, Source, delivered, judge_keys, row_text
from orchestration.reading_engine import Noticed, give_memory_back
from orchestration.rejects import Account
from orchestration.settings import Settings
from orchestration.value_syntax import literal
from orchestration.warehouse import quote

_RULE_ROWS, _DIGESTS, _HALF = 500_000, 4_000_000, np.uint64(1 << 63)
# Keys and hashes never repeat: giving up early on their dictionary saves a third of the writing time. A row group is
# held in memory by every thread until it is full.
_PARQUET = "(format parquet, parquet_version v2, compression lz4_raw, dictionary_size_limit 1000, row_group_size 40960)"


def write_large(
    connection: duckdb.DuckDBPyConnection, casting: Casting, schema: pa.Schema, source: Source, contract: Contract,
    settings: Settings, target: Path, noticed: Noticed, row_rules: RowRules | None = None,
) -> None:  # fmt: skip
    """Write the typed rows of one file to `target`; its account is complete afterwards."""
    account = source.account
    columns = ", ".join(quote(name) for name in (*(column.name for column in contract.columns), *LINEAGE))
    select = f"select {columns} from ({casting.judged_alone}) where _problem is null and _odd_clock >= 0"  # noqa: S608 (composed in casting.py)
    with delivered(connection, [source], contract, settings, schema, settings.threads):
        (written,) = connection.execute(f"copy ({select}) to {literal(str(target))} {_PARQUET}").fetchone()
    account.clock_shifts = noticed.odd_clocks
    judge_keys(noticed.keys.pop(0, set()), source, contract, settings)
    give_memory_back()
    if account.refusal:
        return
    if written < account.rows_in - account.rejected:
        account = _account_for_rejects(connection, casting, schema, source, contract, settings)
        if account.refusal:
            return
    losers = _later_twins(connection, contract, target, written)
    account.duplicates = len(losers)
    dropped = losers
    if row_rules:
        flagged = _flagged(target, row_rules, set(losers.tolist()), account)
        dropped = np.concatenate([losers, flagged])
    if len(dropped):
        _rewrite_without(connection, target, dropped)
    account.accepted = written - len(dropped)


def _account_for_rejects(
    connection: duckdb.DuckDBPyConnection,
    casting: Casting,
    schema: pa.Schema,
    source: Source,
    contract: Contract,
    settings: Settings,
) -> Account:
    """Read the file again for the rows that broke a rule; the first account's structural rejects are counted anew."""
    first, announced = source.account, source.delivery.expected_rows
    source.account = Account(first.table, first.where, announced_rows=announced, clock_shifts=first.clock_shifts)
    source.account.warnings = first.warnings
    # `_line + 0` is a value of the engine's own: the column as it came would keep its whole batch of rows alive.
    statement = f"select _line + 0 as _line, _problem, _raw from ({casting.judged_alone}) where _problem is not null"  # noqa: S608
    try:
        with delivered(connection, [source], contract, settings, schema, settings.threads):
            for batch in connection.execute(statement).to_arrow_reader(10_000):
                for line, problem, raw in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    rule = casting.rules[problem - 1]
                    source.account.reject(line, rule.column, rule.code, rule.what, raw)
    except CxwError as refusal:
        source.account.refusal = refusal
    if source.account.refusal is None and source.account.rows_in != first.rows_in:
        source.account.refusal = CxwError(
            "E-LND-011", "two readings found different numbers of rows", where=first.where
        )
    return source.account


def _later_twins(
    connection: duckdb.DuckDBPyConnection, contract: Contract, written: Path, row_count: int
) -> np.ndarray:
    """Lines of rows that equal an earlier row of the file in every contract column."""
    key = ", ".join(map(quote, contract.primary_key))  # equal rows have equal keys, and a key is read in no time
    every = ", ".join(quote(column.name) for column in contract.columns)
    connection.execute(f"create or replace temp view written as from {_relation(written)}")
    suspects = _repeated_digests(connection, f"hash({key})", row_count)
    if not len(suspects):
        return np.empty(0, np.int64)
    connection.register("suspects", pa.table({"digest": suspects}))
    numbered = (
        f"select _line, row_number() over (partition by {every} order by _line) as nth from written"  # noqa: S608
        f" where hash({key}) in (select digest from suspects)"
    )
    rows = connection.execute(f"select _line from ({numbered}) where nth > 1").fetchnumpy()  # noqa: S608
    return np.asarray(rows["_line"], np.int64)


def _repeated_digests(connection: duckdb.DuckDBPyConnection, digest: str, row_count: int) -> np.ndarray:
    """Digests of `written` that come more than once; a part of them at a time, so that memory does not grow."""
    parts = 1 + row_count // _DIGESTS
    repeated: list[np.ndarray] = []
    with ThreadPoolExecutor(2) as pool:
        for part in range(parts):
            part_of_them = f"from (select {digest} as digest from written) where digest % {parts} = {part}"  # noqa: S608 (our own names)
            statement = f"select coalesce(list(digest), []) as digests {part_of_them}"
            (digests,) = connection.execute(statement).fetchnumpy()["digests"]
            is_upper = digests > _HALF
            repeated += pool.map(_repeated, (digests[is_upper], digests[~is_upper]))
    return np.concatenate(repeated)


def _repeated(digests: np.ndarray) -> np.ndarray:
    """Digests that come more than once: sorting takes two thirds of the time of grouping in the engine."""
    digests.sort()
    return np.unique(digests[1:][digests[1:] == digests[:-1]])


def _relation(written: Path) -> str:
    """A written file in SQL; the folder's own name may hold what DuckDB takes for a pattern."""
    pattern = re.sub(r"([*?[])", r"[\1]", str(written))
    return f"read_parquet({literal(pattern)})"


def _flagged(written: Path, row_rules: RowRules, already: set[int], account: Account) -> np.ndarray:
    """Lines of rows that a rule of the suite sets aside, noted in the account."""
    lines: list[int] = []
    for chunk in _chunks(written):
        numbers = chunk.column("_line").to_numpy()
        for positions, rule in row_rules(chunk):
            for position in np.asarray(positions, np.int64).tolist():
                line = int(numbers[position])
                if line in already:
                    continue
                already.add(line)
                lines.append(line)
                account.reject(line, "", "E-TYP-004", rule, row_text(chunk, position))
    return np.array(lines, np.int64)


def _chunks(written: Path) -> Iterator[pa.Table]:
    held: list[pa.RecordBatch] = []
    for batch in pq.ParquetFile(written).iter_batches(100_000):
        held.append(batch)
        if sum(part.num_rows for part in held) >= _RULE_ROWS:
            yield pa.Table.from_batches(held)
            held = []
    if held:
        yield pa.Table.from_batches(held)


def _rewrite_without(connection: duckdb.DuckDBPyConnection, written: Path, lines: np.ndarray) -> None:
    reduced = written.with_suffix(".reduced")
    connection.register("dropped", pa.table({"_line": lines}))
    statement = "select * from written where _line not in (select _line from dropped)"
    connection.execute(f"copy ({statement}) to {literal(str(reduced))} {_PARQUET}")
    reduced.rename(written)
