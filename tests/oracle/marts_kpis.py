"""The long table of monthly figures, from the parts in the other marts.

Lives here: `mart_kpis__month` as {(month, kpi, variant): Kpi}. Does not live here: the parts.
Amounts are summed before they are rounded; the published table sums rounded cells, so money agrees to a unit per cell.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from .arithmetic import Amount, month_end, month_of, total
from .marts_orders import COHORT_WINDOWS, Rows

if TYPE_CHECKING:
    from .reference import Mart

Cells = list[dict[str, Any]]
_MET, _LEFT = "answered_within_threshold_count", "abandoned_within_threshold_count"
_OFFERED, _ANSWERED = "offered_interaction_count", "answered_interaction_count"
_SERVICE_LEVELS: dict[str, tuple[tuple[str, ...], str, str]] = {  # policy -> what is added, the whole, what it loses
    "ignore_in_threshold": ((_MET,), _OFFERED, _LEFT),
    "negative": ((_MET,), _OFFERED, ""),
    "positive": ((_MET, _LEFT), _OFFERED, ""),
    "ignore_short": ((_MET,), _OFFERED, "short_abandoned_interaction_count"),
    "answered_only": ((_MET,), _ANSWERED, ""),
}
# kpi, variant -> numerator, denominator; columns that only cells with an order (an answer) can speak of are in _NEEDS
_TRADING = {
    ("order_count", ""): ("order_count", None),
    ("ordered_revenue", ""): ("ordered_revenue_amount", None),
    ("net_revenue", ""): ("net_revenue_amount", None),
    ("net_revenue", "by_order_date"): ("net_revenue_amount_by_order_date", None),
    ("average_order_value", ""): ("ordered_revenue_amount", "known_amount_order_count"),
    ("average_order_value", "net_of_refunds"): ("net_revenue_amount", "known_amount_order_count"),
    ("average_order_quantity", ""): ("units_count", "known_units_order_count"),
}
_SERVICE = {
    ("average_handle_time_seconds", ""): ("handle_seconds", _ANSWERED),
    ("average_speed_of_answer_seconds", ""): ("answered_queue_seconds", _ANSWERED),
    ("abandonment_rate", ""): ("abandoned_interaction_count", _OFFERED),
    ("transfer_rate", ""): ("transferred_interaction_count", _ANSWERED),
    ("hold_rate", ""): ("held_interaction_count", _ANSWERED),
}
_CONVERSION = {
    ("conversion_rate_cohort_30d", ""): ("converted_lead_count_30d", "lead_count"),
    ("conversion_rate_cohort_90d", ""): ("converted_lead_count_90d", "lead_count"),
    ("conversion_rate_period", ""): ("converting_lead_count", "lead_count"),
    ("session_conversion_rate", ""): ("session_with_order_count", "session_count"),
    ("won_amount", ""): ("won_amount", None),
}
_ACTIONS = ("click", "session", "lead", "qualified_lead", "opportunity", "order")
_PER_ACTION = [
    *((f"cost_per_action_{action}", "", action, "action_count") for action in _ACTIONS),
    *(
        (f"cost_per_action_{action}", "platform_reported", action, "platform_reported_action_count")
        for action in ("click", "order")
    ),
]
_NEEDS = {
    **dict.fromkeys(("ordered_revenue_amount", "units_count"), "order_count"),
    **dict.fromkeys((_LEFT, "short_abandoned_interaction_count"), "abandoned_interaction_count"),
    **dict.fromkeys(
        (_MET, "transferred_interaction_count", "held_interaction_count", "answered_queue_seconds", "handle_seconds"),
        _ANSWERED,
    ),
    "session_with_order_count": "session_count",
    "won_amount": "won_lead_count",
}


SUMMED_KPIS = (*_TRADING, *_SERVICE, *_CONVERSION, *((kpi, variant) for kpi, variant, *_ in _PER_ACTION))


@dataclass(frozen=True)
class Kpi:
    """Parts of one figure; `denominator` None = it is a sum. `cell_count`: how many rounded cells it is made of."""

    numerator: Amount
    denominator: Amount
    has_denominator: bool
    is_final: bool
    cell_count: int

    @property
    def value(self) -> float | None:
        if self.numerator is None or (self.has_denominator and not self.denominator):
            return None
        return float(self.numerator / self.denominator) if self.has_denominator else float(self.numerator)


def kpis_by_month(marts: Mapping[str, Mart], abandon_policy: str) -> dict[tuple[date, str, str], Kpi]:
    """Every figure that is a sum of cells, or a quotient of two; months in which nothing is known are left out."""
    kpis: dict[tuple[date, str, str], Kpi] = {}

    def add(kpi: tuple[str, str], month: date, cells: Cells, parts: list[Amount], is_final: bool) -> None:
        found = Kpi(parts[0], parts[-1], len(parts) == 2, is_final, len(cells))
        if found.value is not None or any(parts):
            kpis[month, *kpi] = found

    trading, service = marts["mart_orders__day"], marts["mart_service__queue_day"]
    for mart, definitions in ((trading, _TRADING), (service, _SERVICE)):
        for month, cells in _by_month(mart.rows).items():
            for kpi, columns in definitions.items():
                add(kpi, month, cells, [_sum(cells, name) for name in columns if name], mart.as_of >= month_end(month))
    for month, cells in _by_month(service.rows).items():
        for policy, (added, whole, lost) in _SERVICE_LEVELS.items():
            parts = [_signed(cells, added, ()), _signed(cells, (whole,), (lost,) if lost else ())]
            for variant in [policy, ""] if policy == abandon_policy else [policy]:
                add(("service_level_rate", variant), month, cells, parts, service.as_of >= month_end(month))
    conversion = marts["mart_conversion__channel_month"]
    for month, cells in _by_month(conversion.rows).items():
        for kpi, columns in _CONVERSION.items():
            window = kpi[0].rpartition("_")[2]
            is_final = conversion.as_of >= month_end(month)
            if kpi[0] == "won_amount":
                is_final = all(cell["is_final_90d"] for cell in cells)
            if window in ("30d", "90d"):
                is_final = all(cell[f"is_final_{window}"] for cell in cells)
            add(kpi, month, cells, [_sum(cells, name) for name in columns if name], is_final)
    _add_costs_per_action(marts, add)
    value = marts["mart_customer_value__cohort_month"].rows
    for days in COHORT_WINDOWS:
        for month, cells in _by_month({grain: row for grain, row in value.items() if grain[2] == days}).items():
            for kpi, column in (
                ((f"customer_lifetime_value_cohort_{days}d", ""), "cumulative_net_revenue_amount"),
                ((f"customer_lifetime_value_cohort_{days}d", "margin"), "cumulative_margin_amount"),
                ((f"repeat_purchase_rate_cohort_{days}d", ""), "repeat_customer_count"),
            ):
                parts = [_sum(cells, column), _sum(cells, "cohort_customer_count")]
                add(kpi, month, cells, parts, all(cell["is_final"] for cell in cells))
    return kpis


def _add_costs_per_action(marts: Mapping[str, Mart], add: Callable[..., None]) -> None:
    """The month's media over its actions of a type, whoever brought them."""
    media = {grain[0]: row["media_spend_amount"] for grain, row in marts["mart_acquisition__month"].rows.items()}
    actions = marts["mart_acquisition__channel_action_month"]
    for month, cells in _by_month(actions.rows).items():
        for kpi, variant, action, column in _PER_ACTION:
            known = [row[column] for grain, row in actions.rows.items() if grain[0] == month and grain[2] == action]
            amount = total(None if count is None else Fraction(count) for count in known) if known else None
            parts = [media.get(month), amount]
            add((kpi, variant), month, cells, parts, actions.as_of >= month_end(month))


def _by_month(rows: Rows) -> dict[date, Cells]:
    """Cells by month; the first column of every grain is a day or a month."""
    months: dict[date, Cells] = defaultdict(list)
    for grain, row in rows.items():
        months[month_of(grain[0])].append(row)
    return months


def _sum(cells: Cells, column: str) -> Amount:
    """By the rule for sums; a cell without a single row of what the column speaks of has no say."""
    needs = _NEEDS.get(column)
    return total(_exact(cell[column]) for cell in cells if needs is None or cell[needs])


def _signed(cells: Cells, added: Iterable[str], taken: Iterable[str]) -> Amount:
    plus, minus = [_sum(cells, column) for column in added], [_sum(cells, column) for column in taken]
    return None if None in (*plus, *minus) else sum(plus, Fraction(0)) - sum(minus, Fraction(0))


def _exact(value: Fraction | Decimal | float | None) -> Amount:
    return None if value is None else Fraction(value)
