"""Suites: every rule catches the defect that it is there for, no value gets out, and a wrong suite file is named.

The mutation test makes, for every rule of every suite, rows that it must accept and rows that it must catch; a rule
that no defect can trip would be decoration.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from contract_files import contracts

from orchestration.errors import CxwError
from orchestration.rules import DELIVERY_COLUMNS, RULE_TYPES, Rule, Suite, load_suites
from orchestration.suites import delivery_volumes, row_rules, validate
from orchestration.warehouse import LINEAGE_COLUMNS

EXPECTATIONS = Path(__file__).parent.parent / "expectations"
SUITES = load_suites(EXPECTATIONS)
CONTRACTS = contracts()
ARROW = {
    "varchar": pa.string(),
    "boolean": pa.bool_(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}
GOOD, BAD = 50, 60  # enough rows for a share to be judged, and more bad ones than any `mostly` forgives


# --- every rule catches its defect ---


def _types(suite: Suite) -> dict[str, pa.DataType]:
    """Types of the columns that the rules read: from the contract, else from what the rules do with them."""
    types: dict[str, pa.DataType] = {}
    for rule in suite.rules:
        for name in rule.columns:
            if "regex" in rule.kwargs or rule.type.startswith("expect_column_value_lengths"):
                types[name] = pa.string()
            elif "value_set" in rule.kwargs:
                types[name] = pa.array(rule.kwargs["value_set"]).type
            else:
                types.setdefault(name, pa.float64())
        for condition in rule.conditions:
            wanted = condition.get("equals", next(iter(condition.get("one_of", [])), None))
            if isinstance(wanted, (bool, str)):
                types[condition["column"]] = pa.scalar(wanted).type
    if suite.subject in CONTRACTS:
        declared = {column.name: column.data_type for column in CONTRACTS[suite.subject].columns} | LINEAGE_COLUMNS
        types |= {name: _arrow(data_type) for name, data_type in declared.items()}
    return types


def _arrow(data_type: str) -> pa.DataType:
    if data_type.startswith("decimal"):
        precision, scale = data_type.removeprefix("decimal(").rstrip(")").split(",")
        return pa.decimal128(int(precision), int(scale))
    return ARROW[data_type]


def _sample(kind: pa.DataType, step: int = 0) -> Any:
    """A value of a type; a larger step is a larger value."""
    if pa.types.is_string(kind):
        return f"value {step}"
    if pa.types.is_boolean(kind):
        return bool(step)
    if pa.types.is_timestamp(kind):
        return datetime(2026, 3, 1) + timedelta(days=step)
    if pa.types.is_date(kind):
        return date(2026, 3, 1) + timedelta(days=step)
    return Decimal(5 + step) if pa.types.is_decimal(kind) else 5 + step


def _examples(rule: Rule, types: Mapping[str, pa.DataType]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A row that the rule accepts, and those that it must catch."""
    arguments, kind, where = rule.kwargs, rule.type.removeprefix("expect_column_"), _where(rule, types)
    if kind.startswith("pair_values"):
        first, second = arguments["column_A"], arguments["column_B"]
        is_equal = bool(kind.endswith("to_be_equal") or arguments.get("or_equal"))
        middle = {second: _sample(types[second])}
        good_pair, bad_pair = ({first: _sample(types[first], step)} for step in ((0, -1) if is_equal else (1, 0)))
        return good_pair | middle | where, [bad_pair | middle | where]
    name = arguments["column"]
    if kind == "values_to_be_between":
        good, bad = _around_bounds(arguments, types[name])
    elif kind == "values_to_be_in_set":
        first_value = arguments["value_set"][0]
        other = not first_value if isinstance(first_value, bool) else "none of them"
        good, bad = first_value, [-1 if type(first_value) is int else other]
    elif kind == "values_to_match_regex":
        texts = ("EUR", "DE", "someone@example.org", "12345", "536365", "same")
        good, bad = next(text for text in texts if re.search(arguments["regex"], text)), ["n0t th@t"]
    elif kind == "values_to_not_match_regex":
        good, bad = "cpc", ["https://someone@example.org"]
    elif kind == "values_to_not_be_null":
        good, bad = _sample(types[name]), [None]
    elif kind == "values_to_be_null":
        good, bad = None, [_sample(types[name])]
    else:
        pytest.fail(f"no defect is known for {rule.type}: teach the mutation test")
    return {name: good} | where, [{name: value} | where for value in bad]


def _around_bounds(arguments: Mapping[str, Any], kind: pa.DataType) -> tuple[Any, list[Any]]:
    """A value on (or just inside a strict) bound, and one beyond each bound."""
    low, high = (
        None if arguments.get(key) is None else Decimal(str(arguments[key])) for key in ("min_value", "max_value")
    )
    inside = high if low is None else low
    if low is not None and arguments.get("strict_min"):
        inside = low + Decimal("0.5")
    beyond = [] if low is None else [low if arguments.get("strict_min") else low - 1]
    beyond += [] if high is None else [high if arguments.get("strict_max") else high + 1]
    make = float if pa.types.is_floating(kind) else Decimal if pa.types.is_decimal(kind) else int
    return make(inside), [make(value) for value in beyond]


def _where(rule: Rule, types: Mapping[str, pa.DataType]) -> dict[str, Any]:
    """Values under which the rule looks at a row."""
    values: dict[str, Any] = {}
    for condition in rule.conditions:
        name = condition["column"]
        operator, wanted = next((key, value) for key, value in condition.items() if key != "column")
        values[name] = {
            "equals": lambda wanted=wanted: wanted,
            "one_of": lambda wanted=wanted: wanted[0],
            "is_null": lambda wanted=wanted, name=name: None if wanted else _sample(types[name]),
            "above": lambda wanted=wanted: wanted + 1,
            "below": lambda wanted=wanted: wanted - 1,
        }[operator]()
    return values


ROW_RULES = [
    pytest.param(suite, rule, id=f"{suite.subject}-{rule.name}")
    for suite in SUITES.values()
    for rule in suite.rules
    if rule.type != "expect_table_row_count_to_be_between"
]


@pytest.mark.parametrize(("suite", "rule"), ROW_RULES)
def test_every_rule_catches_its_defect_and_nothing_else(suite: Suite, rule: Rule) -> None:
    types = _types(suite) | {"extract_date": pa.date32()}
    good, bad = _examples(rule, types)
    rows = [good] * GOOD + (bad * BAD)[:BAD]
    frame = pa.table({name: pa.array([row[name] for row in rows], types[name]) for name in good})
    alone = dataclasses.replace(suite, rules=(rule,))
    if rule.over == "deliveries":
        frame = frame.append_column("extract_date", pa.array([date(2026, 3, 1)] * len(rows), pa.date32()))
        [result] = validate(alone, [], frame)
    else:
        [result] = validate(alone, [frame])
    assert not result.has_passed
    assert result.unexpected_count == BAD
    assert result.rows_checked == GOOD + BAD
    assert result.unexpected_rows == (tuple(range(GOOD, GOOD + BAD)) if rule.severity == "quarantine" else ())


def test_every_delivered_table_has_a_suite_of_its_owner() -> None:
    for name, contract in CONTRACTS.items():
        if contract.source in {suite.subject.partition(".")[0] for suite in SUITES.values()}:
            assert SUITES[name].owner == contract.owner, name


def test_rules_read_only_columns_that_their_table_has() -> None:
    for suite in SUITES.values():
        if suite.place == "door":
            names = [column.name for column in CONTRACTS[suite.subject].columns]
            suite.require([*names, *LINEAGE_COLUMNS])


def test_every_rule_says_why_and_reads_as_a_sentence() -> None:
    for suite in SUITES.values():
        for rule in suite.rules:
            place = f"{suite.subject} {rule.name}"
            assert rule.why.endswith(".") and len(rule.why.split()) > 4, place
            assert len(rule.name.split("_")) > 3, place


# --- running ---


def _suite(*rules: dict[str, Any]) -> Suite:
    made = tuple(Rule(**({"severity": "quarantine", "why": "Because."} | rule)) for rule in rules)
    return Suite("crm.contacts", "door", "team:crm", made, Path("expectations/crm/contacts.yml"))


NOT_NEGATIVE = {"name": "amount_is_not_negative", "type": "expect_column_values_to_be_between"} | {
    "kwargs": {"column": "amount", "min_value": 0}
}


def _amounts(*values: str | None) -> pa.Table:
    return pa.table({"amount": pa.array([None if v is None else Decimal(v) for v in values], pa.decimal128(18, 4))})


def test_decimals_are_judged_exactly_at_the_bound() -> None:
    [result] = validate(_suite(NOT_NEGATIVE), [_amounts("0", "0.0001", "-0.0001", "99999999999999.9999", None)])
    assert (result.has_passed, result.unexpected_rows, result.rows_checked) == (False, (2,), 4)
    assert result.observed == "1 of 4 rows fail"


def test_positions_count_over_all_chunks_and_empty_chunks() -> None:
    chunks = [_amounts("1", "-1"), _amounts(), _amounts("2", "3", "-4")]
    [result] = validate(_suite(NOT_NEGATIVE), chunks)
    assert (result.unexpected_rows, result.rows_checked) == ((1, 4), 5)
    [same] = validate(_suite(NOT_NEGATIVE), (batch for chunk in chunks for batch in chunk.to_batches()))
    assert same == result


def test_share_is_judged_over_all_chunks_and_from_fifty_values_on() -> None:
    rule = NOT_NEGATIVE | {"severity": "critical", "kwargs": {"column": "amount", "min_value": 0, "mostly": 0.95}}
    chunk_of_bad, chunk_of_good = _amounts(*["-1"] * 5), _amounts(*["1"] * 95)
    [passes] = validate(_suite(rule), [chunk_of_bad, chunk_of_good])
    assert (passes.has_passed, passes.unexpected_count) == (True, 5)
    [fails] = validate(_suite(rule), [chunk_of_bad, chunk_of_good, _amounts("-1")])
    assert not fails.has_passed
    [few] = validate(_suite(rule), [chunk_of_bad])
    assert (few.has_passed, few.rows_checked, few.observed) == (True, 0, "too few rows to judge a share: 5")


@pytest.mark.parametrize(
    ("frames", "observed"),
    [
        ([], "no rows to check"),
        ([_amounts()], "no rows to check"),
        ([_amounts(None, None)], "no rows with a value to check"),
    ],
)
def test_nothing_to_judge_is_said_and_not_passed_off_as_good(frames: list[pa.Table], observed: str) -> None:
    [result] = validate(_suite(NOT_NEGATIVE), frames)
    assert (result.has_passed, result.rows_checked, result.observed) == (True, 0, observed)


def test_row_counts_add_up_and_an_empty_table_fails_them() -> None:
    rule = {"name": "there_are_some_rows", "type": "expect_table_row_count_to_be_between", "severity": "warning"}
    suite = _suite(rule | {"kwargs": {"min_value": 3, "max_value": 4}})
    counted = {number: validate(suite, [_amounts("1")] * number)[0].has_passed for number in (0, 2, 3, 4, 5)}
    assert counted == {0: False, 2: False, 3: True, 4: True, 5: False}


def test_no_value_leaves_in_results_or_on_the_terminal(capfd, caplog) -> None:
    secret = "someone@example.org"
    rows = pa.table({"email": [secret] * 60, "amount": pa.array([-4711] * 60)})
    email = {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "email", "regex": "^[0-9]+$"}}
    suite = _suite({"name": "email_is_a_number", **email}, NOT_NEGATIVE)
    results = validate(suite, [rows])
    assert [result.has_passed for result in results] == [False, False]
    printed = capfd.readouterr()
    for text in (repr(results), printed.out, printed.err, caplog.text):
        assert secret not in text
        assert "4711" not in text
    broken = dataclasses.replace(suite.rules[1], kwargs={"column": "email", "min_value": 0})
    with pytest.raises(CxwError) as caught:
        validate(dataclasses.replace(suite, rules=(broken,)), [rows])
    assert caught.value.code == "E-SUI-002"
    assert secret not in str(caught.value) + str(caught.value.__context__)


def test_missing_column_is_an_error_and_not_a_pass() -> None:
    with pytest.raises(CxwError, match="amount is not a column; nearest: amounts"):
        validate(_suite(NOT_NEGATIVE), [pa.table({"amounts": [1]})])


def test_usual_volume_is_that_of_the_weekday_and_says_so_only_when_it_can_tell() -> None:
    today = date(2026, 3, 30)
    same_weekday = {today - timedelta(weeks=week): rows for week, rows in enumerate([100, 104, 9000, 96, 98], start=1)}
    others = {today - timedelta(days=day): 7 for day in range(1, 60) if day % 7}
    [line] = delivery_volumes(same_weekday | others | {today: 0}, [today]).to_pylist()
    assert tuple(line) == DELIVERY_COLUMNS
    assert (line["row_count"], line["usual_row_count"], line["row_count_to_usual_ratio"]) == (0, 100.0, 0.0)
    tomorrow = today + timedelta(days=1)
    young, small = delivery_volumes({today: 5000} | others, [today, tomorrow]).to_pylist()
    assert (young["row_count"], young["usual_row_count"], young["row_count_to_usual_ratio"]) == (5000, None, None)
    assert (small["row_count"], small["usual_row_count"]) == (0, None)


def test_odd_delivery_is_named_by_its_date() -> None:
    suite = SUITES["ecommerce.orders"]
    days = [date(2026, 3, 30) - timedelta(weeks=week) for week in range(9)]
    volumes = delivery_volumes(dict.fromkeys(days[1:], 1000) | {days[0]: 3}, days)
    results = {result.name: result for result in validate(suite, [], volumes)}
    assert results["delivery_is_about_as_full_as_usual"].observed == "1 of 5 deliveries fail: 2026-03-30"
    assert not results["delivery_is_about_as_full_as_usual"].has_passed


# --- reading suite files ---

RULE = {
    "name": "amount_is_not_negative",
    "type": "expect_column_values_to_be_between",
    "kwargs": {"column": "amount", "min_value": 0},
    "severity": "warning",
    "why": "Because it matters.",
}
FILE: dict[str, Any] = {"table": "crm.deals", "owner": "team:crm", "rules": [RULE]}


def _write(folder: Path, entries: Any, name: str = "crm/deals.yml") -> Path:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(entries if isinstance(entries, str) else yaml.safe_dump(entries), encoding="utf-8")
    return folder


def test_suite_files_are_read_by_subject(tmp_path: Path) -> None:
    _write(tmp_path, FILE)
    _write(
        tmp_path,
        {"mart": "mart_kpis__month"} | {key: FILE[key] for key in ("owner", "rules")},
        "marts/mart_kpis__month.yml",
    )
    suites = load_suites(tmp_path)
    assert {name: suite.place for name, suite in suites.items()} == {"crm.deals": "door", "mart_kpis__month": "window"}
    assert suites["crm.deals"].columns == ("amount",)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"tabel": "crm.deals"}, "unknown key tabel; nearest: table"),
        ({"owner": None}, "owner is missing"),
        ({"table": "crm.contacts"}, "the file stands for crm.deals"),
        ({"rules": [RULE, RULE]}, "two rules have this name"),
        ({"rules": ["amount"]}, "must be a mapping"),
        ({"rules": [RULE | {"severty": "warning"}]}, "amount_is_not_negative: unknown key severty; nearest: severity"),
        ({"rules": [RULE | {"why": ""}]}, "why is missing"),
        ({"rules": [RULE | {"name": "Amount >= 0"}]}, "snake case"),
        ({"rules": [RULE | {"severity": "error"}]}, "unknown severity error"),
        (
            {"rules": [RULE | {"type": "expect_column_values_to_be_betwen"}]},
            "nearest: expect_column_values_to_be_between",
        ),
        ({"rules": [RULE | {"kwargs": {"column": "amount", "minimum": 0}}]}, "unknown key minimum; nearest: min_value"),
        ({"rules": [RULE | {"kwargs": {"min_value": 0}}]}, "column is missing"),
        (
            {"rules": [RULE | {"kwargs": {"column": "a", "row_condition": {"column": "b"}}}]},
            "row_condition has a column",
        ),
        ({"rules": [RULE | {"kwargs": {"column": "a", "row_condition": {"column": "b", "is": 1}}}]}, "unknown key is"),
        (
            {"rules": [RULE | {"severity": "quarantine", "kwargs": {"column": "a", "min_value": 0, "mostly": 0.9}}]},
            "only a rule over single rows can set rows aside",
        ),
        ({"rules": [RULE | {"over": "deliveries"}]}, "unknown key amount"),
    ],
)
def test_wrong_suite_names_file_rule_and_key(tmp_path: Path, change: dict[str, Any], named: str) -> None:
    with pytest.raises(CxwError) as caught:
        load_suites(_write(tmp_path, FILE | change))
    assert caught.value.code == "E-SUI-001"
    assert "expectations/crm/deals.yml" in str(caught.value)
    assert named in str(caught.value)


def test_broken_yaml_is_named(tmp_path: Path) -> None:
    with pytest.raises(CxwError, match=r"expectations/crm/deals\.yml: not valid YAML"):
        load_suites(_write(tmp_path, "rules: ["))


def test_rule_types_are_great_expectations_own() -> None:
    from great_expectations.expectations.registry import get_expectation_impl

    for name, arguments in RULE_TYPES.items():
        fields = set(get_expectation_impl(name).__fields__)
        assert arguments <= fields, f"{name} does not take {arguments - fields}"


# --- setting rows aside at intake ---


def test_intake_learns_which_rows_to_set_aside_and_the_door_shows_it() -> None:
    suite = SUITES["finance.exchange_rates"]
    aside = row_rules(suite)
    assert aside is not None
    codes, rates = ["GBP", "pounds", "USD"], [Decimal("1.1"), Decimal("1.2"), Decimal(0)]
    columns = {column.name: _arrow(column.data_type) for column in CONTRACTS[suite.subject].columns}
    rows = pa.table(
        {
            "rate_date": pa.array([date(2026, 3, 1)] * 3),
            "currency_code": codes,
            "rate_to_reporting": pa.array(rates, columns["rate_to_reporting"]),
        }
    )
    assert aside.results() == []
    found = {rule: positions.tolist() for positions, rule in aside(rows)}
    assert found == {"rate_is_above_zero": [2], "currency_code_is_three_letters": [1]}
    assert aside(rows.slice(0, 1)) == []
    results = {result.name: result for result in validate(suite, [rows.slice(0, 1)], known=aside.results())}
    assert [rule.name for rule in suite.rules] == list(results)
    assert {result.observed for result in results.values()} == {"1 of 4 rows fail"}
    assert results["currency_code_is_three_letters"].unexpected_rows == (1,)


def test_share_sees_the_rows_that_are_set_aside() -> None:
    suite = SUITES["ecommerce.refunds"]
    aside = row_rules(suite)
    assert aside is not None
    types = {column.name: _arrow(column.data_type) for column in CONTRACTS[suite.subject].columns}
    rows = pa.table({name: pa.array([Decimal(-5) if name == "amount" else None] * 60, types[name]) for name in types})
    [(positions, rule)] = aside(rows)
    assert (rule, len(positions)) == ("refund_amount_is_not_negative", 60)
    held = [result.name for result in validate(suite, [], known=aside.results()) if not result.has_passed]
    assert {"refund_amount_is_not_negative", "refunds_are_delivered_as_positive_numbers"} <= set(held)


def test_suite_without_quarantine_rules_asks_nothing_of_intake() -> None:
    assert row_rules(SUITES["ecommerce.customers"]) is None
    assert row_rules(None) is None
