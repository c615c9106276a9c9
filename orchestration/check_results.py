"""What the checks of the build at hand said, kept beside the build until it is published.

Lives here: writing and reading the results by place (door, rooms, window) and subject, so that a table checked in
one run and a build made in another end up in the same `meta.check_results`, and so that nothing is published past a
failed check. Does not live here: running checks (`suites.py`, dbt), showing them (`quality.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from orchestration.errors import CxwError
from orchestration.export import CheckResult
from orchestration.settings import Settings

PLACES = ("door", "rooms", "window")


def keep(settings: Settings, place: str, subject: str, results: Sequence[CheckResult]) -> None:
    """Replace the results of one place and subject (a table, a dbt phase, a mart)."""
    path = _folder(settings) / place / f"{subject}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".next")
    aside.write_text(json.dumps([asdict(result) for result in results]), encoding="utf-8")
    aside.replace(path)


def kept(settings: Settings, places: Iterable[str] = PLACES, subject: str = "*") -> list[CheckResult]:
    """All results at hand, or those of one subject, by place, subject and name."""
    paths = [path for place in places for path in sorted((_folder(settings) / place).glob(f"{subject}.json"))]
    return [CheckResult(**entry) for path in paths for entry in json.loads(path.read_bytes())]


def failures(results: Iterable[CheckResult]) -> list[CheckResult]:
    """Failed critical checks: each of them holds the publish back."""
    return [result for result in results if result.severity == "critical" and not result.has_passed]


def raise_if_held(results: Iterable[CheckResult]) -> None:
    """Raise E-CHK-001 when a critical check failed: which rule, what it saw, what to do.

    Raises:
        CxwError: E-CHK-001; the message names the first rule and counts the others.
    """
    failed = failures(results)
    if not failed:
        return
    first, others = failed[0], len(failed) - 1
    more = f" ({others} more)" if others else ""
    raise CxwError(
        "E-CHK-001",
        f"{first.check_name}: {first.observed}, expected {first.expected}{more}. The previous snapshot stays.",
        where=f"{first.subject} ({first.place})",
        next_command="cxw status --checks",
    )


def forget(settings: Settings, place: str) -> None:
    """Drop the results of one place before it is checked anew, so that a removed model leaves none behind."""
    for path in (_folder(settings) / place).glob("*.json"):
        path.unlink()


def _folder(settings: Settings) -> Path:
    return settings.build / "checks"
