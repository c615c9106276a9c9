"""JSON lines -> Arrow batches of one object per row, each with its line.

Lives here: what DuckDB's lenient JSON parser would let pass: depth, exact numbers, NaN, trailing commas.
Does not live here: row boundaries and encodings (`text_records.py`), keys to columns and types (`casting.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.contracts import Contract
from orchestration.delimited import bind_headers
from orchestration.rejects import Account
from orchestration.settings import Settings
from orchestration.text_encodings import utf8_blocks
from orchestration.text_records import Dialect, RecordReader

# Numbers that a double would round or rewrite, the constants that JSON does not have, commas before a bracket:
# such lines are read by Python's strict parser, numbers as text.
_NEEDS_STRICT = r":\s*-?([0-9.]{17,}|[0-9.]+[eE]|[NIni])|,\s*[}\]]"


def read_json_lines(
    blocks: Iterator[bytes], contract: Contract, settings: Settings, account: Account
) -> Iterator[tuple[pa.Array, np.ndarray]]:
    """Lines and their numbers. Lines that are not one object are still in there: `casting.py` rejects them."""
    dialect = Dialect(b"", b"", contract.extract.encoding, settings.max_line_bytes)
    reader = RecordReader(
        utf8_blocks(blocks, dialect.encoding, account.where), dialect, account, name_column=lambda row, position: ""
    )
    for block in reader.blocks(may_lack_final_line_end=account.announced_rows is not None):
        ends = np.flatnonzero(np.frombuffer(block.text, np.uint8) == 10).astype(np.int32) + 1
        offsets = pa.py_buffer(np.concatenate([np.zeros(1, np.int32), ends]).astype(np.int32))
        rows = pa.StringArray.from_buffers(len(ends), offsets, pa.py_buffer(block.text))
        lines = block.lines
        strict = pc.match_substring_regex(rows, _NEEDS_STRICT)
        brackets = pc.add(pc.count_substring(rows, "["), pc.count_substring(rows, "{"))
        deep = pc.greater(brackets, settings.max_json_depth)
        special = np.flatnonzero(pc.or_(strict, deep).to_numpy(zero_copy_only=False))
        if len(special):
            rows, lines = _read_strictly(rows, lines, special, settings, account)
        yield rows, lines


def _read_strictly(
    rows: pa.Array, lines: np.ndarray, special: np.ndarray, settings: Settings, account: Account
) -> tuple[pa.Array, np.ndarray]:
    replaced, keep = rows.to_pylist(), np.ones(len(rows), bool)
    for row in special.tolist():
        text = replaced[row]
        if _depth(text) > settings.max_json_depth:
            account.reject(int(lines[row]), "", "E-JSN-002", "depth", text)
            keep[row] = False
            continue
        try:
            value = json.loads(
                text, parse_float=str, parse_int=str, parse_constant=_no_constant, object_pairs_hook=_pairs
            )
            replaced[row] = json.dumps(value)
        except _TwiceNamed:
            account.reject(int(lines[row]), "", "E-JSN-003", "key_twice", text)
            keep[row] = False
        except ValueError:
            account.reject(int(lines[row]), "", "E-JSN-001", "json", text)
            keep[row] = False
    return pa.array(replaced, pa.string()).filter(pa.array(keep)), lines[keep]


class _TwiceNamed(ValueError):
    """A key comes twice in one object."""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _TwiceNamed
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _depth(text: str) -> int:
    """Deepest nesting outside strings, without recursion."""
    depth = deepest = 0
    inside = escaped = False
    for char in text:
        if inside:
            inside = escaped or char != '"'
            escaped = char == "\\" and not escaped
        elif char == '"':
            inside = True
        elif char in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in "]}":
            depth -= 1
    return deepest


def bind_keys(keys: set[str], contract: Contract, account: Account, settings: Settings) -> None:
    """Judge the keys of all objects of a file like the headers of a table.

    Two spellings of one column may alternate between rows; a key with blanks around it is not the column's name.

    Raises:
        CxwError: as `bind_headers`.
    """
    names = {contract.extract.aliases.get(key, key) if key == key.strip() else "(blanks)" for key in keys}
    names.discard("")
    if names:
        bind_headers(sorted(names), contract, account, settings, names_all=False)
