"""Checks as Dagster shows them: rules at the door, dbt tests in the rooms, rules at the window.

Lives here: a rule's check specification, which rows a suite judges, results as asset check results.
Does not live here: running a suite (`suites.py`), rules (`expectations/`, dbt YAML), keeping results
(`check_results.py`). A result carries counts and the rule's own bounds, never a value out of a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from orchestration import check_results
from orchestration.accounting import spelled_dates
from orchestration.contracts import Contract
from orchestration.crash_points import CrashPoint, reach
from orchestration.errors import CxwError
from orchestration.export import CheckResult
from orchestration.project import NodeResult
from orchestration.rules import Suite
from orchestration.suites import CHUNK_ROWS, RuleResult, delivery_volumes, validate

if TYPE_CHECKING:
    import pyarrow as pa

    from orchestration.writer import Writer


def rule_specs(suite: Suite | None, asset: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """One named check per rule of a suite."""
    return [
        dg.AssetCheckSpec(
            name=rule.name,
            asset=asset,
            description=f"{rule.why}\n\nExpected: {rule.expected}.",
            metadata={"severity": rule.severity, "place": suite.place},
        )
        for rule in (suite.rules if suite else ())
    ]


def judge_table(
    writer: Writer,
    contract: Contract,
    suite: Suite | None,
    days: Iterable[date],
    counts: Sequence[CheckResult] = (),
    known: Sequence[RuleResult] = (),
) -> list[CheckResult]:
    """Rules at the door over the rows in force that came with these extract dates; all results are kept.

    Dates that a critical rule holds are judged with them, until all pass: a good delivery after a bad one must not
    carry the bad one into the marts. Without any date the rules keep what they said last.

    Args:
        days: extract dates that arrived.
        counts: checks of the same door that are no rules of the suite; default those that are kept.
        known: results of the rules that intake has run: rows that it set aside are no longer here.
    """
    days = sorted({*days, *writer.ledger.held_dates(contract.source, contract.table)})
    before = {check.check_name: check for check in check_results.kept(writer.settings, ["door"], contract.name)}
    results: list[CheckResult] = []
    if suite is not None and days:
        frames = _frames(writer, f"{contract.schema}.{contract.table}", suite.columns, days)
        found = validate(suite, frames, _volumes(writer, contract, days), known)
        results = [_from_rule(suite, result) for result in found]
    elif suite is not None:
        nothing = [_from_rule(suite, result) for result in validate(suite, (), None, known)]
        results = [before.get(check.check_name, check) for check in nothing]
    rules = {rule.name for rule in suite.rules} if suite else set()
    results = [*(counts or [check for name, check in before.items() if name not in rules]), *results]
    reach(CrashPoint.DOOR_JUDGED)
    check_results.keep(writer.settings, "door", contract.name, results)
    writer.ledger.hold(contract.source, contract.table, days if check_results.failures(results) else ())
    return results


def _volumes(writer: Writer, contract: Contract, days: Sequence[date]) -> pa.Table:
    """How full each delivered date is, beside the table's other dates."""
    rows_by_day: dict[date, int] = {}
    for delivery in writer.ledger.deliveries(contract.source, contract.table, states=["accepted"]):
        counted = rows_by_day.get(delivery.extract_date, 0)
        rows_by_day[delivery.extract_date] = counted + delivery.rows_accepted
    return delivery_volumes(rows_by_day, [day for day in days if day in rows_by_day])


def refuse_held_tables(writer: Writer) -> None:
    """Nothing is built on extract dates that a critical rule at the door holds.

    Raises:
        CxwError: E-CHK-001 naming the rule, or the dates when the build folder lost what the rule said.
    """
    check_results.raise_if_held(check_results.kept(writer.settings, ["door"]))
    for contract in writer.site.contracts.values():
        held = writer.ledger.held_dates(contract.source, contract.table)
        if held:
            raise CxwError(
                "E-CHK-001", spelled_dates(sorted(held), "held"), where=contract.name, next_command="cxw run"
            )


def judge_mart(writer: Writer, mart: str, suite: Suite) -> list[CheckResult]:
    """Rules at the window over one built mart; the results are kept."""
    frames = _frames(writer, f"marts.{mart}", suite.columns)
    results = [_from_rule(suite, result) for result in validate(suite, frames)]
    check_results.keep(writer.settings, "window", mart, results)
    return results


def _frames(
    writer: Writer, table: str, columns: Sequence[str], days: Sequence[date] | None = None
) -> Iterator[pa.RecordBatch]:
    """Rows of one table of the build in chunks; only the columns that rules read, only these extract dates."""
    import duckdb

    with writer.warehouse.connect() as connection:
        rows = connection.table(table)
        if days is not None:
            wanted = [duckdb.ConstantExpression(day) for day in days]
            rows = rows.filter(duckdb.ColumnExpression("_extract_date").isin(*wanted))
        names = columns or rows.columns[:1]
        yield from rows.select(*(duckdb.ColumnExpression(name) for name in names)).to_arrow_reader(CHUNK_ROWS)


def _from_rule(suite: Suite, result: RuleResult) -> CheckResult:
    return CheckResult(
        check_name=result.name,
        subject=result.subject,
        place=suite.place,
        severity=result.severity,
        has_passed=result.has_passed,
        observed=result.observed,
        expected=result.expected,
    )


def dbt_severity(test: Mapping[str, Any]) -> str:
    """Severity of a dbt test in the words of the suites."""
    return "critical" if test["config"].get("severity", "error").lower() == "error" else "warning"


def claim_of(test: Mapping[str, Any]) -> str:
    """What a dbt test claims, in words."""
    return test.get("description") or test["name"].removeprefix("assert_").replace("__", ": ").replace("_", " ")


def from_dbt(test: Mapping[str, Any], result: NodeResult, subject: str, advice: str = "") -> CheckResult | None:
    """The outcome of a dbt test; None when dbt skipped it because its model did not build."""
    if result.status == "skipped":
        return None
    found = f"{result.failures or 0} failing rows{'; ' * bool(advice)}{advice}"
    observed = result.message if result.status == "error" else found
    return CheckResult(
        check_name=test["name"],
        subject=subject,
        place="rooms",
        severity=dbt_severity(test),
        has_passed=result.status == "pass",
        observed=observed,
        expected=claim_of(test),
    )


def to_dagster(result: CheckResult, asset: dg.AssetKey) -> dg.AssetCheckResult:
    """A result for the asset page. Only a critical rule shows as an error: it alone holds the publish."""
    is_critical = result.severity == "critical"
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=result.check_name,
        passed=result.has_passed,
        severity=dg.AssetCheckSeverity.ERROR if is_critical else dg.AssetCheckSeverity.WARN,
        description=f"{result.observed}; expected {result.expected}",
        metadata={"observed": result.observed, "expected": result.expected, "severity": result.severity},
    )
