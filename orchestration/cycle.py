"""What there is to do: files that landed, builds that are stale. Cheap enough to ask at every tick.

Lives here: the question that `cxw run`, the schedule and the sensors all ask, and its answer.
Does not live here: doing it (`execution.py` in process, the Dagster daemon elsewhere); Dagster itself.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from orchestration import build
from orchestration.backlog import Plan, pending
from orchestration.ledger import Ledger
from orchestration.site import Site
from orchestration.snapshots import current_snapshot


@dataclass(frozen=True)
class Work:
    """Tables with new files or files to be read again, tables with files still being written, whether to build.

    `unknown_folders` lie below a source without being a table of it. `key` changes when the work does: the same work
    is not started twice by two ticks.
    """

    tables: tuple[str, ...]
    waiting: tuple[str, ...]
    new_files: int
    reread_dates: int
    unknown_folders: tuple[str, ...]
    is_stale: bool
    key: str

    @property
    def is_empty(self) -> bool:
        return not self.tables and not self.is_stale

    def __str__(self) -> str:
        if self.is_empty:
            return "nothing to take in, nothing to build"
        said = [f"{self.new_files} new files"] if self.new_files else []
        said += [f"{self.reread_dates} extract dates to be read again"] if self.reread_dates else []
        said += ["the published snapshot is not made of what is accepted now"] if self.is_stale else []
        tables = f", {len(self.tables)} tables" if self.tables else ""
        return "; ".join(said) + tables


def find_work(site: Site, ledger: Ledger) -> Work:
    """Look at landing and ledger; opens no data file."""
    plan = pending(site.contracts.values(), site.settings, ledger)
    version = build.input_version(site.settings, site.sources, ledger)
    return Work(
        tables=tuple(sorted({*plan.new, *plan.reread})),
        waiting=tuple(sorted(plan.waiting)),
        new_files=sum(len(names) for days in plan.new.values() for names in days.values()),
        reread_dates=sum(len(days) for days in plan.reread.values()),
        unknown_folders=plan.unknown_folders,
        is_stale=_is_stale(site, ledger, version),
        key=_key(plan, version),
    )


def _is_stale(site: Site, ledger: Ledger, version: str) -> bool:
    """Whether accepted deliveries, code or settings differ from what the last publish was made of.

    The last publish, not the current pointer: after a rollback the next cycle moves on only with something new.
    """
    if not any(delivery.state == "accepted" for delivery in ledger.deliveries()):
        return False
    entries = ledger.publishes()
    published = [entry.snapshot_id for entry in entries if entry.state == "published"]
    last = published[-1] if published else None if entries else current_snapshot(site.settings)
    return last is None or last.partition("-")[2] != version


def _key(plan: Plan, version: str) -> str:
    lines = [version]
    for name, days in sorted(plan.new.items()):
        lines += sorted(f"{name} {file_name}" for names in days.values() for file_name in names)
    lines += [f"{name} {day} {why}" for name, days in sorted(plan.reread.items()) for day, why in sorted(days.items())]
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()[:16]
