"""Companies above companies, and countries that are none: added to a company that is invented already.

Lives here: `with_accounts`. Every choice hangs on a row's own key and version, so that all other rows of a company are
what they were before, and two versions that are equal stay equal.
"""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, time, timedelta
from random import Random

from .company import Company, Delivery
from .tables import TABLES, Row

_COUNTRIES = ("GB", "FR", " de", "UK", "zz", "NA", None)


def with_accounts(company: Company, is_delivered: bool = True) -> Company:
    """The same company, whose contacts and opportunities name companies; delivered or not."""
    dice = Random(f"{company.name} {len(company.deliveries)} accounts")
    ids = [f"A{number}" for number in range(dice.choice((1, 4, 6)))]

    def change(table: str, row: Row) -> Row:
        own = Random(f"{company.name} {table} {[row[name] for name in TABLES[table].key]} {row.get('updated_at')}")
        if table == "crm.contacts":
            row["account_id"] = own.choice((None, "A-elsewhere", *ids, *ids))
        if table == "crm.opportunities":
            row["account_id"] = own.choice((None, None, "A-elsewhere", *ids))
        if table in ("crm.contacts", "ecommerce.customers") and row["phone"] is None:  # a number is read in its country
            row["country_code"] = own.choice(_COUNTRIES)
        return row

    changed = company.with_rows(change)
    others = tuple(delivery for delivery in changed.deliveries if delivery.table != "crm.accounts")
    if not is_delivered or dice.random() < 0.2:
        return dataclasses.replace(changed, deliveries=others)
    days = sorted({delivery.extract_date for delivery in changed.deliveries})
    deliveries = [
        Delivery("crm.accounts", day, tuple(_rows(dice, ids, day)), tuple(TABLES["crm.accounts"].columns))
        for day in days
    ]
    return dataclasses.replace(changed, deliveries=(*others, *deliveries))


def _rows(dice: Random, ids: list[str], day: object) -> list[Row]:
    noon = datetime.combine(day, time(0), UTC) - timedelta(days=1)
    return [
        dict.fromkeys(TABLES["crm.accounts"].columns)
        | {
            "account_id": account_id,
            "name": "Example Ltd",
            "parent_account_id": dice.choice((None, "A-elsewhere", *ids, *ids)),
            "country_code": dice.choice(_COUNTRIES),
            "created_at": noon,
            "updated_at": noon,
            "is_deleted": dice.random() < 0.1,
        }
        for account_id in ids
        if dice.random() < 0.8
    ]
