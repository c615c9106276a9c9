"""What reading one file found: its rows, the rows set aside, the warnings.

Lives here: the account of a single file while it is read. Does not live here: writing it down (`landing.py`,
`ledger.py`). A rejected row carries its place and its rule; its text goes to the quarantine and nowhere else.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date

from orchestration.errors import CxwError

KEPT_REJECTS = 500_000
_GIVE_UP_AFTER = 10_000


def told(
    refusal: CxwError, table: str, extract_date: date | None, sha256: str = "", *, has_rejects: bool = False
) -> str:
    """The refusal of a file as the ledger keeps it, with what a person types now."""
    look = f"`cxw quarantine show {sha256[:8]}`; then " if has_rejects else ""
    gap = f", or `cxw gaps accept {table} {extract_date} --why ...`" if extract_date else ""
    command = f"{look}deliver a corrected file and `cxw run`{gap}"
    return str(CxwError(refusal.code, refusal.message, where=refusal.where, next_command=command))


@dataclass(frozen=True)
class Reject:
    """One row set aside. `line` is its first line in the file; `column` is empty when the whole row is meant."""

    line: int
    column: str
    code: str
    rule: str
    raw: str


@dataclass
class Account:
    """Counts of one file. `rows_in` is counted over the bytes, never by the engine that types the rows."""

    table: str
    where: str
    rows_in: int = 0
    rejected: int = 0
    accepted: int = 0
    duplicates: int = 0
    clock_shifts: int = 0
    rejects: list[Reject] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    announced_rows: int | None = None
    refusal: CxwError | None = None
    gives_up: bool = True  # more than half of many rows are bad: stop reading
    _broken: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    _first_line: dict[tuple[str, str, str], int] = field(default_factory=dict)

    def reject(self, line: int, column: str, code: str, what: str, raw: str) -> None:
        """Set a row aside. `what` is the last part of the rule's name: `<table>.<column or row>.<what>`."""
        rule = f"{self.table}.{column or 'row'}.{what}"
        self.rejected += 1
        self._broken[column, code, rule] += 1
        key = (column, code, rule)
        self._first_line[key] = min(line, self._first_line.get(key, line))
        if len(self.rejects) < KEPT_REJECTS:
            self.rejects.append(Reject(line, column, code, rule, raw))
        if self.gives_up and self.rejected > _GIVE_UP_AFTER and self.rejected * 2 > self.rows_in:
            raise CxwError(
                "E-LND-012", f"more than half of the first {self.rows_in} rows: {self.summary()}", where=self.where
            )

    def warn(self, message: str) -> None:
        if message not in self.warnings:
            self.warnings.append(message)

    def summary(self) -> str:
        """The commonest broken rules in one line, each with the first line it stands on."""
        parts = []
        for (column, code, rule), number in self._broken.most_common(3):
            place = f' column "{column}"' if column else ""
            parts.append(
                f"{number} x {code}{place} [rule {rule}], first on line {self._first_line[column, code, rule]}"
            )
        more = len(self._broken) - len(parts)
        return "; ".join(parts) + (f"; {more} more rules" if more > 0 else "")
