"""Shape of the seventeen generic tables: columns with types, key, version column.

Lives here: what a delivered row may hold, typed. Does not live here: rows (`company.py`) or their meaning.
Types: text, bool, int, date, time (an instant), money (4 decimals), quantity (6), rate (10).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

Value = str | bool | int | date | datetime | Decimal | None
Row = dict[str, Value]


@dataclass(frozen=True)
class Table:
    """One delivered table. `name` is `<source>.<table>`; required columns are never null in an accepted row."""

    name: str
    columns: dict[str, str]
    key: tuple[str, ...]
    required: frozenset[str]
    version: str | None

    @property
    def source(self) -> str:
        return self.name.split(".")[0]

    @property
    def entity(self) -> str:
        return self.name.split(".")[1]

    @property
    def optional(self) -> tuple[str, ...]:
        return tuple(name for name in self.columns if name not in self.required)


# One line per column group: `name` is text, `name:type` otherwise; `*` = required. The key comes first.
_SHAPES = {
    "crm.contacts": (
        "contact_id*",
        "account_id email phone first_name last_name country_code lead_source loyalty_id created_at*:time "
        "updated_at*:time merged_into_contact_id",
    ),
    "crm.accounts": ("account_id*", "name parent_account_id country_code created_at:time updated_at:time"),
    "crm.leads": (
        "lead_id*",
        "contact_id email phone lead_source campaign_id status* created_at*:time qualified_at:time converted_at:time "
        "converted_contact_id opportunity_id updated_at*:time",
    ),
    "crm.opportunities": (
        "opportunity_id*",
        "account_id contact_id lead_id stage* amount:money currency_code is_won:bool created_at:time closed_at:time "
        "updated_at*:time",
    ),
    "contact_center.interactions": (
        "interaction_id*",
        "case_id channel* direction* contact_id customer_email customer_phone queue contact_reason agent_id "
        "started_at*:time answered_at:time ended_at:time queue_seconds:int talk_seconds:int hold_seconds:int "
        "after_contact_work_seconds:int transfer_count:int is_abandoned:bool disposition updated_at:time",
    ),
    "contact_center.cases": (
        "case_id*",
        "contact_id customer_email contact_reason priority status* opened_at*:time first_responded_at:time "
        "resolved_at:time reopened_count:int updated_at*:time",
    ),
    "contact_center.agents": ("agent_id* valid_from*:date", "team role hourly_cost_amount:money currency_code"),
    "ecommerce.customers": (
        "customer_id*",
        "email phone first_name last_name country_code accepts_marketing:bool referrer_customer_id created_at*:time "
        "updated_at*:time",
    ),
    "ecommerce.orders": (
        "order_id*",
        "customer_id email ordered_at*:time status* currency_code* discount_amount:money shipping_amount:money "
        "tax_amount:money total_amount:money source_channel utm_source utm_medium utm_campaign is_test:bool "
        "cancelled_at:time updated_at*:time",
    ),
    "ecommerce.order_lines": (
        "order_id* line_number*:int",
        "product_id product_category quantity*:quantity unit_price_amount*:money discount_amount:money "
        "unit_cost_amount:money line_type updated_at:time",
    ),
    "ecommerce.refunds": (
        "refund_id*",
        "order_id customer_id email refunded_at*:time amount*:money tax_amount:money shipping_amount:money "
        "currency_code* reason updated_at:time",
    ),
    "ecommerce.sessions": (
        "session_id*",
        "customer_id email started_at*:time utm_source utm_medium utm_campaign referrer landing_page has_order:bool",
    ),
    "marketing.spend": (
        "platform* campaign_id* spend_date*:date",
        "account_id campaign_name marketing_channel impressions:int clicks:int spend_amount*:money currency_code* "
        "platform_conversions:int updated_at:time",
    ),
    "marketing.touchpoints": (
        "touchpoint_id*",
        "email contact_id customer_id occurred_at*:time marketing_channel* campaign_id kind",
    ),
    "survey.responses": (
        "response_id*",
        "survey_type* score:int scale_min*:int scale_max*:int direction email contact_id customer_id interaction_id "
        "order_id touchpoint comment responded_at:time sent_at:time",
    ),
    "finance.costs": (
        "cost_id*",
        "cost_date*:date category* marketing_channel campaign_id team amount*:money currency_code*",
    ),
    "finance.exchange_rates": ("rate_date*:date currency_code*", "rate_to_reporting*:rate"),
}
_APPENDED = {"ecommerce.sessions", "marketing.touchpoints"}


def _table(name: str, key: str, rest: str) -> Table:
    columns: dict[str, str] = {}
    required: set[str] = set()
    for word in f"{key} {rest} is_deleted:bool".split():
        spelled, _, kind = word.partition(":")
        column = spelled.rstrip("*")
        columns[column] = kind or "text"
        if spelled.endswith("*"):
            required.add(column)
    version = "responded_at" if name == "survey.responses" else "updated_at" if "updated_at" in columns else None
    key_columns = tuple(word.partition(":")[0].rstrip("*") for word in key.split())
    return Table(name, columns, key_columns, frozenset(required), None if name in _APPENDED else version)


TABLES: dict[str, Table] = {name: _table(name, key, rest) for name, (key, rest) in _SHAPES.items()}
BY_ENTITY: dict[str, Table] = {table.entity: table for table in TABLES.values()}
