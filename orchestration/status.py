"""The state of a home as a person or a monitor wants to know it.

Lives here: collecting it, without Dagster, dbt or Great Expectations. Does not live here: drawing it (`screens.py`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from orchestration import accounting, backlog, check_results, cycle, disk, lateness, lease
from orchestration.accounting import TableState
from orchestration.cycle import Work
from orchestration.errors import CxwError
from orchestration.export import CheckResult
from orchestration.lateness import Behind
from orchestration.ledger import Ledger
from orchestration.ledger_rows import Delivery
from orchestration.settings import Settings
from orchestration.site import Site
from orchestration.snapshots import current_snapshot


@dataclass(frozen=True)
class Status:
    """What is published, how complete it is, what is open. `held_by` are failed critical checks of the newest build."""

    settings: Settings
    snapshot_id: str | None
    published_at: datetime | None
    writer: str
    work: Work
    tables: tuple[TableState, ...]
    checks: tuple[CheckResult, ...]
    rows: dict[str, tuple[int, int, int, int]]
    damaged: tuple[Delivery, ...] = ()
    disk: str = ""
    now: datetime = datetime.max.replace(tzinfo=UTC)

    @property
    def hours_old(self) -> float | None:
        return (self.now - self.published_at).total_seconds() / 3600 if self.published_at else None

    @property
    def behind(self) -> list[Behind]:
        """Sources whose last whole day is older than the objective."""
        return lateness.behind(self.tables, self.settings, self.now)

    @property
    def late(self) -> list[str]:
        """Why what readers see is older than its objective, whatever is up and running; names source and day."""
        objective = f"objective {self.settings.freshness_hours} h"
        lines = []
        if self.hours_old is not None and self.hours_old > self.settings.freshness_hours:
            undone = f"{self.work}. Next: cxw run" if not self.work.is_empty else "nothing new has landed"
            old = f"the published snapshot is {self.hours_old:.0f} h old ({objective})"
            lines.append(f"{old}: {lateness.oldest(self.tables)}; {undone}")
        return lines + [f"{each}, {each.hours:.0f} h after the last whole day ({objective})" for each in self.behind]

    @property
    def held_by(self) -> list[CheckResult]:
        """Checks that hold the newest build back; none when that build was published."""
        return check_results.failures(self.checks) if self.work.is_stale else []

    @property
    def warnings(self) -> list[CheckResult]:
        return [check for check in self.checks if not check.has_passed and check.severity != "critical"]

    @property
    def problems(self) -> list[str]:
        """What is missing, refused or held, one line each."""
        unknown = [f"landing/{folder} is no table of its source" for folder in self.work.unknown_folders]
        lost = [
            f"{each.name} {each.extract_date}: raw object {each.sha256[:12]} is missing or cut, nothing can be rebuilt"
            " from it. Next: restore it, or deliver the file again"
            for each in self.damaged
        ]
        return accounting.problems(self.tables) + unknown + lost + ([self.disk] if self.disk else [])

    @property
    def set_aside(self) -> int:
        """Rows of accepted deliveries that were rejected."""
        return sum(counts[2] for counts in self.rows.values())

    @property
    def exit_code(self) -> int:
        """0 current and complete, 1 held back by a check, 3 nothing published or too old, 4 incomplete."""
        if self.held_by:
            return 1
        if self.hours_old is None or self.late:
            return 3
        return 4 if self.problems else 0


def read_status(site: Site, now: datetime | None = None) -> Status:
    """Look at ledger, landing and the published manifest; opens no data file."""
    settings = site.settings
    with Ledger(settings.ledger_path) as ledger:
        rows: dict[str, tuple[int, int, int, int]] = {}
        for delivery in ledger.deliveries(states=["accepted"]):
            counts = (delivery.rows_in, delivery.rows_accepted, delivery.rows_rejected, delivery.rows_duplicate)
            before = rows.get(delivery.name, (0, 0, 0, 0))
            rows[delivery.name] = tuple(old + new for old, new in zip(before, counts, strict=True))
        snapshot_id = current_snapshot(settings)
        return Status(
            settings=settings,
            snapshot_id=snapshot_id,
            published_at=_published_at(settings, snapshot_id),
            writer=str(lease.current_holder(settings) or ""),
            work=cycle.find_work(site, ledger),
            tables=tuple(accounting.table_states(list(site.contracts.values()), settings, ledger)),
            checks=tuple(check_results.kept(settings)),
            rows=rows,
            damaged=tuple(backlog.damaged(settings, ledger)),
            disk=_disk(settings),
            now=now or datetime.now(UTC),
        )


def _disk(settings: Settings) -> str:
    try:
        disk.require_room(settings)
    except CxwError as error:
        return str(error)
    return ""


def _published_at(settings: Settings, snapshot_id: str | None) -> datetime | None:
    if snapshot_id is None:
        return None
    path = settings.published / snapshot_id / "manifest.json"
    return datetime.fromisoformat(json.loads(path.read_bytes())["published_at"])


def as_json(status: Status) -> dict[str, Any]:
    """The status for a monitor; dates as text."""

    def day(value: date | None) -> str | None:
        return value.isoformat() if value else None

    return {
        "home": str(status.settings.home),
        "snapshot_id": status.snapshot_id,
        "published_at": status.published_at.isoformat() if status.published_at else None,
        "is_fresh": status.exit_code != 3,
        "late": status.late,
        "behind": [
            {
                "source": each.source,
                "tables": list(each.tables),
                "observed_through": day(each.observed_through),
                "awaited_date": day(each.awaited),
            }
            for each in status.behind
        ],
        "writer": status.writer,
        "new_files": status.work.new_files,
        "is_stale": status.work.is_stale,
        "held_by": [{"check": c.check_name, "subject": c.subject, "observed": c.observed} for c in status.held_by],
        "problems": status.problems,
        "tables": [
            {
                "table": table.contract.name,
                "observed_through": day(table.observed_through),
                "missing_dates": [day(missing) for missing in table.missing_dates],
                "refused_or_held": len(table.open_refusals),
                **dict(
                    zip(
                        ("rows_in", "rows_accepted", "rows_rejected", "rows_duplicate"),
                        status.rows.get(table.contract.name, (0, 0, 0, 0)),
                        strict=True,
                    )
                ),
            }
            for table in status.tables
        ],
    }
