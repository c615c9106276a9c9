"""Paths of channels, and what the Markov chain thinks of each channel.

Lives here: `mart_attribution__path_month`, `mart_attribution__channel_effect`. Does not live here: paths and effects
themselves (`attribution.py`, `markov.py`).
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from .arithmetic import month_end, month_of, ratio
from .attribution import Attribution
from .facts import Facts, Order, net_revenue
from .marts_orders import Rows
from .vocabulary import UNATTRIBUTED


def paths_by_month(facts: Facts, attribution: Attribution, as_of: date) -> Rows:
    """Counted orders by their path, and people with touches and no counted order by theirs."""
    orders: dict[tuple[date, str], list[Order]] = defaultdict(list)
    lost: dict[tuple[date, str], int] = defaultdict(int)
    first = {customer.first.order_id for customer in facts.customers.values()}
    for order in facts.counted_orders:
        orders[month_of(order.day), _spelled(touch.channel for touch in attribution.paths[order.order_id])].append(
            order
        )
    for touches in attribution.lost_paths():
        lost[month_of(facts.day(touches[-1].at)), _spelled(touch.channel for touch in touches)] += 1
    rows: Rows = {}
    for cell in {*orders, *lost}:
        mine = orders[cell]
        new = sum(order.order_id in first for order in mine)
        rows[cell] = {
            "touch_count": 0 if cell[1] == UNATTRIBUTED else cell[1].count(" > ") + 1,
            "order_count": len(mine),
            "new_customer_count": new,
            "path_without_order_count": lost[cell],
            "net_revenue_amount": net_revenue(mine, [refund for order in mine for refund in order.refunds]),
            "path_conversion_rate": ratio(new, new + lost[cell]),
            "is_final": as_of >= month_end(cell[0]),
        }
    return rows


def _spelled(channels: Any) -> str:
    return " > ".join(channels) or UNATTRIBUTED


def effects_by_channel(attribution: Attribution) -> Rows:
    """Removal effects, and the counts that the chain is made of."""
    journeys = attribution.journeys()
    scale = sum(attribution.effects.values(), Fraction(0))
    rows: Rows = {}
    for channel, effect in attribution.effects.items():
        rows[channel,] = {
            "visit_count": sum(channels.count(channel) for channels, _ in journeys),
            "path_start_count": sum(channels[0] == channel for channels, _ in journeys),
            "conversion_end_count": sum(channels[-1] == channel and converts for channels, converts in journeys),
            "null_end_count": sum(channels[-1] == channel and not converts for channels, converts in journeys),
            "chain_path_count": len(journeys),
            "chain_converting_path_count": sum(converts for _, converts in journeys),
            "removal_effect": _eighteen_digits(effect),
            "removal_effect_weight": _eighteen_digits(effect / scale if scale else effect),
            "chain_conversion_rate": ratio(sum(converts for _, converts in journeys), len(journeys)),
        }
    return rows


def _eighteen_digits(share: Fraction) -> Decimal:
    """Half away from zero; shares are never negative."""
    return Decimal(int(share * 10**18 + Fraction(1, 2))).scaleb(-18)
