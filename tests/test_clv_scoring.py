"""The scores that SQL gives, against SciPy's hyp2f1: expected purchases, chances to be alive, discounts, values.

The grid goes over frequencies from 0 to 400 and ages from 0 to 3,000 days, for parameters from CDNOW to the bounds of
the fit. Where the textbook form overflows, hyp2f1 after Euler's transformation, which is the same function, speaks.
"""

from collections.abc import Callable, Iterator
from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from conftest import make_home
from scipy.special import hyp2f1

from orchestration import clv, clv_expectations, project
from orchestration.settings import Settings
from orchestration.warehouse import DuckDBWarehouse

pytestmark = pytest.mark.pipeline
HORIZONS = {3: 365 / 28, 6: 2 * 365 / 28, 12: 365 / 7, 24: 730 / 7}
FREQUENCIES = (0, 1, 2, 3, 7, 26, 120, 400)
AGES = (0, 1, 30, 91, 365, 1000, 3000)
PARAMETERS = {
    "CDNOW": (0.2425945, 4.413602, 0.792922, 2.425907),
    "Online Retail": (0.8265, 9.8436, 0.003437, 6.7451),
    "a beside its pole": (0.3, 5.0, 1.001, 2.0),
    "a at its pole": (0.3, 5.0, 1.0, 2.0),
    "a + b = 1": (0.5, 3.0, 0.25, 0.75),
    "everybody alike, first terms change sign": (10.0, 60.0, 0.4, 0.8),
    "hardly anybody leaves": (1.5, 20.0, 1e-4, 1e4),
    "everybody leaves": (0.8, 2.0, 50.0, 20.0),
    "fast buyers": (0.5, 0.05, 0.7, 1.9),
}
GAMMA_GAMMA = {"p": 6.25, "q": 3.74, "gamma": 15.44}
Score = Callable[[tuple[float, ...]], list[dict]]


def histories() -> pa.Table:
    """Every frequency at every age that can hold it, last seen at three quarters of it."""
    pairs = [(x, age) for x in FREQUENCIES for age in AGES if age >= min(x, 120)]
    count = len(pairs)
    return pa.table(
        {
            "customer_key": [f"{x} in {age}" for x, age in pairs],
            "calibration": ["current"] * count,
            "repeat_purchase_day_count": pa.array([x for x, _ in pairs], pa.int64()),
            "recency_days": pa.array([(3 * age // 4 if x else 0) for x, age in pairs], pa.int64()),
            "observed_days": pa.array([age for _, age in pairs], pa.int64()),
            "valued_purchase_day_count": pa.array([x for x, _ in pairs], pa.int64()),
            "repeat_value_amount": pa.array([30 * x for x, _ in pairs], pa.decimal128(38, 14)),
            "calibration_end_date": [date(2024, 1, 1)] * count,
        }
    )


def parameters_of(values: tuple[float, ...]) -> pa.Table:
    shared = {"model_version": "v", "calibration_end_date": date(2024, 1, 1), "is_published_grade": True}
    rows = [
        shared | {"model": "bg_nbd", "status": "converged"} | dict(zip(("r", "alpha", "a", "b"), values, strict=True)),
        shared | {"model": "gamma_gamma", "status": "converged"} | GAMMA_GAMMA,
    ]
    return clv._table(rows, clv._parameter_columns())


@pytest.fixture(scope="module")
def score(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Score]:
    settings: Settings = make_home(tmp_path_factory.mktemp("scoring"), sources=["ecommerce"])
    warehouse = DuckDBWarehouse(settings.warehouse_path, settings)
    project.prepare_manifest(settings, ("ecommerce",))
    warehouse.write("core", "fct_customer_purchase_histories", histories())

    def run(values: tuple[float, ...]) -> list[dict]:
        warehouse.write("clv_output", "clv_parameters", parameters_of(values))
        results = project.invoke(settings, ("ecommerce",), ["run", "--select", "fct_customer_predictions"])
        assert [(result.status, result.message) for result in results if result.status != "success"] == []
        return warehouse.table("core", "fct_customer_predictions").to_pylist()

    yield run


def alive_by_scipy(values: tuple[float, ...], x: int, age: float, horizon: float) -> float:
    """Expected purchases of a living customer: the textbook form, or Euler's where it leaves the doubles."""
    r, alpha, a, b = values
    if abs(a - 1) < 1e-4:  # the pole of both forms: the mean of its two sides
        sides = [alive_by_scipy((r, alpha, 1 + side, b), x, age, horizon) for side in (-1e-3, 1e-3)]
        further = [alive_by_scipy((r, alpha, 1 + side, b), x, age, horizon) for side in (-2e-3, 2e-3)]
        return (4 * sum(sides) - sum(further)) / 6  # Richardson: what is left is of the fourth order
    if abs(a + b + x - 1) < 1e-9:
        sides = [alive_by_scipy((r, alpha, a, b + side), x, age, horizon) for side in (-1e-3, 1e-3)]
        further = [alive_by_scipy((r, alpha, a, b + side), x, age, horizon) for side in (-2e-3, 2e-3)]
        return (4 * sum(sides) - sum(further)) / 6
    z = horizon / (alpha + age + horizon)
    with np.errstate(over="ignore", invalid="ignore"):
        product = (1 - z) ** (r + x) * hyp2f1(r + x, b + x, a + b + x - 1, z)
        if not np.isfinite(product) or product == 0 or x >= 26:
            product = (1 - z) ** (a - 1) * hyp2f1(a + b - 1 - r, a - 1, a + b + x - 1, z)
    return (a + b + x - 1) / (a - 1) * (1 - product)


@pytest.mark.parametrize("values", PARAMETERS.values(), ids=PARAMETERS)
def test_expected_purchases_are_those_of_scipy(score: Score, values: tuple[float, ...]):
    fit = dict(zip(("r", "alpha", "a", "b"), values, strict=True))
    rows = score(values)
    assert len(rows) == histories().num_rows
    pairs = [tuple(int(part) for part in row["customer_key"].split(" in ")) for row in rows]
    x, age = (np.array(column, dtype=float) for column in zip(*pairs, strict=True))
    recency = np.where(x > 0, 3 * age // 4, 0)
    chance = clv_expectations.probability_alive(fit, x, recency / 7, age / 7)
    assert [row["probability_alive"] for row in rows] == pytest.approx(chance, rel=1e-11)
    for months, horizon in HORIZONS.items():
        published = [row[f"expected_purchases_{months}m"] for row in rows]
        by_scipy = [alive_by_scipy(values, frequency, days / 7, horizon) for frequency, days in pairs]
        assert published == pytest.approx(chance * by_scipy, rel=1e-9)
        by_sums, _ = clv_expectations.purchase_moments(fit, x, age / 7, horizon)
        assert published == pytest.approx(chance * by_sums, rel=1e-9), "the backtest's own road"


def test_each_quarter_is_discounted_from_its_end(score: Score):
    values = PARAMETERS["CDNOW"]
    row = next(row for row in score(values) if row["customer_key"] == "26 in 365")
    chance, age = row["probability_alive"], 365 / 7
    reached = [0.0, *(alive_by_scipy(values, 26, age, quarter * 365 / 28) for quarter in range(1, 9))]
    worth = sum((reached[q] - reached[q - 1]) * 1.10 ** (-q / 4) for q in range(1, 9))
    value = 6.25 * (15.44 + 780) / (6.25 * 26 + 3.74 - 1)
    assert row["expected_purchase_value"] == pytest.approx(value, rel=1e-14)
    assert row["customer_lifetime_value_predicted_24m"] == pytest.approx(worth * chance * value * 0.40, rel=1e-9)
    assert row["customer_lifetime_value_predicted_24m"] < row["expected_purchases_24m"] * value * 0.40


def test_who_never_came_back_is_alive(score: Score):
    for row in score(PARAMETERS["CDNOW"]):
        assert (row["probability_alive"] == 1) == row["customer_key"].startswith("0 in ")
