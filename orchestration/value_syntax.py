"""What text each contract type accepts, as SQL expressions.

Lives here: numbers, dates, times, booleans: one expression per value, null when the value is not of its type.
Does not live here: the statement around them (`casting.py`), clock changes (`zones.py`). Strictness is by value:
`1.50` and `1.5000` are one number; `1.00005` in four decimals and `1e3` are none. Kind "" is text; other kinds are
cells that already have a type (`casting._kind`).
"""

from __future__ import annotations

import re
from dataclasses import replace

from orchestration.contracts import Column, Contract

_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_MINUTES = r"[T ][0-9]{2}:[0-9]{2}"
_SECONDS = r":[0-9]{2}([.][0-9]{1,6}0*)?"
_CLOCK = f"{_MINUTES}({_SECONDS})?"
_OFFSET = r"(Z|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?)"
# How exporters mostly write a moment: length and mask of a part of what the patterns accept, found in less than half
# of their time. The engine's cast refuses most else by itself; the places spelled out here are those where it is more
# lenient (blanks before year and hour, a sign, seconds like `5.`, offsets of 60 minutes): tests/test_value_syntax.py.
_USUAL_CLOCK = "2???-??-??T[0-2]?:??:?[0-9]"
_USUAL_MOMENTS = ((20, f"{_USUAL_CLOCK}Z"), (25, f"{_USUAL_CLOCK}[-+]0?:[0-5]?"))
_YES, _NO = "true|t|yes|y|1", "false|f|no|n|0"


def literal(text: str) -> str:
    """SQL string literal of a name or pattern of ours."""
    return "'" + text.replace("'", "''") + "'"


def typed_value(value: str, kind: str, column: Column, contract: Contract) -> str:
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
        text = f"cast({value} as varchar)" if kind else value
        # A pattern, not a list: of a list the engine makes a join, and every row pays for it.
        yes, no = (f"regexp_full_match({text}, '{_in_any_case(words)}')" for words in (_YES, _NO))
        usual = f"when {text} = 'true' then true when {text} = 'false' then false"
        return f"case {usual} when {yes} then true when {no} then false end"
    if data_type == "bigint" or data_type.startswith("decimal"):
        return _number(value, kind, data_type, contract)
    if data_type == "date":
        return _date(value, kind, contract)
    return _timestamp(value, kind, column, contract)


def _in_any_case(words: str) -> str:
    """A pattern for ASCII words in capitals or not: the engine's own folding takes the long s of `yeſ` for an s."""
    return re.sub("[a-z]", lambda letter: f"[{letter[0]}{letter[0].upper()}]", words)


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
    usual = ""
    if point == ".":  # written as the engine would write it: cheaper to compare than a pattern
        short = f"try_cast({text} as {'bigint' if not scale else f'decimal(18,{min(scale, 2)})'})"
        usual = f"when cast({short} as varchar) = {text} then try_cast({short} as {data_type}) "
    return f"case {usual}when regexp_full_match({text}, {literal(pattern)}) then try_cast({plain} as {data_type}) end"


def _date(value: str, kind: str, contract: Contract) -> str:
    if kind == "date":
        return f"try_cast({value} as date)"
    if kind == "local_time":  # a date that a data frame holds as midnight
        return f"case when {value} = date_trunc('day', {value}) then try_cast({value} as date) end"
    text = f"cast({value} as varchar)" if kind else value
    if contract.extract.date_format and not kind:
        return f"try_cast(try_strptime({text}, {literal(contract.extract.date_format)}) as date)"
    return f"case when regexp_full_match({text}, {literal(_DAY)}) then try_cast({text} as date) end"


def local_time(value: str, kind: str, contract: Contract) -> str:
    """A time without offset, as the clock on the wall showed it."""
    if kind:
        return f"cast({value} as timestamp)"
    if contract.extract.date_format:
        return f"try_strptime({value}, {literal(contract.extract.date_format)})"
    seconds = f"case when length({value}) = 16 then {value} || ':00' else {value} end"
    return f"case when regexp_full_match({value}, {literal(_DAY + _CLOCK)}) then try_cast({seconds} as timestamp) end"


def has_offset(contract: Contract) -> bool:
    return "%z" in contract.extract.date_format.lower()


def _timestamp(value: str, kind: str, column: Column, contract: Contract) -> str:
    extract = contract.extract
    midnight = f"local_to_utc(cast(try_cast({value} as date) as timestamp))"
    if kind == "instant":
        return f"make_timestamp(epoch_us({value}))"
    nothing = "cast(null as timestamp)"
    if kind == "local_time":
        return f"local_to_utc({local_time(value, kind, contract)})" if extract.zone else nothing
    if kind == "date":
        return midnight if column.allows_date_only else nothing
    if extract.date_format and not kind:
        if has_offset(contract):
            return f"make_timestamp(epoch_us(try_strptime({value}, {literal(extract.date_format)})))"
        return f"local_to_utc({local_time(value, kind, contract)})" if extract.zone else nothing
    text = f"cast({value} as varchar)" if kind else value
    with_seconds = f"left({text}, 16) || ':00' || substr({text}, 17)"
    tests = [(f"strlen({text}) = {length} and {text} glob {literal(mask)}", text) for length, mask in _USUAL_MOMENTS]
    tests += [
        (f"regexp_full_match({text}, {literal(_DAY + _MINUTES + clock + _OFFSET)})", whole)
        for clock, whole in ((_SECONDS, text), ("", with_seconds))
    ]
    branches = [f"when {test} then make_timestamp(epoch_us(try_cast({whole} as timestamptz)))" for test, whole in tests]
    if extract.zone:
        clock = local_time(text, "", contract)
        branches.append(f"when regexp_full_match({text}, {literal(_DAY + _CLOCK)}) then local_to_utc({clock})")
    if column.allows_date_only:
        branches.append(f"when regexp_full_match({text}, {literal(_DAY)}) then {midnight}")
    return f"case {' '.join(branches)} end"
