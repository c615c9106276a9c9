"""Markov removal effects: what share of conversions would be lost without each marketing channel.

Lives here: the chain (counted transitions in, weights out), solved in exact fractions, so that the result does not
depend on row order, machine or library. Does not live here: which paths make the chain
(`int_attribution__transitions`), how a conversion is split by the weights
(`int_attribution__credits`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import TYPE_CHECKING

from orchestration.errors import CxwError

if TYPE_CHECKING:
    import pyarrow as pa

# The states that are no channel, as int_attribution__transitions spells them.
START, CONVERSION, NULL = "(start)", "(conversion)", "(null)"
_SCALE = 18  # decimals of removal_effect and weight


def markov_weights(transitions: pa.Table) -> pa.Table:
    """Removal effect, weight and step counts of every channel, in channel order.

    Args:
        transitions: from_channel, to_channel, transition_count; one row per pair of states.
    """
    import pyarrow as pa

    counts = {(row["from_channel"], row["to_channel"]): row["transition_count"] for row in transitions.to_pylist()}
    effects = removal_effects(counts)
    total = sum(effects.values(), Fraction(0))
    decimal = pa.decimal128(20, _SCALE)
    return pa.table(
        {
            "marketing_channel": pa.array(list(effects), pa.string()),
            "removal_effect": pa.array([_rounded(effect) for effect in effects.values()], decimal),
            "weight": pa.array([_rounded(effect / total if total else effect) for effect in effects.values()], decimal),
            "visit_count": _steps(counts, effects, lambda step, channel: step[1] == channel),
            "path_start_count": _steps(counts, effects, lambda step, channel: step == (START, channel)),
            "conversion_end_count": _steps(counts, effects, lambda step, channel: step == (channel, CONVERSION)),
            "null_end_count": _steps(counts, effects, lambda step, channel: step == (channel, NULL)),
        }
    )


def _steps(
    counts: Mapping[tuple[str, str], int], channels: Iterable[str], is_meant: Callable[[tuple[str, str], str], bool]
) -> pa.Array:
    """How many counted steps are meant for each channel."""
    import pyarrow as pa

    sums = [sum(count for step, count in counts.items() if is_meant(step, channel)) for channel in channels]
    return pa.array(sums, pa.int64())


def removal_effects(counts: Mapping[tuple[str, str], int]) -> dict[str, Fraction]:
    """1 − P(conversion without the channel) ÷ P(conversion) per channel; 0 everywhere when nothing converts.

    Without a channel, every visit to it ends the path without conversion. A path that visits channel i converts
    from there with the probability x_i of any visitor of i, so what is lost is h_i · x_i, where h_i is the
    probability that a path visits i at all. Both come from one inverse: with A = D − C (C counts the transitions
    between channels, D all transitions out of a channel) x = A⁻¹ · (counts to conversion) and
    h_i = Σ_j q_j · A⁻¹_ji ÷ A⁻¹_ii, where q_j is the share of paths that start in j.

    Raises:
        CxwError: E-ATT-001 when some channel's paths never end: the counts are not those of whole paths.
    """
    channels = sorted({state for pair in counts for state in pair} - {START, CONVERSION, NULL})
    starts = sum(count for (origin, _), count in counts.items() if origin == START)
    if not channels or not starts:
        return {channel: Fraction(0) for channel in channels}
    leaving = {channel: sum(n for (origin, _), n in counts.items() if origin == channel) for channel in channels}
    inverse = _inverse([[(leaving[i] if i == j else 0) - counts.get((i, j), 0) for j in channels] for i in channels])
    size = range(len(channels))
    converting = [counts.get((channel, CONVERSION), 0) for channel in channels]
    starting = [Fraction(counts.get((START, channel), 0), starts) for channel in channels]
    reach = [sum((inverse[i][j] * converting[j] for j in size), Fraction(0)) for i in size]
    total = sum((starting[i] * reach[i] for i in size), Fraction(0))
    if not total:
        return {channel: Fraction(0) for channel in channels}
    visited = [sum((starting[j] * inverse[j][i] for j in size), Fraction(0)) / inverse[i][i] for i in size]
    return {channels[i]: visited[i] * reach[i] / total for i in size}


def _inverse(matrix: list[list[int]]) -> list[list[Fraction]]:
    """Inverse by Gauss-Jordan elimination; pivots only need to differ from 0, because fractions lose nothing."""
    size = len(matrix)
    rows = [
        [Fraction(value) for value in row] + [Fraction(int(i == j)) for j in range(size)]
        for i, row in enumerate(matrix)
    ]
    for column in range(size):
        pivot = next((i for i in range(column, size) if rows[i][column]), None)
        if pivot is None:
            raise CxwError("E-ATT-001", "the transitions hold a loop of channels without an end")
        rows[column], rows[pivot] = rows[pivot], rows[column]
        head = rows[column][column]
        rows[column] = [value / head for value in rows[column]]
        for i in range(size):
            factor = rows[i][column]
            if i != column and factor:
                rows[i] = [value - factor * step for value, step in zip(rows[i], rows[column], strict=True)]
    return [row[size:] for row in rows]


def _rounded(value: Fraction) -> Decimal:
    """The fraction at 18 decimals, half away from zero (values here are never negative)."""
    scaled = (2 * value.numerator * 10**_SCALE + value.denominator) // (2 * value.denominator)
    with localcontext(prec=40):
        return Decimal(scaled).scaleb(-_SCALE)
