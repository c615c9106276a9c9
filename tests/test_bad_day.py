"""A bad day, from landing to publish: what is wrong is set aside and named, the rest is published, nothing is lost.

One home, four cycles in order; every cycle is the real one (`operations.run_cycle`: Dagster, dbt, GX, DuckDB).
"""

import gzip
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pandas as pd
import pytest
import sqlalchemy
from golden_hashes import published_hashes, unlike_golden

from orchestration import operations, snapshots
from orchestration.ledger import Ledger
from orchestration.settings import Settings, load_settings

pytestmark = pytest.mark.pipeline
EXTRACTS = Path(__file__).parent / "extracts"
ORDERS_HEADER = "order_id,customer_id,ordered_at,status,currency_code,updated_at\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    folder = tmp_path_factory.mktemp("home")
    shutil.copytree(EXTRACTS, folder / "landing", ignore=shutil.ignore_patterns("README.md", "cxw.toml"))
    (folder / "cxw.toml").write_text((EXTRACTS / "cxw.toml").read_text() + "settle_seconds = 0\n")
    yield load_settings(folder, {})


@pytest.fixture(scope="module")
def first(home: Settings) -> operations.Report:
    return operations.run_cycle(home, lambda text: None)


def served(settings: Settings, sql: str) -> list[tuple]:
    with duckdb.connect(str((settings.published / "current" / "cxw.duckdb").resolve()), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def deliver(settings: Settings, table: str, name: str, content: str | bytes) -> Path:
    path = settings.landing.joinpath(*table.split(".")) / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.fixture(scope="module")
def bad_day(home: Settings, first: operations.Report) -> operations.Report:
    lines = [str(number) for number in range(5101, 5113)]
    rows = [f"{number},1001,2026-04-03T10:00:00+02:00,paid,EUR,2026-04-03T10:00:00+02:00\n" for number in lines]
    rows[4] = "5105,1001,the day after,paid,EUR,2026-04-03T10:00:00+02:00\n"
    deliver(home, "ecommerce.orders", "orders_2026-04-03.csv", ORDERS_HEADER + "".join(rows))  # 2 April never comes
    old = home.landing / "ecommerce" / "orders" / "orders_2026-03-30.csv"
    shutil.copy(old, old.with_name("again_2026-03-30.csv"))
    deliver(home, "crm.leads", "leads_2026-04-02.csv", "lead,when\nL-9,2026-04-02T10:00:00Z\n")
    whole = gzip.compress(b"order_id,line_number,quantity,unit_price_amount\n5101,1,1,10.00\n" * 50)
    deliver(home, "ecommerce.order_lines", "order_lines_2026-04-02.csv.gz", whole[:-12])
    return operations.run_cycle(home, lambda text: None)


def test_a_good_day_is_published_and_complete(first: operations.Report, home: Settings) -> None:
    assert (first.exit_code, first.open) == (0, ()), first.said
    assert served(home, "select count(*) from marts.mart_customer_value__customer")[0][0] > 0


def test_the_first_snapshot_is_the_golden_one(first: operations.Report, home: Settings) -> None:
    assert first.snapshot_id is not None
    assert unlike_golden(published_hashes(home.published / first.snapshot_id)) == ""


def test_every_monthly_figure_has_its_definition_in_meta(first: operations.Report, home: Settings) -> None:
    windowed = "regexp_replace(kpi_id, '_(30|60|90|180|365|730)d$', '_<k>d')"
    undefined = served(
        home,
        "select distinct kpi_id, variant from marts.mart_kpis__month"
        " anti join meta.metric_definitions as defined on defined.variant = mart_kpis__month.variant"
        f" and defined.metric_id in (kpi_id, {windowed})",
    )
    assert undefined == []


def test_a_cycle_with_nothing_new_makes_no_snapshot(first: operations.Report, home: Settings) -> None:
    again = operations.run_cycle(home, lambda text: None)
    assert (again.exit_code, again.snapshot_id) == (0, first.snapshot_id)
    assert snapshots.list_snapshots(home) == [first.snapshot_id]


def test_a_bad_day_is_published_with_exit_code_4(bad_day: operations.Report, first: operations.Report) -> None:
    assert bad_day.exit_code == 4
    assert bad_day.snapshot_id != first.snapshot_id


def test_everything_that_is_open_is_named(bad_day: operations.Report) -> None:
    said = "\n".join(bad_day.open)
    assert "leads_2026-04-02.csv" in said and "order_lines_2026-04-02.csv.gz" in said
    assert "ecommerce.orders" in said and "2026-04-02" in said


def test_every_row_is_accounted_for(bad_day: operations.Report, home: Settings) -> None:
    unbalanced = served(
        home,
        "select file_name from meta.delivery_accounting"
        " where state = 'accepted' and rows_in <> rows_accepted + rows_rejected + rows_duplicate",
    )
    assert unbalanced == []
    (day,) = served(
        home,
        "select rows_in, rows_accepted, rows_rejected from meta.delivery_accounting"
        " where file_name = 'orders_2026-04-03.csv'",
    )
    assert day == (12, 11, 1)
    states = dict(served(home, "select file_name, state from meta.delivery_accounting where file_name not like '%30%'"))
    assert states["leads_2026-04-02.csv"] == states["order_lines_2026-04-02.csv.gz"] == "refused"


def test_the_good_rows_of_a_bad_file_count(bad_day: operations.Report, home: Settings) -> None:
    (count,) = served(home, "select count(*) from core.fct_orders where order_id between '5101' and '5112'")
    assert count == (11,)


def test_a_file_delivered_twice_changes_nothing(bad_day: operations.Report, home: Settings) -> None:
    with Ledger(home.ledger_path) as ledger:
        (again,) = [each for each in ledger.deliveries() if each.file_name == "again_2026-03-30.csv"]
    assert again.state == "duplicate"


def test_nothing_that_the_missing_day_touches_is_final(bad_day: operations.Report, home: Settings) -> None:
    (through,) = served(
        home,
        "select observed_through_date, missing_dates from meta.observed_through"
        " where source = 'ecommerce' and \"table\" = 'orders'",
    )
    assert str(through[0]) == "2026-04-01" and "2026-04-02" in through[1]
    assert str(served(home, "select distinct as_of_date from marts.mart_orders__day")[0][0]) <= "2026-04-01"


def test_three_kinds_of_readers_while_a_snapshot_is_open(bad_day: operations.Report, home: Settings) -> None:
    path = str((home.published / "current" / "cxw.duckdb").resolve())
    sql = "select snapshot_id, count(*) as mart_rows from marts.mart_orders__day group by 1"
    frame = pd.read_parquet(home.published / "current" / "parquet" / "marts" / "mart_orders__day.parquet")
    engine = sqlalchemy.create_engine(f"duckdb:///{path}", connect_args={"read_only": True})
    with engine.connect() as connection:
        through_sqlalchemy = connection.execute(sqlalchemy.text(sql)).one()
        # A client of its own process, as every real one is: two settings of one file cannot share a process.
        client = (
            "import duckdb, sys; print(*duckdb.connect(sys.argv[1], read_only=True).execute(sys.argv[2]).fetchone())"
        )
        direct = subprocess.run([sys.executable, "-c", client, path, sql], capture_output=True, text=True, check=True)
    engine.dispose()
    snapshot_id, count = direct.stdout.split()
    assert tuple(through_sqlalchemy) == (snapshot_id, int(count)) == (bad_day.snapshot_id, len(frame))


def test_a_failed_critical_check_keeps_the_old_snapshot(bad_day: operations.Report, home: Settings) -> None:
    header = "refund_id,order_id,refunded_at,amount,currency_code\n"
    amounts = ["-0.05"] * 10 + ["0.05"] * 50  # enough for a share to be judged, too few to refuse the file
    rows = [f"N-{number},5101,2026-04-03T12:00:00+02:00,{amount},EUR\n" for number, amount in enumerate(amounts)]
    path = deliver(home, "ecommerce.refunds", "refunds_2026-04-03.csv", header + "".join(rows))
    held = operations.run_cycle(home, lambda text: None)
    assert held.exit_code == 1
    assert held.snapshot_id == bad_day.snapshot_id, "readers still see the old one"
    assert "refunds_are_delivered_as_positive_numbers" in held.said and "cxw" in held.said
    again = operations.run_cycle(home, lambda text: None)
    assert (again.exit_code, again.snapshot_id) == (1, held.snapshot_id), "the rows set aside still count"
    # The sender repairs it under the same name: the next revision, and the warehouse moves on.
    path.write_text(header + "".join(rows).replace("-0.05", "0.05"))
    repaired = operations.run_cycle(home, lambda text: None)
    assert repaired.exit_code == 4 and repaired.snapshot_id not in (bad_day.snapshot_id, None), repaired.said


def test_the_command_line_says_the_same(home: Settings, bad_day: operations.Report) -> None:
    command = [sys.executable, "-c", "from orchestration.cli import main; main()", "--home", str(home.home)]
    status = subprocess.run([*command, "status"], capture_output=True, text=True, check=False)
    assert status.returncode == 4, status.stderr
    assert "leads_2026-04-02.csv" in status.stdout
    listed = subprocess.run([*command, "quarantine", "list"], capture_output=True, text=True, check=False)
    assert listed.returncode == 0 and "orders_2026-04-03.csv" in listed.stdout
    assert "the day after" not in listed.stdout, "values stay in the quarantine"
