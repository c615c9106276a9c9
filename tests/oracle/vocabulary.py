"""Vendor words and ours: the seeds, read as data.

Lives here: looking a delivered word up. Does not live here: the words (`dbt_project/seeds/*.csv`).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

UNMAPPED = "unmapped"
UNATTRIBUTED = "unattributed"
DIRECT = "direct"
_SEEDS = Path(__file__).parents[2] / "dbt_project" / "seeds"


@dataclass(frozen=True)
class Vocabulary:
    """The maps of the seeds; every key is lower case."""

    words: dict[str, dict[str, str]]  # map name -> vendor word -> our word
    utm: dict[tuple[str, str], str]  # (source, medium); source "" = any source with this medium
    paid_channels: frozenset[str]

    def ours(self, map_name: str, value: str | None) -> str:
        """Our word for a delivered one; `unmapped` for a blank or unknown one."""
        return self.words[map_name].get((value or "").strip().lower(), UNMAPPED)

    def channel(self, value: str | None) -> str:
        return self.ours("marketing_channels", value)

    def utm_channel(self, source: str | None, medium: str | None) -> str:
        """The row with the source wins over the row for any source; a blank medium only matches a blank one."""
        source, medium = (source or "").strip().lower(), (medium or "").strip().lower()
        if (source, medium) in self.utm:
            return self.utm[source, medium]
        return self.utm.get(("", medium), UNMAPPED) if medium else UNMAPPED


def _rows(name: str) -> list[list[str]]:
    with (_SEEDS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]


@cache
def vocabulary() -> Vocabulary:
    """The seeds of the project."""
    maps = (
        "order_statuses",
        "lead_statuses",
        "line_types",
        "interaction_channels",
        "interaction_directions",
        "marketing_channels",
    )
    words = {name: {vendor.strip().lower(): ours for vendor, ours in _rows(f"map_{name}")} for name in maps}
    utm = {(source.lower(), medium.lower()): channel for source, medium, channel in _rows("map_utm_channels")}
    paid = frozenset(channel for channel, is_paid, *_ in _rows("marketing_channels") if is_paid.lower() == "true")
    return Vocabulary(words, utm, paid)
