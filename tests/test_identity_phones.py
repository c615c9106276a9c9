"""Phone numbers: the quick path must say what `phonenumbers` says."""

import phonenumbers
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.identity_phones import e164, parsed_e164

REGIONS = (*sorted(phonenumbers.SUPPORTED_REGIONS), "XX", "")
CODES = [str(code) for code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE]


def spellings(region: str) -> list[str]:
    """A real number of the country in three formats, and what people make of it."""
    number = phonenumbers.example_number(region)
    formats = [phonenumbers.format_number(number, form) for form in range(3)] if number else []
    return [*formats, *(text.replace(" ", "") for text in formats), *(text[:-1] for text in formats)]


def agree(pairs: list[tuple[str, str]]) -> None:
    values, regions = zip(*pairs, strict=True)
    quick = e164(pa.array(values, pa.string()), pa.array([region or None for region in regions], pa.string()))
    assert quick.to_pylist() == [parsed_e164(value, region or None) for value, region in pairs]


def test_real_numbers_of_every_country() -> None:
    agree([(text, region) for region in REGIONS[:-2] for text in spellings(region)])


prefixes = st.one_of(st.sampled_from(CODES).map("+{}".format), st.sampled_from(["", "0", "00", "+", "1", "8", "011"]))
digits = st.text("0123456789", min_size=1, max_size=18)
noise = st.text("0123456789 -/().+x#;,extabc\u0660\uff11", max_size=20)
numbers = st.one_of(
    st.builds("{}{}".format, prefixes, digits), st.builds("{} {}-{}".format, prefixes, digits, digits), noise
)


@given(st.lists(st.tuples(numbers, st.sampled_from(REGIONS)), min_size=1, max_size=40))
@settings(max_examples=80, deadline=None)
def test_anything_typed(pairs: list[tuple[str, str]]) -> None:
    agree(pairs)


@pytest.mark.parametrize("value", ["000000", "0000000000", "+1 999 999 9999", "abc", "", "+", "12a"])
def test_placeholders_are_nobodys(value: str) -> None:
    assert e164(pa.array([value]), pa.array(["US"])).to_pylist() == [None]


def test_a_number_without_a_country_cannot_be_read() -> None:
    found = e164(pa.array(["030 1234567", "030 1234567", "+49 30 1234567"]), pa.array(["DE", None, None], pa.string()))
    assert found.to_pylist() == ["+49301234567", None, "+49301234567"]
