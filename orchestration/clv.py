"""Predicted customer value: from grouped purchase histories to the tables that the scoring and the readers need.

Lives here: what is enough history, which fit is of what, the rows of `clv_output.clv_parameters` and
`clv_output.clv_backtest`. Does not live here: the likelihoods (`clv_models.py`), the judgement (`clv_backtest.py`), the
scores (`fct_customer_predictions`). Time is in weeks, as in the published studies of these models.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from orchestration.clv_backtest import (
    BACKTEST_COLUMNS,
    NOT_FITTED,
    NOT_TESTED,
    PUBLISHED,
    Histories,
    Models,
    backtest,
    grades_of,
)
from orchestration.clv_models import BG_NBD, GAMMA_GAMMA, Fit, Purchases, Values, fit_bg_nbd, fit_gamma_gamma

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

MODEL_VERSION = "bg_nbd_gamma_gamma_1"
TIME_UNIT, DAYS_PER_UNIT = "week", 7
# Less than this and four parameters would be told apart by a handful of people.
MINIMUM_CUSTOMERS, MINIMUM_REPEAT_CUSTOMERS, MINIMUM_HISTORY_DAYS = 100, 30, 91
# Rank correlation of frequency and value from which Gamma-Gamma's assumption of independence is called doubtful.
DOUBTFUL_CORRELATION = 0.3
PARAMETERS = ("r", "alpha", "a", "b", "p", "q", "gamma")


@dataclass(frozen=True)
class Calibration:
    """Grouped customers of one calibration, in an order of its own, and the dates that it lies between."""

    histories: Histories
    end: date
    first: date
    holdout_days: int

    @property
    def is_enough(self) -> bool:
        """Whether there is enough history to fit anything."""
        customers, has_repeats = self.histories.customers, self.histories.frequency > 0
        return bool(
            customers.sum() >= MINIMUM_CUSTOMERS
            and customers[has_repeats].sum() >= MINIMUM_REPEAT_CUSTOMERS
            and (self.end - self.first).days + 1 >= MINIMUM_HISTORY_DAYS
        )


def predict(groups: pa.Table, snapshot_id: str) -> dict[str, pa.Table]:
    """Both fits, their backtest and the grades that it gives them.

    Args:
        groups: `int_clv__purchase_groups`: `current` and `backtest` histories, one row per kind of customer.
    """
    current, past = (_calibration(groups, name) for name in ("current", "backtest"))
    models = _fitted(current)
    segments: list[dict[str, Any]] = []
    can_test = past is not None and past.is_enough and past.holdout_days >= MINIMUM_HISTORY_DAYS
    if past is not None and can_test:
        past_models = _fitted(past)
        if past_models.purchases.is_usable and past_models.values.is_usable:
            segments = backtest(past.histories, past_models, past.end, past.holdout_days / DAYS_PER_UNIT, DAYS_PER_UNIT)
    grades = grades_of(segments) if segments else {BG_NBD: NOT_TESTED, GAMMA_GAMMA: NOT_TESTED}
    rows = []
    for fit in (models.purchases, models.values):
        grade = grades[fit.model] if fit.is_usable else NOT_FITTED
        rows.append(_parameter_row(fit, current, snapshot_id, grade))
    # A prediction is a product: it is as good as the worse of its two factors.
    is_published = all(row["grade"] == PUBLISHED for row in rows)
    rows = [row | {"is_published_grade": is_published} for row in rows]
    segments = [{"snapshot_id": snapshot_id, "model_version": MODEL_VERSION} | row for row in segments]
    return {"clv_parameters": _table(rows, _parameter_columns()), "clv_backtest": _table(segments, BACKTEST_COLUMNS)}


def _calibration(groups: pa.Table, name: str) -> Calibration | None:
    import numpy as np
    import pyarrow.compute as pc

    rows = groups.filter(pc.equal(groups["calibration"], name))
    if not rows.num_rows:
        return None
    columns = {
        column: pc.cast(rows[column], "double").to_numpy(zero_copy_only=False)
        for column in rows.column_names
        if column not in ("calibration", "calibration_end_date")
    }
    order = np.lexsort([columns[name] for name in sorted(columns)])  # sums must not depend on the engine's row order
    chosen = {column: values[order] for column, values in columns.items()}
    end = rows["calibration_end_date"][0].as_py()
    histories = Histories(
        frequency=chosen["repeat_purchase_day_count"],
        recency=chosen["recency_days"] / DAYS_PER_UNIT,
        age=chosen["observed_days"] / DAYS_PER_UNIT,
        valued=chosen["valued_purchase_day_count"],
        amount=chosen["repeat_value_amount"],
        holdout_purchases=chosen["holdout_purchase_day_count"],
        holdout_amount=chosen["holdout_value_amount"],
        customers=chosen["customer_count"],
    )
    first = end - timedelta(days=int(chosen["observed_days"].max()))
    return Calibration(histories, end, first, int(chosen["holdout_days"].max()))


def _fitted(calibration: Calibration | None) -> Models:
    """Both models on one calibration; Gamma-Gamma knows only customers who came back and paid something."""
    if calibration is None or not calibration.is_enough:
        return Models(Fit(BG_NBD, {}, None, "too_little_history"), Fit(GAMMA_GAMMA, {}, None, "too_little_history"))
    known = calibration.histories
    purchases = fit_bg_nbd(Purchases(*_merged(known.customers, known.frequency, known.recency, known.age)))
    pays = (known.valued > 0) & (known.amount > 0)
    if known.customers[pays].sum() < MINIMUM_REPEAT_CUSTOMERS:
        return Models(purchases, Fit(GAMMA_GAMMA, {}, None, "too_little_history"))
    values = fit_gamma_gamma(Values(*_merged(known.customers[pays], known.valued[pays], known.amount[pays])))
    if values.is_usable and values.parameters["q"] <= 1:
        values = Fit(GAMMA_GAMMA, values.parameters, values.log_likelihood, "no_finite_mean")
    return Models(purchases, values)


def _merged(customers: np.ndarray, *columns: np.ndarray) -> list[np.ndarray]:
    """Rows that are alike in `columns` become one, their customers added; sorted by the columns."""
    import numpy as np

    order = np.lexsort(columns[::-1])
    sorted_columns = [column[order] for column in columns]
    is_new = np.ones(len(order), dtype=bool)
    is_new[1:] = np.any([column[1:] != column[:-1] for column in sorted_columns], axis=0)
    starts = np.flatnonzero(is_new)
    return [*(column[starts] for column in sorted_columns), np.add.reduceat(customers[order], starts)]


def _parameter_row(fit: Fit, calibration: Calibration | None, snapshot_id: str, grade: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "snapshot_id": snapshot_id,
        "model": fit.model,
        "model_version": MODEL_VERSION,
        "calibration_end_date": calibration.end if calibration else None,
        "time_unit": TIME_UNIT,
        "customer_count": 0,
        "repeat_customer_count": 0,
        "log_likelihood": fit.log_likelihood,
        "status": fit.status,
        "grade": grade,
    }
    if fit.is_usable:  # a half-finished search has no parameters that anything may be scored with
        row |= {name: fit.parameters.get(name) for name in PARAMETERS}
    if calibration:
        known = calibration.histories
        has_repeats = known.frequency > 0 if fit.model == BG_NBD else (known.valued > 0) & (known.amount > 0)
        row["customer_count"] = int(known.customers.sum())
        row["repeat_customer_count"] = int(known.customers[has_repeats].sum())
        if fit.model == GAMMA_GAMMA and row["repeat_customer_count"] >= MINIMUM_REPEAT_CUSTOMERS:
            row |= _independence(known.frequency[has_repeats], known.amount[has_repeats] / known.valued[has_repeats],
                                 known.customers[has_repeats])  # fmt: skip
    return row


def _independence(frequency: np.ndarray, value: np.ndarray, customers: np.ndarray) -> dict[str, Any]:
    """How frequency and value go together: Gamma-Gamma takes for granted that they do not."""
    import numpy as np

    linear = _correlation(frequency, value, customers)
    ranks = []
    for column in (frequency, value):
        _, place = np.unique(column, return_inverse=True)
        size = np.bincount(place, weights=customers)
        ranks.append((np.cumsum(size) - (size - 1) / 2)[place])
    by_rank = _correlation(ranks[0], ranks[1], customers)
    is_plausible = None if by_rank is None else abs(by_rank) < DOUBTFUL_CORRELATION
    return {
        "frequency_value_correlation": linear,
        "frequency_value_rank_correlation": by_rank,
        "is_independence_plausible": is_plausible,
    }


def _correlation(one: np.ndarray, other: np.ndarray, weight: np.ndarray) -> float | None:
    import numpy as np

    one, other = one - np.average(one, weights=weight), other - np.average(other, weights=weight)
    spread = float(np.sum(weight * one**2) * np.sum(weight * other**2))
    return float(f"{np.sum(weight * one * other) / spread**0.5:.10g}") if spread > 0 else None


def _parameter_columns() -> Mapping[str, str]:
    names = dict.fromkeys(("snapshot_id", "model", "model_version"), "string")
    names |= {"calibration_end_date": "date32", "time_unit": "string", "customer_count": "int64"}
    names |= {"repeat_customer_count": "int64", "log_likelihood": "double"} | dict.fromkeys(PARAMETERS, "double")
    names |= {"frequency_value_correlation": "double", "frequency_value_rank_correlation": "double"}
    return names | {
        "is_independence_plausible": "bool", "status": "string", "grade": "string", "is_published_grade": "bool",
    }  # fmt: skip


def _table(rows: list[dict[str, Any]], columns: Mapping[str, str]) -> pa.Table:
    import pyarrow as pa

    kinds = {
        "string": pa.string(), "double": pa.float64(), "int64": pa.int64(), "bool": pa.bool_(), "date32": pa.date32(),
    }  # fmt: skip
    return pa.Table.from_pylist(rows, schema=pa.schema([(name, kinds[kind]) for name, kind in columns.items()]))
