"""What a person sees: progress, tables, last lines. Rich on a terminal, plain lines elsewhere.

Lives here: drawing. Does not live here: what is drawn (`status.py`, `operations.py`, `query.py`).
"""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from orchestration import progress, query
from orchestration.errors import CATALOGUE

if TYPE_CHECKING:
    from rich.console import Console

    from orchestration.operations import Report
    from orchestration.query import Answer
    from orchestration.status import Status

STAGES = {
    "landing": "taking in deliveries",
    "conformed": "staging and conformed models",
    "core": "dimensions and facts",
    "marts": "marts and their tests",
    "window": "checks at the window",
    "publish": "publishing",
}


def console(*, is_error: bool = False) -> Console:
    """A rich console; without a terminal it prints plain text and does not wrap."""
    from rich.console import Console

    stream = sys.stderr if is_error else sys.stdout
    is_terminal = stream.isatty()
    return Console(file=stream, highlight=False, soft_wrap=not is_terminal, width=None if is_terminal else 200)


@contextmanager
def watching() -> Iterator[None]:
    """Show the steps of a cycle while it runs: bars on a terminal, a line per finished stage elsewhere."""
    if sys.stdout.isatty():
        with _bars():
            yield
    else:
        with progress.watched(_Lines()):
            yield


@contextmanager
def _bars() -> Iterator[None]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:30}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[subject]}"),
    )
    with Progress(*columns, console=console(), transient=False) as bars:
        tasks: dict[str, Any] = {}

        def listen(step: progress.Step) -> None:
            if step.stage not in tasks:
                tasks[step.stage] = bars.add_task(STAGES.get(step.stage, step.stage), total=step.total, subject="")
            is_over = step.done >= step.total
            bars.update(tasks[step.stage], completed=step.done, subject="" if is_over else step.subject)

        with progress.watched(listen):
            yield


class _Lines:
    """One line when a stage ends; what a log file wants."""

    def __init__(self) -> None:
        self.began: dict[str, float] = {}

    def __call__(self, step: progress.Step) -> None:
        now = time.monotonic()
        began = self.began.setdefault(step.stage, now)
        if step.done == step.total:
            print(f"{STAGES.get(step.stage, step.stage)}: {step.done} done in {now - began:.1f} s", flush=True)


def show_report(report: Report) -> None:
    """The last lines of a writing command: what came of it, then everything that is open."""
    failed = report.exit_code not in (0, 4)
    out = console(is_error=failed)
    out.print(report.said, style="bold red" if failed else "bold green", markup=False)
    for line in report.open:
        out.print(f"open: {line}", style="yellow", markup=False)


def show_error(message: str) -> None:
    console(is_error=True).print(message, style="bold red", markup=False)


def show_status(status: Status, *, with_checks: bool = False) -> None:
    """Published snapshot, tables, what is open."""
    from rich.table import Table

    out = console()
    age = f", {status.hours_old:.0f} h old" if status.hours_old is not None else ""
    out.print(f"published  {status.snapshot_id or 'nothing yet'}{age}", markup=False)
    out.print(f"home       {status.settings.home}", markup=False)
    if status.writer:
        out.print(f"writing    {status.writer}", markup=False)
    out.print(f"to do      {status.work}", markup=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("table", "observed through", "rows in", "accepted", "rejected", "duplicates", "missing", "refused"):
        table.add_column(name, justify="left" if name in ("table", "observed through") else "right")
    for state in status.tables:
        counts = status.rows.get(state.contract.name, (0, 0, 0, 0))
        table.add_row(
            state.contract.name + (" (generated)" if state.contract.is_generated else ""),
            state.observed_through.isoformat() if state.observed_through else "never arrived",
            *(f"{count:,}" for count in counts),
            str(len(state.missing_dates) or ""),
            str(len(state.open_refusals) or ""),
        )
    out.print(table)
    for check in status.held_by:
        line = f"held back: {check.check_name} on {check.subject}: {check.observed}, expected {check.expected}"
        out.print(line, style="bold red", markup=False)
    for line in status.late:
        out.print(f"late: {line}", style="bold red", markup=False)
    for line in status.problems:
        out.print(f"open: {line}", style="yellow", markup=False)
    shown = status.checks if with_checks else ()
    for check in shown:
        mark = "ok  " if check.has_passed else "FAIL" if check.severity == "critical" else "warn"
        out.print(f"{mark} {check.place:6} {check.subject}: {check.check_name}: {check.observed}", markup=False)
    if status.set_aside:
        out.print(f"{status.set_aside:,} rows set aside: cxw quarantine list", style="dim", markup=False)
    if status.warnings and not with_checks:
        out.print(f"{len(status.warnings)} warnings: cxw status --checks", style="dim", markup=False)


def show_answer(answer: Answer, form: str, limit: int) -> None:
    """Rows of a query as a table, CSV or JSON lines."""
    if form == "csv":
        writer = csv.writer(sys.stdout)
        writer.writerow(answer.columns)
        writer.writerows(query.spreadsheet_rows(answer))
    elif form == "json":
        for row in answer.rows:
            print(json.dumps({name: query.plain(value) for name, value in zip(answer.columns, row, strict=True)}))
    else:
        rows = answer.rows[:limit] if limit else answer.rows
        show_rows(answer.columns, [["" if value is None else str(value) for value in row] for row in rows])
        if len(rows) < len(answer.rows):
            console().print("… more rows; --limit 0 shows all, --csv writes them", style="dim")


def show_rows(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table without frames; on a terminal the last column wraps, elsewhere nothing is cut or wrapped."""
    if not sys.stdout.isatty():
        lines = [list(columns), *rows]
        widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
        for line in lines:
            print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(Text(column), no_wrap=column != columns[-1])
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console().print(table)


def show_catalogue(code: str = "") -> bool:
    """The error catalogue by code, or in full the entries that begin with `code`; False when none does."""
    entries = {name: entry for name, entry in CATALOGUE.items() if name.startswith(code.upper())}
    if not code:
        rows = [(name, entry.cause, entry.remedy, str(entry.exit_code)) for name, entry in entries.items()]
        show_rows(("code", "what happened", "what to do", "exit code"), rows)
    for name, entry in entries.items() if code else ():
        parts = (("cause", entry.cause), ("remedy", entry.remedy), ("example", entry.example))
        out = console()
        out.print(f"{name}  exit code {entry.exit_code}", style="bold", markup=False)
        for part, text in parts:
            out.print(f"  {part:8} {text}", markup=False)
    return bool(entries)
