"""What marketing and sales cost, by month and channel.

Lives here: media spend (extract and ledger, never twice) and the allocation of the other costs to channels.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from fractions import Fraction

from .arithmetic import Amount, Near, largest_remainder, minus, month_of, published_amount, total
from .facts import Facts
from .tables import Row
from .vocabulary import UNATTRIBUTED

OTHER_CATEGORIES = ("agency", "salaries", "overhead", "tools", "incentives")
Cell = tuple[date, str]  # (month, marketing channel)
# Costs may be rounded per category before they are spread, so a share is certain to one unit per category.
_ALLOCATION_TOLERANCE = Fraction(len(OTHER_CATEGORIES), 10_000)


class Costs:
    """Media and ledger of one company, in the reporting currency."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self.spend_rows: dict[Cell, list[Row]] = defaultdict(list)
        self._ledger_media: dict[Cell, list[Amount]] = defaultdict(list)
        self._other: dict[tuple[date, str], list[Amount]] = defaultdict(list)  # (month, category)
        self._direct: dict[Cell, list[Amount]] = defaultdict(list)
        self._unassigned: dict[date, list[Amount]] = defaultdict(list)
        for row in facts.table("marketing.spend"):
            self.spend_rows[month_of(row["spend_date"]), facts.vocabulary.channel(row["marketing_channel"])].append(row)
        for row in facts.table("finance.costs"):
            self._read_ledger_row(row)
        self.has_ledger = "finance.costs" in facts.delivered
        self.has_spend = "marketing.spend" in facts.delivered
        self.has_media = self.has_spend or bool(self._ledger_media)
        self.media_cells = set(self.spend_rows) | set(self._ledger_media)
        self._allocated = self._allocate()

    def _read_ledger_row(self, row: Row) -> None:
        facts = self._facts
        month = month_of(row["cost_date"])
        amount = facts.in_reporting_currency(row["amount"], row["currency_code"], row["cost_date"])
        channel = facts.vocabulary.channel(row["marketing_channel"]) if row["marketing_channel"] else None
        if row["category"] == "media":
            self._ledger_media[month, channel or UNATTRIBUTED].append(amount)
        elif row["category"] in OTHER_CATEGORIES:
            self._other[month, row["category"]].append(amount)
            if channel:
                self._direct[month, channel].append(amount)
            else:
                self._unassigned[month].append(amount)

    def months(self) -> set[date]:
        """Months with any cost but service."""
        return {month for month, _ in self.media_cells} | {month for month, _ in self._other}

    def _media_amounts(self, cell: Cell) -> list[Amount]:
        """Of the spend extract, or of the ledger when the extract has no row for this channel and month."""
        spent = [self._spend(row) for row in self.spend_rows.get(cell, [])]
        return spent or self._ledger_media.get(cell, [])

    def _spend(self, row: Row) -> Amount:
        return self._facts.in_reporting_currency(row["spend_amount"], row["currency_code"], row["spend_date"])

    def media(self, cell: Cell) -> Amount:
        return total(self._media_amounts(cell)) if self.has_media else None

    def media_of_month(self, month: date) -> Amount:
        return total(self._media_of_month(month)) if self.has_media else None

    def _media_of_month(self, month: date) -> list[Amount]:
        return [amount for cell in sorted(self.media_cells) if cell[0] == month for amount in self._media_amounts(cell)]

    def media_difference(self, month: date) -> Amount:
        """Ledger media minus spend, where a channel has both in the month; None when nobody says what media cost."""
        if not self.has_media:
            return None
        both = [cell for cell in self.spend_rows if cell[0] == month and cell in self._ledger_media]
        return total(minus(total(self._ledger_media[cell]), self.media(cell)) for cell in both)

    def other(self, month: date, category: str) -> Amount:
        return total(self._other.get((month, category), [])) if self.has_ledger else None

    def sales_and_marketing(self, month: date) -> Amount:
        """Media and every other category but service; None without a ledger or without any media source."""
        if not self.has_ledger or not self.has_media:
            return None
        others = [amount for category in OTHER_CATEGORIES for amount in self._other.get((month, category), [])]
        return total(self._media_of_month(month) + others)

    def allocated(self, cell: Cell) -> Near:
        amount = total(self._allocated.get(cell, [])) if self.has_ledger else None
        return Near(amount, _ALLOCATION_TOLERANCE)

    def fully_loaded(self, cell: Cell) -> Near:
        """Media and allocated costs as one sum over their rows; None without a ledger or any media source."""
        amount = total([*self._media_amounts(cell), *self._allocated.get(cell, [])])
        return Near(amount if self.has_ledger and self.has_media else None, _ALLOCATION_TOLERANCE)

    @property
    def allocated_cells(self) -> set[Cell]:
        return set(self._allocated)

    def _allocate(self) -> dict[Cell, list[Amount]]:
        """Costs with a channel go to it; the others in proportion to the month's media, to the last unit."""
        shares: dict[Cell, list[Amount]] = {cell: list(amounts) for cell, amounts in self._direct.items()}
        for month, amounts in self._unassigned.items():
            media = {cell: self.media(cell) for cell in sorted(self.media_cells) if cell[0] == month}
            weights = {cell: amount for cell, amount in media.items() if amount is not None and amount > 0}
            pool = total(amounts)
            if not weights:
                shares.setdefault((month, UNATTRIBUTED), []).append(pool)
                continue
            if pool is None:  # whoever bears a part of an unknown cost bears an unknown part
                for cell in weights:
                    shares.setdefault(cell, []).append(None)
                continue
            units = largest_remainder(list(weights.values()), int(published_amount(pool) * 10_000))
            for cell, share in zip(weights, units, strict=True):
                shares.setdefault(cell, []).append(Fraction(share, 10_000))
        return shares
