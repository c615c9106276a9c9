"""Companies drawn from BG/NBD and Gamma-Gamma, day by day: histories whose truth is known.

Customers arrive over two years; each has a rate, a chance to leave after a repeat purchase, and values of their own.
Purchases of one day are one, as in the warehouse. What is drawn after the calibration is the holdout of 365 days.
"""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from orchestration.clv_backtest import Histories
from orchestration.clv_models import Purchases, Values

TRUTH = {"r": 0.9, "alpha": 12.0, "a": 0.9, "b": 3.5, "p": 5.0, "q": 5.0, "gamma": 60.0}
ARRIVAL_DAYS, HOLDOUT_DAYS = 730, 365
Company = dict[str, np.ndarray]


def company(
    seed: int,
    customers: int,
    truth: Mapping[str, float] | None = None,
    value_follows_rate: bool = False,
) -> Company:
    """Per customer: frequency, recency, age (days), value of repeat days, and purchases and value of the holdout."""
    chance = np.random.default_rng(seed)
    known = TRUTH | dict(truth or {})
    rate = chance.gamma(known["r"], 1 / known["alpha"], customers) / 7  # a day
    leaves = chance.beta(known["a"], known["b"], customers)
    scale = chance.gamma(known["q"], 1 / known["gamma"], customers)
    if value_follows_rate:
        scale = np.sort(scale)[::-1][np.argsort(np.argsort(rate))]
    age = chance.integers(0, ARRIVAL_DAYS, customers)
    names = ("frequency", "recency", "amount", "holdout_purchases", "holdout_amount")
    result = {name: np.zeros(customers) for name in names} | {"age": age.astype(float)}
    for number in range(customers):
        days, clock = [], 0.0
        while True:
            clock += chance.exponential(1 / rate[number]) if rate[number] > 0 else np.inf
            if clock > age[number] + HOLDOUT_DAYS:
                break
            days.append(int(clock))
            if chance.random() < leaves[number]:
                break
        repeats = sorted(set(days) - {0})
        values = np.round(chance.gamma(known["p"], 1 / scale[number], len(repeats)), 4)
        seen = sum(day <= age[number] for day in repeats)
        result["frequency"][number] = seen
        result["recency"][number] = repeats[seen - 1] if seen else 0
        result["amount"][number] = values[:seen].sum()
        result["holdout_purchases"][number] = len(repeats) - seen
        result["holdout_amount"][number] = values[seen:].sum()
    return result


def histories(drawn: Company) -> Histories:
    """One kind per customer, in weeks."""
    return Histories(
        frequency=drawn["frequency"],
        recency=drawn["recency"] / 7,
        age=drawn["age"] / 7,
        valued=drawn["frequency"],
        amount=drawn["amount"],
        holdout_purchases=drawn["holdout_purchases"],
        holdout_amount=drawn["holdout_amount"],
        customers=np.ones(len(drawn["age"])),
    )


def purchases_and_values(drawn: Company) -> tuple[Purchases, Values, Histories]:
    """What the two fits take."""
    known = histories(drawn)
    pays = known.frequency > 0
    purchases = Purchases(known.frequency, known.recency, known.age, known.customers)
    return purchases, Values(known.valued[pays], known.amount[pays], known.customers[pays]), known


def groups(drawn: Company) -> pa.Table:
    """As `int_clv__purchase_groups` has it; the same customers are `current` and `backtest`."""
    count = len(drawn["age"])
    whole = {
        "repeat_purchase_day_count": drawn["frequency"],
        "recency_days": drawn["recency"],
        "observed_days": drawn["age"],
        "valued_purchase_day_count": drawn["frequency"],
        "holdout_purchase_day_count": drawn["holdout_purchases"],
        "customer_count": np.ones(count),
    }
    tables = []
    for name, days in (("current", 0), ("backtest", HOLDOUT_DAYS)):
        columns = {column: pa.array(values.astype(np.int64)) for column, values in whole.items()}
        columns |= {
            "calibration": pa.array([name] * count),
            "holdout_days": pa.array(np.full(count, days)),
            "repeat_value_amount": pa.array(drawn["amount"]),
            "holdout_value_amount": pa.array(drawn["holdout_amount"]),
            "calibration_end_date": pa.array(np.full(count, np.datetime64("2024-12-31"), dtype="datetime64[D]")),
        }
        tables.append(pa.table(columns))
    return pa.concat_tables(tables)
