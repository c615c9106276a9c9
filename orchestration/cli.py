"""`cxw`: the command line, thin.

Lives here: commands that run, ask and show, their options, exit codes. Does not live here: commands about what is
kept (`cli_records.py`) and about identity (`cli_identity.py`, `cli_explain.py`), what a command does
(`operations.py`, `status.py`, `query.py`, `ui.py`), drawing (`screens.py`). All of these are imported inside the
commands: help takes no time.
Exit codes: 0 published and complete, 1 held back by a check, 2 usage or configuration, 3 failed and safe to rerun,
4 published, but a delivery was refused, held or is missing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestration.cli_explain import explain
from orchestration.cli_identity import identity
from orchestration.cli_records import gaps, home_settings, quarantine, read_day, snapshots
from orchestration.garbage import look_rarely
from orchestration.stopping import STOPPED

if TYPE_CHECKING:
    from orchestration.operations import Report

EXIT_CODES = """
\b
Exit codes: 0 published and complete · 1 held back by a check, the previous
snapshot is served · 2 usage or configuration · 3 failed, safe to run again ·
4 published, but a delivery was refused, held or is missing
"""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}, epilog=EXIT_CODES)
@click.option("--home", type=click.Path(path_type=Path), help="State folder; default $CXW_HOME, else .cxw here.")
@click.option("--debug", is_flag=True, help="Show where an error came from.")
@click.version_option(package_name="cx-warehouse", prog_name="cxw")
@click.pass_context
def cxw(context: click.Context, home: Path | None, debug: bool) -> None:
    """Customer-experience warehouse: extracts in; CLV, CAC, retention, conversion and service marts out.

    \b
    First steps:   cxw demo              a real shop, from its files to its marts
                   cxw init              a home of your own; then put files below its landing folder
                   cxw run               take in what landed, build, check, publish
                   cxw status            what is published, what is missing
                   cxw query "SQL"       ask the published marts
    """
    context.obj = {"home": home, "debug": debug}
    if home:  # children and lazily loaded definitions look for it there
        os.environ["CXW_HOME"] = str(home.absolute())


def _finish(work: Callable[[], Report]) -> None:
    """Run a writing command with progress and end with its exit code."""
    from orchestration import screens

    with screens.watching():
        report = work()
    if report.trace and click.get_current_context().obj["debug"]:
        click.echo(report.trace, err=True)
    screens.show_report(report)
    raise SystemExit(report.exit_code)


def _say(text: str) -> None:
    click.echo(text)


@cxw.command()
@click.option("--landing", help="Folder that extracts arrive in; default: landing/ in the home.")
@click.option("--currency", help="Reporting currency, ISO code; default EUR.")
@click.option("--zone", help="Time zone of business dates, e.g. Europe/London; default UTC.")
def init(landing: str | None, currency: str | None, zone: str | None) -> None:
    """Make a home: cxw.toml, every setting explained."""
    from orchestration.errors import CxwError
    from orchestration.operations import prepare_home

    values = {"landing": landing, "reporting_currency": currency, "reporting_zone": zone}
    settings = home_settings()
    is_new = prepare_home(settings, {key: value for key, value in values.items() if value})
    try:
        settings = home_settings()  # read back: an impossible value is said now, not at the first run
    except CxwError:
        if is_new:
            settings.config_path.unlink()
        raise
    settings.landing.mkdir(parents=True, exist_ok=True)
    click.echo(f"{'wrote' if is_new else 'kept'} {settings.config_path}")
    click.echo(f"put extracts into {settings.landing}/<source>/<table>/<name>_<YYYY-MM-DD>.csv, then: cxw run")


@cxw.command()
def demo() -> None:
    """A real shop, day by day, from its files to its marts.

    The rest of its company (CRM, contact center, marketing, surveys, costs) is generated, and says so.
    """
    from orchestration.demo import run_demo

    raise SystemExit(run_demo(home_settings()))


@cxw.command()
@click.option("--no-wait", is_flag=True, help="Refuse instead of waiting when another process writes.")
def run(no_wait: bool) -> None:
    """One cycle: take in what landed, build, check, publish.

    Does whatever is new, missing or stale, and nothing else.
    """
    from orchestration import operations

    wait = {"wait_seconds": 0.0} if no_wait else {}
    _finish(lambda: operations.run_cycle(home_settings(), _say, **wait))


@cxw.command()
@click.option("--from", "first", callback=read_day, required=True, help="First extract date, YYYY-MM-DD.")
@click.option("--to", "last", callback=read_day, required=True, help="Last extract date, YYYY-MM-DD.")
@click.option("--source", default="", help="Only this source; default all.")
def backfill(first: date, last: date, source: str) -> None:
    """Read a range of extract dates again, in one pass."""
    from orchestration import operations

    _finish(lambda: operations.backfill(home_settings(), _say, first, last, source))


@cxw.command()
def rebuild() -> None:
    """Make everything again from raw objects and ledger."""
    from orchestration import operations

    _finish(lambda: operations.rebuild(home_settings(), _say))


@cxw.command()
@click.option("--json", "is_json", is_flag=True, help="For a monitor.")
@click.option("--checks", is_flag=True, help="Every check of the build at hand.")
def status(is_json: bool, checks: bool) -> None:
    """What is published, what is missing or refused.

    Ends with 0 when it is current and complete, 1 when a check holds the newest build back, 3 when nothing is
    published or it is too old, 4 when a delivery is missing, refused or held.
    """
    import json

    from orchestration import screens
    from orchestration.site import open_site
    from orchestration.status import as_json, read_status

    now = read_status(open_site(home_settings()))
    if is_json:
        click.echo(json.dumps(as_json(now), indent=1))
    else:
        screens.show_status(now, with_checks=checks)
    raise SystemExit(now.exit_code)


@cxw.command(name="query")
@click.argument("sql")
@click.option("--csv", "form", flag_value="csv", help="Comma-separated, all rows.")
@click.option("--json", "form", flag_value="json", help="One JSON object per line, all rows.")
@click.option("--limit", default=100, show_default=True, help="Rows of a printed table; 0 = all.")
def query_command(sql: str, form: str | None, limit: int) -> None:
    """Ask the published snapshot; read-only."""
    from orchestration import query, screens

    answer = query.ask(home_settings(), sql, limit=limit + 1 if limit and not form else None)
    screens.show_answer(answer, form or "table", limit)


@cxw.command()
@click.option("--port", default=3000, show_default=True, help="Port of the page.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address; others than loopback need a setting.")
def ui(port: int, host: str) -> None:
    """Dagster's web page and daemon, on loopback.

    The page has no login and can launch runs: another address is refused unless `has_login_proxy = true` says that a
    proxy with a login stands before it.
    """
    from orchestration import operations
    from orchestration.ui import serve

    settings = home_settings()
    operations.prepare_home(settings)
    raise SystemExit(serve(settings, port, _say, host))


@cxw.command()
@click.argument("code", default="")
def errors(code: str) -> None:
    """Every error code: what happened, what to do.

    With CODE, or its beginning, the entry in full with an example.
    """
    from orchestration import screens

    if not screens.show_catalogue(code):
        raise click.BadParameter(f"no error code begins with {code[:20]}; `cxw errors` lists them", param_hint="CODE")


for group in (quarantine, snapshots, gaps, explain, identity):
    cxw.add_command(group)


def main(arguments: list[str] | None = None) -> Any:
    """Entry point: errors of the house are one sentence and their exit code, never a stack."""
    from orchestration.errors import CxwError

    arguments = sys.argv[1:] if arguments is None else arguments
    is_debug = "--debug" in arguments
    look_rarely()
    try:
        sys.exit(cxw.main(arguments, prog_name="cxw", standalone_mode=False))
    except click.ClickException as wrong:
        wrong.show()
        sys.exit(wrong.exit_code)
    except click.Abort:
        click.echo("stopped; nothing is half done, run again when you like", err=True)
        sys.stdout.flush()
        os._exit(STOPPED)  # threads of dbt may still be inside the engine: waiting for them ends in an abort
    except CxwError as error:
        if is_debug:
            raise
        click.echo(click.style(str(error), fg="red"), err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # `cxw query … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        if is_debug:
            raise
        from orchestration.disk import as_disk_error

        if told := as_disk_error(error):
            click.echo(click.style(str(told), fg="red"), err=True)
            sys.exit(told.exit_code)
        kind = type(error).__name__
        click.echo(click.style(f"E-RUN-003 {kind}. Next: cxw --debug …", fg="red"), err=True)
        sys.exit(3)
