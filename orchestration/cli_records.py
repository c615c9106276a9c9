"""`cxw quarantine`, `cxw snapshots`, `cxw gaps`, `cxw identity`: commands about what a home keeps.

Lives here: their options. Does not live here: the other commands and the entry point (`cli.py`), what they look up
(`quarantine.py`, `snapshots.py`), drawing (`screens.py`).
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from orchestration.settings import Settings


def home_settings() -> Settings:
    """Settings of the home that `--home`, `$CXW_HOME` or the working folder names."""
    from orchestration.settings import load_settings

    return load_settings(click.get_current_context().find_root().obj["home"])


def read_day(context: click.Context, parameter: click.Parameter, value: str | None) -> date | None:
    """A date option; anything but YYYY-MM-DD is a usage error."""
    try:
        return date.fromisoformat(value) if value else None
    except ValueError:
        raise click.BadParameter("write a date as YYYY-MM-DD") from None


@click.group()
def quarantine() -> None:
    """Rows and files that were set aside."""


@quarantine.command(name="list")
def quarantine_list() -> None:
    """Deliveries with rejected rows, refused and held ones."""
    from orchestration import screens
    from orchestration.quarantine import list_deliveries

    columns, rows = list_deliveries(home_settings())
    screens.show_rows(columns, rows)


@quarantine.command(name="show")
@click.argument("delivery")
@click.option("--limit", default=50, show_default=True, help="Rows to print; 0 = all.")
@click.option("--values", is_flag=True, help="With the rows' text; it may hold personal data.")
def quarantine_show(delivery: str, limit: int, values: bool) -> None:
    """Rejected rows of one delivery: line, column, rule.

    DELIVERY is its number in `quarantine list`, or the start of its sha256.
    """
    from orchestration import screens
    from orchestration.quarantine import show_delivery

    head, columns, rows = show_delivery(home_settings(), delivery, limit, with_values=values)
    click.echo(head)
    screens.show_rows(columns, rows)


@quarantine.command(name="release")
@click.argument("number", type=int)
@click.option("--why", required=True, help="Reason, kept in the ledger.")
def quarantine_release(number: int, why: str) -> None:
    """Accept a delivery that is held; the next run takes it.

    NUMBER is that of `quarantine list`.
    """
    from orchestration.ledger import Ledger

    with Ledger(home_settings().ledger_path) as ledger:
        released = ledger.release(number, why)
    click.echo(f"released {released.name} {released.extract_date}; next: cxw run")


@quarantine.command(name="replay")
@click.argument("delivery", default="")
def quarantine_replay(delivery: str) -> None:
    """Read again what was set aside, under today's contracts and suites.

    DELIVERY is its number in `quarantine list`, or the start of its sha256; default all. After a changed contract or
    suite `cxw run` does this by itself.
    """
    from orchestration import operations, screens

    with screens.watching():
        report = operations.replay(home_settings(), click.echo, delivery)
    screens.show_report(report)
    raise SystemExit(report.exit_code)


@click.group()
def snapshots() -> None:
    """Published snapshots."""


@snapshots.command(name="list")
def snapshots_list() -> None:
    """Snapshots on disk, newest first; * is what readers see."""
    from orchestration import screens
    from orchestration.snapshots import current_snapshot, list_snapshots

    settings = home_settings()
    current = current_snapshot(settings)
    found = reversed(list_snapshots(settings))
    rows = [["*" if name == current else "", name, str(settings.published / name)] for name in found]
    screens.show_rows(("", "snapshot", "folder"), rows)


@snapshots.command()
@click.argument("snapshot_id")
def rollback(snapshot_id: str) -> None:
    """Let readers see an older snapshot.

    The next cycle with something new moves on from there.
    """
    from orchestration import lease
    from orchestration import snapshots as published

    settings = home_settings()
    with lease.hold(settings, "cxw snapshots rollback"):
        published.rollback(settings, snapshot_id)
    click.echo(f"readers see {snapshot_id} from their next connection on")


@click.group()
def gaps() -> None:
    """Extract dates for which nothing came."""


@gaps.command(name="list")
def gaps_list() -> None:
    """Missing dates by table, and the gaps that were accepted."""
    from orchestration import screens
    from orchestration.quarantine import list_gaps

    screens.show_rows(("table", "extract date", "state", "why", "by"), list_gaps(home_settings()))


@gaps.command(name="accept")
@click.argument("table")
@click.argument("day", callback=read_day)
@click.option("--why", required=True, help="Reason, kept in the ledger.")
def gaps_accept(table: str, day: date, why: str) -> None:
    """Say that nothing will ever come for a date.

    TABLE is <source>.<table>, or `all` for every table; DAY its extract date.
    """
    from orchestration.quarantine import accept_gap

    accept_gap(home_settings(), table, day, why)
    click.echo(f"accepted: {table} {day}; next: cxw run")


@click.group()
def identity() -> None:
    """Who is the same customer, and how to find one."""


@identity.command(name="new-key")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def identity_new_key(file: Path) -> None:
    """Make a key for published e-mail hashes.

    FILE is written so that only its owner reads it; keep a copy of it in a safe place. The setting
    `email_hash_key_file` names it.
    """
    from orchestration.email_hashes import new_key

    key = new_key(file)
    click.echo(f"wrote {file}, key version {key.version}")
    click.echo(f'put into cxw.toml: email_hash_key_file = "{file.absolute()}", then: cxw run')
