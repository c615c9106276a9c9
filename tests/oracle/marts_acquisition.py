"""What customers cost to win.

Lives here: `mart_acquisition__month`, `mart_acquisition__channel_month`, `mart_acquisition__channel_action_month`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from .arithmetic import (
    Amount,
    Near,
    month_end,
    month_of,
    months_through,
    net,
    quotient,
    ratio,
    total,
)
from .attribution import MODELS, Attribution
from .facts import Facts, net_revenue
from .marts_orders import Cohort, Rows, cohorts_by_month
from .media import OTHER_CATEGORIES, Cell, Costs
from .vocabulary import UNATTRIBUTED

ACTIONS = ("click", "session", "lead", "qualified_lead", "opportunity", "order")
_PAYBACK_WINDOW = 365


def acquisition_by_month(facts: Facts, attribution: Attribution, costs: Costs, as_of: date) -> Rows:
    """Dense from the first month with an order, a refund or a cost to the month of `as_of`."""
    cohorts = cohorts_by_month(facts)
    months = costs.months()
    months |= {month_of(order.day) for order in facts.counted_orders}
    months |= {month_of(refund.day) for refund in facts.refunds}
    rows: Rows = {}
    for month in months_through(min(months), month_of(as_of)) if months else []:
        cohort = cohorts.get(month)
        new_customers = len(cohort.customers) if cohort else 0
        media = costs.media_of_month(month)
        everything = costs.sales_and_marketing(month)
        orders = [order for order in facts.counted_orders if month_of(order.day) == month]
        refunds = [refund for refund in facts.refunds if month_of(refund.day) == month]
        loaded = quotient(everything, new_customers)
        paid = _paid_customers(facts, attribution, cohort)
        is_complete = as_of >= month_end(month)
        has_lived = cohort is not None and cohort.lived_days(as_of) >= _PAYBACK_WINDOW
        margin = cohort.cumulative(_PAYBACK_WINDOW)[1] if cohort and has_lived else None
        rows[month,] = {
            "new_customer_count": new_customers,
            "media_spend_amount": media,
            **{f"{category}_cost_amount": costs.other(month, category) for category in OTHER_CATEGORIES},
            "sales_and_marketing_cost_amount": everything,
            "media_ledger_difference_amount": costs.media_difference(month),
            "customer_acquisition_cost_fully_loaded": ratio(everything, new_customers),
            "customer_acquisition_cost_blended": ratio(media, new_customers),
            "customer_acquisition_cost_paid": ratio(media, Fraction(paid)),
            "marketing_efficiency_ratio": ratio(net_revenue(orders, refunds), everything),
            "lifetime_value_to_acquisition_cost_ratio": _lifetime_value_ratio(cohort, loaded, as_of),
            "paid_new_customer_count": paid,
            "net_revenue_amount": net_revenue(orders, refunds),
            "cohort_margin_amount_365d": margin,
            "customer_lifetime_value_cohort_margin_365d": ratio(margin, new_customers),
            "is_month_complete": is_complete,
            "is_final": is_complete and (has_lived or cohort is None),
            "acquisition_payback_days": _payback_days(cohort, loaded, as_of),
        }
    return rows


def _paid_customers(facts: Facts, attribution: Attribution, cohort: Cohort | None) -> Decimal:
    """New customers of paid channels, by the acquisition model's credits."""
    return sum(
        (
            credit
            for customer in (cohort.customers if cohort else [])
            for channel, credit in attribution.acquisition_credits(customer.group)
            if channel in facts.vocabulary.paid_channels
        ),
        Decimal(0),
    )


def _lifetime_value_ratio(cohort: Cohort | None, cost_per_customer: Amount, as_of: date) -> float | None:
    if cohort is None or cohort.lived_days(as_of) < _PAYBACK_WINDOW:
        return None
    _, margin = cohort.cumulative(_PAYBACK_WINDOW)
    return ratio(quotient(margin, len(cohort.customers)), cost_per_customer)


def _payback_days(cohort: Cohort | None, cost_per_customer: Amount, as_of: date) -> int | None:
    """Smallest window whose margin per customer pays the acquisition; margins only move on days with an event."""
    if cohort is None or cost_per_customer is None:
        return None
    events = {1}
    for customer in cohort.customers:
        moments = [order.day for order in customer.orders] + [refund.day for refund in customer.windowed_refunds]
        events |= {(day - customer.acquired).days + 1 for day in moments}
    for days in sorted(events):
        if 1 <= days <= cohort.lived_days(as_of):
            _, margin = cohort.cumulative(days)
            if margin is not None and margin / len(cohort.customers) >= cost_per_customer:
                return days
    return None


def acquisition_by_channel(facts: Facts, attribution: Attribution, costs: Costs, as_of: date) -> Rows:
    """Spend, new customers and revenue of a channel under each model; cells with nothing in them are left out."""
    first_orders = {customer.first.order_id for customer in facts.customers.values()}
    new: dict[tuple, Decimal] = defaultdict(Decimal)
    ordered: dict[tuple, list[Amount]] = defaultdict(list)
    refunded: dict[tuple, list[Amount]] = defaultdict(list)
    credited: dict[tuple, Decimal] = defaultdict(Decimal)
    for order in facts.counted_orders:
        for model in MODELS:
            for channel, credit in attribution.credits[order.order_id, model]:
                if not credit:
                    continue
                cell = (month_of(order.day), channel, model)
                ordered[cell].append(_part(order.ordered, credit))
                refunded[cell] += [_part(refund.amount, credit) for refund in order.refunds]
                new[cell] += credit if order.order_id in first_orders else 0
                credited[cell] += credit
    for refund in facts.refunds:
        if refund.order is None:
            for model in MODELS:
                refunded[month_of(refund.basis_day), UNATTRIBUTED, model].append(refund.amount)
    cost_cells = {(*cell, model) for cell in costs.media_cells | costs.allocated_cells for model in MODELS}
    rows: Rows = {}
    for cell in {*cost_cells, *ordered, *refunded}:
        media, allocated = costs.media(cell[:2]), costs.allocated(cell[:2])
        revenue = net(ordered.get(cell, []), refunded.get(cell, []))
        customers = new.get(cell, Decimal(0))
        claimed, orders = _platform_actions(costs, cell[:2], "order"), credited.get(cell, Decimal(0))
        rows[cell] = {
            "platform_conversion_count": claimed,
            "platform_conversion_gap_count": None if claimed is None else claimed - orders,
            "media_spend_amount": media,
            "allocated_cost_amount": allocated,
            "attributed_new_customer_count": customers,
            "attributed_net_revenue_amount": revenue,
            "cost_per_acquisition": ratio(media, Fraction(customers)),
            "customer_acquisition_cost_fully_loaded": _loaded(costs, cell[:2], Fraction(customers)),
            "return_on_ad_spend": ratio(revenue, media),
            "fully_loaded_cost_amount": costs.fully_loaded(cell[:2]),
            "attributed_order_count": orders,
            "is_final": as_of >= month_end(cell[0]),
        }
    return rows


def _part(amount: Amount, credit: Decimal) -> Amount:
    return None if amount is None else amount * Fraction(credit)


def _loaded(costs: Costs, cell: Cell, customers: Fraction) -> Near | None:
    everything = costs.fully_loaded(cell)
    if everything.value is None or not customers:
        return None
    return Near(everything.value / customers, everything.tolerance / customers)


def actions_by_channel(facts: Facts, attribution: Attribution, costs: Costs, as_of: date) -> Rows:
    """Actions of each type per channel, ours and the platform's; every type for a channel that spends."""
    counts: dict[tuple, Decimal] = defaultdict(Decimal)
    for month, channel, action, amount in _actions(facts, attribution):
        counts[month, channel, action] += amount
    unknown = unknown_actions(facts)
    cells = {(*cell, action) for cell in costs.media_cells for action in ACTIONS}
    rows: Rows = {}
    for month, channel, action in cells | {cell for cell, amount in counts.items() if amount}:
        media = costs.media((month, channel))
        count = None if action in unknown else counts.get((month, channel, action), Decimal(0))
        reported = _platform_actions(costs, (month, channel), action)
        gap = None if reported is None or count is None else reported - count
        rows[month, channel, action] = {
            "action_count": count,
            "platform_reported_action_count": reported,
            "platform_reported_gap_count": gap,
            "cost_per_action_platform_reported": ratio(media, reported),
            "media_spend_amount": media,
            "cost_per_action": None if count is None else ratio(media, Fraction(count)),
            "is_final": as_of >= month_end(month),
        }
    return rows


def unknown_actions(facts: Facts) -> set[str]:
    """Types whose column never arrived: rows are there, and not one has it."""
    touches, leads = facts.table("marketing.touchpoints"), facts.table("crm.leads")
    opportunities = facts.table("crm.opportunities")
    qualified = {"qualified", "converted"}
    has_qualified = any(facts.vocabulary.ours("lead_statuses", row["status"]) in qualified for row in leads)
    return {
        action
        for action, is_unknown in (
            ("click", touches and not any(row["kind"] for row in touches)),
            ("qualified_lead", has_qualified and not any(row["qualified_at"] for row in leads)),
            ("opportunity", opportunities and not any(row["created_at"] for row in opportunities)),
        )
        if is_unknown
    }


def _actions(facts: Facts, attribution: Attribution) -> Iterable[tuple[date, str, str, Decimal]]:
    """(month, channel, action type, how many) of each single action."""
    one = Decimal(1)
    leads = {str(row["lead_id"]): row for row in facts.table("crm.leads")}
    for row in facts.table("marketing.touchpoints"):
        if row["kind"] == "click":
            channel = facts.vocabulary.channel(row["marketing_channel"])
            yield month_of(facts.day(row["occurred_at"])), channel, "click", one
    for row in facts.table("ecommerce.sessions"):
        yield month_of(facts.day(row["started_at"])), attribution.session_channel(row), "session", one
    for row in leads.values():
        channel = facts.vocabulary.channel(row["lead_source"])
        yield month_of(facts.day(row["created_at"])), channel, "lead", one
        if row["qualified_at"]:
            yield month_of(facts.day(row["qualified_at"])), channel, "qualified_lead", one
    for row in facts.table("crm.opportunities"):
        lead = lead_of_opportunity(row, leads)
        channel = facts.vocabulary.channel(lead["lead_source"]) if lead else UNATTRIBUTED
        if row["created_at"]:
            yield month_of(facts.day(row["created_at"])), channel, "opportunity", one
    for order in facts.counted_orders:
        for channel, credit in attribution.credits[order.order_id, facts.settings.acquisition_model]:
            yield month_of(order.day), channel, "order", credit


def lead_of_opportunity(opportunity: dict[str, Any], leads: dict[str, Any]) -> dict[str, Any] | None:
    """The lead that the opportunity names, else the first one that names the opportunity."""
    if opportunity["lead_id"]:
        return leads.get(str(opportunity["lead_id"]))
    named = [lead for lead in leads.values() if lead["opportunity_id"] == opportunity["opportunity_id"]]
    return named[0] if named else None


def _platform_actions(costs: Costs, cell: Cell, action: str) -> int | None:
    """Clicks and conversions as the platforms report them; they report nothing else."""
    column = {"click": "clicks", "order": "platform_conversions"}.get(action)
    if column is None or not costs.has_spend:
        return None
    reported = total(row[column] for row in costs.spend_rows.get(cell, []))
    return None if reported is None else int(reported)
