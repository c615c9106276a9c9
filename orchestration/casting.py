"""The contract as SQL: delivered text (or typed cells) -> typed columns, row hash, and which rule a row breaks.

Lives here: blank = null, required values, the window of times.
Does not live here: the text each type accepts (`value_syntax.py`), bytes and fields (`delimited.py` and its
neighbours), running the SQL (`extracts.py`). Values never become SQL; names come from our own contracts, quoted.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import pyarrow as pa

from orchestration.contracts import Column, Contract
from orchestration.value_syntax import has_offset, literal, local_time, typed_value
from orchestration.warehouse import quote

LINEAGE = ("_extract_date", "_revision", "_source_file", "_line")


@dataclass(frozen=True)
class Rule:
    """What `_problem` number means: position in the list + 1."""

    column: str
    code: str
    what: str


@dataclass(frozen=True)
class Casting:
    """SQL over the relations `delivered` and `files` (see `extracts.py`) and the rules its `_problem` counts.

    `judged` selects every row with `_file`, `_problem` (null = fine), `_raw` (the delivered fields, only of rows with a
    problem), `_odd_clock` (hours that clocks repeat or skip), the typed columns and the lineage. `judged_alone` is the
    same for one file by itself: a join with its single row would make all that follows slower, by a tenth of the whole.
    """

    judged: str
    judged_alone: str
    rules: tuple[Rule, ...]
    is_ordered: bool


def text_casting(contract: Contract) -> Casting:
    """For csv and xlsx: column i of `delivered` is `c<i>`, text, in contract order."""
    cells = [f"c{number}" for number in range(len(contract.columns))]
    return _casting(contract, "select * from delivered", cells, [""] * len(cells), [])


def json_casting(contract: Contract) -> Casting:
    """For JSON lines: `delivered` has one object per row in `_text`."""
    keys = {column.name: [column.name] for column in contract.columns}
    for alias, target in contract.extract.aliases.items():
        keys[target].append(alias)
    shape = literal(json.dumps({key: "VARCHAR" for names in keys.values() for key in names}))
    cells = [
        "coalesce(" + ", ".join(f"_object[{literal(key)}]" for key in keys[column.name]) + ")"
        for column in contract.columns
    ]
    objects = (
        f"select *, case when json_valid(_text) then json_transform(_text, {shape}) end as _object,"  # noqa: S608
        " case when json_valid(_text) then json_keys(_text) end as _keys from delivered"
    )
    objects = f"select *, note_keys(_file, _keys) as _noted from ({objects})"  # noqa: S608 (composed above)
    broken = [
        (Rule("", "E-JSN-001", "json"), "coalesce(len(_keys), 0) = 0 or _noted < 0"),
        (Rule("", "E-JSN-003", "key_twice"), "len(_keys) <> len(list_distinct(_keys))"),
    ]
    return _casting(contract, objects, cells, [""] * len(cells), broken, raw="_text")


def arrow_casting(contract: Contract, schema: pa.Schema) -> Casting:
    """For Parquet: column i of `delivered` is `c<i>` with the file's own type."""
    cells = [f"c{number}" for number in range(len(contract.columns))]
    kinds = [_kind(schema.field(cell).type) for cell in cells]
    return _casting(contract, "select * from delivered", cells, kinds, [])


def _kind(arrow_type: pa.DataType) -> str:
    """ "" = read as text; anything else has a shorter way to some contract types."""
    checks = {
        "boolean": pa.types.is_boolean, "integer": pa.types.is_integer, "float": pa.types.is_floating,
        "decimal": pa.types.is_decimal, "date": pa.types.is_date,
    }  # fmt: skip
    for kind, check in checks.items():
        if check(arrow_type):
            return kind
    if pa.types.is_timestamp(arrow_type):
        return "instant" if arrow_type.tz else "local_time"
    return ""


def _casting(
    contract: Contract, source: str, cells: list[str], kinds: list[str],
    broken: list[tuple[Rule, str]], raw: str = "",
) -> Casting:  # fmt: skip
    extract, columns = contract.extract, contract.columns
    value = [f"v{number}" for number in range(len(columns))]
    typed = [f"t{number}" for number in range(len(columns))]
    cleaned = [f"{_cleaned(cell, kind, column, contract)} as {name}"
               for cell, kind, column, name in zip(cells, kinds, columns, value, strict=True)]  # fmt: skip
    placed = "select * from cleaned"
    if extract.position_key:
        number = {column.name: name for column, name in zip(columns, value, strict=True)}
        within = ", ".join(["_file", *(number[name] for name in extract.position_within)])
        spot = number[extract.position_key]
        position = f"cast(row_number() over (partition by {within} order by _line) as varchar)"
        placed = f"select * replace ({position} as {spot}) from cleaned"  # noqa: S608 (quoted names, no value)
    casts = [f"{typed_value(name, kind, column, contract)} as {target}"
             for name, kind, column, target in zip(value, kinds, columns, typed, strict=True)]  # fmt: skip
    odd = [
        f"coalesce(odd_clock({local_time(name, kind, contract)}), 0)"
        for name, kind, column in zip(value, kinds, columns, strict=True)
        if extract.zone and column.data_type == "timestamp" and kind in ("", "local_time") and not has_offset(contract)
    ]
    problems = broken + [
        problem for parts in zip(value, typed, columns, strict=True) for problem in _problems(*parts, contract)
    ]
    problem = " ".join(f"when {test} then {number}" for number, (_, test) in enumerate(problems, 1))
    pairs = ", ".join(f"{quote(column.name)} := {cell}" for column, cell in zip(columns, cells, strict=True))
    fields = raw or f"cast(to_json(struct_pack({pairs})) as varchar)"  # as delivered, before cleaning
    outputs = ", ".join(f"{target} as {quote(column.name)}" for column, target in zip(columns, typed, strict=True))

    def judged(files: str) -> str:
        return f"""
with read as ({source}),
cleaned as (select {", ".join(cleaned)}, * from read),
placed as ({placed}),
typed as (
    select {", ".join(casts)}, {" + ".join(odd) or "0"} as _odd_clock, placed.*, files.* exclude (_file)
    from placed {files}
),
judged as (select *, cast(case {problem} end as smallint) as _problem from typed)
select
    {outputs}, _extract_date, _revision, _source_file, _line,
    _file, _problem, _odd_clock, case when _problem is not null then {fields} end as _raw
from judged"""  # noqa: S608 (identifiers of our own contracts, quoted; no value)

    rules = tuple(rule for rule, _ in problems)
    together, alone = judged("join files using (_file)"), judged("cross join files")
    return Casting(together, alone, rules, is_ordered=not extract.position_key)


def _cleaned(cell: str, kind: str, column: Column, contract: Contract) -> str:
    """Blank or blank-only and the contract's null words become null; text keeps its blanks, other types lose them."""
    if kind:
        return cell
    # The usual value is told by comparing: only what begins with a blank can be blank, and to trim makes a copy.
    usual = f"{cell} >= '!' and {cell} < chr(160)"
    plain = cell
    if column.data_type != "varchar":
        usual, plain = f"{usual} and not ends_with({cell}, ' ')", f"trim({cell})"
    branches = [rf"when {usual} then {cell} when {cell} = '' or regexp_full_match({cell}, '[\s\x{{00A0}}]*') then null"]
    if contract.extract.null_tokens:
        branches.insert(0, f"when trim({cell}) in ({', '.join(map(literal, contract.extract.null_tokens))}) then null")
    return f"case {' '.join(branches)} else {plain} end"


def _problems(value: str, typed: str, column: Column, contract: Contract) -> list[tuple[Rule, str]]:
    found = []
    if column.is_required or column.name in contract.primary_key:
        found.append((Rule(column.name, "E-TYP-002", "required"), f"{value} is null"))
    if column.data_type != "varchar":
        found.append(
            (
                Rule(column.name, "E-TYP-001", f"is_{_word(column.data_type)}"),
                f"{value} is not null and {typed} is null",
            )
        )
    if column.data_type in ("timestamp", "date"):
        low, high = (
            ("_earliest_at", "_latest_at") if column.data_type == "timestamp" else ("_earliest_date", "_latest_date")
        )
        found.append((Rule(column.name, "E-TYP-003", "time_window"), f"{typed} not between {low} and {high}"))
    return found


def _word(data_type: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", data_type).strip("_")
