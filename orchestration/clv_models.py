"""BG/NBD (how often customers buy, and when they stop) and Gamma-Gamma (how much they spend), fitted on counts.

Lives here: both log-likelihoods with their gradients, and their maximum. Does not live here: what a fit predicts
(`clv_expectations.py`), whether to believe it (`clv_backtest.py`), which purchases count (`fct_customer_purchases`).

Everything is a sum over groups of equal customers, in an order of its own, so row order changes nothing. Powers are
added as logarithms and never taken. Parameters are searched as logarithms, from several starts; the best end is
finished by Newton steps and kept to ten digits, because the last ones are noise of the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

BG_NBD, GAMMA_GAMMA = "bg_nbd", "gamma_gamma"
# Names in the order of the arrays; the bounds are those within which the series of the scoring is exact to 1e-9.
BG_NBD_BOUNDS = {"r": (1e-3, 10.0), "alpha": (0.05, 1e5), "a": (1e-4, 50.0), "b": (1e-3, 1e4)}
GAMMA_GAMMA_BOUNDS = {"p": (1e-2, 1e4), "q": (1e-2, 1e4), "gamma": (1e-6, 1e6)}  # gamma in mean purchase values
BG_NBD_STARTS = ((0.3, 4.0, 0.8, 2.5), (1.0, 10.0, 0.5, 5.0), (0.5, 20.0, 2.0, 10.0))
GAMMA_GAMMA_STARTS = ((5.0, 4.0, 0.6), (1.0, 3.0, 2.0), (20.0, 10.0, 0.45))
_EXPLORED_GROUPS = 20_000  # starts are tried on a thinned sample when there are more groups
_STEEPEST = 1e-8  # largest slope of the mean log-likelihood at a maximum

Likelihood = Callable[["np.ndarray"], "tuple[float, np.ndarray]"]
Objective = Likelihood  # the same of the negative mean, over logarithms of the parameters


@dataclass(frozen=True)
class Purchases:
    """Customers by (frequency, recency, age), the last two in one unit of time; `customers` is how many are alike."""

    frequency: np.ndarray
    recency: np.ndarray
    age: np.ndarray
    customers: np.ndarray

    @cached_property
    def counts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The frequencies that occur, where each group's stands among them, and their customers."""
        return _counts(self.frequency, self.customers)


@dataclass(frozen=True)
class Values:
    """Customers by (repeat purchases of known value, sum of their values), both above 0."""

    purchases: np.ndarray
    amount: np.ndarray
    customers: np.ndarray

    @cached_property
    def counts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The numbers of purchases that occur, where each group's stands among them, and their customers."""
        return _counts(self.purchases, self.customers)


@dataclass(frozen=True)
class Fit:
    """A maximum. `covariance` is that of the parameters' logarithms, 0 where one stands at its bound.

    `status`: converged; at_bound (the data do not say where a parameter ends); not_converged; too_little_history.
    """

    model: str
    parameters: Mapping[str, float]
    log_likelihood: float | None
    status: str
    covariance: np.ndarray | None = None

    @property
    def is_usable(self) -> bool:
        return self.status in ("converged", "at_bound")


def fit_bg_nbd(purchases: Purchases) -> Fit:
    """Parameters r, alpha (rate of buying, in the unit of the ages) and a, b (chance of leaving after a purchase)."""
    explored = Purchases(*_thinned(purchases.frequency, purchases.recency, purchases.age, purchases.customers))
    return _fit(
        BG_NBD,
        BG_NBD_BOUNDS,
        BG_NBD_STARTS,
        lambda values: bg_nbd_log_likelihood(values, explored),
        lambda values: bg_nbd_log_likelihood(values, purchases),
        float(explored.customers.sum()),
        float(purchases.customers.sum()),
    )


def fit_gamma_gamma(values: Values) -> Fit:
    """Parameters p, q and gamma of the value per purchase; amounts are scaled by their mean while searching."""
    import numpy as np

    scale = float(np.sum(values.customers * values.amount) / np.sum(values.customers * values.purchases))
    scaled = Values(values.purchases, values.amount / scale, values.customers)
    explored = Values(*_thinned(scaled.purchases, scaled.amount, scaled.customers))
    fit = _fit(
        GAMMA_GAMMA,
        GAMMA_GAMMA_BOUNDS,
        GAMMA_GAMMA_STARTS,
        lambda parameters: gamma_gamma_log_likelihood(parameters, explored),
        lambda parameters: gamma_gamma_log_likelihood(parameters, scaled),
        float(explored.customers.sum()),
        float(values.customers.sum()),
    )
    parameters = dict(fit.parameters) | {"gamma": _rounded(fit.parameters["gamma"] * scale)}
    total, _ = gamma_gamma_log_likelihood(np.array(list(parameters.values())), values)
    return Fit(GAMMA_GAMMA, parameters, total, fit.status, fit.covariance)


def bg_nbd_log_likelihood(parameters: np.ndarray, purchases: Purchases) -> tuple[float, np.ndarray]:
    """Log-likelihood and its gradient by r, alpha, a, b."""
    import numpy as np
    from scipy.special import digamma, gammaln

    r, alpha, a, b = parameters
    x, weight = purchases.frequency, purchases.customers
    counts, place, weight_of = purchases.counts
    has_repeats = x > 0
    log_age, log_recency = np.log(alpha + purchases.age), np.log(alpha + purchases.recency)
    survived = -(r + x) * log_age
    # Left after the last purchase; nobody without a repeat purchase had a chance to.
    left = np.where(
        has_repeats, np.log(a) - np.log(b + np.maximum(x, 1) - 1) - (r + x) * log_recency, -np.inf
    )  # fmt: skip
    either = np.logaddexp(survived, left)
    by_count = (
        gammaln(r + counts) - gammaln(r) + r * np.log(alpha)
        + gammaln(a + b) + gammaln(b + counts) - gammaln(b) - gammaln(a + b + counts)
    )  # fmt: skip
    total = float(np.sum(weight * (by_count[place] + either)))
    has_left = np.exp(left - either)
    is_there = np.exp(survived - either)
    by_r = np.sum(weight_of * (digamma(r + counts) - digamma(r) + np.log(alpha))) - np.sum(
        weight * (is_there * log_age + has_left * log_recency)
    )
    by_alpha = np.sum(
        weight * (r / alpha - (r + x) * (is_there / (alpha + purchases.age) + has_left / (alpha + purchases.recency)))
    )
    shared = digamma(a + b) - digamma(a + b + counts)
    by_a = np.sum(weight_of * shared) + np.sum(weight * has_left) / a
    by_b = np.sum(weight_of * (shared + digamma(b + counts) - digamma(b))) - np.sum(
        weight * has_left / (b + np.maximum(x, 1) - 1)
    )
    return total, np.array([by_r, by_alpha, by_a, by_b])


def gamma_gamma_log_likelihood(parameters: np.ndarray, values: Values) -> tuple[float, np.ndarray]:
    """Log-likelihood of the mean values per purchase, and its gradient by p, q, gamma."""
    import numpy as np
    from scipy.special import digamma, gammaln

    p, q, gamma = parameters
    x, weight = values.purchases, values.customers
    counts, place, weight_of = values.counts
    log_amount, log_both = np.log(values.amount), np.log(gamma + values.amount)
    by_count = gammaln(p * counts + q) - gammaln(p * counts) - gammaln(q) + q * np.log(gamma)
    each = by_count[place] + p * x * log_amount - (log_amount - np.log(x)) - (p * x + q) * log_both
    by_p = np.sum(weight_of * counts * (digamma(p * counts + q) - digamma(p * counts))) + np.sum(
        weight * x * (log_amount - log_both)
    )
    by_q = np.sum(weight_of * (digamma(p * counts + q) - digamma(q) + np.log(gamma))) - np.sum(weight * log_both)
    by_gamma = np.sum(weight * (q / gamma - (p * x + q) / (gamma + values.amount)))
    return float(np.sum(weight * each)), np.array([by_p, by_q, by_gamma])


def _fit(
    model: str,
    bounds: Mapping[str, tuple[float, float]],
    starts: Sequence[tuple[float, ...]],
    explored: Likelihood,
    likelihood: Likelihood,
    explored_customers: float,
    customers: float,
) -> Fit:
    """The highest of the ends that the starts lead to, finished on all groups."""
    import numpy as np
    from scipy.optimize import minimize

    low, high = np.log(np.array(list(bounds.values())).T)

    def falling(function: Likelihood, size: float) -> Objective:
        def negative_mean(logarithms: np.ndarray) -> tuple[float, np.ndarray]:
            value, slope = function(np.exp(logarithms))
            return -value / size, -slope * np.exp(logarithms) / size

        return negative_mean

    def search(function: Likelihood, size: float, start: np.ndarray) -> np.ndarray:
        options = {"maxiter": 500, "ftol": 1e-13, "gtol": 1e-8}
        return minimize(
            falling(function, size), start, jac=True, method="L-BFGS-B",
            bounds=list(zip(low, high, strict=True)), options=options,
        )  # fmt: skip

    ends = [search(explored, explored_customers, np.log(start)) for start in starts]
    best = min(ends, key=lambda end: end.fun).x
    objective = falling(likelihood, customers)
    if explored_customers != customers:
        best = _approached(objective, falling(explored, explored_customers), best, low, high)
        best = search(likelihood, customers, best).x
    free = (best > low + 1e-6) & (best < high - 1e-6)
    best, slope, curvature = _finished(objective, best, free, low, high)
    parameters = {name: _rounded(value) for name, value in zip(bounds, np.exp(best), strict=True)}
    total, _ = likelihood(np.array(list(parameters.values())))
    is_maximum = bool(np.all(np.abs(slope[free]) <= _STEEPEST)) and curvature is not None
    covariance = np.zeros((len(best), len(best)))
    if is_maximum:
        covariance[np.ix_(free, free)] = np.linalg.inv(curvature) / customers
    status = "not_converged" if not is_maximum else "converged" if free.all() else "at_bound"
    return Fit(model, parameters, total, status, covariance)


def _approached(
    objective: Objective, rough: Objective, place: np.ndarray, low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    """Nearer to the maximum of all groups by Newton steps with the sample's curvature, which costs next to nothing."""
    import numpy as np

    free = (place > low + 1e-6) & (place < high - 1e-6)
    curvature = _curvature(rough, place, np.flatnonzero(free))
    if not _is_maximum(curvature):
        return place
    value, slope = objective(place)
    for _ in range(8):
        moved = place.copy()
        moved[free] -= np.linalg.solve(curvature, slope[free])
        moved = np.clip(moved, low, high)
        lower, following = objective(moved)
        if lower >= value:
            break
        place, value, slope = moved, lower, following
    return place


def _finished(
    objective: Objective,
    place: np.ndarray,
    free: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Newton steps over the free parameters: place, slope there, curvature there (None where it is no maximum)."""
    import numpy as np

    steps = np.flatnonzero(free)
    _, slope = objective(place)
    for _ in range(3):
        curvature = _curvature(objective, place, steps)
        if not _is_maximum(curvature):
            return place, slope, None
        if np.all(np.abs(slope[steps]) <= _STEEPEST / 100):
            break
        moved = place.copy()
        moved[steps] -= np.linalg.solve(curvature, slope[steps])
        if np.any(moved < low) or np.any(moved > high) or np.any(np.abs(moved - place) > 1):
            break
        place, (_, slope) = moved, objective(moved)
    return place, slope, curvature


def _curvature(objective: Objective, place: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Second derivatives over the parameters `steps`, from differences of the slope."""
    import numpy as np

    curvature = np.empty((len(steps), len(steps)))
    for row, index in enumerate(steps):
        step = np.zeros(len(place))
        step[index] = 1e-4
        curvature[row] = (objective(place + step)[1] - objective(place - step)[1])[steps] / 2e-4
    return (curvature + curvature.T) / 2


def _is_maximum(curvature: np.ndarray) -> bool:
    import numpy as np

    return bool(np.all(np.isfinite(curvature)) and np.all(np.linalg.eigvalsh(curvature) > 0))


def _counts(numbers: np.ndarray, customers: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    import numpy as np

    counts, place = np.unique(numbers, return_inverse=True)
    return counts, place, np.bincount(place, weights=customers, minlength=len(counts))


def _thinned(*columns: np.ndarray) -> list[np.ndarray]:
    step = max(1, -(-len(columns[0]) // _EXPLORED_GROUPS))
    return [column[::step] for column in columns]


def _rounded(value: float) -> float:
    return float(f"{value:.10g}")
