"""Inventing leads, service, surveys, media, costs and exchange rates.

Lives here: what the CRM, the contact center, surveys and finance deliver.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

from .generator import World
from .generator_people import Person, spelled_email, spelled_phone
from .tables import Row

_SOURCES = ("paid_search", "Google Ads", "referral", "Trade Show", "mystery", None)
_CATEGORIES = ("media", "media", "agency", "salaries", "overhead", "tools", "incentives", "service", "service")
_CAMPAIGN_CHANNELS = ("paid_search", "paid_social", "Google Ads", None, "mystery", "display")


def invent_leads(world: World, persons: list[Person]) -> None:
    """Leads of some people, and opportunities that name a contact, a lead, both or neither."""
    for person in persons:
        for _ in range(world.pick((0, 0, 1, 1, 2))):
            created_at = world.instant()
            opportunity_id = world.name("U")
            lead = world.add(
                "crm.leads",
                lead_id=world.name("E"),
                contact_id=world.maybe(world.pick((*person.contact_ids, "K-elsewhere")), 0.25),
                converted_contact_id=world.maybe(world.pick((*person.contact_ids, "K-later")), 0.15),
                email=spelled_email(world, person),
                phone=spelled_phone(world, person),
                lead_source=world.pick(_SOURCES),
                status=world.pick(("new", "working", "qualified", "converted", "Open", "mystery")),
                created_at=created_at,
                qualified_at=world.maybe(world.instant(after=created_at), 0.5),
                opportunity_id=world.maybe(opportunity_id, 0.3),
            )
            if world.chance(0.6):
                _add_opportunity(world, opportunity_id, lead, person)


def _add_opportunity(world: World, opportunity_id: str, lead: Row, person: Person) -> None:
    created_at = world.instant(after=lead["created_at"])
    is_won = world.pick((True, True, False, None))
    closed_at = world.instant(after=created_at if world.chance(0.9) else None)
    world.add(
        "crm.opportunities",
        opportunity_id=opportunity_id,
        contact_id=world.maybe(world.pick((*person.contact_ids, "K-elsewhere")), 0.3),
        lead_id=world.maybe(lead["lead_id"], 0.8),
        stage="open" if is_won is None else "closed",
        amount=world.maybe(world.money(), 0.9),
        currency_code=world.maybe(world.some_currency(), 0.95),
        is_won=is_won,
        created_at=world.maybe(created_at, 0.9),
        closed_at=None if is_won is None else closed_at,
    )


def invent_service(world: World, persons: list[Person]) -> None:
    """Agents, cases and interactions; some interactions know their person only through the case."""
    for agent_id in ("A1", "A2"):
        for valid_from in sorted({world.days[-1] - timedelta(days=500), world.day()}):
            world.add(
                "contact_center.agents",
                agent_id=agent_id,
                valid_from=valid_from,
                hourly_cost_amount=world.maybe(world.money(40), 0.9),
                currency_code=world.maybe(world.some_currency(), 0.95),
            )
    for _ in range(world.random.randint(0, 3)):
        person = world.pick(persons)
        world.add(
            "contact_center.cases",
            case_id=world.name("Q"),
            contact_id=world.maybe(world.pick(person.contact_ids or [None]), 0.6),
            customer_email=spelled_email(world, person),
            contact_reason=world.maybe("delivery"),
            status="open",
            opened_at=world.instant(),
        )
    rush = world.instant()
    for _ in range(world.random.randint(0, 16)):
        _add_interaction(world, world.pick(persons), rush if world.chance(0.4) else world.instant())


def _add_interaction(world: World, person: Person, started_at: datetime) -> None:
    is_abandoned = world.pick((False, False, False, None, True))
    cases = [row["case_id"] for row in world.rows.get("contact_center.cases", [])]
    seconds = (0, 5, 9, 10, 11, 19, 20, 21, 30, 31, 400)
    known = world.chance(0.6)
    world.add(
        "contact_center.interactions",
        interaction_id=world.name("I"),
        case_id=world.maybe(world.pick((*cases, "Q-unknown")), 0.4),
        channel=world.pick(("voice", "voice", "Phone", "chat", "e-mail", "self_service", "mystery")),
        direction=world.pick(("inbound", "inbound", "inbound", "Incoming", "outbound", "internal")),
        contact_id=world.maybe(world.pick(person.contact_ids or [None])) if known else None,
        customer_email=spelled_email(world, person) if known else None,
        customer_phone=spelled_phone(world, person) if known else None,
        queue=world.pick(("sales", "sales", "help", None)),
        contact_reason=world.maybe(world.pick(("delivery", "billing"))),
        agent_id=world.pick(("A1", "A2", None)),
        started_at=started_at,
        answered_at=world.maybe(started_at + timedelta(seconds=5), 0.2 if is_abandoned else 0.85),
        queue_seconds=world.maybe(world.pick(seconds), 0.9),
        talk_seconds=world.maybe(world.pick(seconds), 0.9),
        hold_seconds=world.maybe(world.pick((0, 0, 1, 60)), 0.8),
        after_contact_work_seconds=world.maybe(world.pick(seconds), 0.8),
        transfer_count=world.maybe(world.pick((0, 0, 1, 2)), 0.9),
        is_abandoned=is_abandoned,
    )


def invent_surveys(world: World, persons: list[Person], orders: list[Row]) -> None:
    """Answers, unanswered questions, flipped and unscorable scales."""
    for _ in range(world.random.randint(0, 5)):
        person = world.pick(persons)
        low, high = world.pick(((0, 10), (0, 10), (1, 10), (1, 5)))
        is_answered = world.chance(0.8)
        responded_at = world.instant()
        world.add(
            "survey.responses",
            response_id=world.name("V"),
            survey_type=world.pick(("nps", "nps", "csat", "ces")),
            score=world.random.randint(low, high) if is_answered else None,
            scale_min=low,
            scale_max=high,
            direction=world.pick((None, "high_is_good", "low_is_good")),
            email=world.maybe(spelled_email(world, person), 0.4),
            customer_id=world.maybe(world.pick(person.customer_ids or [None]), 0.4),
            order_id=world.maybe(world.pick([order["order_id"] for order in orders] or [None]), 0.4),
            responded_at=responded_at if is_answered else None,
            sent_at=responded_at - timedelta(days=1),
        )


def invent_costs(world: World) -> None:
    """Media spend with credits, the cost ledger, and rates with holes."""
    days = sorted({world.day() for _ in range(5)})
    for day in days:
        for number, channel in enumerate(_CAMPAIGN_CHANNELS):
            if world.chance(0.4):
                world.add(
                    "marketing.spend",
                    platform="ads",
                    campaign_id=f"M{number}",
                    spend_date=day,
                    marketing_channel=channel,
                    clicks=world.maybe(world.random.randint(0, 50)),
                    spend_amount=world.money(90),
                    currency_code=world.some_currency(),
                    platform_conversions=world.maybe(world.random.randint(0, 3)),
                )
    for row in world.rows.get("marketing.spend", [])[2::3]:  # few: many would look like a flipped sign
        row["spend_amount"] *= world.pick((1, 1, -1))
    for _ in range(world.random.randint(0, 12)):
        world.add(
            "finance.costs",
            cost_id=world.name("F"),
            cost_date=world.pick((*days, world.day())),
            category=world.pick(_CATEGORIES),
            marketing_channel=world.pick((None, None, "paid_search", "display", "mystery")),
            amount=world.money(),
            currency_code=world.some_currency(),
        )
    _add_rates(world)


def _add_rates(world: World) -> None:
    """A rate for most days on which something may need one, and none for the others."""
    values = [value for rows in world.rows.values() for row in rows for value in row.values()]
    used = {value.date() if isinstance(value, datetime) else value for value in values if isinstance(value, date)}
    near = {day + timedelta(days=step) for day in used for step in (-1, 0, 1)}
    for day in sorted(day for day in near if day <= world.days[-1]):
        for currency, rate in (("SEK", "0.0875"), ("JPY", "0.006149")):
            if world.chance(0.75):
                world.add(
                    "finance.exchange_rates",
                    rate_date=day,
                    currency_code=currency,
                    rate_to_reporting=Decimal(rate) + Decimal(day.day).scaleb(-4),
                )
