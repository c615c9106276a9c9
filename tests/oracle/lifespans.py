"""How long customers stay: Kaplan and Meier's estimate, customer by customer, in exact fractions.

Lives here: lives and their mean up to the horizon. Does not live here: the mart that shows it (`marts_retention.py`).
"""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from fractions import Fraction

from .facts import Customer

Life = tuple[int, bool]  # days lived, and whether the customer has lapsed


def lives(customers: list[Customer], moment: date, window: int) -> list[Life]:
    """Of every customer known at the start of day `moment`: lapsed after so many days, or alive for so many."""
    found: list[Life] = []
    for customer in customers:
        days = [day for day in customer.order_days if day < moment]
        if not days:
            continue
        lapse = days[-1] + timedelta(days=window)
        has_lapsed = lapse < moment
        found.append((((lapse if has_lapsed else moment) - days[0]).days, has_lapsed))
    return found


def restricted_mean(found: list[Life]) -> Fraction | None:
    """Area under the survival curve from 0 to the longest life; None of nobody."""
    lapses = Counter(days for days, has_lapsed in found if has_lapsed)
    area, survival, before = Fraction(0), Fraction(1), 0
    for days in sorted({days for days, _ in found}):
        area += survival * (days - before)
        before = days
        survival *= 1 - Fraction(lapses[days], sum(other >= days for other, _ in found))
    return area if found else None
