"""Record `docs/bad_day.md` by really running the commands: `python tests/bad_day_walk.py > docs/bad_day.md`.

A day of the tiny company whose order file is broken: what is said, what is published without it, how it is looked at
and repaired, what the marts say before and after. What changes from run to run (folders, seconds, checksums) is left
out.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
Cxw = Callable[[Sequence[str], Mapping[str, str]], tuple[int, str]]
HEADER = "order_id,customer_id,ordered_at,status,currency_code,total_amount,source_channel,updated_at"
REVENUE = (
    "select date, source_channel, order_count, ordered_revenue_amount"
    " from marts.mart_orders__day order by all desc limit 4"
)
RESTATED = (
    "select cell, measure, previous_value, new_value, because_of from meta.restatements"
    " where mart = 'mart_orders__day' order by all"
)


def in_a_process(words: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str]:
    """Exit code of `cxw` with these words, and what it said: first its output, then its errors."""
    command = [sys.executable, "-c", "from orchestration.cli import main; main()", *words]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, env={**os.environ, **environment}
    )
    return done.returncode, done.stdout + done.stderr


class Walk:
    """One home, and the text of what was typed and answered."""

    def __init__(self, home: Path, cxw: Cxw) -> None:
        self.home, self.cxw, self.lines = home, cxw, []

    def say(self, *lines: str) -> None:
        self.lines += ["", *lines]

    def put(self, name: str, *lines: str, shown: bool = True) -> None:
        folder = "landing/ecommerce/orders"
        (self.home / folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        if shown:
            self.lines += ["", "```text", f"$ cat {folder}/{name}", *lines, "```"]

    def type(self, *words: str, expected: int = 0) -> None:
        code, said = self.cxw(words, {"CXW_HOME": str(self.home), "COLUMNS": "200"})
        if code != expected:
            sys.exit(f"cxw {' '.join(words)} ended with {code}\n{said}")
        typed = " ".join(f'"{word}"' if " " in word else word for word in words)
        answer = [self._lasting(line) for line in said.rstrip().splitlines()]
        self.lines += ["", "```text", f"$ cxw {typed}", *answer, f"(exit code {code})", "```"]

    def _lasting(self, line: str) -> str:
        """The line without what another run would say differently."""
        line = line.replace(str(self.home), "my-company")
        line = re.sub(r"\b[0-9a-f]{12}\b", "…", re.sub(r"\bin \d+(\.\d)? s\b", "in … s", line))
        line = re.sub(r"\b\d+ done in", "… done in", line)  # models and checks: they become more
        return re.sub(r", \d+ h old", "", line).rstrip()


def walk(home: Path, cxw: Cxw = in_a_process) -> str:
    """The page, from a home of `conftest.make_home`."""
    steps = Walk(home, cxw)
    steps.lines = [
        "# A bad day, recorded",
        "",
        "Made by `python tests/bad_day_walk.py > docs/bad_day.md`: every answer below is what the command really said,",
        "on the tiny company of `tests/extracts`. Seconds, hashes and numbers of models are left out.",
        "",
        "## Before",
        "",
        "Everything that was delivered until 1 April is published.",
    ]
    steps.type("run")
    steps.type("query", REVENUE)
    steps.say(
        "## The broken file", "", "On 2 April the shop exports amounts with a comma and the letter O in one of them."
    )
    good = "52{0:02d},1001,2026-04-0{1}T10:0{0}:00+02:00,paid,EUR,{2},web,2026-04-0{1}T10:0{0}:00+02:00"
    broken = [good.format(number, 2, '"20,00"' if number != 2 else "2O.00") for number in range(4)]
    steps.put("orders_2026-04-02.csv", HEADER, *broken)
    steps.say("The cycle publishes what is good, refuses the file, and says so. The exit code is 4.")
    steps.type("run", expected=4)
    steps.say("Which rows, by which rule? Values are shown only when asked for, and only here.")
    steps.type("quarantine", "list")
    number = _newest_number(steps.home)
    steps.type("quarantine", "show", number)
    steps.type("quarantine", "show", number, "--values", "--limit", "1")
    steps.type("errors", "E-LND-012")
    steps.say("The marts stand where they stood, and nothing that the missing day touches is final.")
    steps.type("query", REVENUE)
    steps.say(
        "## The repair", "", "The shop sends the day again under the same name, and a correction of an old order.",
    )  # fmt: skip
    steps.put("orders_2026-04-02.csv", HEADER, *(good.format(number, 2, "20.00") for number in range(4)))
    corrected = "5002,1002,2026-03-25T18:10:00Z,cancelled,GBP,51.20,web,2026-04-02T09:00:00Z"
    steps.put("corrections_2026-04-02.csv", HEADER, corrected)
    steps.type("run", expected=4)
    steps.say("The tables that sent nothing for 2 April are still open: deliver them, or accept the gap.")
    steps.type("gaps", "accept", "all", "2026-04-02", "--why", "bank holiday, only the shop was open")
    steps.type("run")
    steps.say("## After")
    steps.type("query", REVENUE)
    steps.say("What the correction changed about days that were over, and because of which delivery:")
    steps.type("query", RESTATED)
    steps.say("Every row of the day is accounted for, the refused delivery beside the good ones:")
    steps.type(
        "query",
        "select file_name, revision, state, rows_in, rows_accepted, rows_rejected from meta.delivery_accounting"
        " where extract_date = '2026-04-02' order by all",
    )  # fmt: skip
    return "\n".join(steps.lines) + "\n"


def _newest_number(home: Path) -> str:
    from orchestration.ledger import Ledger

    with Ledger(home / "ledger.sqlite") as ledger:
        return str(ledger.deliveries(states=["refused"])[-1].sequence)


if __name__ == "__main__":
    from tests.conftest import make_home

    with tempfile.TemporaryDirectory() as folder:
        sys.stdout.write(walk(make_home(Path(folder)).home))
