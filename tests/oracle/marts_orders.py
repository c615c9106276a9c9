"""Orders by day, and what each customer is worth.

Lives here: `mart_orders__day`, `mart_customer_value__customer`, `mart_customer_value__cohort_month`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from .arithmetic import Amount, is_within, month_end, month_of, ntile, ratio, total
from .attribution import Attribution
from .facts import Customer, Facts, Order, net_margin, net_revenue
from .service import Service
from .surveys import latest_promoter_scores

COHORT_WINDOWS = (30, 60, 90, 180, 365, 730)
Rows = dict[tuple, dict[str, Any]]


def orders_by_day(facts: Facts) -> Rows:
    """Counted orders on their day, refunds on their own and on their order's."""
    orders: dict[tuple, list] = defaultdict(list)
    refunds: dict[tuple, list] = defaultdict(list)
    by_order_date: dict[tuple, list] = defaultdict(list)
    for order in facts.counted_orders:
        orders[order.day, order.source_channel].append(order)
    for refund in facts.refunds:
        refunds[refund.day, refund.source_channel].append(refund)
        by_order_date[refund.basis_day, refund.source_channel].append(refund)
    rows = {}
    for cell in {*orders, *refunds, *by_order_date}:
        mine, ladders = orders[cell], [order.ladder for order in orders[cell]]
        known = sum(order.ordered is not None for order in mine)
        units = total(ladder.units for ladder in ladders)
        known_units = sum(ladder.units is not None for ladder in ladders)
        ordered = total(order.ordered for order in mine)
        refunded = total(refund.amount for refund in refunds[cell])
        rows[cell] = {
            "order_count": len(mine),
            "customer_count": len({order.customer for order in mine} - {None}),
            "ordered_revenue_amount": ordered,
            "refund_amount": refunded,
            "refund_amount_by_order_date": total(refund.amount for refund in by_order_date[cell]),
            "net_revenue_amount": net_revenue(mine, refunds[cell]),
            "average_order_value": _average_order_value(mine),
            "known_amount_order_count": known,
            "anonymous_order_count": sum(order.customer is None for order in mine),
            "refund_count": len(refunds[cell]),
            "known_units_order_count": known_units,
            "units_count": None if units is None else Decimal(units.numerator) / units.denominator,
            "gross_revenue_amount": total(ladder.gross for ladder in ladders),
            "line_discount_amount": total(ladder.line_discount for ladder in ladders),
            "order_discount_amount": total(ladder.order_discount for ladder in ladders),
            "net_revenue_amount_by_order_date": net_revenue(mine, by_order_date[cell]),
            "average_order_value_net_of_refunds": ratio(net_revenue(mine, refunds[cell]), known),
            "average_order_quantity": ratio(units, known_units),
        }
    return rows


def _average_order_value(orders: list[Order]) -> float | None:
    """Money per counted order whose amount is known."""
    return ratio(total(order.ordered for order in orders), sum(order.ordered is not None for order in orders))


def customer_values(
    facts: Facts, attribution: Attribution, service: Service, as_of: date, key_order: dict[str, str]
) -> Rows:
    """One row per golden customer; `key_order` (group -> published key) breaks ties of the scores."""
    active_days = facts.settings.active_window_days
    contacts = [interaction.customer for interaction in service.interactions]
    serving, agent_time = service.costs_by_customer(), service.agent_time_by_customer()
    promoter_scores = latest_promoter_scores(facts, service)
    rows: Rows = {}
    for group, customer in facts.customers.items():
        ordered = total(order.ordered for order in customer.orders)
        refunded = total(refund.amount for refund in customer.refunds)
        last_day = customer.orders[-1].day
        rows[group,] = {
            "acquired_date": customer.acquired,
            "acquisition_channel": attribution.acquisition_channel(group),
            "order_count": len(customer.orders),
            "ordered_revenue_amount": ordered,
            "refund_amount": refunded,
            "net_revenue_amount": net_revenue(customer.orders, customer.refunds),
            "gross_margin_amount": net_margin(customer.orders, customer.refunds),
            "margin_basis": _margin_basis(customer.orders),
            "average_order_value": _average_order_value(customer.orders),
            "customer_lifetime_value_historical": net_revenue(customer.orders, customer.refunds),
            "customer_lifetime_value_historical_margin": net_margin(customer.orders, customer.refunds),
            "lifecycle_stage": lifecycle_stage(customer, as_of, active_days),
            "last_ordered_date": last_day,
            "lapsed_date": last_day + timedelta(days=active_days),
            "contact_count": contacts.count(group),
            "cost_to_serve_amount": serving.get(group, Fraction(0)),
            "latest_net_promoter_score": promoter_scores.get(group),
            "known_amount_order_count": (known := sum(order.ordered is not None for order in customer.orders)),
            "refund_count": len(customer.refunds),
            "average_order_value_net_of_refunds": ratio(net_revenue(customer.orders, customer.refunds), known),
            "agent_time_cost_amount": agent_time.get(group, Fraction(0)),
        }
    keys = {group: key_order.get(group, group) for group in facts.customers}
    recency = {group: -(as_of - customer.orders[-1].day).days for group, customer in facts.customers.items()}
    frequency = {group: len(customer.orders) for group, customer in facts.customers.items()}
    monetary = {group: rows[group,]["net_revenue_amount"] for group in facts.customers}
    for name, metric in (("recency", recency), ("frequency", frequency), ("monetary", monetary)):
        scores = _quintiles(metric, keys)
        for group in facts.customers:
            rows[group,][f"{name}_score"] = scores.get(group)
    return rows


def _quintiles(metric: dict[str, Any], keys: dict[str, str]) -> dict[str, int]:
    """1 (worst) … 5 (best) over (metric, key); an unknown metric has no score."""
    ranked = sorted((group for group in metric if metric[group] is not None), key=lambda g: (metric[g], keys[g]))
    return dict(zip(ranked, ntile(len(ranked), 5), strict=True))


def _margin_basis(orders: Iterable[Order]) -> str | None:
    known = {has_cost for order in orders if order.margin is not None for has_cost in order.has_cost}
    return {(): None, (True,): "actual", (False,): "estimated"}.get(tuple(known), "mixed")


def lifecycle_stage(customer: Customer, as_of: date, active_days: int) -> str:
    """First stage that fits; gaps are whole days between distinct order days."""
    days = customer.order_days
    since = (as_of - days[-1]).days
    if len(customer.orders) == 1 and since <= 90:
        return "new"
    if since < active_days:
        has_gap = len(days) > 1 and (days[-1] - days[-2]).days > active_days
        return "reactivated" if has_gap else "active"
    return "lapsing" if 2 * since <= 3 * active_days else "lapsed"


class Cohort:
    """Customers acquired in one month (and, for the value mart, through one channel)."""

    def __init__(self, month: date, customers: list[Customer]) -> None:
        self.month = month
        self.customers = customers

    def lived_days(self, as_of: date) -> int:
        """Days that every member has lived; 0 while the month can still bring new members."""
        if as_of < month_end(self.month):
            return 0
        return (as_of - max(customer.acquired for customer in self.customers)).days + 1

    def cumulative(self, days: int) -> tuple[Amount, Amount]:
        """(net revenue, margin) within `days` days of each member's first order."""
        orders, refunds = [], []
        for customer in self.customers:
            orders += [order for order in customer.orders if is_within(order.day, customer.acquired, days)]
            refunds += [r for r in customer.windowed_refunds if is_within(r.day, customer.acquired, days)]
        return net_revenue(orders, refunds), net_margin(orders, refunds)


def value_cohorts(facts: Facts, attribution: Attribution, as_of: date) -> Rows:
    """Cumulative value within each window, by cohort month and acquisition channel."""
    members: dict[tuple[date, str], list[Customer]] = defaultdict(list)
    for group, customer in facts.customers.items():
        members[month_of(customer.acquired), attribution.acquisition_channel(group)].append(customer)
    rows: Rows = {}
    for (month, channel), customers in members.items():
        cohort = Cohort(month, customers)
        for days in COHORT_WINDOWS:
            revenue, margin = cohort.cumulative(days)
            repeated = sum(len(c.orders) > 1 and is_within(c.orders[1].day, c.acquired, days) for c in customers)
            rows[month, channel, days] = {
                "cohort_customer_count": len(customers),
                "repeat_customer_count": repeated,
                "repeat_purchase_rate_cohort": ratio(repeated, len(customers)),
                "cumulative_net_revenue_amount": revenue,
                "cumulative_margin_amount": margin,
                "customer_lifetime_value_cohort": ratio(revenue, len(customers)),
                "customer_lifetime_value_cohort_margin": ratio(margin, len(customers)),
                "is_final": cohort.lived_days(as_of) >= days,
            }
    return rows


def cohorts_by_month(facts: Facts) -> dict[date, Cohort]:
    members: dict[date, list[Customer]] = defaultdict(list)
    for customer in facts.customers.values():
        members[month_of(customer.acquired)].append(customer)
    return {month: Cohort(month, customers) for month, customers in members.items()}
