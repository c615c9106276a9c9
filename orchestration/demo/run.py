"""`cxw demo`: deliver the shop, run one ordinary cycle, show what came out.

Lives here: the demo's settings and the order of its steps. Does not live here: the cycle (`operations.py`), the
files (`deliveries.py`), the screen (`screen.py`).
"""

from __future__ import annotations

import time

from orchestration import operations, screens
from orchestration.errors import CxwError
from orchestration.settings import Settings, load_settings

GENERATED_SOURCES = ("contact_center", "crm", "ecommerce", "finance", "marketing", "survey")
VALUES = {
    "reporting_currency": "GBP",
    "reporting_zone": "Europe/London",
    "generated_sources": GENERATED_SOURCES,
    "settle_seconds": 0,  # the demo's files are renamed into place, nobody is still writing them
}


def run_demo(settings: Settings) -> int:
    """Deliver, run, show; returns the exit code of the cycle. The second time there is nothing new to do.

    Raises:
        CxwError: E-CFG-005 in a home that holds something else than the demo.
    """
    is_new = operations.prepare_home(settings, VALUES)
    settings = load_settings(settings.home)
    if not is_new and settings.generated_sources != GENERATED_SOURCES:
        raise CxwError(
            "E-CFG-005",
            "this home holds your own data, not the demo",
            where=str(settings.home),
            next_command="CXW_HOME=.cxw-demo cxw demo",
        )
    console = screens.console()
    console.print(
        "A real shop (UCI Online Retail, 541,909 invoice lines, 2010-12-01 to 2011-12-09) and a generated rest of its "
        "company, delivered day by day as files.",
        highlight=False,
    )
    _deliver(settings, console)
    with screens.watching():
        report = operations.run_cycle(settings, lambda text: console.print(text, highlight=False))
    screens.show_report(report)
    if report.exit_code in (0, 4):
        from orchestration.demo.screen import show

        show(console, settings)
    return report.exit_code


def _deliver(settings: Settings, console: object) -> None:
    from orchestration.demo.deliveries import deliver
    from orchestration.demo.shop import read_shop

    mark = settings.landing / ".delivered"
    if mark.exists():
        return
    started = time.monotonic()
    settings.landing.mkdir(parents=True, exist_ok=True)
    written = deliver(read_shop(), settings.landing)
    mark.write_text(f"{written}\n")
    console.print(f"{written} files delivered in {time.monotonic() - started:.0f} s", highlight=False)
