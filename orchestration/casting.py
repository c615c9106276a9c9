"""The contract as SQL: delivered text (or typed cells) -> typed columns, row hash, and which rule a row breaks.

Lives here: the syntax each type accepts, blank = null, the window of times, the row hash of law 6.
Does not live here: bytes and fields (`delimited.py` and its neighbours), running the SQL (`extracts.py`).
Values never become SQL; names come from our own contracts and are quoted. Strictness is by value: `1.50` and `1.5000`
are one number, `1.00005` in four decimals and `1e3` are none.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace

import pyarrow as pa

from orchestration.contracts import Column, Contract
from orchestration.settings import Settings

LINEAGE = ("_extract_date", "_revision", "_source_file", "_line", "_row_hash")
_UNIT_SEPARATOR = "chr(31)"
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6}0*)?)?"
_OFFSET = r"(Z|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?)"


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
    problem), `_odd_clock` (hours that clocks repeat or skip), the typed columns and the lineage.
    """

    judged: str
    rules: tuple[Rule, ...]
    is_ordered: bool


def literal(text: str) -> str:
    """SQL string literal of a name or pattern of ours."""
    return "'" + text.replace("'", "''") + "'"


def quote(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def text_casting(contract: Contract, settings: Settings) -> Casting:
    """For csv and xlsx: column i of `delivered` is `c<i>`, text, in contract order."""
    cells = [f"c{number}" for number in range(len(contract.columns))]
    return _casting(contract, settings, "select * from delivered", cells, [""] * len(cells), [])


def json_casting(contract: Contract, settings: Settings) -> Casting:
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
    broken = [
        (Rule("", "E-JSN-001", "json"), "coalesce(len(_keys), 0) = 0"),
        (Rule("", "E-JSN-003", "key_twice"), "len(_keys) <> len(list_distinct(_keys))"),
    ]
    return _casting(contract, settings, objects, cells, [""] * len(cells), broken, raw="_text")


def arrow_casting(contract: Contract, settings: Settings, schema: pa.Schema) -> Casting:
    """For Parquet: column i of `delivered` is `c<i>` with the file's own type."""
    cells = [f"c{number}" for number in range(len(contract.columns))]
    kinds = [_kind(schema.field(cell).type) for cell in cells]
    return _casting(contract, settings, "select * from delivered", cells, kinds, [])


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
    contract: Contract, settings: Settings, source: str, cells: list[str], kinds: list[str],
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
    casts = [f"{_typed(name, kind, column, contract, settings)} as {target}"
             for name, kind, column, target in zip(value, kinds, columns, typed, strict=True)]  # fmt: skip
    odd = [
        f"coalesce(odd_clock({_local(name, kind)}), 0)"
        for name, kind, column in zip(value, kinds, columns, strict=True)
        if extract.zone and column.data_type == "timestamp" and kind in ("", "local_time") and not extract.date_format
    ]
    problems = broken + [
        problem for parts in zip(value, typed, columns, strict=True) for problem in _problems(*parts, contract)
    ]
    problem = " ".join(f"when {test} then {number}" for number, (_, test) in enumerate(problems, 1))
    pairs = ", ".join(f"{quote(column.name)} := {cell}" for column, cell in zip(columns, cells, strict=True))
    fields = raw or f"cast(to_json(struct_pack({pairs})) as varchar)"  # as delivered, before cleaning
    hashed = sorted(zip((column.name for column in columns), typed, strict=True))
    text = ", ".join(f"{literal(name + '=')} || cast({target} as varchar)" for name, target in hashed)
    outputs = ", ".join(f"{target} as {quote(column.name)}" for column, target in zip(columns, typed, strict=True))
    judged = f"""
with read as ({source}),
cleaned as (select {", ".join(cleaned)}, * from read),
placed as ({placed}),
typed as (
    select {", ".join(casts)}, {" + ".join(odd) or "0"} as _odd_clock, placed.*, files.* exclude (_file)
    from placed join files using (_file)
),
judged as (select *, cast(case {problem} end as smallint) as _problem from typed)
select
    {outputs}, _extract_date, _revision, _source_file, _line,
    case when _problem is null then sha256(concat_ws({_UNIT_SEPARATOR}, {text})) end as _row_hash,
    _file, _problem, _odd_clock, case when _problem is not null then {fields} end as _raw
from judged"""  # noqa: S608 (identifiers of our own contracts, quoted; no value)
    return Casting(judged, tuple(rule for rule, _ in problems), is_ordered=not extract.position_key)


def _cleaned(cell: str, kind: str, column: Column, contract: Contract) -> str:
    """Blank or blank-only and the contract's null words become null; text keeps its blanks, other types lose them."""
    if kind:
        return cell
    tests = [rf"regexp_full_match({cell}, '[\s\x{{00A0}}]*')"]
    if contract.extract.null_tokens:
        tests.append(f"trim({cell}) in ({', '.join(map(literal, contract.extract.null_tokens))})")
    kept = cell if column.data_type == "varchar" else f"trim({cell})"
    return f"case when {' or '.join(tests)} then null else {kept} end"


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


def _typed(value: str, kind: str, column: Column, contract: Contract, settings: Settings) -> str:
    """One cleaned value as the contract's type, null when it is not of that type."""
    data_type = column.data_type
    if data_type == "varchar":
        if kind == "float":  # ids that a data frame held as numbers
            whole = f"case when {value} = trunc({value}) and abs({value}) < 1e15 then cast({value} as bigint) end"
            return f"coalesce(cast({whole} as varchar), cast({value} as varchar))"
        return f"cast({value} as varchar)" if kind else value
    if data_type == "boolean":
        if kind == "boolean":
            return value
        text = f"lower(cast({value} as varchar))" if kind else f"lower({value})"
        yes, no = ("'true', 't', 'yes', 'y', '1'", "'false', 'f', 'no', 'n', '0'")
        return f"case when {text} in ({yes}) then true when {text} in ({no}) then false end"
    if data_type == "bigint" or data_type.startswith("decimal"):
        return _number(value, kind, data_type, contract)
    if data_type == "date":
        return _date(value, kind, contract)
    return _timestamp(value, kind, column, contract, settings)


def _number(value: str, kind: str, data_type: str, contract: Contract) -> str:
    scale = 0 if data_type == "bigint" else int(data_type.removesuffix(")").split(",")[1])
    if kind == "integer":
        return f"try_cast({value} as {data_type})"
    if kind == "float":  # only a double that is the nearest one to a number of this scale; never a rounded amount
        number = f"try_cast({value} as {data_type})"
        return f"case when cast({number} as double) = {value} then {number} end"
    extract = replace(contract.extract, decimal_comma=False, thousands_separator="") if kind else contract.extract
    text = f"cast({value} as varchar)" if kind else value
    point, group = ("," if extract.decimal_comma else "."), extract.thousands_separator
    decimals = rf"[0-9]{{0,{scale}}}0*"
    some_decimals = rf"[0-9]{{1,{scale}}}0*" if scale else "0+"
    whole = "[0-9]+" + (rf"|[0-9]{{1,3}}({re.escape(group)}[0-9]{{3}})+" if group else "")
    pattern = rf"[+-]?(({whole})({re.escape(point)}{decimals})?|{re.escape(point)}{some_decimals})"
    plain = text
    if group:
        plain = f"replace({plain}, {literal(group)}, '')"
    if point != ".":
        plain = f"replace({plain}, {literal(point)}, '.')"
    return f"case when regexp_full_match({text}, {literal(pattern)}) then try_cast({plain} as {data_type}) end"


def _date(value: str, kind: str, contract: Contract) -> str:
    if kind == "date":
        return f"try_cast({value} as date)"
    if kind == "local_time":  # a date that a data frame holds as midnight
        return f"case when {value} = date_trunc('day', {value}) then try_cast({value} as date) end"
    text = f"cast({value} as varchar)" if kind else value
    if contract.extract.date_format and not kind:
        return f"try_cast(try_strptime({text}, {literal(contract.extract.date_format)}) as date)"
    return f"case when regexp_full_match({text}, {literal(_DAY)}) then try_cast({text} as date) end"


def _local(value: str, kind: str) -> str:
    """A time without offset, as the clock on the wall showed it."""
    if kind:
        return f"cast({value} as timestamp)"
    seconds = f"case when length({value}) = 16 then {value} || ':00' else {value} end"
    return f"case when regexp_full_match({value}, {literal(_DAY + _CLOCK)}) then try_cast({seconds} as timestamp) end"


def _timestamp(value: str, kind: str, column: Column, contract: Contract, settings: Settings) -> str:
    extract = contract.extract
    midnight = f"local_to_utc(cast(try_cast({value} as date) as timestamp))"
    if kind == "instant":
        return f"make_timestamp(epoch_us({value}))"
    if kind == "local_time":
        return f"local_to_utc({_local(value, kind)})" if extract.zone else "cast(null as timestamp)"
    if kind == "date":
        return midnight if column.allows_date_only else "cast(null as timestamp)"
    text = f"cast({value} as varchar)" if kind else value
    if extract.date_format and not kind:
        parsed = f"try_strptime({text}, {literal(extract.date_format)})"
        if "%z" in extract.date_format.lower():
            return f"make_timestamp(epoch_us({parsed}))"
        return f"local_to_utc({parsed})" if extract.zone else "cast(null as timestamp)"
    whole = f"try_cast({text} as timestamptz)"
    without_seconds = f"try_cast(left({text}, 16) || ':00' || substr({text}, 17) as timestamptz)"
    branches = [
        f"when regexp_full_match({text}, {literal(_DAY + _CLOCK + _OFFSET)})"
        f" then make_timestamp(epoch_us(coalesce({whole}, {without_seconds})))"
    ]
    if extract.zone:
        branches.append(
            f"when regexp_full_match({text}, {literal(_DAY + _CLOCK)}) then local_to_utc({_local(text, '')})"
        )
    if column.allows_date_only:
        branches.append(f"when regexp_full_match({text}, {literal(_DAY)}) then {midnight}")
    return f"case {' '.join(branches)} end"
