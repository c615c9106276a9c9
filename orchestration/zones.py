"""Wall clocks -> UTC, with one rule for the hours that clocks repeat or skip.

Lives here: a repeated hour is its first, a skipped one is shifted forward by the hour that was skipped.
Does not live here: which column has which zone (the contract), counting per file (`extracts.py`).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

_FIRST_YEAR, _LAST_YEAR = 1950, 2080  # no zone that a business of today uses changes differently outside


class WallClock:
    """The clock changes of one zone, as arrays that whole columns are looked up in (microseconds since 1970)."""

    def __init__(self, zone: str) -> None:
        changes = _changes(zone)
        offsets = [offset for _, offset in changes]
        # Up to the later of both readings of the clock the old offset counts: the first pass through a repeated
        # hour, and the skipped hour read as if the clock had not been moved yet.
        steps = [(moment + max(before, after), moment + min(before, after))
                 for (moment, after), before in zip(changes[1:], offsets, strict=False)]  # fmt: skip
        self._offsets = np.array(offsets, np.int64)
        self._turns = np.array([latest for latest, _ in steps], np.int64)
        self._odd_from = np.array([earliest for _, earliest in steps], np.int64)

    def to_utc(self, local: np.ndarray) -> np.ndarray:
        return local - self._offsets[np.searchsorted(self._turns, local, side="right")]

    def is_odd(self, local: np.ndarray) -> np.ndarray:
        """True for times that come twice or never."""
        if not len(self._turns):
            return np.zeros(len(local), bool)
        following = np.minimum(np.searchsorted(self._turns, local, side="right"), len(self._turns) - 1)
        return (local >= self._odd_from[following]) & (local < self._turns[following])


@lru_cache(maxsize=16)
def wall_clock(zone: str) -> WallClock:
    return WallClock(zone)


def utc_midnight(day: date, zone: str) -> datetime:
    """Start of a business day as naive UTC."""
    local = np.array([_microseconds(datetime(day.year, day.month, day.day))], np.int64)
    return datetime(1970, 1, 1) + timedelta(microseconds=int(wall_clock(zone).to_utc(local)[0]))


def _microseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1)) // timedelta(microseconds=1)


def _changes(name: str) -> list[tuple[int, int]]:
    """Moments (UTC) at which the offset changes, with the new offset; the first entry is the offset before all."""
    zone = ZoneInfo(name)

    def offset(moment: datetime) -> timedelta:
        return moment.replace(tzinfo=UTC).astimezone(zone).utcoffset() or timedelta()

    unit = timedelta(microseconds=1)
    at, end = datetime(_FIRST_YEAR, 1, 1), datetime(_LAST_YEAR, 1, 1)
    before = offset(at)
    changes = [(_microseconds(at), before // unit)]
    while at < end:
        following = at + timedelta(days=7)  # no zone changes twice within a week
        after = offset(following)
        if after != before:
            low, high = at, following
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) / 2
                low, high = (middle, high) if offset(middle) == before else (low, middle)
            changes.append((_microseconds(high.replace(microsecond=0)), after // unit))
        at, before = following, after
    return changes
