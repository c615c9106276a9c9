"""The comparison itself: a file that holds the reference's own numbers agrees, and one wrong cell is named."""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pytest

from .arithmetic import Near, month_after, published_amount
from .cases import Case
from .company import Company, company, write_landing
from .compare import agrees, compare
from .marts_kpis import kpis_by_month
from .reference import Reference
from .tables import TABLES

_KPI_COLUMNS = {
    "month": "date",
    "kpi_id": "varchar",
    "variant": "varchar",
    "numerator": "decimal(28,6)",
    "denominator": "decimal(28,6)",
    "value": "double",
    "previous_value": "double",
    "is_final": "boolean",
}


def as_published(value: Any) -> Any:
    value = value.value if isinstance(value, Near) else value
    return published_amount(value) if isinstance(value, Fraction) else value


def column_type(values: list[Any]) -> str:
    kinds = {Fraction if isinstance(value, Near) else type(value) for value in values if value is not None}
    names = {bool: "boolean", int: "bigint", float: "double", date: "date", Decimal: "decimal(24,18)"}
    names |= {Fraction: "decimal(24,4)"}
    return names[kinds.pop()] if len(kinds) == 1 and kinds <= set(names) else "varchar"


def publish(subject: Company, path: Path) -> None:
    """Write what a faultless pipeline would publish for `subject`."""
    reference = Reference(subject)
    facts = reference.facts
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema core; create schema marts")
        records = [
            {"customer_key": f"key of {group}", "source_table": table.split(".")[1], "source_id": record_id}
            for (table, record_id), group in reference.identities().items()
        ]
        orders = [
            {"order_id": order.order_id, "customer_key": order.customer and f"key of {order.customer}"}
            for order in facts.orders
        ]
        _write(connection, "core.customer_identities", ["customer_key", "source_table", "source_id"], records)
        _write(connection, "core.fct_orders", ["order_id", "customer_key"], orders)
        groups = {*reference.identities().values(), *facts.customers}
        people = [{"customer_key": f"key of {group}"} | reference.survivors.person(group) for group in groups]
        _write(connection, "core.dim_customers", list(people[0]) if people else ["customer_key"], people)
        accounts = [
            {"account_key": account_id, "account_id": account_id} | account.cells
            for account_id, account in reference.survivors.accounts.items()
        ]
        _write(
            connection, "core.dim_accounts", list(accounts[0]) if accounts else ["account_key", "account_id"], accounts
        )
        keys = {group: f"key of {group}" for group in facts.customers}
        for name, mart in reference.marts(key_order=keys).items():
            rows = [
                dict(zip(mart.grain, grain, strict=True)) | row | {"as_of_date": mart.as_of}
                for grain, row in mart.rows.items()
            ]
            if "customer_key" in mart.grain:
                rows = [row | {"customer_key": keys[row["customer_key"]]} for row in rows]
            _write(connection, f"marts.{name}", list(rows[0]) if rows else list(mart.grain), rows)
        columns = ", ".join(f"{name} {kind}" for name, kind in _KPI_COLUMNS.items())
        connection.execute(f"create table marts.mart_kpis__month ({columns})")
        kpis = kpis_by_month(reference.marts(), facts.settings.abandon_policy)
        for (month, kpi_id, variant), kpi in kpis.items():
            before = kpis.get((month_after(month, -1), kpi_id, variant))
            parts = [kpi.numerator, kpi.denominator if kpi.has_denominator else None]
            cells = [
                month,
                kpi_id,
                variant,
                *map(as_published, parts),
                kpi.value,
                before and before.value,
                kpi.is_final,
            ]
            connection.execute("insert into marts.mart_kpis__month values (?, ?, ?, ?, ?, ?, ?, ?)", cells)


def _write(connection: duckdb.DuckDBPyConnection, table: str, columns: list[str], rows: list[dict]) -> None:
    values = [[as_published(row.get(name)) for name in columns] for row in rows]
    types = [column_type([row.get(name) for row in rows]) for name in columns]
    spelled = ", ".join(f'"{name}" {kind}' for name, kind in zip(columns, types, strict=True))
    connection.execute(f"create table {table} ({spelled})")
    if values:
        places = f"({', '.join('?' * len(columns))})"
        flat = [value for row in values for value in row]
        connection.execute(f"insert into {table} values {', '.join([places] * len(values))}", flat)


@pytest.mark.parametrize("number", [3, 9])
def test_a_faultless_file_agrees(number, tmp_path):
    publish(company(number), tmp_path / "cxw.duckdb")
    assert [str(difference) for difference in compare(tmp_path / "cxw.duckdb", company(number))] == []


def test_one_wrong_cell_one_missing_row_and_one_split_customer_are_named(tmp_path):
    case = Case("2024-02-28").order("O1", "C1", "2024-01-10", 100).order("O2", "C1", "2024-02-10", 50)
    path = tmp_path / "cxw.duckdb"
    publish(case.company(), path)
    with duckdb.connect(str(path)) as connection:
        connection.execute("update marts.mart_orders__day set net_revenue_amount = 99.9999 where date = '2024-01-10'")
        connection.execute("delete from marts.mart_retention__month where month = '2024-02-01'")
    lines = [str(difference) for difference in compare(path, case.company())]
    assert lines == [
        "mart_orders__day [date=2024-01-10, source_channel=None] net_revenue_amount: expected 100.0000, got 99.9999",
        "mart_retention__month [month=2024-02-01] : expected a row, got none",
    ]
    with duckdb.connect(str(path)) as connection:
        connection.execute("update core.fct_orders set customer_key = 'another' where order_id = 'O2'")
    assert "identity [order_id=O2] customer_key" in str(compare(path, case.company())[0])


def test_tolerances():
    assert agrees(Fraction(1, 3), Decimal("0.3333")) and not agrees(Fraction(1, 3), Decimal("0.3334"))
    assert agrees(1 / 3, 0.33333333333333337) and not agrees(1 / 3, 0.33333333334)
    assert agrees(Near(Fraction(5), Fraction(1, 10_000)), Decimal("5.0001"))
    assert not agrees(None, 0) and not agrees(0, None) and not agrees(1, True)


def test_landing_files_hold_every_delivery_each_day(tmp_path):
    subject = company(3)
    paths = write_landing(subject, tmp_path)
    assert len(set(paths)) == len(subject.deliveries)
    days = {delivery.extract_date for delivery in subject.deliveries}
    for name in {delivery.table for delivery in subject.deliveries}:
        assert {d.extract_date for d in subject.deliveries if d.table == name} == days
        assert all(path.stat().st_size for path in (tmp_path / name.replace(".", "/")).iterdir())


def test_company_numbers_are_reproducible_and_small():
    assert company(7) == company(7)
    for number in range(20):
        subject = company(number)
        assert (
            len({row["order_id"] for d in subject.deliveries if d.table == "ecommerce.orders" for row in d.rows}) <= 24
        )
        assert {delivery.table for delivery in subject.deliveries} <= set(TABLES)


def test_a_gap_stops_the_as_of_date():
    dates = set()
    for number in range(10):
        subject = company(number, has_gap=True)
        last = max(delivery.extract_date for delivery in subject.deliveries)
        dates |= {mart.as_of == last for mart in Reference(subject).marts().values()}
    assert dates == {True, False}
