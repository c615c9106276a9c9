"""Touches, and the credit that each of seven models gives to each touch of a conversion.

Lives here: paths, credits, the Markov chain, acquisition channels. Does not live here: sums of credits (marts).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction

from .arithmetic import largest_remainder
from .facts import Facts, Order
from .markov import removal_effects
from .vocabulary import DIRECT, UNATTRIBUTED

MODELS = ("first_touch", "last_touch", "last_non_direct_touch", "linear", "position_based", "time_decay", "markov")
_UNITS = 1_000_000  # a credit has six decimals


@dataclass(frozen=True, order=True)
class Touch:
    """One touch, in the order that paths use: instant, table, id."""

    at: datetime
    table: str
    touch_id: str
    channel: str


class Attribution:
    """Credits of every counted order under every model."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._window = timedelta(days=facts.settings.attribution_window_days)
        self.touches = self._read_touches()
        self.paths = {order.order_id: self._path(order) for order in facts.counted_orders}
        self.effects = removal_effects(self.journeys())
        self.credits = {
            (order.order_id, model): self._credits(order, model) for order in facts.counted_orders for model in MODELS
        }

    def session_channel(self, row: dict) -> str:
        """By the utm map; no utm and no referrer is direct, a referrer alone is a referral."""
        if any(row[name] for name in ("utm_source", "utm_medium", "utm_campaign")):
            return self._facts.vocabulary.utm_channel(row["utm_source"], row["utm_medium"])
        return "referral" if row["referrer"] else DIRECT

    def _read_touches(self) -> dict[str, list[Touch]]:
        facts = self._facts
        touches: dict[str, list[Touch]] = defaultdict(list)
        for row in facts.table("ecommerce.sessions"):
            if group := facts.golden.attach(row):
                touch = Touch(row["started_at"], "sessions", str(row["session_id"]), self.session_channel(row))
                touches[group].append(touch)
        for row in facts.table("marketing.touchpoints"):
            group = facts.golden.attach(row)
            if group and (row["kind"] is None or row["kind"] in facts.settings.attribution_touch_kinds):
                channel = facts.vocabulary.channel(row["marketing_channel"])
                touches[group].append(Touch(row["occurred_at"], "touchpoints", str(row["touchpoint_id"]), channel))
        return {group: sorted(found) for group, found in touches.items()}

    def _path(self, order: Order) -> list[Touch]:
        """Touches from window start to conversion, both ends inside; else the order's own utm mark."""
        mine = self.touches.get(order.customer, []) if order.customer else []
        path = [touch for touch in mine if order.at - self._window <= touch.at <= order.at]
        if not path and any(order.row[name] for name in ("utm_source", "utm_medium", "utm_campaign")):
            channel = self._facts.vocabulary.utm_channel(order.row["utm_source"], order.row["utm_medium"])
            path = [Touch(order.at, "orders", order.order_id, channel)]
        return path

    def journeys(self) -> list[tuple[list[str], bool]]:
        """(channels, has converted): first orders with a path, and people with touches and no order."""
        journeys = []
        for customer in self._facts.customers.values():
            if path := self.paths[customer.first.order_id]:
                journeys.append(([touch.channel for touch in path], True))
        return journeys + [([touch.channel for touch in path], False) for path in self.lost_paths()]

    def lost_paths(self) -> list[list[Touch]]:
        """Touches of the look-back before their last one, of people without a counted order."""
        return [
            [touch for touch in touches if touch.at >= touches[-1].at - self._window]
            for group, touches in self.touches.items()
            if group not in self._facts.customers
        ]

    def _credits(self, order: Order, model: str) -> list[tuple[str, Decimal]]:
        """(channel, credit) per touch, credits of six decimals that sum to exactly 1."""
        path = self.paths[order.order_id]
        if not path:
            return [(UNATTRIBUTED, Decimal(1))]
        units = largest_remainder(self._weights(path, order.at, model), _UNITS)
        return [(touch.channel, Decimal(share).scaleb(-6)) for touch, share in zip(path, units, strict=True)]

    def _weights(self, path: list[Touch], converted_at: datetime, model: str) -> list[Fraction]:
        count = len(path)
        if model == "first_touch":
            return _only(0, count)
        if model == "last_touch":
            return _only(count - 1, count)
        if model == "last_non_direct_touch":
            places = [place for place, touch in enumerate(path) if touch.channel != DIRECT]
            return _only(places[-1] if places else count - 1, count)
        if model == "position_based" and count >= 3:
            middle = Fraction(1, 5) / (count - 2)
            return [Fraction(2, 5), *[middle] * (count - 2), Fraction(2, 5)]
        if model == "time_decay":
            return [self._decay(converted_at - touch.at) for touch in path]
        if model == "markov":
            weights = [self.effects.get(touch.channel, Fraction(0)) for touch in path]
            if any(weights):
                return weights
        return [Fraction(1)] * count  # linear, and position_based with one or two touches

    def _decay(self, age: timedelta) -> Fraction:
        half_lives = Fraction(age // timedelta(microseconds=1), 86_400_000_000 * self._half_life_days)
        with localcontext() as context:
            context.prec = 60
            return Fraction(Decimal(2) ** (-Decimal(half_lives.numerator) / Decimal(half_lives.denominator)))

    @property
    def _half_life_days(self) -> int:
        return self._facts.settings.time_decay_half_life_days

    def acquisition_credits(self, group: str) -> list[tuple[str, Decimal]]:
        """Credits of a customer's first order under the acquisition model."""
        first = self._facts.customers[group].first
        return self.credits[first.order_id, self._facts.settings.acquisition_model]

    def acquisition_channel(self, group: str) -> str:
        """Channel with the most credit for the first order; of equals, the one touched first."""
        shares: dict[str, Decimal] = defaultdict(Decimal)
        for channel, credit in self.acquisition_credits(group):
            shares[channel] += credit
        return max(shares, key=lambda channel: shares[channel])


def _only(place: int, count: int) -> list[Fraction]:
    return [Fraction(int(other == place)) for other in range(count)]
