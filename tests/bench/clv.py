"""Measure predicted value on a million customers: grouping, fit, scores; and the backtest beside it.

`python tests/bench/clv.py [customers]` prints seconds by step and the peak memory of the process. Customers are drawn
from the models over three years; the steps are those of a build, on the same tables, through dbt.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

from orchestration import build, project  # noqa: E402  the line above says where it lies
from orchestration.settings import load_settings  # noqa: E402
from orchestration.warehouse import DuckDBWarehouse  # noqa: E402

HISTORY_DAYS, HOLDOUT_DAYS = 1095, 365


def histories(customers: int, calibration: str, age_days: int, holdout_days: int) -> pa.Table:
    """Rows of `fct_customer_purchase_histories`, drawn for all customers at once, purchase by purchase."""
    chance = np.random.default_rng(7)
    rate = chance.gamma(0.8, 1 / 10.0, customers) / 7
    leaves = chance.beta(0.8, 2.5, customers)
    scale = chance.gamma(4.0, 1 / 60.0, customers)
    age = chance.integers(0, age_days, customers)
    clock, day, here = np.zeros(customers), np.zeros(customers, dtype=np.int64), np.ones(customers, dtype=bool)
    frequency, recency, later = (np.zeros(customers, dtype=np.int64) for _ in range(3))
    amount = np.zeros(customers)
    while here.any():
        rows = np.flatnonzero(here)
        clock[rows] += chance.exponential(1, len(rows)) / np.maximum(rate[rows], 1e-12)
        here[rows] = clock[rows] < age[rows] + holdout_days + 1
        rows = rows[here[rows]]
        whole = clock[rows].astype(np.int64)
        is_new = whole > day[rows]
        day[rows] = whole
        known = rows[is_new & (whole <= age[rows])]
        frequency[known] += 1
        recency[known] = day[known]
        amount[known] += np.round(chance.gamma(4.0, 1 / scale[known]), 2)
        later[rows[is_new & (whole > age[rows])]] += 1
        here[rows] = chance.random(len(rows)) >= leaves[rows]
    end = np.datetime64("2024-12-31")
    return pa.table(
        {
            "customer_key": [f"{number:032x}" for number in range(customers)],
            "calibration": pa.array(np.full(customers, calibration)),
            "repeat_purchase_day_count": frequency,
            "recency_days": recency,
            "observed_days": age,
            "holdout_days": np.full(customers, holdout_days),
            "valued_purchase_day_count": frequency,
            "holdout_purchase_day_count": later,
            "repeat_value_amount": pa.array(amount).cast(pa.decimal128(24, 4)),
            "holdout_value_amount": pa.array(later * 20.0).cast(pa.decimal128(24, 4)),
            "acquired_date": pa.array((end - age).astype("datetime64[D]")),
            "calibration_end_date": pa.array(np.full(customers, end)),
        }
    )


def main(customers: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(Path(folder), {"CXW_SOURCES": "ecommerce"})
        warehouse = DuckDBWarehouse(settings.warehouse_path, settings)
        project.prepare_manifest(settings, ("ecommerce",))
        for has_backtest in (False, True):
            rows = [histories(customers, "current", HISTORY_DAYS, 0)]
            if has_backtest:
                rows.append(histories(customers, "backtest", HISTORY_DAYS - HOLDOUT_DAYS, HOLDOUT_DAYS))
            warehouse.write("core", "fct_customer_purchase_histories", pa.concat_tables(rows))
            del rows
            sys.stdout.write(f"{customers} customers{', with backtest' if has_backtest else ''}\n")
            started, busy = time.perf_counter(), time.process_time()
            steps = (
                ("groups", lambda: run(settings, "int_clv__purchase_groups")),
                ("fit", lambda: build.fit_lifetime_values(warehouse, "bench")),
                ("score", lambda: run(settings, "fct_customer_predictions")),
            )
            for name, step in steps:
                before, before_busy = time.perf_counter(), time.process_time()
                step()
                tell(name, time.perf_counter() - before, time.process_time() - before_busy)
            tell("together", time.perf_counter() - started, time.process_time() - busy)
            for row in warehouse.table("clv_output", "clv_parameters").to_pylist():
                sys.stdout.write(f"  {row['model']}: {row['status']}, {row['grade']}, {row['log_likelihood']:.3f}\n")


def run(settings: object, model: str) -> None:
    for result in project.invoke(settings, ("ecommerce",), ["run", "--select", model]):
        if result.status != "success":
            sys.exit(f"{model}: {result.message}")


def tell(what: str, seconds: float, busy: float) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    sys.stdout.write(f"  {what:10} {seconds:6.2f} s, {busy:6.2f} s of processor, peak so far {peak:.2f} GiB\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
