"""Removal effects of a first-order Markov chain over channels, in exact fractions.

Lives here: the chain and its linear solve. Does not live here: which journeys enter it (`attribution.py`).
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import pairwise

_START, _CONVERTED, _LOST = "(start)", "(converted)", "(lost)"
Journey = tuple[list[str], bool]  # channels in order, and whether it ended in a conversion


def removal_effects(journeys: list[Journey]) -> dict[str, Fraction]:
    """Share of conversions lost when a channel's visitors leave instead; all 0 when nobody converts."""
    moves: Counter[tuple[str, str]] = Counter()
    for channels, has_converted in journeys:
        states = [_START, *channels, _CONVERTED if has_converted else _LOST]
        moves.update(pairwise(states))
    channels = sorted({state for _, state in moves} - {_CONVERTED, _LOST})
    base = conversion_probability(moves, channels)
    if not base:
        return {channel: Fraction(0) for channel in channels}
    return {
        channel: 1 - conversion_probability(moves, [other for other in channels if other != channel]) / base
        for channel in channels
    }


def conversion_probability(moves: Counter[tuple[str, str]], channels: list[str]) -> Fraction:
    """Probability of reaching a conversion from the start; channels outside `channels` lead nowhere."""
    states = [_START, *channels]
    leaving = {state: sum(count for (source, _), count in moves.items() if source == state) for state in states}
    if not leaving[_START]:
        return Fraction(0)
    # p[s] = sum over t of P(s -> t) p[t] + P(s -> converted), solved by elimination
    matrix = []
    for source in states:
        row = [Fraction(int(source == target)) - Fraction(moves[source, target], leaving[source]) for target in states]
        matrix.append([*row, Fraction(moves[source, _CONVERTED], leaving[source])])
    return _solve(matrix)[0]


def _solve(matrix: list[list[Fraction]]) -> list[Fraction]:
    size = len(matrix)
    for column in range(size):
        pivot = next(row for row in range(column, size) if matrix[row][column])
        matrix[column], matrix[pivot] = matrix[pivot], matrix[column]
        lead = matrix[column][column]
        matrix[column] = [value / lead for value in matrix[column]]
        for row in range(size):
            factor = matrix[row][column]
            if row != column and factor:
                matrix[row] = [value - factor * other for value, other in zip(matrix[row], matrix[column], strict=True)]
    return [row[-1] for row in matrix]
