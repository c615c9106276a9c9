"""What becomes of leads and sessions.

Lives here: `mart_conversion__channel_month`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction

from .arithmetic import Amount, count_true, is_within, month_end, month_of, percentile, ratio, total
from .attribution import Attribution
from .facts import Facts
from .marts_acquisition import lead_of_opportunity, unknown_actions
from .marts_orders import Rows
from .tables import Row

WINDOWS = (30, 90)


@dataclass(frozen=True)
class Lead:
    """A lead with what happened to its person; `converted_at` is None for existing customers."""

    channel: str
    created: date
    is_qualified: bool
    is_existing_customer: bool
    converted: date | None
    opportunities: list[Row]


def conversion_by_channel(facts: Facts, attribution: Attribution, as_of: date) -> Rows:
    """Leads by creation month and channel; sessions by their own."""
    cohorts: dict[tuple, list[Lead]] = defaultdict(list)
    conversions: dict[tuple, int] = defaultdict(int)
    sessions: dict[tuple, list[bool | None]] = defaultdict(list)
    for lead in read_leads(facts):
        cohorts[month_of(lead.created), lead.channel].append(lead)
        if lead.converted:
            conversions[month_of(lead.converted), lead.channel] += 1
    for row in facts.table("ecommerce.sessions"):
        cell = (month_of(facts.day(row["started_at"])), attribution.session_channel(row))
        sessions[cell].append(row["has_order"])
    is_unknown = "qualified_lead" in unknown_actions(facts)
    rows: Rows = {}
    for cell in {*cohorts, *conversions, *sessions}:
        leads, visits = cohorts.get(cell, []), sessions.get(cell, [])
        converted = [lead for lead in leads if lead.converted]
        rows[cell] = {
            "lead_count": len(leads),
            "existing_customer_lead_count": sum(lead.is_existing_customer for lead in leads),
            "qualified_lead_count": None if leads and is_unknown else sum(lead.is_qualified for lead in leads),
            "opportunity_count": sum(bool(lead.opportunities) for lead in leads),
            "won_lead_count": sum(any(row["is_won"] for row in lead.opportunities) for lead in leads),
            "converted_lead_count": len(converted),
            "won_amount": total(
                won_amount(facts, row) for lead in leads for row in lead.opportunities if row["is_won"]
            ),
            "converting_lead_count": conversions.get(cell, 0),
            "conversion_rate_period": ratio(conversions.get(cell, 0), len(leads)),
            "median_days_to_convert": _median([(lead.converted - lead.created).days for lead in converted]),
            "session_count": len(visits),
            "session_with_order_count": count_true(visits),
            "session_conversion_rate": ratio(count_true(visits), len(visits)),
        }
        last_created = max((lead.created for lead in leads), default=None)
        for days in WINDOWS:
            in_time = sum(is_within(lead.converted, lead.created, days) for lead in converted)
            rows[cell][f"converted_lead_count_{days}d"] = in_time
            rows[cell][f"conversion_rate_cohort_{days}d"] = ratio(in_time, len(leads))
            has_lived = last_created is None or as_of >= last_created + timedelta(days=days - 1)
            rows[cell][f"is_final_{days}d"] = as_of >= month_end(cell[0]) and has_lived
        rows[cell]["is_final"] = all(rows[cell][f"is_final_{days}d"] for days in WINDOWS)
    return rows


def read_leads(facts: Facts) -> list[Lead]:
    """Leads with the first order or won opportunity of their golden customer."""
    leads = {str(row["lead_id"]): row for row in facts.table("crm.leads")}
    opportunities: dict[str, list[Row]] = defaultdict(list)
    first_won: dict[str, datetime] = {}
    for row in facts.table("crm.opportunities"):
        lead = lead_of_opportunity(row, leads)
        if lead:
            opportunities[str(lead["lead_id"])].append(row)
        person = person_of_opportunity(facts, row, lead)
        if person and row["is_won"] and row["closed_at"]:
            first_won[person] = min(row["closed_at"], first_won.get(person, row["closed_at"]))
    return [_lead(facts, row, opportunities[lead_id], first_won) for lead_id, row in leads.items()]


def _lead(facts: Facts, row: Row, opportunities: list[Row], first_won: dict[str, datetime]) -> Lead:
    person = facts.golden.group_of_record("crm.leads", row["lead_id"])
    moments = [first_won[person]] if person in first_won else []
    if person in facts.customers:
        moments.append(facts.customers[person].first.at)
    first = min(moments, default=None)
    is_existing = first is not None and first < row["created_at"]
    return Lead(
        channel=facts.vocabulary.channel(row["lead_source"]),
        created=facts.day(row["created_at"]),
        is_qualified=row["qualified_at"] is not None,
        is_existing_customer=is_existing,
        converted=None if first is None or is_existing else facts.day(first),
        opportunities=opportunities,
    )


def person_of_opportunity(facts: Facts, opportunity: Row, lead: Row | None) -> str | None:
    """By its contact, else the person of its lead."""
    if opportunity["contact_id"]:
        return facts.golden.attach({"contact_id": opportunity["contact_id"]})
    return facts.golden.group_of_record("crm.leads", lead["lead_id"]) if lead else None


def won_amount(facts: Facts, row: Row) -> Amount:
    day = facts.day(row["closed_at"]) if row["closed_at"] else None
    return facts.in_reporting_currency(row["amount"], row["currency_code"], day)


def _median(days: list[int]) -> float | None:
    exact = percentile(days, Fraction(1, 2))
    return None if exact is None else float(exact)
