"""The suites as files say them: rules about believable values, per delivered table or per published mart.

Lives here: what a suite file may hold, reading it, and refusing what it may not hold.
Does not live here: running the rules (`suites.py`), names, types and keys of columns (the dbt contracts).
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from orchestration.errors import CxwError

Severity = Literal["critical", "quarantine", "warning"]
SEVERITIES = ("critical", "quarantine", "warning")
OVER = ("rows", "deliveries")

_RANGE = {"min_value", "max_value", "strict_min", "strict_max"}
_PAIR = {"column_A", "column_B", "or_equal", "ignore_row_if"}
# Great Expectations' own names and arguments. Only rules that can be judged in chunks are here: a median or a
# uniqueness over one chunk says nothing about the table, and dbt tests do those inside the warehouse.
RULE_TYPES: Mapping[str, frozenset[str]] = {
    name: frozenset(arguments | {"row_condition", "mostly"})
    for name, arguments in {
        "expect_column_values_to_be_between": {"column"} | _RANGE,
        "expect_column_values_to_be_in_set": {"column", "value_set"},
        "expect_column_values_to_not_be_in_set": {"column", "value_set"},
        "expect_column_values_to_match_regex": {"column", "regex"},
        "expect_column_values_to_not_match_regex": {"column", "regex"},
        "expect_column_value_lengths_to_be_between": {"column"} | _RANGE,
        "expect_column_values_to_not_be_null": {"column"},
        "expect_column_values_to_be_null": {"column"},
        "expect_column_pair_values_a_to_be_greater_than_b": _PAIR,
        "expect_column_pair_values_to_be_equal": _PAIR - {"or_equal"},
    }.items()
} | {"expect_table_row_count_to_be_between": frozenset({"min_value", "max_value"})}
_CONDITION = ("column", "equals", "one_of", "is_null", "above", "below")
# What a delivery is judged by; `suites.delivery_volumes` makes these columns.
DELIVERY_COLUMNS = ("extract_date", "row_count", "usual_row_count", "row_count_to_usual_ratio")


@dataclass(frozen=True)
class Rule:
    """One rule: a sentence in snake case, a Great Expectations type with its arguments, and why it is there.

    `critical` holds the publish, `quarantine` sets the failing rows aside, `warning` tells. `over` is what the rule
    looks at: the rows that arrived, or the deliveries that brought them.
    """

    name: str
    type: str
    kwargs: Mapping[str, Any]
    severity: Severity
    why: str
    over: Literal["rows", "deliveries"] = "rows"

    @property
    def substance(self) -> str:
        """What the rule does, without the words about it."""
        return json.dumps([self.name, self.type, self.kwargs, self.severity, self.over], sort_keys=True, default=str)

    @property
    def conditions(self) -> list[Mapping[str, Any]]:
        """The row conditions, all of which must hold for the rule to look at a row."""
        condition = self.kwargs.get("row_condition", [])
        return condition if isinstance(condition, list) else [condition]

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the rule reads."""
        named = [self.kwargs[key] for key in ("column", "column_A", "column_B") if key in self.kwargs]
        return tuple(dict.fromkeys([*named, *(condition["column"] for condition in self.conditions)]))

    @property
    def expected(self) -> str:
        """The rule in words, for check results: bounds and lists come from the suite, never from the data."""
        limits = {key: value for key, value in self.kwargs.items() if not key.startswith(("column", "row_condition"))}
        words = [" and ".join(self.columns) or self.over, self.type.removeprefix("expect_").replace("_", " ")]
        words += [f"{key} {value}" for key, value in limits.items()]
        for condition in self.conditions:
            words += [
                f"where {condition['column']} {key} {value}" for key, value in condition.items() if key != "column"
            ]
        return ", ".join(words)


@dataclass(frozen=True)
class Suite:
    """The rules of one delivered table (`crm.contacts`, at the door) or one mart (at the window)."""

    subject: str
    place: Literal["door", "window"]
    owner: str
    rules: tuple[Rule, ...]
    path: Path

    @property
    def version(self) -> str:
        """Changes when the rules do, not when only the words about them do."""
        return hashlib.sha256("\n".join(rule.substance for rule in self.rules).encode()).hexdigest()[:16]

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that a frame must have for the rules over rows."""
        return tuple(dict.fromkeys(name for rule in self.rules if rule.over == "rows" for name in rule.columns))

    def require(self, columns: Iterable[str]) -> None:
        """Raise E-SUI-001 when a rule names a column that the table does not have."""
        known = [*columns]
        for rule in self.rules:
            for name in rule.columns if rule.over == "rows" else ():
                if name not in known:
                    raise _wrong(self.path, rule.name, f"{name} is not a column; nearest: {_nearest(name, known)}")


EXPECTATIONS = Path(__file__).resolve().parent.parent / "expectations"


def load_suites(folder: Path = EXPECTATIONS) -> dict[str, Suite]:
    """Every suite below `expectations/`, by subject.

    Raises:
        CxwError: E-SUI-001 for a key, type, argument or value that a suite cannot have; names file and rule.
    """
    suites: dict[str, Suite] = {}
    for path in sorted(folder.glob("*/*.yml")):
        suite = _suite(path)
        if suite.subject in suites:
            raise _wrong(path, "", f"{suite.subject} has a suite already: {suites[suite.subject].path.name}")
        suites[suite.subject] = suite
    return dict(sorted(suites.items()))


def _suite(path: Path) -> Suite:
    import yaml

    try:
        # libyaml's loader reads the suites in a tenth of the second that the Python one takes
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        entries = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    except yaml.YAMLError as error:
        raise _wrong(path, "", f"not valid YAML: {error}") from error
    place: Literal["door", "window"] = "window" if path.parent.name == "marts" else "door"
    subject_key = {"door": "table", "window": "mart"}[place]
    _check_keys(path, "", entries, {subject_key, "owner", "rules"}, set())
    subject = entries[subject_key]
    file_says = path.stem if place == "window" else f"{path.parent.name}.{path.stem}"
    if subject != file_says:
        raise _wrong(path, "", f"{subject_key} is {subject}, but the file stands for {file_says}")
    rules = tuple(_rule(path, entry) for entry in entries["rules"])
    names = [rule.name for rule in rules]
    for name in names:
        if names.count(name) > 1:
            raise _wrong(path, name, "two rules have this name")
    return Suite(subject, place, entries["owner"], rules, path)


def _rule(path: Path, entry: Any) -> Rule:
    name = str(entry.get("name", "")) if isinstance(entry, Mapping) else ""
    _check_keys(path, name, entry, {"name", "type", "kwargs", "severity", "why"}, {"over"})
    rule = Rule(**entry)
    if not name.isidentifier() or name != name.lower():
        raise _wrong(path, name, "a rule's name is a sentence in snake case")
    for key, value, valid in (
        ("type", rule.type, RULE_TYPES),
        ("severity", rule.severity, SEVERITIES),
        ("over", rule.over, OVER),
    ):
        if value not in valid:
            raise _wrong(path, name, f"unknown {key} {value}; nearest: {_nearest(str(value), valid)}")
    takes = RULE_TYPES[rule.type]
    _check_keys(path, name, rule.kwargs, takes & {"column", "column_A", "column_B", "value_set", "regex"}, takes)
    for condition in rule.conditions:
        _check_keys(path, name, condition, {"column"}, set(_CONDITION))
        if len(condition) != 2:
            raise _wrong(path, name, f"a row_condition has a column and one of {', '.join(_CONDITION[1:])}")
    if rule.severity == "quarantine" and (rule.over != "rows" or not rule.columns or "mostly" in rule.kwargs):
        raise _wrong(path, name, "only a rule over single rows can set rows aside: no mostly, no counts, no deliveries")
    if rule.over == "deliveries":
        for column in rule.columns:
            _check_known(path, name, column, DELIVERY_COLUMNS)
    return rule


def _check_keys(path: Path, rule: str, entry: Any, required: Iterable[str], optional: Iterable[str]) -> None:
    if not isinstance(entry, Mapping):
        raise _wrong(path, rule, "must be a mapping of keys to values")
    for key in entry:
        _check_known(path, rule, str(key), {*required, *optional})
    for key in required:
        if entry.get(key) in (None, "", []):
            raise _wrong(path, rule, f"{key} is missing")


def _check_known(path: Path, rule: str, key: str, known: Iterable[str]) -> None:
    if key not in known:
        raise _wrong(path, rule, f"unknown key {key}; nearest: {_nearest(key, known)}")


def _nearest(name: str, valid: Iterable[str]) -> str:
    return (difflib.get_close_matches(name, sorted(valid), n=1, cutoff=0.0) or ["none"])[0]


def _wrong(path: Path, rule: str, message: str) -> CxwError:
    place = f"{path.parent.name}/{path.name}"
    return CxwError("E-SUI-001", message, where=f"expectations/{place} {rule}".rstrip())
