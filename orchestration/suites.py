"""Running the suites: rules over frames of rows, in chunks, added up to one result per rule.

Lives here: what a rule found, adding chunks up, what intake asks of a suite, what a delivery's volume is judged by.
Does not live here: the rules (`expectations/`, read by `rules.py`), Great Expectations (`rule_engine.py`), choosing
rows and acting on results (`quality.py`). Results are counts, and positions of rows where asked, never values.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from orchestration.rule_worker import evaluate
from orchestration.rules import DELIVERY_COLUMNS, Rule, Severity, Suite, load_suites

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

__all__ = ["CHUNK_ROWS", "RowRules", "RuleResult", "Suite", "delivery_volumes", "load_suites", "row_rules", "validate"]

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
    failing: list[int] = field(default_factory=list)


def validate(
    suite: Suite,
    frames: Iterable[pa.Table | pa.RecordBatch],
    deliveries: pa.Table | None = None,
    known: Sequence[RuleResult] = (),
) -> list[RuleResult]:
    """Judge the rows of one table, and the deliveries that brought them, by the table's suite.

    Args:
        suite: the rules.
        frames: Arrow rows in chunks of about `CHUNK_ROWS`, with at least `suite.columns`; other columns are ignored.
        deliveries: `delivery_volumes(…)` of the table; without it the rules over deliveries judge nothing.
        known: results that intake has already (`RowRules.results`); their rules are not run again.

    Raises:
        CxwError: E-SUI-001 for a column that the frames lack, E-SUI-002 for a rule that cannot be evaluated.
    """
    done = {result.name: result for result in known}
    tallies = {rule.name: _Tally() for rule in suite.rules}
    for over, chunks in (("rows", frames), ("deliveries", () if deliveries is None else (deliveries,))):
        rules = [rule for rule in suite.rules if rule.over == over and rule.name not in done]
        for chunk in chunks if rules else ():
            if over == "rows":
                replace(suite, rules=tuple(rules)).require(chunk.schema.names)
            _judge(suite, rules, chunk, tallies)
    return [done.get(rule.name) or _result(suite, rule, tallies[rule.name], deliveries) for rule in suite.rules]


@dataclass
class RowRules:
    """What intake asks of a suite: called with typed rows, it says which of them are set aside and by which rule.

    All rules over rows are judged here, before any row is gone: a rule about a share (`mostly`) must see the rows that
    another rule sets aside, and the table needs no second run. The results go to `validate(…, known=…)`.
    """

    suite: Suite
    tallies: dict[str, _Tally] = field(default_factory=dict)

    def __call__(self, rows: pa.Table) -> list[tuple[np.ndarray, str]]:
        import numpy as np

        self.suite.require(rows.schema.names)
        found = {rule.name: _Tally() for rule in self.suite.rules}
        _judge(self.suite, self.suite.rules, rows, found)
        for name, tally in found.items():
            total = self.tallies.setdefault(name, _Tally())
            total.failing += [total.rows + position for position in tally.failing]
            total.rows += tally.rows
            total.checked += tally.checked
        return [
            (np.array(found[rule.name].failing, dtype=np.int64), rule.name)
            for rule in self.suite.rules
            if rule.severity == "quarantine" and found[rule.name].failing
        ]

    def results(self) -> list[RuleResult]:
        """One result per rule over all rows seen; none when intake had nothing to read."""
        rules = (rule for rule in self.suite.rules if rule.name in self.tallies)
        return [_result(self.suite, rule, self.tallies[rule.name], None) for rule in rules]


def row_rules(suite: Suite | None) -> RowRules | None:
    """The rules of a suite for intake; None when none of them sets rows aside, so that intake need not ask."""
    if suite is None or all(rule.severity != "quarantine" for rule in suite.rules):
        return None
    return RowRules(replace(suite, rules=tuple(rule for rule in suite.rules if rule.over == "rows")))


def _judge(
    suite: Suite, rules: Sequence[Rule], chunk: pa.Table | pa.RecordBatch, tallies: Mapping[str, _Tally]
) -> None:
    """One run over one chunk, added to the tallies; none over an empty chunk, where all would pass."""
    if not chunk.num_rows:
        return
    for finding in evaluate(rules, chunk, suite.path.name):
        tally = tallies[finding.rule]
        tally.checked += finding.checked
        tally.failing += [tally.rows + position for position in finding.failing]
        tally.rows += chunk.num_rows


def _result(suite: Suite, rule: Rule, tally: _Tally, deliveries: pa.Table | None) -> RuleResult:
    checked, failing = tally.checked, len(tally.failing)
    if rule.type == "expect_table_row_count_to_be_between":
        low, high = rule.kwargs.get("min_value", 0), rule.kwargs.get("max_value", tally.rows)
        has_passed, observed = low <= tally.rows <= high, f"{tally.rows} {rule.over}"
    elif not checked:
        has_passed = True
        observed = f"no {rule.over} with a value to check" if tally.rows else f"no {rule.over} to check"
    elif "mostly" in rule.kwargs and checked < SHARE_ROWS_NEEDED:
        has_passed, observed, checked = True, f"too few {rule.over} to judge a share: {checked}", 0
    else:
        has_passed = checked - failing >= float(rule.kwargs.get("mostly", 1)) * checked
        observed = f"{failing} of {checked} {rule.over} fail"
        if rule.over == "deliveries" and deliveries is not None and failing:
            days = [str(deliveries["extract_date"][position]) for position in tally.failing[:_NAMED_DELIVERIES]]
            observed += f": {', '.join(days)}{', …' if failing > _NAMED_DELIVERIES else ''}"
    return RuleResult(
        subject=suite.subject,
        name=rule.name,
        severity=rule.severity,
        has_passed=has_passed,
        observed=observed,
        expected=rule.expected,
        why=rule.why,
        rows_checked=checked,
        unexpected_count=failing,
        unexpected_rows=tuple(tally.failing) if rule.severity == "quarantine" else (),
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
