"""Text that is nearly a number or a moment: the short ways of the engine accept nothing that the grammar refuses."""

from __future__ import annotations

import itertools
import re
import string
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from contract_files import contracts

from orchestration import value_syntax
from orchestration.reading_engine import Noticed, engine
from orchestration.settings import Settings

CHARACTERS = [*string.printable, "\0", "\u00a0", "٣", "½"]
MONEY = ("7.25", "-12.50", "+3.10", "1234567.00", "12345678901234.99", "0.5", "1.00005", "12", ".75", "3.")
COUNTS = ("7", "-12", "+3", "007", "9223372036854775807", "-9223372036854775808", "12.0")
MOMENTS = (
    "2024-02-29T10:20:30Z", "2024-02-29 23:59:59+02:00", "2024-12-31T00:00:00-09:30", "2024-03-31T02:30:00+14:00",
    "2024-02-29T10:20Z", "2024-02-29T10:20:30.125+0100",
)  # fmt: skip
LENIENT = "\t\n\v\f\r .-+:T06"  # what the engine's own cast takes for part of a moment
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)", re.ASCII)


def nearly(texts: tuple[str, ...]) -> list[str]:
    """Each text with one character changed, left out or put in between, at every place."""
    found = dict.fromkeys(texts)
    for text in texts:
        for place, character in itertools.product(range(len(text) + 1), CHARACTERS):
            found[text[:place] + character + text[place:]] = None
            found[text[:place] + character + text[place + 1 :]] = None
        found |= dict.fromkeys(text[:place] + text[place + 1 :] for place in range(len(text)))
    return list(found)


@pytest.fixture
def typed(tmp_path: Path):
    """Reads texts as the type of a column of orders."""
    contract = contracts(Settings(home=tmp_path))["ecommerce.orders"]
    columns = {column.data_type: column for column in contract.columns}
    connection: duckdb.DuckDBPyConnection = engine(contract, Settings(home=tmp_path), tmp_path, Noticed())

    def read(texts: list[str], data_type: str) -> list:
        column = next((each for name, each in columns.items() if name == data_type), None)
        expression = (
            value_syntax.typed_value("text", "", column, contract)
            if column
            else value_syntax._number("text", "", data_type, contract)
        )
        connection.execute("create or replace table texts as select unnest(?) as text", [texts])
        return [value for (value,) in connection.execute(f"select {expression} from texts order by rowid").fetchall()]

    return read


@pytest.mark.parametrize(
    ("texts", "data_type", "scale", "whole"), [(MONEY, "decimal(18,4)", 4, 10**14), (COUNTS, "bigint", 0, 2**63)]
)
def test_a_number_is_what_the_grammar_says_and_fits(typed, texts, data_type, scale, whole):
    def meant(text: str) -> Decimal | None:
        if not NUMBER.fullmatch(text):
            return None
        number = Decimal(text)
        fits = -whole <= number < whole if scale == 0 else abs(number) < whole
        return number if fits and number == round(number, scale) else None

    tried = nearly(texts)
    found = typed(tried, data_type)
    assert [(text, value) for text, value in zip(tried, found, strict=True) if value != meant(text)] == []
    assert any(value is not None for value in found)


def twice_changed(texts: tuple[str, ...]) -> list[str]:
    """Each text with two of its characters changed into lenient ones, at every two places."""
    found = {}
    for text in texts:
        for first, second in itertools.combinations(range(len(text)), 2):
            for one, other in itertools.product(LENIENT, repeat=2):
                found[text[:first] + one + text[first + 1 : second] + other + text[second + 1 :]] = None
    return list(found)


@pytest.mark.parametrize("tried", [nearly(MOMENTS), twice_changed(MOMENTS[:3])], ids=["once", "twice"])
def test_a_moment_in_the_usual_form_is_read_like_any_other(typed, monkeypatch, tried):
    with_masks = typed(tried, "timestamp")
    monkeypatch.setattr(value_syntax, "_USUAL_MOMENTS", ())
    without = typed(tried, "timestamp")
    assert [each for each in zip(tried, with_masks, without, strict=True) if each[1] != each[2]] == []
    assert sum(value is not None for value in without) > 100


def test_a_moment_with_an_offset_is_the_time_in_utc(typed):
    usual = re.compile(r"[0-9-]{10}[T ][0-9:.]{5,15}(Z|[+-][0-9:]{2,5})")
    moments = [text for text in nearly(MOMENTS) if usual.fullmatch(text)]
    found = {text: value for text, value in zip(moments, typed(moments, "timestamp"), strict=True) if value}
    meant = {text: datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None) for text in found}
    assert found == meant
    assert len(found) > 100
