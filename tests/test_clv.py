"""Fits of purchase histories: they find the truth they were drawn from, say when they cannot, and ignore row order."""

import math
from datetime import date

import clv_company
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime

from orchestration import clv, clv_backtest, clv_expectations
from orchestration.clv_models import (
    Purchases,
    bg_nbd_log_likelihood,
    fit_bg_nbd,
    gamma_gamma_log_likelihood,
)

positive = st.floats(0.05, 20)


@settings(max_examples=40, deadline=None)
@given(st.tuples(positive, positive, positive, positive), st.integers(0, 3))
def test_the_gradient_of_bg_nbd_is_its_slope(parameters: tuple[float, ...], seed: int):
    purchases, _, _ = clv_company.purchases_and_values(clv_company.company(seed, customers=40))
    place = np.array(parameters)
    total, slope = bg_nbd_log_likelihood(place, purchases)
    assert math.isfinite(total)
    steps = approx_fprime(place, lambda values: bg_nbd_log_likelihood(values, purchases)[0], 1e-7 * place)
    assert slope == pytest.approx(steps, rel=2e-3, abs=2e-3 * abs(total) / place.min() * 1e-3 + 1e-2)


@settings(max_examples=40, deadline=None)
@given(st.tuples(positive, positive, positive), st.integers(0, 3))
def test_the_gradient_of_gamma_gamma_is_its_slope(parameters: tuple[float, ...], seed: int):
    _, values, _ = clv_company.purchases_and_values(clv_company.company(seed, customers=40))
    place = np.array(parameters)
    total, slope = gamma_gamma_log_likelihood(place, values)
    assert math.isfinite(total)
    steps = approx_fprime(place, lambda guess: gamma_gamma_log_likelihood(guess, values)[0], 1e-7 * place)
    assert slope == pytest.approx(steps, rel=2e-3, abs=2e-3 * abs(total) / place.min() * 1e-3 + 1e-2)


def test_frequencies_in_the_hundreds_stay_finite():
    """Powers of such counts leave the doubles; their logarithms do not."""
    purchases = Purchases(np.array([400.0, 0.0]), np.array([428.0, 0.0]), np.array([428.5, 428.5]), np.ones(2))
    total, slope = bg_nbd_log_likelihood(np.array([0.3, 4.0, 0.8, 2.5]), purchases)
    assert math.isfinite(total) and np.all(np.isfinite(slope))
    fit = {"r": 0.3, "alpha": 4.0, "a": 0.8, "b": 2.5}
    mean, square = clv_expectations.purchase_moments(fit, np.array([400.0]), np.array([10.0]), 104.0)
    assert 0 < mean[0] < 5000 and square[0] > mean[0] ** 2


def test_expected_purchases_are_the_chances_of_more_added_up():
    fit, x, age = {"r": 0.3, "alpha": 4.0, "a": 0.8, "b": 2.5}, np.array([0.0, 3.0, 26.0]), np.array([2.0, 20.0, 31.0])
    mean, square = clv_expectations.purchase_moments(fit, x, age, 52.0)
    chances = [clv_expectations.chance_of_more(fit, x, age, 52.0, np.full(3, number)) for number in range(2000)]
    assert mean == pytest.approx(np.sum(chances, axis=0), rel=1e-10)
    weighted = [(2 * number + 1) * chance for number, chance in enumerate(chances)]
    assert square == pytest.approx(np.sum(weighted, axis=0), rel=1e-10)
    assert np.all(clv_expectations.chance_of_more(fit, x, age, 52.0, np.full(3, -1)) == 1)


def test_a_fit_without_dropout_ends_at_its_bound_and_says_so():
    histories = clv_company.company(5, customers=2000, truth={"a": 1e-6, "b": 1.0})
    purchases, _, _ = clv_company.purchases_and_values(histories)
    fit = fit_bg_nbd(purchases)
    assert fit.status == "at_bound" and fit.is_usable
    assert fit.parameters["a"] / fit.parameters["b"] < 1e-3


def test_row_order_and_grouping_change_nothing():
    groups = clv_company.groups(clv_company.company(1, customers=1500))
    shuffled = groups.take(pa.array(np.random.default_rng(0).permutation(groups.num_rows)))
    assert clv.predict(groups, "s") == clv.predict(shuffled, "s")


def test_too_little_history_is_said_with_nulls():
    few = clv_company.groups(clv_company.company(1, customers=60))
    for groups in (few, few.slice(0, 0)):
        tables = clv.predict(groups, "s1")
        rows = tables["clv_parameters"].to_pylist()
        assert [(row["model"], row["status"], row["grade"]) for row in rows] == [
            ("bg_nbd", "too_little_history", "not_fitted"),
            ("gamma_gamma", "too_little_history", "not_fitted"),
        ]
        assert all(row[name] is None for row in rows for name in (*clv.PARAMETERS, "log_likelihood"))
        assert not any(row["is_published_grade"] for row in rows)
        assert tables["clv_backtest"].num_rows == 0


def test_values_with_a_tail_too_heavy_for_a_mean_are_not_predicted():
    histories = clv_company.company(2, customers=3000, truth={"q": 0.7})
    rows = clv.predict(clv_company.groups(histories), "s")["clv_parameters"].to_pylist()
    assert (rows[1]["status"], rows[1]["grade"], rows[1]["p"]) == ("no_finite_mean", "not_fitted", None)
    assert rows[0]["status"] in ("converged", "at_bound") and not rows[0]["is_published_grade"]


def test_frequent_buyers_who_spend_more_make_independence_doubtful():
    together = clv_company.company(3, customers=3000, value_follows_rate=True)
    apart = clv_company.company(3, customers=3000)
    doubtful, plausible = (clv.predict(clv_company.groups(each), "s")["clv_parameters"].to_pylist()[1]
                           for each in (together, apart))  # fmt: skip
    assert doubtful["is_independence_plausible"] is False
    assert doubtful["frequency_value_rank_correlation"] > clv.DOUBTFUL_CORRELATION
    assert plausible["is_independence_plausible"] is True


def test_a_company_that_changes_its_nature_is_labelled():
    """Three of four purchases stay away after the calibration: the forecast is far too high."""
    histories = clv_company.company(4, customers=3000)
    silent = histories | {
        "holdout_purchases": histories["holdout_purchases"] // 4,
        "holdout_amount": histories["holdout_amount"] / 4,
    }
    rows = clv.predict(clv_company.groups(silent), "s")["clv_parameters"].to_pylist()
    assert {row["grade"] for row in rows} <= {"biased", "worse_than_benchmark"}


def test_grades_follow_the_backtest():
    row = {
        "segment_type": "all", "purchase_bias_rate": 0.01, "value_bias_rate": -0.02,
        "purchase_mean_absolute_error": 1.0, "benchmark_purchase_mean_absolute_error": 1.1,
        "value_mean_absolute_error": 1.0, "benchmark_value_mean_absolute_error": 1.1,
        "purchase_interval_coverage_rate": 0.93,
    }  # fmt: skip

    def grades(**changes: float | None) -> tuple[str, ...]:
        return tuple(clv_backtest.grades_of([row | changes]).values())

    assert grades() == ("published", "published")
    assert grades(value_bias_rate=-0.11) == ("published", "biased")
    assert grades(purchase_bias_rate=None) == ("biased", "published")
    assert grades(value_mean_absolute_error=1.2, value_bias_rate=0.5) == ("published", "worse_than_benchmark")
    assert grades(purchase_interval_coverage_rate=0.7) == ("overconfident", "overconfident")


def test_perfect_ranking_has_the_largest_gini():
    actual, customers = np.array([5.0, 0.0, 1.0, 0.0]), np.array([1.0, 7.0, 2.0, 3.0])
    best = clv_backtest._gini(actual, actual, customers)
    assert best == pytest.approx(6 / 7)  # the curve goes through (1/13, 5/7) and (3/13, 1)
    assert clv_backtest._gini(-actual, actual, customers) == pytest.approx(-best)
    assert clv_backtest._gini(np.ones(4), actual, customers) == pytest.approx(0)
    assert clv_backtest._gini(actual, np.zeros(4), customers) is None


SEEDS = 20
REDUCED = 4


def outcomes(seeds: range) -> list[tuple[float, bool]]:
    """Per company: predicted ÷ realised revenue of the next twelve months − 1, and whether the interval held it."""
    found = []
    for seed in seeds:
        company = clv_company.company(100 + seed, customers=12_000)
        histories = clv_company.histories(company)
        models = clv._fitted(clv.Calibration(histories, date(2024, 12, 31), date(2023, 1, 1), 365))
        total, low, high = clv_backtest.total_with_interval(histories, models, 365 / 7)
        realised = float(np.sum(company["holdout_amount"]))
        found.append((total / realised - 1, low <= realised <= high))
    return found


def test_a_company_of_known_truth_is_predicted():
    found = outcomes(range(REDUCED))
    assert sum(abs(error) <= 0.05 for error, _ in found) >= REDUCED - 1
    assert sum(is_covered for _, is_covered in found) >= REDUCED - 2


@pytest.mark.slow
def test_twenty_companies_of_known_truth_are_predicted():
    found = outcomes(range(SEEDS))
    assert sum(abs(error) <= 0.05 for error, _ in found) >= 18
    assert sum(is_covered for _, is_covered in found) >= 16
