"""Interactions: what was offered, answered and abandoned, how long it took, what it cost.

Lives here: interaction facts, the cost to serve of a customer, `mart_service__queue_day`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

from .arithmetic import Amount, Near, count_true, month_of, ratio, total
from .facts import Facts
from .tables import Row

_ROUNDING = Fraction(1, 10_000)  # a split over interactions may move each share by this much


@dataclass(frozen=True)
class Interaction:
    """One inbound or outbound interaction; `handle` is the sum of its known parts."""

    customer: str | None
    day: date
    channel: str
    row: Row
    is_offered: bool
    handle: Fraction | None

    @property
    def is_abandoned(self) -> bool:
        return self.is_offered and bool(self.row["is_abandoned"])

    @property
    def is_answered(self) -> bool:
        return self.is_offered and self.row["answered_at"] is not None and not self.is_abandoned

    def queued_at_most(self, seconds: int) -> bool | None:
        waited = self.row["queue_seconds"]
        return None if waited is None else waited <= seconds


class Service:
    """The contact center of one company."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._cases = {str(row["case_id"]): row for row in facts.table("contact_center.cases")}
        self.by_id: dict[str, Interaction] = {}
        for row in facts.table("contact_center.interactions"):
            direction = facts.vocabulary.ours("interaction_directions", row["direction"])
            if direction != "internal":
                self.by_id[str(row["interaction_id"])] = self._interaction(row, direction)

    @property
    def interactions(self) -> list[Interaction]:
        return list(self.by_id.values())

    def _interaction(self, row: Row, direction: str) -> Interaction:
        facts = self._facts
        channel = facts.vocabulary.ours("interaction_channels", row["channel"])
        case = self._cases.get(str(row["case_id"]))
        parts = [row["talk_seconds"], row["hold_seconds"], row["after_contact_work_seconds"]]
        return Interaction(
            customer=facts.golden.attach(row) or (facts.golden.attach(case) if case else None),
            day=facts.day(row["started_at"]),
            channel=channel,
            row=row,
            is_offered=direction == "inbound" and row["queue"] is not None and channel != "self_service",
            handle=total(parts),
        )

    def costs_by_customer(self) -> dict[str, Amount | Near]:
        shares: dict[str, list[Amount]] = defaultdict(list)
        for customer, _, cost in self._serving_costs():
            shares[customer].append(cost)
        return {group: Near(total(costs), _ROUNDING * len(costs)) for group, costs in shares.items()}

    def _serving_costs(self) -> Iterator[tuple[str, date, Amount]]:
        """Each month's service ledger over its answered interactions; without one, handle time at the agent's rate."""
        facts = self._facts
        ledger: dict[date, list[Amount]] = defaultdict(list)
        for row in facts.table("finance.costs"):
            if row["category"] == "service":
                amount = facts.in_reporting_currency(row["amount"], row["currency_code"], row["cost_date"])
                ledger[month_of(row["cost_date"])].append(amount)
        answered: dict[date, list[Interaction]] = defaultdict(list)
        for interaction in self.interactions:
            if interaction.is_answered:
                answered[month_of(interaction.day)].append(interaction)
        for month, interactions in answered.items():
            if month in ledger:
                costs = _in_proportion(total(ledger[month]), [item.handle for item in interactions])
            else:
                costs = [self._agent_time_cost(item) for item in interactions]
            yield from (
                (item.customer, month, cost) for item, cost in zip(interactions, costs, strict=True) if item.customer
            )

    def costs_by_customer_year(self) -> dict[tuple[str, date], list[Amount]]:
        """The same costs by the year of their month, one by one."""
        found: dict[tuple[str, date], list[Amount]] = defaultdict(list)
        for customer, month, cost in self._serving_costs():
            found[customer, date(month.year, 1, 1)].append(cost)
        return found

    def agent_time_by_customer(self) -> dict[str, Amount | Near]:
        """Handle time at the agent's rate, whatever the ledger says."""
        shares: dict[str, list[Amount]] = defaultdict(list)
        for item in self.interactions:
            if item.is_answered and item.customer:
                shares[item.customer].append(self._agent_time_cost(item))
        return {group: Near(total(costs), _ROUNDING * len(costs)) for group, costs in shares.items()}

    def _agent_time_cost(self, interaction: Interaction) -> Amount:
        """Handle seconds at the hourly rate that was valid on the day."""
        versions = [
            row
            for row in self._facts.table("contact_center.agents")
            if row["agent_id"] == interaction.row["agent_id"] and row["valid_from"] <= interaction.day
        ]
        if not versions or interaction.handle is None:
            return None
        valid = max(versions, key=lambda row: row["valid_from"])
        hourly = self._facts.in_reporting_currency(valid["hourly_cost_amount"], valid["currency_code"], interaction.day)
        return None if hourly is None else hourly * interaction.handle / 3600

    def by_queue_day(self) -> dict[tuple, dict[str, Any]]:
        """Offered interactions by day, queue and channel."""
        cells: dict[tuple, list[Interaction]] = defaultdict(list)
        for interaction in self.interactions:
            if interaction.is_offered:
                cells[interaction.day, interaction.row["queue"], interaction.channel].append(interaction)
        return {cell: self._queue_row(cell[2], interactions) for cell, interactions in cells.items()}

    def _queue_row(self, channel: str, offered: list[Interaction]) -> dict[str, Any]:
        settings = self._facts.settings
        threshold = _for_channel(settings.service_level_threshold_seconds, channel)
        short = _for_channel(settings.short_abandon_seconds, channel)
        answered = [item for item in offered if item.is_answered]
        abandoned = [item for item in offered if item.is_abandoned]
        row: dict[str, Any] = {
            "offered_interaction_count": len(offered),
            "answered_interaction_count": len(answered),
            "abandoned_interaction_count": len(abandoned),
            "short_abandoned_interaction_count": count_true(item.queued_at_most(short) for item in abandoned),
            "handled_interaction_count": len(answered),
            "other_interaction_count": len(offered) - len(answered) - len(abandoned),
            "answered_queue_seconds": _seconds(item.row["queue_seconds"] for item in answered),
            "talk_seconds": _seconds(item.row["talk_seconds"] for item in answered),
            "hold_seconds": _seconds(item.row["hold_seconds"] for item in answered),
            "after_contact_work_seconds": _seconds(item.row["after_contact_work_seconds"] for item in answered),
            "answered_within_threshold_count": count_true(item.queued_at_most(threshold) for item in answered),
            "abandoned_within_threshold_count": count_true(item.queued_at_most(threshold) for item in abandoned),
            "transferred_interaction_count": _at_least_one(item.row["transfer_count"] for item in answered),
            "held_interaction_count": _at_least_one(item.row["hold_seconds"] for item in answered),
        }
        row["handle_seconds"] = _seconds(item.handle for item in answered)
        row["hold_rate"] = ratio(row["held_interaction_count"], len(answered))
        row["average_handle_time_seconds"] = ratio(total(item.handle for item in answered), len(answered))
        row["average_speed_of_answer_seconds"] = ratio(row["answered_queue_seconds"], len(answered))
        row["abandonment_rate"] = ratio(len(abandoned), len(offered))
        row["transfer_rate"] = ratio(row["transferred_interaction_count"], len(answered))
        rates = _service_levels(row)
        row |= {f"service_level_rate_{policy}": rate for policy, rate in rates.items()}
        row["service_level_rate"] = rates[settings.abandon_policy]
        return row


def _service_levels(row: dict[str, Any]) -> dict[str, float | None]:
    offered, answered = row["offered_interaction_count"], row["answered_interaction_count"]
    met = row["answered_within_threshold_count"]
    gone = row["abandoned_within_threshold_count"]
    short = row["short_abandoned_interaction_count"]
    return {
        "ignore_in_threshold": ratio(met, None if gone is None else offered - gone),
        "negative": ratio(met, offered),
        "positive": ratio(None if met is None or gone is None else met + gone, offered),
        "ignore_short": ratio(met, None if short is None else offered - short),
        "answered_only": ratio(met, answered),
    }


def _in_proportion(cost: Amount, handles: list[Amount]) -> list[Amount]:
    """Exact shares of `cost` by handle seconds; equal ones when there are none."""
    weights = [handle or Fraction(0) for handle in handles]
    scale = sum(weights, Fraction(0))
    if not scale:
        weights, scale = [Fraction(1)] * len(handles), Fraction(len(handles))
    return [None if cost is None else cost * weight / scale for weight in weights]


def _for_channel(values: Any, channel: str) -> int:
    return values.get(channel, values["default"])


def _seconds(values: Iterable[int | None]) -> int | None:
    seconds = total(values)
    return None if seconds is None else int(seconds)


def _at_least_one(values: Iterable[int | None]) -> int | None:
    return count_true(None if value is None else value >= 1 for value in values)
