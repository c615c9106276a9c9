"""Values of records as identity compares them: normal forms, and numbers in place of text.

Lives here: what makes two e-mails, given names or ids equal, over whole columns and each different value once. Does
not live here: phone numbers (`identity_phones.py`), what an equal value means (`identity_evidence.py`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

TEXT = pa.string()
SCOPE = "\x1f"  # between a namespace and an id
_NEVER = np.iinfo(np.int64).max
_ASCII_SPACE = " \t\n\v\f\r\x1c\x1d\x1e\x1f"
# x@y.z, and no empty label in what follows the @. RE2 knows fewer blanks than Python: they are spelled out.
_ADDRESS = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_ASCII_ADDRESS = r"^[^@\s\v\x1c-\x1f]+@[^@\s\v\x1c-\x1f.]+(?:\.[^@\s\v\x1c-\x1f.]+)+$"


def normal_emails(values: pa.Array) -> pa.Array:
    """Trimmed, NFKC, casefolded; null unless the result looks like x@y.z. No provider's tricks are undone."""
    is_ascii = pc.string_is_ascii(values)
    folded = pc.ascii_lower(pc.utf8_trim(values, characters=_ASCII_SPACE))
    is_address = pc.match_substring_regex(folded, _ASCII_ADDRESS)
    plain = pc.if_else(pc.and_(is_ascii, is_address), folded, pa.scalar(None, TEXT))
    others = [normal_text(value) for value in values.filter(pc.invert(is_ascii)).to_pylist()]
    addresses = pa.array([value if _ADDRESS.fullmatch(value) else None for value in others], TEXT)
    return pc.replace_with_mask(plain, pc.invert(is_ascii), addresses)


def given_names(names: pa.Array) -> pa.Array:
    """First word, casefolded; null for an initial (one character, with or without dots), which names nobody."""
    words = [(normal_text(name).split() or [""])[0] for name in names.to_pylist()]
    return pa.array([word if len(word.strip(".")) > 1 else None for word in words], TEXT)


def normal_text(value: str) -> str:
    """Trimmed, NFKC, casefolded: full-width and composed spellings meet, letters of two alphabets do not."""
    return unicodedata.normalize("NFKC", value.strip()).casefold()


def present(values: pa.Array) -> pa.Array:
    """Blank is absent."""
    return pc.if_else(pc.equal(pc.utf8_trim_whitespace(values), ""), pa.scalar(None, TEXT), values)


def scoped(namespaces: pa.Array, ids: pa.Array) -> pa.Array:
    """An id within its namespace; null stays null."""
    return pc.binary_join_element_wise(namespaces, present(ids), SCOPE)


def by_distinct(values: pa.Array, function: Callable[[pa.Array], pa.Array]) -> pa.DictionaryArray:
    """`function` over each different value once; it may give one answer to two of them, or none."""
    encoded = values.dictionary_encode()
    return pa.DictionaryArray.from_arrays(encoded.indices, function(encoded.dictionary))


def coded(*columns: pa.Array) -> tuple[list[np.ndarray], pa.Array]:
    """Equal values get equal numbers over all columns together, null is -1; and the value of each number.

    Of a column of `by_distinct` only the different values are looked at.
    """
    texts = [values.dictionary if isinstance(values, pa.DictionaryArray) else values for values in columns]
    encoded = (pa.concat_arrays(texts) if len(texts) > 1 else texts[0]).dictionary_encode()
    parts = np.split(_indices(encoded), np.cumsum([len(values) for values in texts])[:-1])
    numbers = [
        np.append(part, -1)[_indices(values)] if isinstance(values, pa.DictionaryArray) else part
        for part, values in zip(parts, columns, strict=True)
    ]
    return numbers, encoded.dictionary


def _indices(encoded: pa.DictionaryArray) -> np.ndarray:
    return encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)


def codes(*columns: pa.Array) -> tuple[list[np.ndarray], int]:
    """The numbers of `coded`, and how many different ones there are."""
    numbers, values = coded(*columns)
    return numbers, len(values)


def renumbered(numbers: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Which numbers below `size` occur, in order, and a table from each to its place among them, -1 for the others.

    The table has one entry more, so that number -1 gives -1. Sorting, as `np.unique` does it, costs ten times as much.
    """
    occurs = np.zeros(size + 1, dtype=bool)
    occurs[numbers] = True
    occurs[-1] = False
    known = np.flatnonzero(occurs)
    place = np.full(size + 1, -1)
    place[known] = np.arange(len(known))
    return known, place


def distinct(numbers: np.ndarray) -> np.ndarray:
    """Different numbers in order. By sorting: `np.unique` alone goes through a hash table, six times slower here."""
    ordered = np.sort(numbers)
    return ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if len(ordered) else ordered


def column(table: pa.Table, name: str) -> pa.Array:
    """One column in one piece; text as text, whatever width the engine gave it."""
    chunks = text_column(table, name)
    if chunks.num_chunks == 1:  # joining one piece would copy it
        return chunks.chunk(0)
    return pa.concat_arrays(chunks.chunks) if chunks.num_chunks else pa.array([], chunks.type)


def text_column(table: pa.Table, name: str) -> pa.ChunkedArray:
    """The same in the pieces that it came in, for where they are joined later."""
    chunks = table.column(name)
    is_text = pa.types.is_large_string(chunks.type) or pa.types.is_null(chunks.type)
    return chunks.cast(TEXT) if is_text else chunks


def flags(table: pa.Table, name: str) -> np.ndarray:
    """A boolean column; null is false."""
    return pc.fill_null(table.column(name), False).to_numpy()


def where(values: pa.Array, wanted: str) -> np.ndarray:
    """Rows that hold `wanted`."""
    return np.flatnonzero(pc.fill_null(pc.equal(values, wanted), False).to_numpy(zero_copy_only=False))


def microseconds(table: pa.Table, name: str) -> np.ndarray:
    """A time column as numbers; a missing time comes last."""
    return pc.fill_null(column(table, name).cast(pa.int64()), _NEVER).to_numpy(zero_copy_only=False)


def oldest(group: np.ndarray, group_count: int, members: pa.Table) -> np.ndarray:
    """By group, the row of its smallest member by (seen_at, source_system, source_table, source_id)."""
    seen_at = microseconds(members, "seen_at")
    first = np.full(group_count, _NEVER)
    np.minimum.at(first, group, seen_at)
    rows = np.flatnonzero(seen_at == first[group])
    answer = np.zeros(group_count, dtype=np.int64)
    answer[group[rows]] = rows
    tied = rows[np.bincount(group[rows], minlength=group_count)[group[rows]] > 1]
    if len(tied):  # the text decides only among members of one instant, which are few
        names = ("source_system", "source_table", "source_id")
        ties = members.select(names).take(pa.array(tied)).append_column("group", pa.array(group[tied]))
        keys = [("group", "ascending"), *((name, "ascending") for name in names)]
        ordered = tied[pc.sort_indices(ties, sort_keys=keys).to_numpy()]
        groups, firsts = np.unique(group[ordered], return_index=True)
        answer[groups] = ordered[firsts]
    return answer
