"""Exact sums, ratios and splits, and the calendar.

Lives here: the conventions that every mart shares (unknown amounts, division, rounding, months). Amounts are
`Fraction` while they are computed; what is published is rounded once, by `published_amount`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

Amount = Fraction | None


@dataclass(frozen=True)
class Near:
    """An amount that the definitions fix only up to the rounding of its parts."""

    value: Amount
    tolerance: Fraction


def total(parts: Iterable[Fraction | int | None]) -> Amount:
    """No rows: 0. Only unknown ones: None. Otherwise the sum of the known ones."""
    everything = list(parts)
    known = [part for part in everything if part is not None]
    if everything and not known:
        return None
    return sum(known, Fraction(0))


def count_true(flags: Iterable[bool | None]) -> int | None:
    """How many are true, with the rule of `total` for unknown ones."""
    counted = total(None if flag is None else int(flag) for flag in flags)
    return None if counted is None else int(counted)


def net(added: Iterable[Amount], taken: Iterable[Amount]) -> Amount:
    """One sum over both kinds of rows, so that the nets of parts sum to the net of the whole."""
    return total([*added, *(None if amount is None else -amount for amount in taken)])


def minus(left: Amount, right: Amount) -> Amount:
    return None if left is None or right is None else left - right


def quotient(numerator: Fraction | int | None, denominator: Fraction | int | None) -> Amount:
    if numerator is None or not denominator:
        return None
    return Fraction(numerator) / Fraction(denominator)


def ratio(numerator: Fraction | int | None, denominator: Fraction | int | None) -> float | None:
    """One division at the end; None when a part is unknown or the denominator is 0."""
    exact = quotient(numerator, denominator)
    return None if exact is None else float(exact)


def published_amount(amount: Fraction) -> Decimal:
    """Four decimals, half away from zero."""
    units = abs(amount) * 10_000
    whole = int(units + Fraction(1, 2))
    return Decimal(whole if amount >= 0 else -whole).scaleb(-4)


def largest_remainder(weights: Sequence[Fraction], units: int) -> list[int]:
    """Split `units` whole units in proportion to `weights` (their sum is positive); ties go to the earlier one."""
    scale = sum(weights, Fraction(0))
    shares = [weight * units / scale for weight in weights]
    floors = [share.numerator // share.denominator for share in shares]
    order = sorted(range(len(shares)), key=lambda place: (floors[place] - shares[place], place))
    for place in order[: units - sum(floors)]:
        floors[place] += 1
    return floors


def ntile(count: int, buckets: int) -> Iterator[int]:
    """Bucket of the 1st, 2nd … row of `count` ordered rows; the first buckets take the surplus."""
    size, surplus = divmod(count, buckets)
    for bucket in range(1, buckets + 1):
        for _ in range(size + (bucket <= surplus)):
            yield bucket


def percentile(values: Sequence[int | Fraction], share: Fraction) -> Amount:
    """Interpolated percentile (0 … 1) of at least one value, exact."""
    if not values:
        return None
    ordered = sorted(Fraction(value) for value in values)
    place = share * (len(ordered) - 1)
    low = place.numerator // place.denominator
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def month_of(day: date) -> date:
    return day.replace(day=1)


def month_after(month: date, months: int = 1) -> date:
    index = month.year * 12 + month.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def month_end(month: date) -> date:
    return month_after(month) - timedelta(days=1)


def months_between(earlier: date, later: date) -> int:
    return (later.year - earlier.year) * 12 + later.month - earlier.month


def months_through(first: date, last: date) -> list[date]:
    return [month_after(first, step) for step in range(months_between(first, last) + 1)]


def is_within(day: date, start: date, days: int) -> bool:
    """`day` is one of the `days` days that begin with `start`."""
    return 0 <= (day - start).days < days
