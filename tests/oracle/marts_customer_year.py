"""What a customer returned in a calendar year.

Lives here: `mart_customer_value__customer_year`, referrals. Does not live here: costs of a month (`media.py`), cost to
serve (`service.py`).
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from fractions import Fraction
from typing import Any

from .arithmetic import Amount, Near, is_within, month_of, total
from .facts import Facts, net_margin
from .marts_orders import Rows, cohorts_by_month
from .marts_retention import active_customers
from .media import OTHER_CATEGORIES, Costs
from .service import Service

_UNIT = Fraction(1, 10_000)
_FIRST_YEAR = 365
Year = tuple[str, date]  # customer, first day of the year


def customer_years(facts: Facts, costs: Costs, service: Service, as_of: date, costs_known_until: date | None) -> Rows:
    """A row for each year with something in it; `costs_known_until`: as-of date of the monthly acquisition mart."""
    orders, refunds = defaultdict(list), defaultdict(list)
    referred_orders, referred_refunds = defaultdict(list), defaultdict(list)
    referred: dict[Year, int] = defaultdict(int)
    referrers = referrers_of(facts)
    for group, customer in facts.customers.items():
        for order in customer.orders:
            orders[group, _year(order.day)].append(order)
        for refund in customer.refunds:
            refunds[group, _year(refund.day)].append(refund)
        referrer = referrers.get(group)
        if referrer not in facts.customers:
            continue
        referred[referrer, _year(customer.acquired)] += 1
        for order in customer.orders:
            if is_within(order.day, customer.acquired, _FIRST_YEAR):
                referred_orders[referrer, _year(order.day)].append(order)
        for refund in customer.windowed_refunds:
            if is_within(refund.day, customer.acquired, _FIRST_YEAR):
                referred_refunds[referrer, _year(refund.day)].append(refund)
    kept = _retention_costs(facts)
    winning = _acquisition_costs(facts, costs, kept, costs_known_until)
    retention: dict[Year, list[Amount]] = defaultdict(list)
    for month, (amount, groups) in kept.items():
        for group in groups:
            retention[group, _year(month)].append(None if amount is None else amount / len(groups))
    serving = service.costs_by_customer_year()
    acquired = {(group, _year(customer.acquired)): winning[group] for group, customer in facts.customers.items()}
    years = {*orders, *refunds, *referred_orders, *referred_refunds, *referred, *acquired, *retention, *serving}
    rows: Rows = {}
    for cell in (year for year in years if year[0] in facts.customers):
        margin = net_margin(orders[cell], refunds[cell])
        referral = net_margin(referred_orders[cell], referred_refunds[cell])
        parts = [acquired.get(cell, Fraction(0)), total(serving.get(cell, [])), total(retention[cell])]
        spent = None if None in parts else sum(parts, Fraction(0))
        tolerances = [_UNIT, _UNIT * (1 + len(serving.get(cell, []))), _UNIT]
        rows[cell] = {
            "order_count": len(orders[cell]),
            "referred_customer_count": referred[cell],
            "margin_amount": margin,
            "referral_value_amount": referral,
            "acquisition_cost_amount": Near(parts[0], tolerances[0]),
            "cost_to_serve_amount": Near(parts[1], tolerances[1]),
            "retention_cost_amount": Near(parts[2], tolerances[2]),
            "customer_cost_amount": Near(spent, sum(tolerances, Fraction(0))),
            "is_final": as_of >= date(cell[1].year, 12, 31),
        }
        rows[cell] |= _return(margin, referral, spent, sum(tolerances, Fraction(0)))
    return rows


def _return(margin: Amount, referral: Amount, spent: Amount, tolerance: Fraction) -> dict[str, Any]:
    """The ratio, as far as the rounding of its parts fixes it; nothing is said about one over almost nothing."""
    if spent is not None and 0 < abs(spent) <= 10 * tolerance:
        return {}
    if None in (margin, referral, spent) or not spent:
        return {"customer_roi": None}
    gained = margin + referral - spent
    return {"customer_roi": Near(gained / spent, 3 * tolerance * (1 + abs(gained / spent)) / abs(spent))}


def referrers_of(facts: Facts) -> dict[str, str]:
    """Referred customer -> referrer; the oldest shop account that names a known other person decides."""
    found: dict[str, str] = {}
    rows = [row for row in facts.table("ecommerce.customers") if row["referrer_customer_id"]]
    for row in sorted(rows, key=lambda row: (row["created_at"], str(row["customer_id"]))):
        group = facts.golden.attach({"customer_id": row["customer_id"]})
        referrer = facts.golden.attach({"customer_id": row["referrer_customer_id"]})
        if group and referrer and referrer != group and _is_known(facts, str(row["referrer_customer_id"])):
            found.setdefault(group, referrer)
    return found


def _is_known(facts: Facts, customer_id: str) -> bool:
    """A record that is not on its own carries the id, or an event names it."""
    if any(str(row.get("customer_id")) == customer_id for name in _EVENTS for row in facts.table(name)):
        return True
    records = {record for table, record in facts.golden.groups() if table == "customers"}
    return customer_id in records and not facts.golden.is_alone("customers", customer_id)


_EVENTS = (
    "ecommerce.orders", "ecommerce.refunds", "ecommerce.sessions", "marketing.touchpoints", "survey.responses"
)  # fmt: skip


def _year(day: date) -> date:
    return date(day.year, 1, 1)


def _retention_costs(facts: Facts) -> dict[date, tuple[Amount, set[str]]]:
    """Month -> (cost of the retention teams, who was active when it began); months with nobody to share it are out."""
    amounts: dict[date, list[Amount]] = defaultdict(list)
    for row in facts.table("finance.costs"):
        if row["category"] in OTHER_CATEGORIES and row["team"] in facts.settings.retention_teams:
            amount = facts.in_reporting_currency(row["amount"], row["currency_code"], row["cost_date"])
            amounts[month_of(row["cost_date"])].append(amount)
    customers = list(facts.customers.values())
    shared = {
        month: (total(found), active_customers(customers, month, facts.settings.active_window_days))
        for month, found in amounts.items()
    }
    return {month: (amount, groups) for month, (amount, groups) in shared.items() if groups}


def _acquisition_costs(
    facts: Facts, costs: Costs, kept: dict[date, tuple[Amount, set[str]]], known_until: date | None
) -> dict[str, Amount]:
    """What winning each customer cost: their month's cost without what retention teams shared out, per new customer."""
    found: dict[str, Amount] = {}
    for month, cohort in cohorts_by_month(facts).items():
        amount = costs.sales_and_marketing(month)
        if month in kept:
            amount = None if amount is None or kept[month][0] is None else amount - kept[month][0]
        if known_until is None or month > month_of(known_until):
            amount = None
        for customer in cohort.customers:
            found[customer.group] = None if amount is None else amount / len(cohort.customers)
    return found
