"""Laws that hold whatever the numbers are, tried on random companies; no expected value is written down here."""

import dataclasses
import math
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings

from .arithmetic import Near, total
from .attribution import MODELS
from .company import Company, companies, company
from .facts import Facts
from .reference import Reference
from .tables import TABLES, Row

NUMBERS = range(12)
MONEY_RATIOS = ("average_order_value", "customer_lifetime_value", "customer_acquisition_cost", "cost_per_")


def cells(subject: Company) -> dict[tuple, object]:
    """(mart, grain, column) -> value, for every cell of a company."""
    marts = Reference(subject).marts()
    return {
        (name, grain, column): value
        for name, mart in marts.items()
        for grain, row in mart.rows.items()
        for column, value in row.items()
    }


def same(left: object, right: object) -> bool:
    """Equal, up to the last bits of a ratio."""
    if isinstance(left, Near) and isinstance(right, Near):
        return left.value is right.value is None or abs(left.value - right.value) <= left.tolerance
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=1e-12)
    return left == right


def assert_same(before: dict, after: dict) -> None:
    assert before.keys() == after.keys()
    assert {key: (before[key], after[key]) for key in before if not same(before[key], after[key])} == {}


@pytest.mark.parametrize("number", NUMBERS)
def test_order_repetition_and_splits_of_deliveries_do_not_matter(number):
    subject = company(number)
    random = Random(number)
    halves = []
    for delivery in subject.deliveries:
        cut = random.randint(0, len(delivery.rows))
        halves.append(dataclasses.replace(delivery, rows=delivery.rows[cut:]))
        halves.append(dataclasses.replace(delivery, rows=delivery.rows[:cut]))
    deliveries = [*halves, *random.sample(list(subject.deliveries), len(subject.deliveries) // 2)]
    random.shuffle(deliveries)
    assert_same(cells(subject), cells(dataclasses.replace(subject, deliveries=tuple(deliveries))))


@pytest.mark.parametrize("number", NUMBERS)
def test_three_times_the_money(number):
    def triple(table: str, row: Row) -> Row:
        money = [name for name, kind in TABLES[table].columns.items() if kind == "money"]
        return row | {name: row[name] * 3 for name in money if row[name] is not None}

    before, after = cells(company(number)), cells(company(number).with_rows(triple))
    assert before.keys() == after.keys()
    for key, value in before.items():
        column = key[2]
        # a split to whole units (allocated costs) does not scale exactly, and payback compares two scaled sums
        if isinstance(value, Fraction):
            assert after[key] == value * 3, key
        elif isinstance(value, float) and column.startswith(MONEY_RATIOS):
            assert after[key] == pytest.approx(value * 3), key
        elif not isinstance(value, Near):
            assert same(value, after[key]), key


@pytest.mark.parametrize("number", NUMBERS)
def test_relabelled_people_are_the_same_people(number):
    def relabel(table: str, row: Row) -> Row:
        names = ("customer_id", "referrer_customer_id", "contact_id", "converted_contact_id", "merged_into_contact_id")
        return row | {name: f"X{row[name][::-1]}" for name in names if row.get(name)}

    def multiset(subject: Company) -> Counter:
        marts = Reference(subject).marts()
        return Counter(
            (name, *(() if "customer_key" in mart.grain else grain), column, str(value))
            for name, mart in marts.items()
            for grain, row in mart.rows.items()
            for column, value in row.items()
            if not column.endswith("_score") or column == "latest_net_promoter_score"  # ties go by key
        )

    assert multiset(company(number)) == multiset(company(number).with_rows(relabel))


@pytest.mark.parametrize("number", NUMBERS)
def test_a_line_split_into_halves_is_the_same_order(number):
    subject = company(number)
    halves = []
    for delivery in subject.deliveries:
        rows = delivery.rows
        if delivery.table == "ecommerce.order_lines":
            half = [
                row | {"quantity": row["quantity"] / 2, "discount_amount": _half(row["discount_amount"])}
                for row in rows
            ]
            rows = (*half, *(row | {"line_number": row["line_number"] + 100} for row in half))
        halves.append(dataclasses.replace(delivery, rows=tuple(rows)))
    assert_same(cells(subject), cells(dataclasses.replace(subject, deliveries=tuple(halves))))


def _half(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else amount / 2


@pytest.mark.parametrize("number", NUMBERS)
def test_a_record_of_nobody_moves_nothing(number):
    subject = company(number)
    newcomer = dict.fromkeys(TABLES["ecommerce.customers"].columns) | {"customer_id": "C-newcomer"}
    deliveries = [
        dataclasses.replace(delivery, rows=(*delivery.rows, newcomer)) if "customers" in delivery.table else delivery
        for delivery in subject.deliveries
    ]
    assert_same(cells(subject), cells(dataclasses.replace(subject, deliveries=tuple(deliveries))))


@pytest.mark.parametrize("number", NUMBERS)
def test_whole_days_later_customers_are_worth_the_same(number):
    subject = dataclasses.replace(company(number), overrides={"reporting_zone": "UTC", "reporting_currency": "EUR"})
    before, after = Reference(subject), Reference(subject.shifted(1000))
    name = "mart_customer_value__customer"
    left, right = before.mart(name).rows, after.mart(name).rows
    assert left.keys() == right.keys()
    for grain, row in left.items():
        for column in ("order_count", "net_revenue_amount", "lifecycle_stage", "recency_score", "acquisition_channel"):
            assert right[grain][column] == row[column], (grain, column)


@pytest.mark.parametrize("number", NUMBERS)
def test_totals_are_the_same_in_every_zone(number):
    subject = company(number)
    in_home_currency = subject.with_rows(
        lambda _, row: row | {"currency_code": subject.settings.reporting_currency} if "currency_code" in row else row
    )
    totals = set()
    for zone in ("UTC", "Asia/Kolkata", "America/New_York"):
        moved = dataclasses.replace(in_home_currency, overrides={**subject.overrides, "reporting_zone": zone})
        rows = Reference(moved).mart("mart_orders__day").rows.values()
        totals.add(tuple(total(row[column] for row in rows) for column in ("order_count", "refund_amount")))
    assert len(totals) == 1


@pytest.mark.parametrize("number", NUMBERS)
def test_everything_adds_up(number):
    assert_adds_up(company(number))


@settings(max_examples=8, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(companies(people=3, orders=5))
def test_everything_adds_up_in_drawn_companies(subject):
    assert_adds_up(subject)


def assert_adds_up(subject: Company) -> None:
    """The reconciliations that block a publish."""
    reference = Reference(subject)
    facts = reference.facts
    rows = {name: mart.rows for name, mart in reference.marts().items()}
    days = rows["mart_orders__day"].values()
    for column, amounts in (
        ("ordered_revenue_amount", [order.ordered for order in facts.counted_orders]),
        ("refund_amount", [refund.amount for refund in facts.refunds]),
        ("refund_amount_by_order_date", [refund.amount for refund in facts.refunds]),
    ):
        assert _sum(row[column] for row in days) == _sum(amounts)
    customers = rows["mart_customer_value__customer"].values()
    elsewhere = [order.ordered for order in facts.counted_orders if order.customer is None]
    assert _sum(row["ordered_revenue_amount"] for row in customers) + _sum(elsewhere) == _sum(
        order.ordered for order in facts.counted_orders
    )
    _assert_channels_add_up(facts, rows)
    for row in rows["mart_retention__month"].values():
        parts = ("retained_customer_count", "new_customer_count", "reactivated_customer_count")
        assert row["end_customer_count"] == sum(row[part] for part in parts)
    for row in rows["mart_service__queue_day"].values():
        parts = ("answered_interaction_count", "abandoned_interaction_count", "other_interaction_count")
        assert row["offered_interaction_count"] == sum(row[part] for part in parts)


def _assert_channels_add_up(facts: Facts, rows: dict) -> None:
    new = {month: row["new_customer_count"] for (month,), row in rows["mart_acquisition__month"].items()}
    found: Counter = Counter()
    for (month, _, model), row in rows["mart_acquisition__channel_month"].items():
        found[month, model] += row["attributed_new_customer_count"]
    for month, count in new.items():
        assert {found[month, model] for model in MODELS} == {count}
    for credits in Reference(facts.company).attribution.credits.values():
        assert sum(credit for _, credit in credits) == 1


def _sum(amounts: object) -> Fraction:
    return sum((amount for amount in amounts if amount is not None), Fraction(0))
