"""Invented people around the real customers: web accounts, CRM contacts, companies, leads, opportunities.

Addresses use a reserved domain, phone numbers ranges that the British regulator keeps for fiction. Every function
takes its own random generator, so that one table can change without the others.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from orchestration.demo.shop import CHANNEL_SHARE, CHANNELS, Shop, delivered

GIVEN = (
    "Ada",
    "Ben",
    "Cleo",
    "Dina",
    "Emil",
    "Faye",
    "Gus",
    "Hana",
    "Ivo",
    "June",
    "Kian",
    "Lena",
    "Milo",
    "Nora",
    "Omar",
    "Pia",
    "Quinn",
    "Rosa",
    "Sami",
    "Tess",
    "Uma",
    "Vera",
    "Will",
    "Yara",
    "Zeno",
)
FAMILY = (
    "Abbot",
    "Brandt",
    "Carver",
    "Dalby",
    "Ellery",
    "Frost",
    "Garrow",
    "Hale",
    "Ibsen",
    "Jarvis",
    "Keane",
    "Lorne",
    "Marsh",
    "Nye",
    "Ogden",
    "Penn",
    "Quill",
    "Rowe",
    "Shaw",
    "Thorne",
    "Usher",
    "Vale",
    "Wynn",
    "Yates",
    "Zell",
)
FICTION_RANGES = (
    "20 7946 0",
    "113 496 0",
    "114 496 0",
    "115 496 0",
    "116 496 0",
    "117 496 0",
    "121 496 0",
    "131 496 0",
    "141 496 0",
    "161 496 0",
)


def people(shop: Shop, rng: np.random.Generator) -> pd.DataFrame:
    """Every real customer with an invented identity, and 2,000 prospects who never buy."""
    real = shop.customers.reset_index(drop=True)
    prospects = pd.DataFrame(
        {
            "customer_id": [f"P{number:05d}" for number in range(2000)],
            "first_invoiced_at": rng.choice(shop.days, 2000)
            + pd.to_timedelta(rng.integers(8 * 60, 18 * 60, 2000), "min"),
            "country_code": "GB",
            "invoice_count": 0,
        }
    )
    people = pd.concat([real, prospects], ignore_index=True)
    size = len(people)
    given, family = rng.choice(GIVEN, size), rng.choice(FAMILY, size)
    people["first_name"], people["last_name"] = given, family
    people["email"] = [
        f"{g}.{f}.{c}@example.com".lower() for g, f, c in zip(given, family, people["customer_id"], strict=True)
    ]
    numbers = rng.permutation(len(FICTION_RANGES) * 1000)[:size]
    phones = np.array([f"+44 {FICTION_RANGES[n // 1000]}{n % 1000:03d}" for n in numbers], dtype=object)
    people["phone"] = np.where(rng.random(size) < 0.35, phones, None)
    lead_time = pd.to_timedelta(rng.exponential(40, size) * 60, "s")
    start = shop.days[0]
    people["known_at"] = (people["first_invoiced_at"] - lead_time).clip(lower=start + pd.Timedelta(minutes=5))
    people["channel"] = rng.choice(CHANNELS, size, p=CHANNEL_SHARE)
    people["is_real"] = people["invoice_count"] > 0
    return people


def accounts(people: pd.DataFrame) -> pd.DataFrame:
    rows = people[people["is_real"]]
    return delivered(
        pd.DataFrame(
            {
                "customer_id": rows["customer_id"],
                "email": rows["email"],
                "phone": rows["phone"],
                "first_name": rows["first_name"],
                "last_name": rows["last_name"],
                "country_code": rows["country_code"],
                "accepts_marketing": rows["customer_id"].str[-1].isin(list("01234")),
                "created_at": rows["known_at"],
                "updated_at": rows["known_at"],
            }
        ),
        "updated_at",
    )


def companies(shop: Shop, rng: np.random.Generator) -> pd.DataFrame:
    created = pd.Series(shop.days[0] + pd.to_timedelta(rng.integers(0, 600, 120), "min"))
    rows = pd.DataFrame(
        {"account_id": [f"A{n:04d}" for n in range(120)], "name": [f"Sample Gifts {n}" for n in range(120)]}
    )
    return delivered(rows.assign(country_code="GB", created_at=created, updated_at=created), "updated_at")


def contacts(people: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    chosen = people[~people["is_real"] | (rng.random(len(people)) < 0.45)].reset_index(drop=True)
    size = len(chosen)
    shouting = rng.random(size) < 0.2  # the same address typed in capitals is the same person
    rows = pd.DataFrame(
        {
            "contact_id": [f"K{n:05d}" for n in range(size)],
            "account_id": np.where(rng.random(size) < 0.1, [f"A{n:04d}" for n in rng.integers(0, 120, size)], None),
            "email": np.where(shouting, chosen["email"].str.upper(), chosen["email"]),
            "phone": chosen["phone"],
            "first_name": chosen["first_name"],
            "last_name": chosen["last_name"],
            "country_code": chosen["country_code"],
            "lead_source": chosen["channel"],
            "created_at": chosen["known_at"],
            "updated_at": chosen["known_at"],
        }
    )
    return delivered(rows, "updated_at")


def leads(shop: Shop, people: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Leads of some later buyers and of all prospects; a qualified lead is delivered a second time."""
    chosen = people[~people["is_real"] | (rng.random(len(people)) < 0.30)].reset_index(drop=True)
    size = len(chosen)
    created = (chosen["known_at"] - pd.to_timedelta(rng.exponential(9, size), "D")).clip(lower=shop.days[0])
    qualified = created + pd.to_timedelta(rng.exponential(4, size), "D")
    is_qualified = rng.random(size) < np.where(chosen["is_real"], 0.8, 0.25)
    first = pd.DataFrame(
        {
            "lead_id": [f"L{n:05d}" for n in range(size)],
            "email": chosen["email"],
            "phone": chosen["phone"],
            "lead_source": chosen["channel"],
            "status": "new",
            "created_at": created,
            "qualified_at": pd.NaT,
            "updated_at": created,
        }
    )
    second = first[is_qualified].assign(
        status="qualified", qualified_at=qualified[is_qualified], updated_at=qualified[is_qualified]
    )
    return delivered(pd.concat([first, second], ignore_index=True), "updated_at")


def opportunities(leads: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Deals of 300 qualified leads (fewer where there are fewer): opened, then won or lost."""
    qualified = leads[leads["status"] == "qualified"]
    chosen = qualified.iloc[rng.permutation(len(qualified))[:300]].reset_index(drop=True)
    size = len(chosen)
    created = chosen["qualified_at"] + pd.to_timedelta(rng.exponential(3, size), "D")
    closed = created + pd.to_timedelta(rng.exponential(21, size), "D")
    base = pd.DataFrame(
        {
            "opportunity_id": [f"O{n:04d}" for n in range(size)],
            "lead_id": chosen["lead_id"],
            "stage": "proposal",
            "amount": rng.integers(150, 4000, size).astype(float),
            "currency_code": "GBP",
            "is_won": pd.array([None] * size, dtype="boolean"),
            "created_at": created,
            "closed_at": pd.NaT,
            "updated_at": created,
        }
    )
    won = rng.random(size) < 0.4
    stage = np.where(won, "closed won", "closed lost")
    ended = base.assign(stage=stage, is_won=pd.array(won, dtype="boolean"), closed_at=closed, updated_at=closed)
    return delivered(pd.concat([base, ended], ignore_index=True), "updated_at")
