"""Phone numbers in one spelling: E.164, or nothing when they cannot be parsed.

Lives here: `e164`, whose every answer is that of `phonenumbers` (47 µs a number); plain numbers take a path over whole
columns that asks the same metadata the same questions, and is fifteen times faster. Does not live here: what a shared
number means (`identity_evidence.py`).
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.identity_values import TEXT, coded, renumbered

if TYPE_CHECKING:
    from phonenumbers import PhoneMetadata

# Three digits or more, and nothing that could be an extension, a vanity number or a second number.
_PLAIN = r"^\+?[0-9](?:[ ()./-]*[0-9]){2,}[ ()./-]*$"
_SEPARATORS = r"[+ ()./-]"
# 000000 and 9999999999 are what people type when a form insists: of one digit only, a number is nobody's.
_ONE_DIGIT = "^(" + "|".join(f"{digit}+" for digit in range(10)) + ")$"
_LONGEST_TEXT, _SHORTEST, _LONGEST = 250, 2, 17  # of phonenumbers: characters of text, digits without calling code


def e164(values: pa.Array, regions: pa.Array) -> pa.DictionaryArray:
    """Numbers as +<calling code><national number>; null for what cannot be parsed and for one repeated digit.

    Args:
        values: numbers as delivered.
        regions: ISO 3166 alpha-2 code of the country that a number without calling code belongs to; null = none.
    """
    (text,), texts = coded(values)
    (region,), names = coded(regions)
    width = len(names) + 1  # the first place is that of no country
    pair = np.where(text >= 0, text * width + region + 1, -1)
    known, row = _numbered(pair, len(texts) * width)
    numbers = _distinct_e164(texts.take(pa.array(known // width)), _taken(names, known % width - 1))
    return pa.DictionaryArray.from_arrays(pa.array(row, mask=row < 0), numbers)


def _numbered(pairs: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Different pairs, and by entry the place of its pair; -1 for none. Sorting is for those too many for a table."""
    if size <= 8 * len(pairs):
        known, place = renumbered(pairs, size)
        return known, place[pairs]
    known, row = np.unique(pairs, return_inverse=True)
    has_none = int(known[0] == -1)
    return known[has_none:], row.reshape(-1) - has_none


def _taken(values: pa.Array, rows: np.ndarray) -> pa.Array:
    """Values by place; null for place -1."""
    return values.take(pa.array(rows, mask=rows < 0))


def parsed_e164(value: str, region: str | None) -> str | None:
    """One number by `phonenumbers` itself: the rule, and the slow path."""
    import phonenumbers

    try:
        number = phonenumbers.parse(value, region)
    except phonenumbers.NumberParseException:
        return None
    if len(set(phonenumbers.national_significant_number(number))) == 1:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _distinct_e164(text: pa.Array, region: pa.Array) -> pa.Array:
    """Each text under each region that it is read in, once."""
    region = pc.fill_null(region, "")
    found: list[tuple[np.ndarray, pa.Array]] = []
    is_open = np.ones(len(text), dtype=bool)  # still without an answer
    is_plain = pc.and_(pc.match_substring_regex(text, _PLAIN), pc.less_equal(pc.utf8_length(text), _LONGEST_TEXT))
    has_plus = pc.starts_with(text, "+")
    digits = pc.replace_substring_regex(text, _SEPARATORS, "")
    prefixes = pc.utf8_slice_codeunits(digits, 0, 3)
    for group, reader in ((prefixes, _international), (region, _national)):
        wanted = pc.and_(is_plain, has_plus if reader is _international else pc.invert(has_plus))
        for name, rows in _groups(group, wanted):
            answers, is_answered = reader(name, digits.take(pa.array(rows)))
            found.append((rows[is_answered], answers))
            is_open[rows[is_answered]] = False
    slow = np.flatnonzero(is_open)
    read = [parsed_e164(text[row].as_py(), region[row].as_py() or None) for row in slow.tolist()]
    found.append((slow, pa.array(read, TEXT)))
    place = np.empty(len(text), dtype=np.int64)
    place[np.concatenate([rows for rows, _ in found])] = np.arange(len(text))
    return pa.concat_arrays([answers for _, answers in found]).take(pa.array(place))


def _groups(names: pa.Array, wanted: pa.Array) -> list[tuple[str, np.ndarray]]:
    """Row numbers by name, wanted rows only."""
    rows = np.flatnonzero(wanted.to_numpy(zero_copy_only=False))
    encoded = names.take(pa.array(rows)).dictionary_encode()
    codes = encoded.indices.to_numpy()
    order = np.argsort(codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(len(encoded.dictionary) + 1))
    return [
        (name, rows[order[bounds[code] : bounds[code + 1]]]) for code, name in enumerate(encoded.dictionary.to_pylist())
    ]


def _international(prefix: str, digits: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """Numbers that begin with + and these three digits: no answer where a national prefix may have to go."""
    import phonenumbers

    code = next((prefix[:size] for size in (1, 2, 3) if _region_of(prefix[:size])), None)
    if code is None:
        return pa.array([], TEXT), np.zeros(len(digits), dtype=bool)
    region = _region_of(code)
    metadata = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(int(code), region)
    national = pc.utf8_slice_codeunits(digits, len(code))
    return _formatted(code, national, pc.invert(_begins(metadata.national_prefix_for_parsing, national)))


def _national(region: str, digits: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """Numbers without + from one country: no answer where they may begin with a code to dial abroad, or the country's.

    A leading 0 goes when it is the whole national prefix and the rest has the shape and length of a national number.
    """
    import phonenumbers

    if region not in phonenumbers.SUPPORTED_REGIONS:  # nothing to parse it with
        return pa.nulls(len(digits), TEXT), np.ones(len(digits), dtype=bool)
    metadata: PhoneMetadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
    code = str(metadata.country_code)
    is_plain = pc.invert(pc.or_(_begins(metadata.international_prefix, digits), pc.starts_with(digits, code)))
    has_prefix = _begins(metadata.national_prefix_for_parsing, digits)
    national = digits
    if metadata.national_prefix_for_parsing == "0" and not metadata.national_prefix_transform_rule:
        rest = pc.utf8_slice_codeunits(digits, 1)
        shape = metadata.general_desc
        is_number = pc.match_substring_regex(rest, f"^(?:{_compact(shape.national_number_pattern)})$")
        has_length = pc.is_in(pc.utf8_length(rest), pa.array(shape.possible_length, type=pa.int32()))
        goes = pc.and_(has_prefix, pc.and_(is_number, has_length))
        national = pc.if_else(goes, rest, digits)
        has_prefix = pc.and_(has_prefix, pc.invert(goes))
    return _formatted(code, national, pc.and_(is_plain, pc.invert(has_prefix)))


def _formatted(code: str, national: pa.Array, is_answered: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """Answers for the answered rows, and which rows those are; lengths that phonenumbers refuses stay open."""
    length = pc.utf8_length(national)
    in_range = pc.and_(pc.greater_equal(length, _SHORTEST), pc.less_equal(length, _LONGEST))
    answered = pc.and_(is_answered, in_range).to_numpy(zero_copy_only=False)
    rows = national.take(pa.array(np.flatnonzero(answered)))
    numbers = pc.binary_join_element_wise("+" + code, rows, "")
    return pc.if_else(pc.match_substring_regex(rows, _ONE_DIGIT), pa.scalar(None, TEXT), numbers), answered


def _begins(pattern: str | None, digits: pa.Array) -> Any:
    if not pattern:
        return pa.array(np.zeros(len(digits), dtype=bool))
    return pc.match_substring_regex(digits, f"^(?:{_compact(pattern)})")


def _compact(pattern: str) -> str:
    """The metadata's patterns are written with blanks for reading in some releases; none means a blank."""
    return re.sub(r"\s", "", pattern)


@functools.cache
def _region_of(calling_code: str) -> str | None:
    """Main region of a calling code ("49" is DE); None when there is no such code."""
    import phonenumbers

    if calling_code.startswith("0"):
        return None
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(calling_code)) if calling_code else None
    return regions[0] if regions else None
