"""CDNOW from landing files to predictions: the published figures of both papers, and the bias of their forecast.

The first home ends with the papers' calibration, so its fit is theirs; the second holds the whole sample, and its
backtest forgets the second half, which is the same 39 weeks that the paper kept apart.
"""

from collections.abc import Iterator
from pathlib import Path

import cdnow
import duckdb
import numpy as np
import pytest
from oracle.pipeline import Build, Pipeline

from orchestration import clv_expectations

pytestmark = pytest.mark.pipeline
ENVIRONMENT = {"CXW_REPORTING_CURRENCY": "USD", "CXW_EARLIEST_DATE": "1997-01-01"}


class Homes:
    """One build database per last day."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.pipeline = folder, Pipeline(folder, ("ecommerce",))

    def build(self, last: object) -> Build:
        landing = self.folder / f"landing {last}"
        cdnow.deliver(landing, last)
        return self.pipeline.run(landing, self.folder / f"{last}", ENVIRONMENT)

    def rows(self, last: object, sql: str) -> list[tuple]:
        path = self.folder / f"{last}" / "build" / "warehouse.duckdb"
        with duckdb.connect(str(path), read_only=True) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Homes]:
    homes = Homes(tmp_path_factory.mktemp("cdnow"))
    for last in (cdnow.CALIBRATED, cdnow.LAST):
        built = homes.build(last)
        assert (built.refusals, built.failures) == ((), [])
    yield homes


def fit(homes: Homes, model: str, names: str) -> tuple:
    return homes.rows(
        cdnow.CALIBRATED,
        "select time_unit, calibration_end_date, status, customer_count, repeat_customer_count, log_likelihood,"
        f" {names} from clv_output.clv_parameters where model = '{model}'",
    )[0]


def test_bg_nbd_is_the_published_fit(homes: Homes):
    unit, end, status, customers, repeats, likelihood, *parameters = fit(homes, "bg_nbd", "r, alpha, a, b")
    assert (unit, end, status, customers, repeats) == ("week", cdnow.CALIBRATED, "converged", 2357, 946)
    assert likelihood == pytest.approx(-9582.4292, abs=1e-3)
    assert parameters == pytest.approx([0.2426, 4.4136, 0.7929, 2.4259], abs=6e-5)


def test_gamma_gamma_is_the_published_fit(homes: Homes):
    _, _, status, _, repeats, likelihood, *parameters = fit(homes, "gamma_gamma", "p, q, gamma")
    assert (status, repeats) == ("converged", 946)
    assert likelihood == pytest.approx(-4055.918, abs=1e-3)
    assert parameters == pytest.approx([6.25, 3.74, 15.44], abs=6e-3)


def test_expectations_are_the_published_ones(homes: Homes):
    """The published 1.444004 and 25.75659 come of a search that stopped a little before the maximum: 4 digits agree."""
    found = dict(zip(("r", "alpha", "a", "b"), fit(homes, "bg_nbd", "r, alpha, a, b")[6:], strict=True))
    new, _ = clv_expectations.purchase_moments(found, np.zeros(1), np.zeros(1), 52)
    assert new[0] == pytest.approx(1.444004, abs=1e-5)
    x, recency, age = np.array([26.0]), np.array([216 / 7]), np.array([31.0])
    often, _ = clv_expectations.purchase_moments(found, x, age, 52)
    assert often[0] * clv_expectations.probability_alive(found, x, recency, age)[0] == pytest.approx(25.75659, abs=1e-3)


def test_the_backtest_shows_that_the_forecast_is_too_low(homes: Homes):
    end, customers, predicted, actual, bias, likelihood = homes.rows(
        cdnow.LAST,
        "select calibration_end_date, customer_count, predicted_purchase_count, actual_purchase_count,"
        " purchase_bias_rate, bg_nbd_log_likelihood from clv_output.clv_backtest where segment_type = 'all'",
    )[0]
    assert (end, customers, actual) == (cdnow.CALIBRATED, 2357, 1882)
    assert likelihood == pytest.approx(-9582.4292, abs=1e-3)
    assert predicted == pytest.approx(1653.4, abs=0.5)
    assert bias == pytest.approx(1653.4 / 1882 - 1, abs=3e-4)


def test_a_biased_forecast_is_shown_and_labelled(homes: Homes):
    grades = homes.rows(cdnow.LAST, "select grade, is_published_grade from clv_output.clv_parameters")
    assert grades == [("biased", False), ("biased", False)]
    predicted, published, total = homes.rows(
        cdnow.LAST,
        "select count(customer_lifetime_value_predicted_12m), count(*) filter (is_published_grade), count(*)"
        " from marts.mart_customer_value__customer",
    )[0]
    assert (predicted, published, total) == (2357, 0, 2357)


def test_segments_of_the_backtest_add_up(homes: Homes):
    sums = homes.rows(
        cdnow.LAST,
        "select segment_type, sum(customer_count), sum(actual_purchase_count), sum(predicted_purchase_count),"
        " sum(predicted_value_amount), sum(actual_value_amount), count(*) from clv_output.clv_backtest group by 1",
    )
    everybody = next(row for row in sums if row[0] == "all")
    for kind, *parts, rows in sums:
        assert parts == pytest.approx(everybody[1:6], rel=1e-12), kind
        assert rows == {"all": 1, "cohort_month": 3, "decile": 10}[kind]


def test_a_short_history_is_split_in_halves(homes: Homes):
    """273 days keep 136 apart."""
    days = homes.rows(
        cdnow.CALIBRATED, "select holdout_end_date - calibration_end_date from clv_output.clv_backtest limit 1"
    )
    assert days == [(136,)]
