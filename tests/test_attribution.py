"""The Markov chain: removal effects are exact, and equal what enumerating the paths of a small chain gives."""

from __future__ import annotations

import itertools
from collections import Counter
from decimal import Decimal
from fractions import Fraction

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.attribution import CONVERSION, NULL, START, markov_weights, removal_effects
from orchestration.errors import CxwError

STEP_COUNTS = ("visit_count", "path_start_count", "conversion_end_count", "null_end_count")


def transitions_of(paths: list[tuple[list[str], bool]]) -> Counter[tuple[str, str]]:
    counts: Counter[tuple[str, str]] = Counter()
    for channels, converts in paths:
        states = [START, *channels, CONVERSION if converts else NULL]
        counts.update(itertools.pairwise(states))
    return counts


def conversion_probability(counts: Counter[tuple[str, str]], removed: str | None) -> float:
    """P(conversion) by walking the chain many steps, with every transition into `removed` sent to null."""
    totals = Counter()
    for (origin, _), count in counts.items():
        totals[origin] += count
    mass, converted = {START: 1.0}, 0.0
    for _ in range(2000):
        following: dict[str, float] = {}
        for (origin, target), count in counts.items():
            share = mass.get(origin, 0.0) * count / totals[origin]
            if target == CONVERSION:
                converted += share
            elif target not in (NULL, removed):
                following[target] = following.get(target, 0.0) + share
        mass = following
    return converted


def test_removal_effects_of_a_chain_solved_by_hand() -> None:
    counts = transitions_of([(["a", "b"], True), (["a"], False), (["b"], True)])
    # start: a 2/3, b 1/3; a: b 1/2, null 1/2; b: conversion 1. P = 2/3·1/2 + 1/3 = 2/3. Without a 1/3, without b 0.
    assert removal_effects(counts) == {"a": Fraction(1, 2), "b": Fraction(1)}


def test_a_channel_that_repeats_itself_changes_nothing() -> None:
    once = transitions_of([(["a", "b"], True), (["a"], False), (["b"], True)])
    repeated = transitions_of([(["a", "a", "a", "b"], True), (["a"], False), (["b", "b"], True)])
    assert removal_effects(once) == removal_effects(repeated)


def test_nothing_converts_gives_no_effect_anywhere() -> None:
    assert removal_effects(transitions_of([(["a", "b"], False)])) == {"a": 0, "b": 0}
    assert removal_effects({}) == {}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.lists(st.sampled_from("abcd"), min_size=1, max_size=5), st.booleans()), min_size=1, max_size=8
    )
)
def test_removal_effects_equal_walking_the_chain_without_the_channel(paths: list[tuple[list[str], bool]]) -> None:
    counts = transitions_of(paths)
    total = conversion_probability(counts, removed=None)
    for channel, effect in removal_effects(counts).items():
        expected = 1 - conversion_probability(counts, removed=channel) / total if total else 0.0
        assert float(effect) == pytest.approx(expected, abs=1e-9)


def test_a_loop_without_an_end_is_refused() -> None:
    with pytest.raises(CxwError, match="E-ATT-001"):
        removal_effects({(START, "a"): 1, ("a", "b"): 1, ("b", "a"): 1})


def test_weights_are_decimals_in_channel_order_whatever_the_row_order() -> None:
    counts = transitions_of([(["b", "a"], True), (["c"], True), (["a"], False)])
    rows = [{"from_channel": a, "to_channel": b, "transition_count": n} for (a, b), n in counts.items()]
    table = markov_weights(pa.Table.from_pylist(rows))
    assert table == markov_weights(pa.Table.from_pylist(rows[::-1]))
    assert table.schema.field("weight").type == pa.decimal128(20, 18)
    assert table["marketing_channel"].to_pylist() == ["a", "b", "c"]
    assert abs(sum(table["weight"].to_pylist()) - 1) <= Decimal("1.5e-18")


def test_every_channel_shows_the_steps_that_the_chain_is_made_of() -> None:
    counts = transitions_of([(["a", "b", "b"], True), (["a"], False), (["b"], True)])
    steps = [{"from_channel": one, "to_channel": two, "transition_count": n} for (one, two), n in counts.items()]
    found = markov_weights(pa.Table.from_pylist(steps)).select(["marketing_channel", *STEP_COUNTS]).to_pylist()
    # visits, first steps, last steps before a conversion, last steps before none
    assert [tuple(row.values()) for row in found] == [("a", 2, 2, 0, 1), ("b", 3, 1, 2, 0)]


def test_no_transitions_give_an_empty_typed_table() -> None:
    schema = pa.schema([("from_channel", pa.string()), ("to_channel", pa.string()), ("transition_count", pa.int64())])
    table = markov_weights(schema.empty_table())
    assert table.num_rows == 0
    assert table.schema.names == ["marketing_channel", "removal_effect", "weight", *STEP_COUNTS]
