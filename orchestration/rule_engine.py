"""Great Expectations behind one function: rules and a chunk of rows in, counts and positions out.

Lives here: everything that names Great Expectations (imported on first use: it takes seconds), and the frame that it
reads fastest. Does not live here: rules (`rules.py`), adding chunks up and judging (`suites.py`). No failing value and
no message of the library leaves this module: both may quote rows.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestration.errors import CxwError
from orchestration.rules import Rule

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


@dataclass(frozen=True)
class Finding:
    """What one rule found in one chunk: values judged, and positions of the rows that fail, from 0."""

    rule: str
    checked: int
    failing: tuple[int, ...]


def evaluate(rules: Sequence[Rule], chunk: pa.Table | pa.RecordBatch, where: str) -> list[Finding]:
    """One Great Expectations run of all rules over one chunk. A rule over the number of rows finds nothing here.

    Raises:
        CxwError: E-SUI-002 naming the rule that cannot be evaluated.
    """
    columns = list(dict.fromkeys(column for rule in rules for column in rule.columns))
    findings = []
    for result in _run(rules, _frame(chunk, columns)):
        name, found = result.expectation_config.meta["rule"], result.result
        if "element_count" in found:
            checked = found["element_count"] - (found.get("missing_count") or 0)
            findings.append(Finding(name, checked, tuple(found["unexpected_index_list"])))
        elif "observed_value" in found:
            findings.append(Finding(name, chunk.num_rows, ()))
        else:
            raise CxwError("E-SUI-002", "the rule cannot be evaluated", where=f"{where} {name}")
    return findings


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


def _run(rules: Sequence[Rule], frame: pd.DataFrame) -> list[Any]:
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


def warm_up() -> None:
    """Import everything that `evaluate` needs: seconds that pass better before the first rows are there."""
    import great_expectations.validator.validator  # noqa: F401
    import pandas as pd  # noqa: F401

    _context()


@functools.cache
def _context() -> Any:
    """Great Expectations without files, progress bars or a project folder, made once per process."""
    import great_expectations as gx

    # It tells of every temporary folder, and sets its own level on import.
    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    return context


def _arguments(rule: Rule) -> dict[str, Any]:
    """The rule's arguments as Great Expectations takes them; a pair with a missing half is the contract's business."""
    arguments = dict(rule.kwargs)
    if "column_A" in arguments:
        arguments.setdefault("ignore_row_if", "either_value_is_missing")
    if rule.conditions:
        conditions = (_condition(entry) for entry in rule.conditions)
        arguments["row_condition"] = functools.reduce(lambda left, right: left & right, conditions)
    return arguments


def _condition(entry: Mapping[str, Any]) -> Any:
    from great_expectations.expectations.row_conditions import Column

    column = Column(entry["column"])
    (operator, value) = next((key, value) for key, value in entry.items() if key != "column")
    if operator == "is_null":
        return column.is_null() if value else column.is_not_null()
    compare = {"equals": column.__eq__, "one_of": column.is_in, "above": column.__gt__, "below": column.__lt__}
    return compare[operator](value)
