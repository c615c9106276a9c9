"""What a publish says about periods that were over, and the counts that must add up before it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deliveries import Home, csv, open_home, row

from orchestration import accounting
from orchestration.errors import CxwError
from orchestration.quarantine import set_aside
from orchestration.restatements import find_restatements
from orchestration.warehouse import DuckDBWarehouse

AS_OF = date(2024, 2, 10)
DAILY = {
    "unique_id": "model.x.mart_sales__day", "name": "mart_sales__day", "resource_type": "model",
    "config": {
        "meta": {"grain": ["date", "channel"], "restates": {"period": "date", "measures": ["orders", "amount"]}}
    },
}  # fmt: skip
MONTHLY = {
    "unique_id": "model.x.mart_sales__month", "name": "mart_sales__month", "resource_type": "model",
    "config": {"meta": {"grain": ["month"], "restates": {"period": "month", "measures": ["orders"]}}},
}  # fmt: skip
MANIFEST = {
    "nodes": {node["unique_id"]: node for node in (DAILY, MONTHLY)},
    "sources": {"source.x.shop.orders": {"source_name": "shop", "name": "orders"}},
    "parent_map": {node["unique_id"]: ["source.x.shop.orders"] for node in (DAILY, MONTHLY)},
}
DAYS = [(date(2024, 2, 1), "web", 3, Decimal("30")), (date(2024, 2, 9), "web", 1, Decimal("10")),
        (date(2024, 2, 11), None, 2, Decimal("5"))]  # fmt: skip
MONTHS = [(date(2024, 1, 1), 7), (date(2024, 2, 1), 6)]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with (opened := open_home(tmp_path)).ledger:
        opened.deliver(csv(row(1)))
        yield opened


def daily(rows: list[tuple]) -> pa.Table:
    names = ("date", "channel", "orders", "amount")
    table = pa.Table.from_pylist([dict(zip(names, each, strict=True)) for each in rows])
    return table.append_column("as_of_date", pa.array([AS_OF] * len(rows)))


def monthly(rows: list[tuple]) -> pa.Table:
    table = pa.Table.from_pylist([{"month": month, "orders": orders} for month, orders in rows])
    return table.append_column("as_of_date", pa.array([AS_OF] * len(rows)))


def publish(home: Home, days: list[tuple], months: list[tuple]) -> None:
    """What readers see now: the marts as Parquet, and the account of what they were made from."""
    folder = home.settings.published / "000001-abc"
    for name, rows in (("mart_sales__day", daily(days)), ("mart_sales__month", monthly(months))):
        (folder / "parquet" / "marts").mkdir(parents=True, exist_ok=True)
        pq.write_table(rows, folder / "parquet" / "marts" / f"{name}.parquet")
    (folder / "parquet" / "meta").mkdir()
    account = [{"source": d.source, "table": d.table, "extract_date": d.extract_date, "revision": d.revision,
                "sha256": d.sha256, "state": d.state} for d in home.ledger.deliveries()]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(account), folder / "parquet" / "meta" / "delivery_accounting.parquet")
    (home.settings.published / "current").symlink_to(folder.name)


def build(home: Home, days: list[tuple], months: list[tuple]) -> list[dict]:
    warehouse = DuckDBWarehouse(home.settings.warehouse_path, home.settings)
    warehouse.write("marts", "mart_sales__day", daily(days))
    warehouse.write("marts", "mart_sales__month", monthly(months))
    return find_restatements(home.settings, MANIFEST, home.ledger, warehouse, "000002-def").to_pylist()


def test_before_the_first_publish_there_is_nothing_to_restate(home: Home) -> None:
    assert build(home, DAYS, MONTHS) == []


def test_new_days_and_a_month_that_grows_restate_nothing(home: Home) -> None:
    publish(home, DAYS, MONTHS)
    grown = [*DAYS[:2], (date(2024, 2, 11), None, 9, Decimal("50")), (date(2024, 2, 12), "web", 1, Decimal("1"))]
    assert build(home, grown, [MONTHS[0], (date(2024, 2, 1), 14)]) == []


def test_a_correction_a_vanished_row_and_a_late_one_are_cells_with_their_delivery(home: Home) -> None:
    publish(home, DAYS, MONTHS)
    home.deliver(csv(row(2)), day=date(2024, 1, 16))
    changed = [(date(2024, 2, 1), "web", 3, Decimal("31")), (date(2024, 2, 3), "app", 1, Decimal("4")), DAYS[2]]
    rows = build(home, changed, [(date(2024, 1, 1), 6), MONTHS[1]])
    found = {
        (row["cell"], row["measure"]): (row["previous_value"], row["new_value"], row["change_amount"]) for row in rows
    }
    assert found == {
        ("date=2024-02-01, channel=web", "amount"): (30, 31, 1),
        ("date=2024-02-03, channel=app", "orders"): (None, 1, 1),
        ("date=2024-02-03, channel=app", "amount"): (None, 4, 4),
        ("date=2024-02-09, channel=web", "orders"): (1, None, -1),
        ("date=2024-02-09, channel=web", "amount"): (10, None, -10),
        ("month=2024-01-01", "orders"): (7, 6, -1),
    }
    assert all("shop.orders 2024-01-16" in row["because_of"] for row in rows)
    assert {(row["snapshot_id"], row["previous_snapshot_id"]) for row in rows} == {("000002-def", "000001-abc")}


def test_what_was_said_before_stays(home: Home) -> None:
    publish(home, DAYS, MONTHS)
    first = build(home, DAYS, [(date(2024, 1, 1), 6), MONTHS[1]])
    meta = home.settings.published / "current" / "parquet" / "meta" / "restatements.parquet"
    warehouse = DuckDBWarehouse(home.settings.warehouse_path, home.settings)
    pq.write_table(find_restatements(home.settings, MANIFEST, home.ledger, warehouse, "000002-def"), meta)
    again = build(home, DAYS, [(date(2024, 1, 1), 5), MONTHS[1]])
    assert len(first) == 1 and len(again) == 2


def test_counts_that_do_not_meet_hold_the_publish(home: Home) -> None:
    accounting.reconcile(home.ledger, {"shop.orders": 1})
    with pytest.raises(CxwError, match=r"E-CHK-003 shop.orders: 1 rows accepted, but the build was made from 2"):
        accounting.reconcile(home.ledger, {"shop.orders": 2})


def test_what_a_replay_would_read_again(home: Home) -> None:
    assert set_aside(home.settings) == []
    partly = home.deliver(csv(row(1), row(2, amount="x"), row(3)), day=date(2024, 1, 16))
    refused = home.deliver(csv("1,2", header="a,b"), day=date(2024, 1, 17) + timedelta(days=1))
    assert [each.sequence for each in set_aside(home.settings)] == [partly.sequence, refused.sequence]
    assert [each.sequence for each in set_aside(home.settings, str(partly.sequence))] == [partly.sequence]
    with pytest.raises(CxwError, match="E-RUN-004"):
        set_aside(home.settings, "999")
