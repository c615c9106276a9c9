"""Running the suites: Great Expectations over frames of rows, one run per table, in chunks.

Lives here: what a rule found, adding chunks up, the frames that rules read, what a delivery's volume is judged by.
Does not live here: the rules (`expectations/`, read by `rules.py`), choosing rows and acting on results
(`quality.py`). No failing value leaves this module: results are counts, and positions of rows where asked.
"""

from __future__ import annotations

import functools
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from orchestration.errors import CxwError
from orchestration.rules import DELIVERY_COLUMNS, Rule, Severity, Suite, load_suites

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["CHUNK_ROWS", "RuleResult", "Suite", "delivery_volumes", "load_suites", "validate"]

CHUNK_ROWS = 1_000_000  # rows per frame that callers pass: bounds memory, one Great Expectations run each
# A delivery's usual volume: the median of the same weekday before it, which one odd day cannot move.
USUAL_WEEKS, USUAL_WEEKS_NEEDED, USUAL_ROWS_NEEDED = 8, 4, 20
SHARE_ROWS_NEEDED = 50  # `mostly` over fewer values would be chance: a quiet day must not hold a publish
_NAMED_DELIVERIES = 5


@dataclass(frozen=True)
class RuleResult:
    """What one rule found. `rows_checked` 0 means that nothing was judged: it passes, and `observed` says why.

    `unexpected_rows` are positions of failing rows, from 0, counted over all frames; kept for quarantine rules only.
    """

    subject: str
    name: str
    severity: Severity
    has_passed: bool
    observed: str
    expected: str
    why: str
    rows_checked: int
    unexpected_count: int
    unexpected_rows: tuple[int, ...] = ()


@dataclass
class _Tally:
    rows: int = 0
    checked: int = 0
    unexpected: int = 0
    positions: list[int] = field(default_factory=list)


def validate(
    suite: Suite, frames: Iterable[pa.Table | pa.RecordBatch], deliveries: pa.Table | None = None
) -> list[RuleResult]:
    """Judge the rows of one table, and the deliveries that brought them, by the table's suite.

    Args:
        suite: the rules.
        frames: Arrow rows in chunks of about `CHUNK_ROWS`, with at least `suite.columns`; other columns are ignored.
        deliveries: `delivery_volumes(…)` of the table; without it the rules over deliveries judge nothing.

    Raises:
        CxwError: E-SUI-001 for a column that the frames lack, E-SUI-002 for a rule that cannot be evaluated.
    """
    tallies = {rule.name: _Tally() for rule in suite.rules}
    for rules, chunks in (
        ([rule for rule in suite.rules if rule.over == "rows"], frames),
        ([rule for rule in suite.rules if rule.over == "deliveries"], [deliveries] if deliveries is not None else []),
    ):
        for chunk in chunks if rules else ():
            if rules[0].over == "rows":
                suite.require(chunk.schema.names)
            _judge(suite, rules, chunk, tallies)
    return [_result(suite, rule, tallies[rule.name], deliveries) for rule in suite.rules]


def _judge(suite: Suite, rules: list[Rule], chunk: pa.Table | pa.RecordBatch, tallies: Mapping[str, _Tally]) -> None:
    """One Great Expectations run over one chunk, added to the tallies; none over an empty one, where all would pass."""
    if not chunk.num_rows:
        return
    columns = list(dict.fromkeys(column for rule in rules for column in rule.columns))
    for result in _run(rules, _frame(chunk, columns)):
        rule_name = result.expectation_config.meta["rule"]
        tally, found = tallies[rule_name], result.result
        if "observed_value" not in found and "element_count" not in found:
            # The reason that Great Expectations gives may quote values, so it stays here.
            raise CxwError("E-SUI-002", "the rule cannot be evaluated", where=f"{suite.path.name} {rule_name}")
        if "element_count" in found:
            tally.checked += found["element_count"] - (found.get("missing_count") or 0)
            tally.unexpected += found["unexpected_count"]
            tally.positions += [tally.rows + position for position in found["unexpected_index_list"]]
        tally.rows += chunk.num_rows


def _result(suite: Suite, rule: Rule, tally: _Tally, deliveries: pa.Table | None) -> RuleResult:
    if rule.type == "expect_table_row_count_to_be_between":
        low, high = rule.kwargs.get("min_value", 0), rule.kwargs.get("max_value", tally.rows)
        has_passed, observed, checked = low <= tally.rows <= high, f"{tally.rows} {rule.over}", tally.rows
    else:
        checked = tally.checked
        has_passed = checked - tally.unexpected >= float(rule.kwargs.get("mostly", 1)) * checked
        observed = f"{tally.unexpected} of {checked} {rule.over} fail"
        if "mostly" in rule.kwargs and 0 < checked < SHARE_ROWS_NEEDED:
            has_passed, observed, checked = True, f"too few {rule.over} to judge a share: {checked}", 0
        elif not checked:
            observed = f"no {rule.over} to check" if not tally.rows else f"no {rule.over} with a value to check"
        elif rule.over == "deliveries" and deliveries is not None and tally.positions:
            days = [str(deliveries["extract_date"][position]) for position in tally.positions]
            observed += f": {', '.join(days[:_NAMED_DELIVERIES])}{', …' if len(days) > _NAMED_DELIVERIES else ''}"
    return RuleResult(
        subject=suite.subject,
        name=rule.name,
        severity=rule.severity,
        has_passed=has_passed,
        observed=observed,
        expected=rule.expected,
        why=rule.why,
        rows_checked=checked,
        unexpected_count=tally.unexpected,
        unexpected_rows=tuple(tally.positions) if rule.severity == "quarantine" else (),
    )


def delivery_volumes(rows_by_extract_date: Mapping[date, int], judged: Iterable[date]) -> pa.Table:
    """How full each judged delivery is, beside what is usual for its weekday; the frame of rules over deliveries.

    The usual count, and the ratio to it, are null while fewer than four such weekdays came before, and below 20
    rows, where chance moves the count by more than any bound could tell.
    """
    import pyarrow as pa

    lines = []
    for day in sorted(judged):
        weeks = (day - timedelta(weeks=week) for week in range(1, USUAL_WEEKS + 1))
        before = [rows_by_extract_date[earlier] for earlier in weeks if earlier in rows_by_extract_date]
        usual = statistics.median(before) if len(before) >= USUAL_WEEKS_NEEDED else 0
        count = rows_by_extract_date.get(day, 0)
        is_telling = usual >= USUAL_ROWS_NEEDED
        lines.append((day, count, float(usual) if is_telling else None, count / usual if is_telling else None))
    types = (pa.date32(), pa.int64(), pa.float64(), pa.float64())
    schema = pa.schema(list(zip(DELIVERY_COLUMNS, types, strict=True)))
    return pa.Table.from_pylist([dict(zip(DELIVERY_COLUMNS, line, strict=True)) for line in lines], schema=schema)


def _frame(chunk: pa.Table | pa.RecordBatch, columns: list[str]) -> pd.DataFrame:
    """The columns that the rules read, as pandas sees them fastest.

    Decimals become doubles for the comparison only: as Python objects they cost a hundred times more. Both sides are
    rounded the same way and the order is kept, so a bound judges as in DECIMAL as long as value and bound have at
    most fifteen digits; suites hold bounds far below that. Nulls stay nulls, dates become timestamps.
    """
    import pandas as pd
    import pyarrow as pa

    table = chunk if isinstance(chunk, pa.Table) else pa.Table.from_batches([chunk])
    table = table.select(columns or table.column_names[:1])
    for index, column in enumerate(table.schema):
        if pa.types.is_decimal(column.type):
            table = table.set_column(index, column.name, table.column(index).cast(pa.float64()))
    return table.to_pandas(date_as_object=False, types_mapper={pa.bool_(): pd.BooleanDtype()}.get)


def _run(rules: list[Rule], frame: pd.DataFrame) -> list[Any]:
    from great_expectations.core.batch import Batch
    from great_expectations.execution_engine import PandasExecutionEngine
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
    from great_expectations.validator.validator import Validator

    expectations = [
        ExpectationConfiguration(type=rule.type, kwargs=_arguments(rule), meta={"rule": rule.name}) for rule in rules
    ]
    # A validator of our own: a data source's batch is fingerprinted twice, which on a million rows with strings
    # costs 1.7 s, more than all rules together (Great Expectations 1.24.1, 2026-11).
    validator = Validator(
        execution_engine=PandasExecutionEngine(), data_context=_context(), batches=[Batch(data=frame)]
    )
    # COMPLETE is the one format with row positions; without values it holds nothing that was in the rows.
    formatted = {"result_format": "COMPLETE", "exclude_unexpected_values": True, "return_unexpected_index_query": False}
    return validator.graph_validate(configurations=expectations, runtime_configuration={"result_format": formatted})


@functools.cache
def _context() -> Any:
    """Great Expectations without files, progress bars or a project folder, made once per process."""
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    return context


def _arguments(rule: Rule) -> dict[str, Any]:
    """The rule's arguments as Great Expectations takes them; a pair with a missing half is the contract's business."""
    arguments = dict(rule.kwargs)
    if "column_A" in arguments:
        arguments.setdefault("ignore_row_if", "either_value_is_missing")
    if rule.conditions:
        arguments["row_condition"] = functools.reduce(
            lambda left, right: left & right, (_condition(entry) for entry in rule.conditions)
        )
    return arguments


def _condition(entry: Mapping[str, Any]) -> Any:
    from great_expectations.expectations.row_conditions import Column

    column = Column(entry["column"])
    (operator, value) = next((key, value) for key, value in entry.items() if key != "column")
    if operator == "is_null":
        return column.is_null() if value else column.is_not_null()
    return {
        "equals": column.__eq__, "one_of": column.is_in, "above": column.__gt__, "below": column.__lt__
    }[operator](value)  # fmt: skip
