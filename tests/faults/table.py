"""`tests/faults/README.md` from one run: fault, what was done, what was seen, pass or not, seconds.

Lives here: the text of the table, the titles of the catalogue's sections, and the faults that are not injected, with
the reason. Does not live here: what a test did or saw (each test says it itself).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

SECTIONS = {
    "A. Process death": range(1, 18),
    "B. Disk and file system": range(18, 30),
    "C. Files": range(30, 51),
    "D. Encoding and structure": range(51, 64),
    "E. Values and meaning": range(64, 82),
    "F. Concurrency and people": range(82, 94),
}
OTHERS = {
    "C": "Convergence properties",
    "L": "Laws of precedence",
    "M": "Measured traps of the tools",
    "S": "Security and privacy",
}
# Faults that no test injects, and why. A fault that is neither here nor tested shows as "no test".
NOT_INJECTED: dict[str, str] = {
    "F11": "an out-of-memory kill is a SIGKILL, which every crash point gets; no memory cgroup is writable here",
    "F93": "event-log growth over months needs months; retention is configured (90 days) and asserted as configuration",
}


@dataclass(frozen=True)
class Shown:
    """One test of one run: the faults it injected and what came of it."""

    ids: tuple[str, ...]
    done: str
    seen: str
    outcome: str
    seconds: float


def write_table(path: Path, shown: Iterable[Shown]) -> None:
    """Write the table. Tests that say the same (the same thing done to several inputs) share a row."""
    rows = _joined(shown)
    every = [f"F{number}" for numbers in SECTIONS.values() for number in numbers]
    tested = {fault for row in rows for fault in row.ids}
    untold = [fault for fault in every if fault not in tested and fault not in NOT_INJECTED]
    total, seconds = len(rows), sum(row.seconds for row in rows)
    bad = sum(row.outcome == "FAIL" for row in rows)
    lines = [
        "# Faults: what was done, what was seen",
        "",
        "Written by `make test-faults` from its run, never by hand. One row: one kind of injection, often many cases.",
        "",
        f"{len(tested & set(every))} of {len(every)} catalogued faults injected, {total} rows, {bad} failed,"
        f" {seconds / 60:.1f} minutes.",
    ]
    for title, numbers in SECTIONS.items():
        wanted = [f"F{number}" for number in numbers]
        lines += _section(title, rows, wanted)
        lines += [f"| {fault} | not injected | {NOT_INJECTED[fault]} | – | – |" for fault in wanted
                  if fault in NOT_INJECTED and fault not in tested]  # fmt: skip
        lines += [f"| {fault} | no test | | – | – |" for fault in wanted if fault in untold]
    for letter, title in OTHERS.items():
        wanted = sorted({f for row in rows for f in row.ids if f.startswith(letter)}, key=_natural)
        mine = [row for row in rows if not any(fault.startswith("F") for fault in row.ids)]
        if any(set(row.ids) & set(wanted) for row in mine):
            lines += _section(title, mine, wanted)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _section(title: str, rows: list[Shown], wanted: list[str]) -> list[str]:
    lines = ["", f"## {title}", "", "| fault | done | seen | result | seconds |", "|---|---|---|---|---|"]
    mine = [row for row in rows if _home(row) in wanted]
    for row in sorted(mine, key=lambda row: [_natural(fault) for fault in row.ids]):
        cells = (", ".join(row.ids), row.done, row.seen, row.outcome, f"{row.seconds:.1f}")
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
    return lines


def _home(row: Shown) -> str:
    """The fault that a row stands under: its first of the catalogue, else its first."""
    return next((fault for fault in row.ids if fault.startswith("F")), row.ids[0])


def _joined(shown: Iterable[Shown]) -> list[Shown]:
    rows: dict[tuple[object, ...], Shown] = {}
    for each in shown:
        ids = tuple(sorted(set(each.ids), key=_natural))
        key = (ids, each.done, each.seen)
        before = rows.get(key)
        worst = max((each.outcome, before.outcome if before else "pass"), key=("pass", "skipped", "FAIL").index)
        seconds = each.seconds + (before.seconds if before else 0.0)
        rows[key] = Shown(ids, each.done, each.seen, worst, seconds)
    return list(rows.values())


def _natural(fault: str) -> tuple[int, str, int]:
    letter, number = re.match(r"([A-Z]+)(\d*)", fault).groups()
    return (letter != "F", letter, int(number or 0))
