"""Every mart of a company, computed from its deliveries.

Lives here: assembly only. `Reference(company).marts(reads)` gives each mart as {grain: {column: value}}:
int = count, Fraction = money before its one rounding, float = ratio, Decimal = credits, Near = fixed up to rounding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from .attribution import Attribution
from .company import Company
from .facts import Facts
from .in_force import as_of
from .marts_accounts import account_values
from .marts_acquisition import acquisition_by_channel, acquisition_by_month, actions_by_channel
from .marts_attribution import effects_by_channel, paths_by_month
from .marts_conversion import conversion_by_channel
from .marts_customer_year import customer_years
from .marts_orders import Rows, customer_values, orders_by_day, value_cohorts
from .marts_retention import retention_by_cohort, retention_by_month
from .media import Costs
from .service import Service
from .survivors import Survivors

_REVENUE = ("orders", "order_lines", "refunds", "exchange_rates")
_PEOPLE = ("contacts", "leads", "customers")
_TOUCHES = ("sessions", "touchpoints")
GRAINS: dict[str, tuple[str, ...]] = {
    "mart_orders__day": ("date", "source_channel"),
    "mart_customer_value__customer": ("customer_key",),
    "mart_customer_value__account": ("account_key",),
    "mart_customer_value__cohort_month": ("cohort_month", "acquisition_channel", "days_since_acquisition"),
    "mart_customer_value__customer_year": ("customer_key", "year"),
    "mart_attribution__path_month": ("month", "channel_path"),
    "mart_attribution__channel_effect": ("marketing_channel",),
    "mart_acquisition__month": ("month",),
    "mart_acquisition__channel_month": ("month", "marketing_channel", "attribution_model"),
    "mart_acquisition__channel_action_month": ("month", "marketing_channel", "action_type"),
    "mart_retention__month": ("month",),
    "mart_retention__cohort_month": ("cohort_month", "months_since_acquisition"),
    "mart_conversion__channel_month": ("month", "marketing_channel"),
    "mart_service__queue_day": ("date", "queue", "service_channel"),
}
# Which tables have a say in a mart's as_of date, when the caller does not say.
READS: dict[str, tuple[str, ...]] = {
    "mart_orders__day": _REVENUE + _PEOPLE,
    "mart_customer_value__customer": (
        *_REVENUE, *_PEOPLE, *_TOUCHES, "interactions", "cases", "agents", "responses", "costs"
    ),
    "mart_customer_value__account": (*_REVENUE, *_PEOPLE, "accounts", "opportunities", "interactions"),
    "mart_customer_value__cohort_month": _REVENUE + _PEOPLE + _TOUCHES,
    "mart_customer_value__customer_year": (
        *_REVENUE, *_PEOPLE, "interactions", "agents", "costs", "spend"
    ),
    "mart_attribution__path_month": (*_REVENUE, *_PEOPLE, *_TOUCHES),
    "mart_attribution__channel_effect": ("orders", *_PEOPLE, *_TOUCHES),
    "mart_acquisition__month": (*_REVENUE, *_PEOPLE, *_TOUCHES, "spend", "costs"),
    "mart_acquisition__channel_month": (*_REVENUE, *_PEOPLE, *_TOUCHES, "spend", "costs"),
    "mart_acquisition__channel_action_month": (
        *_REVENUE, *_PEOPLE, *_TOUCHES, "opportunities", "spend", "costs"
    ),
    "mart_retention__month": _REVENUE + _PEOPLE,
    "mart_retention__cohort_month": _REVENUE + _PEOPLE,
    "mart_conversion__channel_month": (*_REVENUE, *_PEOPLE, "opportunities", "sessions"),
    "mart_service__queue_day": ("interactions",),
}  # fmt: skip


@dataclass(frozen=True)
class Mart:
    """One mart: the names of its grain columns, its as-of date, and its cells."""

    name: str
    grain: tuple[str, ...]
    as_of: date | None
    rows: Rows


class Reference:
    """The second opinion on one company."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.facts = Facts(company)

    @cached_property
    def attribution(self) -> Attribution:
        return Attribution(self.facts)

    @cached_property
    def costs(self) -> Costs:
        return Costs(self.facts)

    @cached_property
    def service(self) -> Service:
        return Service(self.facts)

    @cached_property
    def survivors(self) -> Survivors:
        return Survivors(self.facts)

    def identities(self) -> dict[tuple[str, str], str]:
        """(source.table, id) of every record -> golden customer."""
        return self.facts.golden.groups()

    def marts(
        self,
        reads: Mapping[str, Iterable[str]] = READS,
        key_order: Mapping[str, str] | None = None,
    ) -> dict[str, Mart]:
        """All marts. `reads`: mart -> generic tables behind it; `key_order`: golden customer -> published key."""
        return {name: self.mart(name, reads.get(name, READS[name]), key_order or {}) for name in GRAINS}

    def mart(self, name: str, reads: Iterable[str] | None = None, key_order: Mapping[str, str] | None = None) -> Mart:
        day = as_of(self.company, READS[name] if reads is None else reads)
        rows = {} if day is None else self._rows(name, day, dict(key_order or {}))
        return Mart(name, GRAINS[name], day, rows)

    def _rows(self, name: str, day: date, key_order: dict[str, str]) -> Rows:
        facts = self.facts
        match name:
            case "mart_orders__day":
                return orders_by_day(facts)
            case "mart_customer_value__customer":
                return customer_values(facts, self.attribution, self.service, day, key_order)
            case "mart_customer_value__account":
                return account_values(facts, self.service, self.survivors)
            case "mart_customer_value__cohort_month":
                return value_cohorts(facts, self.attribution, day)
            case "mart_customer_value__customer_year":
                costs_known_until = as_of(self.company, READS["mart_acquisition__month"])
                return customer_years(facts, self.costs, self.service, day, costs_known_until)
            case "mart_attribution__path_month":
                return paths_by_month(facts, self.attribution, day)
            case "mart_attribution__channel_effect":
                return effects_by_channel(self.attribution)
            case "mart_acquisition__month":
                return acquisition_by_month(facts, self.attribution, self.costs, day)
            case "mart_acquisition__channel_month":
                return acquisition_by_channel(facts, self.attribution, self.costs, day)
            case "mart_acquisition__channel_action_month":
                return actions_by_channel(facts, self.attribution, self.costs, day)
            case "mart_retention__month":
                return retention_by_month(facts, day)
            case "mart_retention__cohort_month":
                return retention_by_cohort(facts, day)
            case "mart_conversion__channel_month":
                return conversion_by_channel(facts, self.attribution, day)
            case "mart_service__queue_day":
                return self.service.by_queue_day()
        raise KeyError(name)
