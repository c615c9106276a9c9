"""Learning how often records of one person, and of two, agree at each level: expectation maximisation.

Lives here: the numbers, over counts of agreement patterns. Does not live here: where patterns come from
(`matching_training.py`), what a level is (`matching_comparisons.py`).

The same counts give the same parameters: patterns are put in order first, and nothing is drawn by chance. On few pairs
the shipped beliefs hold (they count as `_BELIEF_PAIRS` observed matches), on many the data decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_BELIEF_PAIRS = 30.0
_FLOOR_PAIRS = 0.5  # of non-matches, per level
_SEEN_PAIRS = 5.0  # of a level in the random sample, to take its share from there
_ROUNDS = 60
_DIGITS = 6


@dataclass(frozen=True)
class Learned:
    """By comparison and level, most alike first: share among matches, share among pairs of two people."""

    m: tuple[tuple[float, ...], ...]
    u: tuple[tuple[float, ...], ...]
    expected_matches: float


@dataclass(frozen=True)
class Patterns:
    """Agreement patterns, one row each: level per comparison (0 = most alike, -1 = missing) and how many pairs."""

    levels: np.ndarray
    counts: np.ndarray

    def ordered(self) -> Patterns:
        order = np.lexsort(self.levels.T[::-1])
        return Patterns(self.levels[order], self.counts[order].astype(float))


def learn(candidates: Patterns, random: Patterns, beliefs: Sequence[Sequence[float]], all_pairs: float) -> Learned:
    """Match parameters from candidate pairs, non-match parameters from random pairs.

    Candidates that are no matches agree more often than random pairs do, because they were looked up by agreement:
    they have parameters of their own while learning, and leave with it.

    Args:
        all_pairs: pairs that the records could make.
    """
    candidates, random = candidates.ordered(), random.ordered()
    m = [np.array(belief) / sum(belief) for belief in beliefs]
    u = [_shares(random, random.counts, c, np.full(len(belief), _FLOOR_PAIRS)) for c, belief in enumerate(beliefs)]
    near = [_shares(candidates, candidates.counts, c, 5 * u[c]) for c in range(len(beliefs))]
    total = max(candidates.counts.sum(), 1.0)
    matches = 0.1 * total
    for _ in range(_ROUNDS):
        share = float(np.clip(matches / total, 1e-6, 1 - 1e-6))
        overall = min(max(matches / all_pairs, 1e-12), 0.5)
        # A match must be one among the candidates, which agree anyway, and one among all pairs: whatever else makes
        # candidates agree (a given name, a street) would otherwise be learned as if it were the person.
        among_candidates = _posterior(candidates, share, m, near)
        among_all = _posterior(candidates, overall, m, u)
        weight = candidates.counts * np.minimum(among_candidates, among_all)
        matches = weight.sum()
        m = [_shares(candidates, weight, c, _BELIEF_PAIRS * np.array(b) / sum(b)) for c, b in enumerate(beliefs)]
        near = [_shares(candidates, candidates.counts - weight, c, _BELIEF_PAIRS * u[c]) for c in range(len(beliefs))]
        # Matches are among the random pairs too, and on few records they would drown what non-matches do.
        others = random.counts * (1 - _posterior(random, overall, m, u))
        strangers = candidates.counts - weight
        u = [_others(random, others, candidates, strangers, c, len(b), all_pairs) for c, b in enumerate(beliefs)]
    return Learned(tuple(map(_rounded, m)), tuple(map(_rounded, u)), float(matches))


def _others(
    random: Patterns,
    random_weight: np.ndarray,
    candidates: Patterns,
    candidate_weight: np.ndarray,
    comparison: int,
    level_count: int,
    all_pairs: float,
) -> np.ndarray:
    """Shares among pairs of two people. What a sample is too small to see (two strangers with one e-mail) is counted
    among the candidates, since all pairs that agree so much are candidates."""
    u = _shares(random, random_weight, comparison, np.full(level_count, _FLOOR_PAIRS))
    seen = random.levels[:, comparison] >= 0
    sampled = np.bincount(random.levels[seen, comparison], weights=random_weight[seen], minlength=level_count)
    found = candidates.levels[:, comparison] >= 0
    counted = np.bincount(candidates.levels[found, comparison], weights=candidate_weight[found], minlength=level_count)
    comparable = all_pairs * max(random_weight[seen].sum(), 1.0) / max(random_weight.sum(), 1.0)
    rare = np.minimum((counted + _FLOOR_PAIRS) / max(comparable, 1.0), u)
    return np.where(sampled < _SEEN_PAIRS, rare, u)


def _posterior(patterns: Patterns, prior: float, m: Sequence[np.ndarray], u: Sequence[np.ndarray]) -> np.ndarray:
    """By pattern, how probable a match is."""
    logs = np.full(len(patterns.counts), np.log(prior / (1 - prior)))
    for c in range(patterns.levels.shape[1]):
        weights = np.append(np.log(m[c] / u[c]), 0.0)  # -1, missing, reads the last
        logs += weights[patterns.levels[:, c]]
    return 1 / (1 + np.exp(-np.clip(logs, -300, 300)))


def _shares(patterns: Patterns, weight: np.ndarray, comparison: int, pseudo: np.ndarray) -> np.ndarray:
    levels = patterns.levels[:, comparison]
    seen = levels >= 0
    counts = np.bincount(levels[seen], weights=weight[seen], minlength=len(pseudo)) + pseudo
    return counts / counts.sum()


def _rounded(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(f"{value:.{_DIGITS}g}") for value in values)
