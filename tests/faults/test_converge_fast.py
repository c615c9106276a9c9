"""Any history of deliveries ends in the same rows in force: a state machine over intake, typed files and precedence.

The fast lane: no dbt, no Dagster. A tiny world (4 keys, 4 dates) is delivered, repeated, corrected, broken, repaired,
crashed in the middle, forgotten and read again. After every cycle the rows in force are those that a few lines of plain
Python resolve from the history, every delivery adds up, and the same history in another order, repeated and regrouped
in a home of its own ends in the same. Mutants of the product must be caught by the same machine.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import random
import shutil
import tempfile
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from deliveries import Home, column, open_home
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from orchestration import cadence, landing, warehouse
from orchestration.contracts import Contract, ExtractSettings
from orchestration.crash_points import CrashPoint
from orchestration.ledger import Ledger

from .mutants import Mutant

EXAMPLES = int(os.environ.get("FAULT_EXAMPLES", "200"))
FIRST = date(2024, 1, 1)
COLUMNS = (
    column("order_id", required=True), column("version", "bigint"), column("amount", "decimal(18,4)"),
    column("note"), column("is_deleted", "boolean"),
)  # fmt: skip
HEADER = "order_id,version,amount,note,is_deleted"
CONTRACT = Contract(
    "shop", "orders", "", "", COLUMNS, ("order_id",),
    ExtractSettings(version_column="version", max_rejected_rows=1000, max_rejected_rate=1.0), "x.yml",
)  # fmt: skip
Row = tuple[str, int | None, Decimal | None, str, bool | None]
Sent = tuple[date, int, tuple[Row, ...]]
POINTS = [point for point in CrashPoint if point.partition(".")[0] in ("intake", "reading", "ledger")]

rows = st.tuples(
    st.sampled_from(["a", "A", "ä", "b'"]),  # keys that differ only by case or accent
    st.sampled_from([None, 1, 2, 3]),
    st.sampled_from([None, *map(Decimal, ("0.0000", "0.0100", "-0.0100", "0.1000", "99999999999999.9999"))]),
    st.sampled_from(["", "x", "naïve, «quoted»"]),
    st.sampled_from([None, False, True]),
)
days = st.integers(0, 3).map(lambda number: FIRST + timedelta(days=number))


class Crash(BaseException):
    """Stands for the end of the process."""


def as_line(row: Row) -> str:
    return ",".join(map(as_cell, row))


def as_cell(value: object) -> str:
    if value is None:
        return ""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f'"{text}"' if "," in text else text


def as_csv(lines: list[str]) -> bytes:
    return ("\n".join([HEADER, *lines]) + "\n").encode()


def row_hash(row: Row) -> str:
    """Law 6, written from its sentence: columns in name order, canonical text, nulls left out."""
    key, version, amount, note, deleted = row
    values = {"order_id": key, "version": version, "amount": amount, "note": note or None, "is_deleted": deleted}
    known = sorted((name, value) for name, value in values.items() if value is not None)
    spelled = [f"{name}={str(value).lower() if isinstance(value, bool) else value}" for name, value in known]
    return hashlib.sha256("\x1f".join(spelled).encode()).hexdigest()


def resolve(history: list[Sent]) -> dict[str, Row]:
    """Per key the maximum of (version, extract date, revision, row hash)."""
    best: dict[str, tuple[tuple, Row]] = {}
    for day, revision, sent in history:
        for row in sent:
            rank = (row[1] is not None, row[1] or 0, day, revision, row_hash(row))
            if row[0] not in best or rank > best[row[0]][0]:
                best[row[0]] = (rank, row)
    return {key: row for key, (_, row) in best.items()}


def in_force(home: Home) -> dict[str, list[tuple[Any, ...]]]:
    """What the product says, by key; more than one row of a key would be a doubled one."""
    files = [str(path) for path in landing.files_in_force(home.contract, home.settings, home.ledger)]
    if not files:
        return {}
    query = warehouse.in_force_query(home.contract, "select * from read_parquet($files, hive_partitioning = false)")
    with duckdb.connect() as connection:
        found = connection.execute(
            f"select order_id, version, amount, note, is_deleted from ({query})", {"files": files}
        ).fetchall()
    by_key: dict[str, list[tuple[Any, ...]]] = {}
    for row in found:
        by_key.setdefault(row[0], []).append(row)
    return by_key


def expected(history: list[Sent]) -> dict[str, list[tuple[Any, ...]]]:
    return {key: [(*row[:3], row[3] or None, bool(row[4]))] for key, row in resolve(history).items()}


class Warehouse(RuleBasedStateMachine):
    """One home and the history that was sent to it."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="converge"))
        self.home = open_home(self.folder, CONTRACT)
        self.history: list[Sent] = []
        self.files: list[tuple[str, bytes, date]] = []
        self.copies = 0
        self.is_settled = True
        self.arrived: set[date] = set()
        self.kept: dict[str, tuple] = {}

    def teardown(self) -> None:
        try:
            self.cycle()
            self.check()
            self.check_elsewhere()
        finally:
            self.home.ledger.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    def send(self, day: date, content: bytes, suffix: str = "") -> None:
        number = sum(sent_day == day for _, _, sent_day in self.files) + 1
        name = f"orders_{day}.r{number}.csv{suffix}"
        self.home.put(content, name, day)
        self.files.append((name, content, day))
        self.arrived.add(day)
        self.is_settled = False

    @rule(day=days, sent=st.lists(rows, max_size=4), bad=st.booleans(), suffix=st.sampled_from(["", ".gz"]))
    def deliver(self, day: date, sent: list[Row], bad: bool, suffix: str) -> None:
        """New, corrected, older or deleted rows of any date; one of them may be unreadable."""
        content = as_csv([*map(as_line, sent), *(["z,not a number,1,,"] if bad else [])])
        if (bad and not sent) or any(content == before for _, before, _ in self.files):
            return
        self.send(day, content, suffix)
        revision = sum(sent_day == day for _, _, sent_day in self.files)
        self.history.append((day, revision, tuple(sent)))

    @rule(number=st.integers(0, 50), zipped=st.booleans())
    def repeat(self, number: int, zipped: bool) -> None:
        """The same bytes under another name, compressed or not."""
        if self.files:
            name, content, day = self.files[number % len(self.files)]
            self.copies += 1
            self.home.put(content, f"again{self.copies}_{day}.csv{'.gz' if zipped else ''}", day)
            if zipped or name.endswith(".gz"):  # other bytes, so a delivery of its own: revision 1 of its date
                self.history += [(d, 1, s) for d, r, s in list(self.history) if f"_{d}.r{r}.csv" in name]
            self.is_settled = False

    @rule(day=days)
    def break_a_file(self, day: date) -> None:
        """A file without the end of its last line is refused whole; its good twin comes under the same name."""
        self.home.put(b"order_id,version\na,9", f"cut_{day}.csv", day)
        self.cycle()
        self.home.put(as_csv([]), f"cut_{day}.csv", day)
        self.arrived.add(day)
        self.is_settled = False

    @rule()
    def cycle(self) -> None:
        self.home.ingest()
        self.is_settled = True

    @rule(point=st.sampled_from(POINTS))
    def crash(self, point: CrashPoint) -> None:
        """The process ends at a point; another one begins, with nothing in memory."""
        with pytest.MonkeyPatch.context() as patch:
            for module in ("raw_objects", "typed_files", "ledger"):
                patch.setattr(f"orchestration.{module}.reach", lambda at: _end() if at == point else None)
            try:
                self.home.ingest()
                self.is_settled = True
            except Crash:
                pass
        self.home.ledger.close()
        self.home.ledger = Ledger(self.home.settings.ledger_path)

    @rule()
    def forget_typed(self) -> None:
        shutil.rmtree(self.home.settings.typed, ignore_errors=True)
        self.is_settled = False

    @rule(first=days, span=st.integers(0, 3))
    def backfill(self, first: date, span: int) -> None:
        self.cycle()
        self.home.ingest(force=True, extract_dates={first + timedelta(days=number) for number in range(span + 1)})

    @invariant()
    def check(self) -> None:
        for delivery in self.home.ledger.deliveries(states=["accepted"]):
            parts = delivery.rows_accepted + delivery.rows_rejected + delivery.rows_duplicate
            assert delivery.rows_in == parts, "a row is in no account"
        if not self.is_settled:
            return
        assert in_force(self.home) == expected(self.history)
        ranks = {key: (row[1] is not None, row[1] or 0) for key, row in resolve(self.history).items()}
        assert all(ranks[key] >= before for key, before in self.kept.items()), "a version went back"
        self.kept = ranks
        observed = cadence.observe(self.home.contract, self.home.ledger)
        if observed and not observed.refused_dates:
            span = (max(self.arrived) - min(self.arrived)).days
            every = {min(self.arrived) + timedelta(days=number) for number in range(span + 1)}
            assert set(observed.missing_dates) == every - self.arrived

    def check_elsewhere(self) -> None:
        """C1 to C3: shuffled, repeated and split into files of one row, in one go, in another home."""
        home = open_home(self.folder / "elsewhere", CONTRACT)
        pieces = [(day, revision, row) for day, revision, sent in self.history for row in sent]
        random.Random(len(pieces)).shuffle(pieces)
        for number, (day, revision, row) in enumerate([*pieces, *pieces[:3]]):
            home.put(as_csv([as_line(row)]), f"part{number}_{day}.r{revision}.csv", day)
        home.ingest()
        assert in_force(home) == expected(self.history)
        home.ledger.close()


def _end() -> None:
    raise Crash


def run(examples: int, **options: Any) -> None:
    run_state_machine_as_test(
        Warehouse,
        settings=settings(
            max_examples=examples, stateful_step_count=8, deadline=None, database=None,
            suppress_health_check=list(HealthCheck), **options,
        ),
    )  # fmt: skip


@pytest.mark.fault("C1", "C2", "C3", "C5", "C6", "C7", "C9", "C10", "L4", done=f"{EXAMPLES} random histories, no dbt",
                   seen="rows in force as plain Python resolves them, every row accounted for")  # fmt: skip
def test_any_history_converges() -> None:
    run(EXAMPLES)


@pytest.mark.faults_reduced
@pytest.mark.fault("C1", done="25 random histories, no dbt", seen="as in the long form")
def test_a_few_histories_converge() -> None:
    run(25, derandomize=True)


@pytest.mark.fault("C1", "C3", done="a row sent in two revisions of a day, another of its key in the second only",
                   seen="the revision counts, and not which file came first; a history that once failed")  # fmt: skip
def test_a_row_of_two_revisions_counts_in_the_newer_one() -> None:
    state, quoted = Warehouse(), ("ä", None, None, "naïve, «quoted»", None)
    state.deliver(bad=False, day=FIRST, sent=[("a", None, None, "", None)] * 3 + [quoted], suffix="")
    state.deliver(bad=False, day=FIRST, sent=[("ä", None, None, "", False), quoted], suffix="")
    state.teardown()


@pytest.mark.fault("C1", "C2", "C3", done="revision 2 of a day comes once more under a name without revision",
                   seen="the bytes keep revision 2, whichever name came first; a history that once failed")  # fmt: skip
def test_bytes_have_the_highest_revision_of_their_names() -> None:
    state, day = Warehouse(), FIRST + timedelta(days=2)
    state.deliver(bad=False, day=day, sent=[("A", 2, None, "", True)], suffix="")
    state.deliver(bad=False, day=day, sent=[("a", None, None, "", None), ("A", 2, None, "", None)], suffix="")
    state.repeat(number=1, zipped=False)
    state.teardown()


@pytest.mark.fault("L1", "L2", "L3", "L4", done="the SQL of precedence on random histories",
                   seen="commutative, associative, idempotent, monotone")  # fmt: skip
def test_precedence_is_a_join() -> None:
    sent = st.lists(st.tuples(days, st.integers(1, 2), st.lists(rows, max_size=3).map(tuple)), max_size=3)
    schema = pa.schema(
        [("order_id", pa.string()), ("version", pa.int64()), ("amount", pa.decimal128(18, 4)), ("note", pa.string()),
         ("is_deleted", pa.bool_()), ("_extract_date", pa.date32()), ("_revision", pa.int32()),
         ("_source_file", pa.string()), ("_line", pa.int64())]
    )  # fmt: skip
    connection = duckdb.connect()

    def typed(history: list[Sent]) -> pa.Table:
        found = [
            (*row[:3], row[3] or None, row[4], day, revision, "f", 2) for day, revision, each in history for row in each
        ]
        columns = list(zip(*found, strict=True)) or [()] * len(schema)
        arrays = [pa.array(values, kind) for values, kind in zip(columns, schema.types, strict=True)]
        return pa.Table.from_arrays(arrays, schema=schema)

    def join(given: pa.Table) -> pa.Table:
        """What the product keeps, with `is_deleted` as it was told, so that it can be joined again."""
        connection.register("given_rows", given)
        found = connection.execute(warehouse.in_force_query(CONTRACT, "select * from given_rows")).to_arrow_table()
        told = found.drop_columns(["is_deleted", "_is_conflict"]).rename_columns({"_told_deleted": "is_deleted"})
        return told.select(schema.names).cast(schema).sort_by("order_id")

    @settings(max_examples=80, deadline=None, database=None)
    @given(sent, sent, sent)
    def laws(a: list[Sent], b: list[Sent], c: list[Sent]) -> None:
        both = join(typed(a + b))
        assert both == join(typed(b + a))
        assert both == join(pa.concat_tables([typed(a + b), typed(a + b)]))
        assert join(pa.concat_tables([both, typed(c)])) == join(pa.concat_tables([typed(a), join(typed(b + c))]))
        before = {row["order_id"]: row["version"] or 0 for row in join(typed(a)).to_pylist()}
        after = {row["order_id"]: row["version"] or 0 for row in both.to_pylist()}
        assert all(after[key] >= version for key, version in before.items())

    laws()


# What a tired colleague might write.
IN_FORCE = ("orchestration.warehouse", "in_force_query")
MUTANTS = {
    "a dropped de-duplication": Mutant(*IN_FORCE, "where _rank = 1", "where true"),
    "arrival instead of version": Mutant(*IN_FORCE, "if version else []", "if False else []"),
    "a null version first": Mutant(*IN_FORCE, "desc nulls last", "desc nulls first"),
    "a missing tie-break": Mutant(*IN_FORCE, ', "_row_hash desc"]', "]"),
    "a hash of some columns": Mutant(
        "orchestration.warehouse", "row_hash", "in contract.columns)", "in contract.columns[:1])"
    ),
    "a revision ignored": Mutant(*IN_FORCE, '"_revision desc", ', ""),
    "a float": Mutant(
        *IN_FORCE,
        'columns = ", ".join(quoted(column.name) for',
        'columns = ", ".join("amount * 1e0 as amount" if column.name == "amount" else quoted(column.name) for',
    ),
    "< for <=": Mutant("orchestration.cadence", "observe", "end <= horizon:", "end < horizon - _DAY:"),
}


@pytest.mark.fault("C1", "C2", "C9", done="mutant: {name}", seen="the same machine fails")
@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant = MUTANTS[name]
    monkeypatch.setattr(importlib.import_module(mutant.module), mutant.function, mutant.function_mutated())
    with pytest.raises(BaseException) as caught:
        run(150, phases=[Phase.generate], derandomize=True)
    # Flaky: the mutant leaves the answer to chance, and the history that failed fails elsewhere when it is tried again.
    failures = (AssertionError, ExceptionGroup, Flaky)
    assert "AssertionError" in repr(caught.value) or isinstance(caught.value, failures)
