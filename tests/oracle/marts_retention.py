"""Who stays.

Lives here: `mart_retention__month`, `mart_retention__cohort_month`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

from .arithmetic import (
    Amount,
    Near,
    month_after,
    month_end,
    month_of,
    months_between,
    months_through,
    net,
    percentile,
    quotient,
    ratio,
    total,
)
from .facts import Customer, Facts, net_revenue
from .lifespans import lives, restricted_mean
from .marts_orders import Rows, cohorts_by_month


def retention_by_month(facts: Facts, as_of: date) -> Rows:
    """Dense from the month of the first customer to the month of `as_of`."""
    customers = list(facts.customers.values())
    suggested = suggested_window(customers)
    window = facts.settings.active_window_days
    rows: Rows = {}
    first = min((month_of(customer.acquired) for customer in customers), default=None)
    for month in months_through(first, month_of(as_of)) if first else []:
        start = active_customers(customers, month, window)
        end = active_customers(customers, month_after(month), window)
        new = {c.group for c in customers if month_of(c.acquired) == month}
        known = {c.group for c in customers if c.acquired < month}
        retained, reactivated = start & end, (end - start) & known
        base_customers, revenue_now, revenue_capped, revenue_then = _revenue_against_last_year(customers, month)
        rows[month,] = {
            "start_customer_count": len(start),
            "end_customer_count": len(end),
            "new_customer_count": len(new),
            "retained_customer_count": len(retained),
            "reactivated_customer_count": len(reactivated),
            "lost_customer_count": len(start - end),
            "known_inactive_customer_count": len(known - start),
            "customer_retention_rate": ratio(len(retained), len(start)),
            "customer_retention_rate_period_formula": ratio(len(end) - len(new), len(start)),
            "churn_rate": ratio(len(start) - len(retained), len(start)),
            "reactivation_rate": ratio(len(reactivated), len(known - start)),
            "net_revenue_retention_rate": ratio(revenue_now, revenue_then),
            "gross_revenue_retention_rate": ratio(revenue_capped, revenue_then),
            "active_window_days": window,
            "active_window_days_suggested": suggested,
            "is_final": as_of >= month_end(month),
            "new_active_customer_count": len(end & new),
            "base_customer_count": base_customers,
            "base_net_revenue_amount": revenue_then,
            "renewed_net_revenue_amount": revenue_now,
            "capped_net_revenue_amount": revenue_capped,
            **_lifespan(customers, min(month_after(month), as_of + timedelta(days=1)), window),
            **_gaps(customers, month),
            **_simple_lifetime_value(facts, month, (len(start), len(retained), len(end))),
        }
    return rows


def _lifespan(customers: list[Customer], moment: date, window: int) -> dict[str, Any]:
    found = lives(customers, moment, window)
    return {
        "lapsed_customer_count": sum(has_lapsed for _, has_lapsed in found),
        "living_customer_count": sum(not has_lapsed for _, has_lapsed in found),
        "lifespan_horizon_days": max((days for days, _ in found), default=None),
        "customer_lifespan_days": Near(restricted_mean(found), Fraction(0)),
    }


def _gaps(customers: list[Customer], month: date) -> dict[str, Any]:
    """Days between purchase days, in the month of the later one."""
    pairs = [pair for customer in customers for pair in pairwise(customer.order_days) if month_of(pair[1]) == month]
    gaps = [(later - earlier).days for earlier, later in pairs]
    median = percentile(gaps, Fraction(1, 2))
    return {
        "order_gap_count": len(gaps),
        "order_gap_days": sum(gaps),
        "average_days_between_orders": ratio(sum(gaps), len(gaps)),
        "median_days_between_orders": None if median is None else float(median),
    }


def _simple_lifetime_value(facts: Facts, month: date, active: tuple[int, int, int]) -> dict[str, Any]:
    """The textbook's lifetime value of an active customer, with its inputs; `active`: at start, throughout, at end."""
    start, retained, end = active
    margin_rate = facts.settings.margin_rate
    orders = [
        order for customer in facts.customers.values() for order in customer.orders if month_of(order.day) == month
    ]
    ordered = total(order.ordered for order in orders)
    known = sum(order.ordered is not None for order in orders)
    value, frequency = quotient(ordered, known), quotient(len(orders), end)
    lifespan = quotient(start, start - retained)
    parts = (value, frequency, lifespan)
    simple = None if None in parts else float(math.prod(parts) * Fraction(margin_rate))
    return {
        "identified_order_count": len(orders),
        "identified_known_amount_order_count": known,
        "identified_ordered_revenue_amount": ordered,
        "margin_rate": margin_rate,
        "average_order_value_identified": ratio(ordered, known),
        "orders_to_active_customers_ratio": ratio(len(orders), end),
        "expected_lifespan_months": ratio(start, start - retained),
        "customer_lifetime_value_simple": simple,
    }


def active_customers(customers: list[Customer], moment: date, window: int) -> set[str]:
    """Customers with a counted order in the `window` days before the start of day `moment`."""
    since = moment - timedelta(days=window)
    return {c.group for c in customers if any(since <= day < moment for day in c.order_days)}


def suggested_window(customers: list[Customer]) -> int | None:
    """90th percentile of gaps between order days, rounded up, 90 to 365; None without any gap."""
    gaps = [(later - earlier).days for c in customers for earlier, later in pairwise(c.order_days)]
    exact = percentile(gaps, Fraction(9, 10))
    return None if exact is None else min(max(-(-exact.numerator // exact.denominator), 90), 365)


def _revenue_against_last_year(customers: list[Customer], month: date) -> tuple[int, Amount, Amount, Amount]:
    """(how many, now, now capped at the base, base) over customers with positive net revenue a year earlier."""
    now, capped, then = [], [], []
    for customer in customers:
        base = _month_revenue(customer, month_after(month, -12))
        if base is not None and base > 0:
            current = _month_revenue(customer, month)
            then.append(base)
            now.append(current)
            capped.append(None if current is None else max(Fraction(0), min(current, base)))
    return len(then), total(now), total(capped), total(then)


def _month_revenue(customer: Customer, month: date) -> Amount:
    orders = [order for order in customer.orders if month_of(order.day) == month]
    refunds = [refund for refund in customer.refunds if month_of(refund.day) == month]
    return net_revenue(orders, refunds)


def retention_by_cohort(facts: Facts, as_of: date) -> Rows:
    """Dense triangle: every cohort, every month from its own to the month of `as_of`."""
    rows: Rows = {}
    for month, cohort in cohorts_by_month(facts).items():
        members = cohort.customers
        revenue: dict[int, list[Amount]] = defaultdict(list)
        refunded: dict[int, list[Amount]] = defaultdict(list)
        for customer in members:
            for order in customer.orders:
                revenue[months_between(month, order.day)].append(order.ordered)
            for refund in customer.windowed_refunds:
                refunded[months_between(month, refund.day)].append(refund.amount)
        for index in range(months_between(month, as_of) + 1):
            ordered_in = [{months_between(month, day) for day in customer.order_days} for customer in members]
            active = sum(index in months for months in ordered_in)
            later = sum(max(months) >= index for months in ordered_in)
            rows[month, index] = {
                "cohort_customer_count": len(members),
                "active_customer_count": active,
                "active_or_later_customer_count": later,
                "retention_rate_classic": ratio(active, len(members)),
                "retention_rate_unbounded": ratio(later, len(members)),
                "net_revenue_amount": net(revenue[index], refunded[index]),
                "is_final": as_of >= month_end(month_after(month, index)),
            }
    return rows
