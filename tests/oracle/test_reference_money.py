"""Worked examples of revenue, margin, refunds and the value marts; the sums in the comments are done by hand."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from .arithmetic import largest_remainder, percentile, published_amount
from .cases import Case, at, day

ORDERS, CUSTOMERS, COHORTS = (
    "mart_orders__day",
    "mart_customer_value__customer",
    "mart_customer_value__cohort_month",
)


def test_revenue_is_lines_less_discounts_without_shipping_and_gift_cards():
    case = Case("2024-01-31").order("O1", "C1", "2024-01-10T09:00", 100, discount_amount=Decimal(5))
    case.line("O1", 2, 20, quantity=Decimal(2), discount_amount=Decimal(3), line_type="fee")  # 40 - 3
    case.line("O1", 3, 9, line_type="shipping").line("O1", 4, 50, line_type="gift_card")
    row = case.mart(ORDERS)["2024-01-10", None]
    assert row["ordered_revenue_amount"] == 100 + 40 - 3 - 5
    assert row["average_order_value"] == 132.0


def test_order_without_lines_is_unknown_and_one_with_only_shipping_is_worth_nothing():
    case = Case("2024-01-31").order("O1", "C1", "2024-01-10T09:00").order("O2", "C1", "2024-01-11T09:00")
    case.rows["ecommerce.order_lines"] = []
    case.line("O2", 1, 9, line_type="shipping")
    rows = case.mart(ORDERS)
    assert rows["2024-01-10", None]["ordered_revenue_amount"] is None
    assert rows["2024-01-10", None]["average_order_value"] is None
    assert rows["2024-01-11", None]["ordered_revenue_amount"] == 0


def test_total_less_tax_and_shipping_when_no_lines_are_ever_delivered():
    case = Case("2024-01-31").order("O1", "C1", "2024-01-10T09:00", total_amount=Decimal(100),
                                    tax_amount=Decimal(16), shipping_amount=Decimal(4))  # fmt: skip
    del case.rows["ecommerce.order_lines"]
    (row,) = case.mart(CUSTOMERS).values()
    assert row["ordered_revenue_amount"] == 80
    assert row["gross_margin_amount"] == Fraction(32)
    assert row["margin_basis"] == "estimated"


def test_margin_uses_known_costs_and_the_rate_for_others_and_refunds_reduce_it_in_full():
    case = Case("2024-01-31").order("O1", "C1", "2024-01-10T09:00", 100, discount_amount=Decimal(10))
    case.rows["ecommerce.order_lines"][0]["unit_cost_amount"] = Decimal(70)
    case.line("O1", 2, 50).refund("R1", "O1", "2024-01-20", 5)
    (row,) = case.mart(CUSTOMERS).values()
    assert row["gross_margin_amount"] == (100 - 70) + 50 * Fraction(2, 5) - 10 - 5
    assert row["margin_basis"] == "mixed"


def test_missing_rate_is_unknown_and_is_never_one_nor_yesterdays():
    case = Case("2024-01-31").order("O1", "C1", "2024-01-10T09:00", 100, currency_code="SEK")
    case.order("O2", "C1", "2024-01-11T09:00", 100, currency_code="SEK")
    case.add("finance.exchange_rates", rate_date=day("2024-01-10"), currency_code="SEK",
             rate_to_reporting=Decimal("0.0875"))  # fmt: skip
    rows = case.mart(ORDERS)
    assert rows["2024-01-10", None]["ordered_revenue_amount"] == Fraction("8.75")
    assert rows["2024-01-11", None]["ordered_revenue_amount"] is None
    (customer,) = case.mart(CUSTOMERS).values()
    assert customer["ordered_revenue_amount"] == Fraction("8.75")  # the known one
    assert customer["average_order_value"] == 8.75


def test_full_refund_at_the_rate_of_its_order_nets_to_exactly_zero():
    case = Case("2024-02-28").order("O1", "C1", "2024-01-10T09:00", "99.99", currency_code="SEK")
    for when, rate in (("2024-01-10", "0.0876543211"), ("2024-02-10", "0.09")):
        case.add("finance.exchange_rates", rate_date=day(when), currency_code="SEK", rate_to_reporting=Decimal(rate))
    case.refund("R1", "O1", "2024-02-10", "99.99", currency_code="SEK")
    (row,) = case.mart(CUSTOMERS).values()
    assert row["net_revenue_amount"] == 0
    assert case.mart(ORDERS)["2024-01-10", None]["refund_amount_by_order_date"] == Fraction("99.99") * Fraction(
        "0.0876543211"
    )


def test_refund_of_uncounted_or_unknown_order_stays_out_and_one_of_no_order_counts_on_its_own_date():
    case = Case("2024-02-28").order("O1", "C1", "2024-01-10T09:00", 100).order("O2", "C1", "2024-01-10T10:00", 50)
    case.rows["ecommerce.orders"][1]["cancelled_at"] = at("2024-01-11")
    case.refund("R1", "O2", "2024-01-12", 50).refund("R2", "O9", "2024-01-12", 7)
    case.refund("R3", None, "2024-01-12", 3, customer_id="C1").refund("R4", None, "2024-01-05", 4, customer_id="C1")
    rows = case.mart(ORDERS)
    assert rows["2024-01-12", None]["refund_amount"] == 3
    assert rows["2024-01-12", None]["refund_amount_by_order_date"] == 3
    assert rows["2024-01-12", None]["order_count"] == 0
    (customer,) = case.mart(CUSTOMERS).values()
    assert customer["refund_amount"] == 7  # R4 precedes the first order: in totals ...
    assert case.mart(COHORTS)["2024-01-01", "unattributed", 30]["cumulative_net_revenue_amount"] == 97  # ... only


def test_anonymous_orders_are_revenue_without_customers():
    case = Case("2024-01-31").order("O1", None, "2024-01-10T09:00", 100, source_channel="web")
    row = case.mart(ORDERS)["2024-01-10", "web"]
    assert (row["order_count"], row["customer_count"], row["ordered_revenue_amount"]) == (1, 0, 100)
    assert case.mart(CUSTOMERS) == {}


def test_refund_of_the_first_order_keeps_the_customer_and_the_cohort():
    case = Case("2024-06-30").order("O1", "C1", "2024-01-10T09:00", 100).refund("R1", "O1", "2024-01-20", 100)
    rows = case.mart(COHORTS)
    assert rows["2024-01-01", "unattributed", 30]["cohort_customer_count"] == 1
    assert rows["2024-01-01", "unattributed", 30]["cumulative_net_revenue_amount"] == 0


@pytest.mark.parametrize(("last_day", "is_final"), [("2024-02-08", False), ("2024-02-09", True)])
def test_cohort_window_of_30_days_holds_day_0_to_day_29(last_day, is_final):
    case = Case(last_day).order("O1", "C1", "2024-01-11T09:00", 100)
    case.order("O2", "C1", "2024-02-09T23:59", 10).order("O3", "C1", "2024-02-10T00:00", 1)  # days 29 and 30
    row = case.mart(COHORTS)["2024-01-01", "unattributed", 30]
    assert row["cumulative_net_revenue_amount"] == 110
    assert row["is_final"] is is_final  # all 30 days are lived on 9 February


def test_first_order_cancelled_later_moves_the_acquisition():
    case = Case("2024-03-31").order("O1", "C1", "2024-01-10T09:00").order("O2", "C1", "2024-02-10T09:00")
    assert next(iter(case.mart(CUSTOMERS).values()))["acquired_date"] == date(2024, 1, 10)
    case.rows["ecommerce.orders"][0]["status"] = "cancelled"
    assert next(iter(case.mart(CUSTOMERS).values()))["acquired_date"] == date(2024, 2, 10)


def test_zone_midnight_and_leap_day():
    case = Case("2024-03-31", reporting_zone="America/New_York").order("O1", "C1", "2024-03-01T04:59:59")
    case.order("O2", "C1", "2024-03-01T05:00:00")
    assert set(case.mart(ORDERS)) == {("2024-02-29", None), ("2024-03-01", None)}


@pytest.mark.parametrize(
    ("days", "stage"),
    [
        (["2024-12-01"], "new"),
        (["2024-10-02"], "new"),  # 90 days ago
        (["2024-10-01"], "lapsing"),  # 91 days ago
        (["2024-06-01", "2024-12-01"], "reactivated"),
        (["2024-09-02", "2024-12-01"], "active"),  # a gap of exactly 90 days
        (["2024-09-01", "2024-12-01"], "reactivated"),
        (["2024-08-01", "2024-10-02"], "lapsing"),  # 90 days ago is not within 90 days
        (["2024-08-01", "2024-08-18"], "lapsing"),  # 135 days
        (["2024-08-01", "2024-08-17"], "lapsed"),
    ],
)
def test_lifecycle_stage(days, stage):
    case = Case("2024-12-31")
    for number, text in enumerate(days):
        case.order(f"O{number}", "C1", text)
    (row,) = case.mart(CUSTOMERS).values()
    assert row["lifecycle_stage"] == stage


def test_quintiles_of_six_customers():
    case = Case("2024-12-31")
    for number in range(6):
        case.order(f"O{number}", f"C{number}", f"2024-12-0{number + 1}", 10 * (number + 1))
    rows = case.mart(CUSTOMERS)
    scores = [rows[f"guest:customer_id:C{number}",]["monetary_score"] for number in range(6)]
    assert scores == [1, 1, 2, 3, 4, 5]
    assert [rows[f"guest:customer_id:C{number}",]["recency_score"] for number in range(6)] == scores


def test_rounding_and_splitting():
    assert published_amount(Fraction("0.00005")) == Decimal("0.0001")
    assert published_amount(Fraction("-0.00005")) == Decimal("-0.0001")
    assert published_amount(Fraction("0.000049")) == 0
    assert largest_remainder([Fraction(1)] * 3, 10) == [4, 3, 3]
    assert percentile([1, 2, 3, 10], Fraction(1, 2)) == Fraction(5, 2)
