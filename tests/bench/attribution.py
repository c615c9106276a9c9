"""Seven attribution models over invented conversions and touches: `python tests/bench/attribution.py`.

Orders and touches are written to Parquet (kept under --folder, so two versions of the models read the same bytes) and
read into a build file as fct_orders and fct_touches; what is measured are the models behind them, by dbt as in a cycle:
paths, transitions, the Markov solve, the attribution fact. `--dump` writes the fact, to compare two versions of it.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from orchestration import build, project
from orchestration.settings import Settings, load_settings
from orchestration.warehouse import DuckDBWarehouse

SOURCES = ("ecommerce", "marketing")
STEPS = (
    "int_attribution__paths",
    "int_attribution__null_paths",
    "int_attribution__transitions",
    "int_attribution__credits",
    "fct_attribution",
)
READ = "select attribution_model, sum(credit), count(distinct marketing_channel) from core.fct_attribution group by all"
CHANNELS = "['paid_search', 'email', 'direct', 'organic_search', 'display', 'affiliate', 'paid_social', 'video']"


def write_inputs(folder: Path, conversions: int, touches: int) -> None:
    """Two orders per customer at random instants of three years; a few touches in the 30 days before each order."""
    each = touches // conversions
    with duckdb.connect() as connection:
        connection.execute("select setseed(0.6); set threads = 1")
        connection.execute(f"""
            create table orders as
            select
                md5('o' || n) as order_key, md5('c' || (n // 2)) as customer_key, n % 2 = 0 as is_first_order,
                true as is_counted,
                timestamp '2023-01-01' + to_microseconds(cast(random() * 94608000000000 as bigint)) as ordered_at
            from range({conversions}) as numbers(n)
        """)
        connection.execute(f"""
            copy (
                select *, cast(ordered_at as date) as ordered_date,
                    cast(date_trunc('month', ordered_at) as date) as order_month,
                    cast(null as varchar) as utm_marketing_channel
                from orders
            ) to '{folder / "fct_orders.parquet"}'
        """)
        connection.execute(f"""
            copy (
                select
                    md5(order_key || number) as touch_key, customer_key, cast(null as varchar) as order_key,
                    'sessions' as source_table, substr(md5(order_key || number), 1, 12) as touch_id,
                    {CHANNELS}[1 + cast(floor(random() * random() * 8) as integer)] as marketing_channel,
                    true as is_attributable,
                    ordered_at - to_microseconds(cast(random() * 2592000000000 as bigint)) as occurred_at,
                    cast(ordered_at as date) as occurred_date
                from orders, range({each}) as numbers(number)
            ) to '{folder / "fct_touches.parquet"}'
        """)


def prepare(settings: Settings, folder: Path) -> None:
    project.prepare_manifest(settings, SOURCES)
    with DuckDBWarehouse(settings.warehouse_path, settings).connect() as connection:
        connection.execute("create schema core; create schema conformed")
        for table in ("fct_orders", "fct_touches"):
            path = folder / f"{table}.parquet"
            connection.execute(f"create table core.{table} as from read_parquet('{path}')")


def measure(settings: Settings) -> list[tuple[str, float, float]]:
    """(step, wall seconds, CPU seconds) of every step in order."""
    warehouse, figures = DuckDBWarehouse(settings.warehouse_path, settings), []
    for step in STEPS:
        if step == "int_attribution__credits":
            figures.append(_timed("markov", lambda: build.weigh_channels(warehouse)))
        figures.append(_timed(step, lambda step=step: _run(settings, step)))
    figures.append(_timed("read every row of the fact once", lambda: warehouse.execute(READ)))
    return figures


def _run(settings: Settings, model: str) -> None:
    (result,) = project.invoke(settings, SOURCES, ["run", "--select", model])
    if result.status != "success":
        sys.exit(f"{model}: {result.message}")


def _timed(name: str, step: object) -> tuple[str, float, float]:
    wall, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    step()  # type: ignore[operator]
    after = resource.getrusage(resource.RUSAGE_SELF)
    return name, time.perf_counter() - wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversions", type=int, default=1_000_000)
    parser.add_argument("--touches", type=int, default=4_000_000)
    parser.add_argument("--folder", type=Path, help="where the Parquet files are kept; made when they are not there")
    parser.add_argument("--dump", type=Path, help="write the attribution fact to this Parquet file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        folder = arguments.folder or Path(home)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "fct_touches.parquet").exists():
            write_inputs(folder, arguments.conversions, arguments.touches)
        settings = load_settings(Path(home), {"CXW_MEMORY_LIMIT": "4GB"})
        prepare(settings, folder)
        figures = measure(settings)
        for step, wall, cpu in [*figures, ("together", *(sum(each[i] for each in figures) for i in (1, 2)))]:
            sys.stdout.write(f"{step:32}{wall:8.1f} s wall{cpu:8.1f} s CPU\n")
        if arguments.dump:
            with DuckDBWarehouse(settings.warehouse_path, settings).connect() as connection:
                connection.execute(f"copy core.fct_attribution to '{arguments.dump}'")


if __name__ == "__main__":
    main()
