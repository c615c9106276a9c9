"""Would the prediction have come true? Fits of the past against what happened since, by cohort and decile.

Lives here: the errors of a backtest, the interval of a total, the simple benchmark, the grade. Does not live here:
where the past ends (`fct_customer_purchase_histories`), what a fit expects (`clv_expectations.py`).

The benchmark is what a spreadsheet does: every customer goes on buying at the rate and value seen so far.
The interval holds both what chance does to customers and what the parameters do not know (delta method).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from orchestration import clv_expectations as expectations
from orchestration.clv_models import BG_NBD, GAMMA_GAMMA, Fit

if TYPE_CHECKING:
    import numpy as np

PUBLISHED, BIASED, OVERCONFIDENT, WORSE = "published", "biased", "overconfident", "worse_than_benchmark"
NOT_TESTED, NOT_FITTED = "not_tested", "not_fitted"
# What a published grade asks of the backtest.
LARGEST_BIAS, LEAST_COVERAGE = 0.10, 0.80
_SHARE, _NORMAL_QUANTILE = 0.90, 1.6448536269514722
BACKTEST_COLUMNS = {
    **dict.fromkeys(("snapshot_id", "model_version", "segment_type", "segment"), "string"),
    "calibration_end_date": "date32",
    "holdout_end_date": "date32",
    "customer_count": "int64",
    **{
        f"{kind}_purchase_count": "int64" if kind == "actual" else "double"
        for kind in ("predicted", "actual", "benchmark")
    },
    **dict.fromkeys(
        (
            "purchase_bias_rate", "benchmark_purchase_bias_rate",
            "purchase_mean_absolute_error", "benchmark_purchase_mean_absolute_error",
            "predicted_value_amount", "actual_value_amount", "benchmark_value_amount",
            "value_bias_rate", "benchmark_value_bias_rate",
            "value_mean_absolute_error", "benchmark_value_mean_absolute_error",
            "value_interval_low", "value_interval_high",
        ),
        "double",
    ),
    "is_value_within_interval": "bool",
    **dict.fromkeys(
        (
            "purchase_interval_coverage_rate", "value_gini_coefficient", "benchmark_value_gini_coefficient",
            "bg_nbd_log_likelihood", "gamma_gamma_log_likelihood",
        ),
        "double",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Histories:
    """Kinds of customers: what calibration saw of them, what happened after it, how many there are of each."""

    frequency: np.ndarray
    recency: np.ndarray
    age: np.ndarray
    valued: np.ndarray
    amount: np.ndarray
    holdout_purchases: np.ndarray
    holdout_amount: np.ndarray
    customers: np.ndarray


@dataclass(frozen=True)
class Models:
    """The two factors of a prediction."""

    purchases: Fit
    values: Fit


@dataclass(frozen=True)
class _Predictions:
    purchases: np.ndarray
    value: np.ndarray
    variance: np.ndarray
    slopes: np.ndarray  # of value, by the logarithm of each parameter
    benchmark_purchases: np.ndarray
    benchmark_value: np.ndarray
    is_covered: np.ndarray


def backtest(
    histories: Histories, models: Models, end: date, horizon: float, days_per_unit: int
) -> list[dict[str, Any]]:
    """One row over all customers, then one per month of first purchase and per decile of predicted value."""
    import numpy as np

    predicted = _predictions(histories, models, horizon)
    days = {
        "calibration_end_date": end,
        "holdout_end_date": end + timedelta(days=round(horizon * days_per_unit)),
    }
    everybody = _segment(histories, models, predicted, np.arange(len(histories.customers)))
    everybody |= {
        "value_gini_coefficient": _gini(predicted.value, histories.holdout_amount, histories.customers),
        "benchmark_value_gini_coefficient": _gini(
            predicted.benchmark_value, histories.holdout_amount, histories.customers
        ),
        "bg_nbd_log_likelihood": models.purchases.log_likelihood,
        "gamma_gamma_log_likelihood": models.values.log_likelihood,
    }
    rows = [{"segment_type": "all", "segment": "all"} | days | everybody]
    ages = np.round(histories.age * days_per_unit).astype(int)
    months = np.array([(end - timedelta(days=int(age))).isoformat()[:7] for age in np.unique(ages)])
    cohorts = months[np.unique(ages, return_inverse=True)[1]]
    for kind, labels in (("cohort_month", cohorts), ("decile", _deciles(predicted.value, histories.customers))):
        for label in np.unique(labels):
            chosen = np.flatnonzero(labels == label)
            name = {"segment_type": kind, "segment": str(label)}
            rows.append(name | days | _segment(histories, models, predicted, chosen))
    return rows


def grades_of(segments: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The grade of each model: purchases judge BG/NBD, values (purchases × value) judge Gamma-Gamma."""
    everybody = next(row for row in segments if row["segment_type"] == "all")
    grades = {}
    for model, kind in ((BG_NBD, "purchase"), (GAMMA_GAMMA, "value")):
        bias = everybody[f"{kind}_bias_rate"]
        if everybody[f"{kind}_mean_absolute_error"] > everybody[f"benchmark_{kind}_mean_absolute_error"]:
            grades[model] = WORSE
        elif bias is None or abs(bias) > LARGEST_BIAS:
            grades[model] = BIASED
        elif everybody["purchase_interval_coverage_rate"] < LEAST_COVERAGE:
            grades[model] = OVERCONFIDENT
        else:
            grades[model] = PUBLISHED
    return grades


def total_with_interval(
    histories: Histories, models: Models, horizon: float
) -> tuple[float, float | None, float | None]:
    """Predicted value of all customers together within `horizon`, and its 90 % interval (None: no second moment)."""
    import numpy as np

    predicted = _predictions(histories, models, horizon)
    row = _segment(histories, models, predicted, np.arange(len(histories.customers)))
    return row["predicted_value_amount"], row["value_interval_low"], row["value_interval_high"]


def _predictions(histories: Histories, models: Models, horizon: float) -> _Predictions:
    import numpy as np

    buying, paying = models.purchases.parameters, models.values.parameters
    x, age = histories.frequency, histories.age
    alive = expectations.probability_alive(buying, x, histories.recency, age)
    mean, square = expectations.purchase_moments(buying, x, age, horizon)
    value = expectations.expected_value(paying, histories.valued, histories.amount)
    scale = paying["p"] * expectations.expected_square(paying, histories.valued, histories.amount)
    predicted = alive * mean * value
    slopes = []
    for names, turn in ((buying, "buying"), (paying, "paying")):
        for name in names:
            moved = dict(names) | {name: names[name] * np.exp(1e-5)}
            if turn == "buying":
                other = expectations.probability_alive(moved, x, histories.recency, age)
                other = other * expectations.purchase_moments(moved, x, age, horizon)[0] * value
            else:
                other = alive * mean * expectations.expected_value(moved, histories.valued, histories.amount)
            slopes.append((other - predicted) / 1e-5)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.where(age > 0, x / age, 0.0)
        own_value = np.where(histories.valued > 0, histories.amount / histories.valued, 0.0)
    # Covered: not below the 5th percentile of the purchases that the model thought possible, not above the 95th.
    seen = histories.holdout_purchases
    at_least = np.where(seen > 0, alive * expectations.chance_of_more(buying, x, age, horizon, seen - 1), 1.0)
    at_most = 1 - alive * expectations.chance_of_more(buying, x, age, horizon, seen)
    tail = (1 - _SHARE) / 2
    return _Predictions(
        purchases=alive * mean,
        value=predicted,
        variance=np.maximum(alive * scale * (mean + paying["p"] * square) - predicted**2, 0),
        slopes=np.array(slopes),
        benchmark_purchases=rate * horizon,
        benchmark_value=rate * horizon * own_value,
        is_covered=(at_least > tail) & (at_most >= tail),
    )


def _segment(histories: Histories, models: Models, predicted: _Predictions, rows: np.ndarray) -> dict[str, Any]:
    import numpy as np

    customers = histories.customers[rows]
    count = float(customers.sum())

    def total(values: np.ndarray) -> float:
        return float(np.sum(customers * values[rows]))

    result: dict[str, Any] = {
        "customer_count": int(count),
        "actual_purchase_count": int(total(histories.holdout_purchases)),
        "actual_value_amount": total(histories.holdout_amount),
        "purchase_interval_coverage_rate": total(predicted.is_covered.astype(float)) / count,
    }
    for kind, unit, actual, model, benchmark in (
        ("purchase", "count", histories.holdout_purchases, predicted.purchases, predicted.benchmark_purchases),
        ("value", "amount", histories.holdout_amount, predicted.value, predicted.benchmark_value),
    ):
        happened = total(actual)
        for mark, word, guess in (("", "predicted", model), ("benchmark_", "benchmark", benchmark)):
            result[f"{word}_{kind}_{unit}"] = total(guess)
            result[f"{mark}{kind}_bias_rate"] = total(guess) / happened - 1 if happened > 0 else None
            result[f"{mark}{kind}_mean_absolute_error"] = total(np.abs(guess - actual)) / count
    slope = np.array([total(each) for each in predicted.slopes])
    split = len(models.purchases.parameters)
    unknown = 0.0
    for covariance, part in ((models.purchases.covariance, slope[:split]), (models.values.covariance, slope[split:])):
        unknown += float(part @ covariance @ part) if covariance is not None else 0.0
    deviation = (total(predicted.variance) + unknown) ** 0.5
    is_finite = bool(np.isfinite(deviation))
    low, high = (result["predicted_value_amount"] + sign * _NORMAL_QUANTILE * deviation for sign in (-1, 1))
    result["value_interval_low"] = max(low, 0.0) if is_finite else None
    result["value_interval_high"] = high if is_finite else None
    result["is_value_within_interval"] = bool(low <= result["actual_value_amount"] <= high) if is_finite else None
    return result


def _deciles(predicted: np.ndarray, customers: np.ndarray) -> np.ndarray:
    """01 to 10 by predicted value, 10 the highest; customers alike in everything stay together."""
    import numpy as np

    order = np.argsort(predicted, kind="stable")
    middle = (np.cumsum(customers[order]) - customers[order] / 2) / customers.sum()
    deciles = np.empty(len(order), dtype="U2")
    deciles[order] = [f"{int(share * 10) + 1:02d}" for share in middle]
    return deciles


def _gini(predicted: np.ndarray, actual: np.ndarray, customers: np.ndarray) -> float | None:
    """How much of what happened the ranking by prediction finds early: 0 by chance, negative if upside down."""
    import numpy as np

    if not np.sum(actual * customers) > 0:
        return None
    _, place = np.unique(-predicted, return_inverse=True)  # equal predictions are one step, not an order of chance
    size, sums = np.bincount(place, weights=customers), np.bincount(place, weights=customers * actual)
    share, found = np.cumsum(size) / size.sum(), np.cumsum(sums) / sums.sum()
    area = np.sum(np.diff(share, prepend=0) * (found + np.concatenate([[0], found[:-1]])) / 2)
    return float(2 * area - 1)
