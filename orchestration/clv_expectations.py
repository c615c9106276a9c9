"""What fitted models expect of customers: still alive, purchases to come, value per purchase; and how sure that is.

Lives here: expectations over arrays of customers, for the backtest. Does not live here: the fits (`clv_models.py`)
and the published scores, which `fct_customer_predictions` computes in SQL by another road (a hypergeometric series);
the tests hold the two together.

A customer who is alive after x repeat purchases in age T buys k times in t more with the negative binomial chance of
size r + x and z = t ÷ (alpha + T + t), and lives to see purchase n + 1 with chance (b + x)_n ÷ (a + b + x)_n. So
P(more than n) is a product, moments are sums of it, and no difference of large numbers is ever taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

Parameters = Mapping[str, float]
_SMALLEST_LOGARITHM = -600.0  # below it the first chance of the recurrence would leave the doubles
_NEGLIGIBLE = 1e-13


def probability_alive(fit: Parameters, x: np.ndarray, recency: np.ndarray, age: np.ndarray) -> np.ndarray:
    """Chance that the customer has not left; 1 without a repeat purchase, because BG/NBD lets nobody leave before."""
    import numpy as np
    from scipy.special import expit

    r, alpha, a, b = (fit[name] for name in ("r", "alpha", "a", "b"))
    log_odds = np.log(a / (b + np.maximum(x, 1) - 1)) + (r + x) * np.log((alpha + age) / (alpha + recency))
    return np.where(x > 0, expit(-log_odds), 1.0)


def purchase_moments(fit: Parameters, x: np.ndarray, age: np.ndarray, horizon: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean and mean square of the purchases within `horizon`, of customers who are alive now."""
    import numpy as np

    pairs, place = np.unique(x + 1j * age, return_inverse=True)  # one sort of numbers, not of rows
    mean, square = _moments_of_pairs(fit, pairs.real, pairs.imag, horizon)
    return mean[place], square[place]


def _moments_of_pairs(fit: Parameters, x: np.ndarray, age: np.ndarray, horizon: float) -> tuple[np.ndarray, np.ndarray]:
    import numpy as np

    size, a, later = fit["r"] + x, fit["a"], fit["b"] + x
    z = horizon / (fit["alpha"] + age + horizon)
    mean, square = np.zeros(len(x)), np.zeros(len(x))
    log_none = size * np.log1p(-z)
    for rows in (np.flatnonzero(log_none > _SMALLEST_LOGARITHM), np.flatnonzero(log_none <= _SMALLEST_LOGARITHM)):
        exactly = np.exp(log_none[rows])
        more, lives = -np.expm1(log_none[rows]), np.ones(len(rows))
        number = 0
        while len(rows):
            mean[rows] += lives * more
            square[rows] += (2 * number + 1) * lives * more
            lives = lives * (later[rows] + number) / (a + later[rows] + number)
            number += 1
            exactly = exactly * z[rows] * (size[rows] + number - 1) / number
            more = _more_than(number, size[rows], z[rows]) if log_none[rows[0]] <= _SMALLEST_LOGARITHM else (
                np.maximum(more - exactly, 0)
            )  # fmt: skip
            # Judged by the next chances, not by what is left over: differences keep a rounding error for ever.
            ratio = z[rows] * (size[rows] + number) / (number + 1)
            with np.errstate(divide="ignore"):
                left_over = np.where(ratio < 1, exactly * ratio / (1 - ratio), np.inf)
            goes_on = left_over * lives * (2 * number + 1) > _NEGLIGIBLE
            if not goes_on.all():
                rows, exactly = rows[goes_on], exactly[goes_on]
                more, lives = more[goes_on], lives[goes_on]
    return mean, square


def chance_of_more(fit: Parameters, x: np.ndarray, age: np.ndarray, horizon: float, number: np.ndarray) -> np.ndarray:
    """P(more than `number` purchases within `horizon`) of customers who are alive now; 1 below zero."""
    import numpy as np
    from scipy.special import gammaln

    a, later, known = fit["a"], fit["b"] + x, np.maximum(number, 0)
    lives = gammaln(later + known) - gammaln(later) + gammaln(a + later) - gammaln(a + later + known)
    z = horizon / (fit["alpha"] + age + horizon)
    return np.where(number < 0, 1.0, np.exp(lives) * _more_than(known, fit["r"] + x, z))


def _more_than(number: np.ndarray | int, size: np.ndarray, z: np.ndarray) -> np.ndarray:
    from scipy.special import betainc

    return betainc(number + 1, size, z)


def expected_value(fit: Parameters, purchases: np.ndarray, amount: np.ndarray) -> np.ndarray:
    """Mean value of a purchase to come, the population's without a repeat purchase of known value. Needs q > 1."""
    p, q, gamma = fit["p"], fit["q"], fit["gamma"]
    return p * (gamma + amount) / (p * purchases + q - 1)


def expected_square(fit: Parameters, purchases: np.ndarray, amount: np.ndarray) -> np.ndarray:
    """Mean of the squared inverse scale of a customer's values; infinite where the tail has no second moment."""
    import numpy as np

    shape = fit["p"] * purchases + fit["q"]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(shape > 2, (fit["gamma"] + amount) ** 2 / ((shape - 1) * (shape - 2)), np.inf)
