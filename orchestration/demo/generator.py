"""Every invented table of the demo, from one seed: the same seed gives the same rows.

Lives here: which tables there are. Does not live here: the tables (`people.py`, `service.py`, `marketing.py`).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from orchestration.demo import marketing, people, service
from orchestration.demo.shop import Shop

SEED = 20101201


def generate(shop: Shop, seed: int = SEED) -> dict[str, pd.DataFrame]:
    """Invented tables as `<source>.<table>` to a frame with a column `extract_date`; instants are naive UTC."""

    def chance(stream: int) -> np.random.Generator:
        return np.random.default_rng([seed, stream])

    persons = people.people(shop, chance(0))
    leads = people.leads(shop, persons, chance(3))
    cases, interactions = service.service(shop, persons, chance(5))
    return {
        "online_retail.accounts": people.accounts(persons),
        "crm.accounts": people.companies(shop, chance(1)),
        "crm.contacts": people.contacts(persons, chance(2)),
        "crm.leads": leads,
        "crm.opportunities": people.opportunities(leads, chance(4)),
        "contact_center.agents": service.agents(shop),
        "contact_center.cases": cases,
        "contact_center.interactions": interactions,
        "ecommerce.sessions": marketing.sessions(shop, persons, chance(6)),
        "marketing.touchpoints": marketing.touchpoints(shop, persons, chance(7)),
        "marketing.spend": marketing.spend(shop, chance(8)),
        "survey.responses": service.surveys(shop, persons, chance(9)),
        "finance.costs": marketing.costs(shop),
        "finance.exchange_rates": marketing.rates(shop, chance(10)),
    }
