"""Every error a person can meet: the exception that all modules raise, and the catalogue behind `cxw errors`.

Lives here: `CxwError`, the catalogue as a whole, the page `docs/errors.md` made from it.
Does not live here: the entries (`errors_of_files.py`, `errors_of_runs.py`), deciding when something is wrong (the
module that reads the file does that). Messages never carry a value out of a file, only where it stands and which rule
it broke.
"""

from __future__ import annotations

import sys

from orchestration.error_entry import CatalogueEntry
from orchestration.errors_of_files import FILES
from orchestration.errors_of_runs import RUNS

CATALOGUE: dict[str, CatalogueEntry] = dict(sorted({**FILES, **RUNS}.items()))
FAMILIES = {
    "ATT": "attribution", "CFG": "settings and contracts", "CHK": "checks that hold a publish", "CSV": "text files",
    "DBT": "dbt", "DSK": "the disk", "EXP": "explanations", "IDN": "identity", "JSN": "JSON lines",
    "KEY": "keys of published hashes",
    "LND": "landing: files as a whole", "PQT": "Parquet files",
    "PUB": "published snapshots", "QRY": "queries", "RUN": "commands and runs", "SUI": "suites",
    "TYP": "values and rows", "UI": "the web page", "XLS": "workbooks",
}  # fmt: skip


class CxwError(Exception):
    """An error with a code of `CATALOGUE`, a place, and the next command to type.

    Args:
        code: key of `CATALOGUE`, e.g. `E-CSV-014`.
        message: one sentence without any value from a delivered file.
        where: file, line, column or setting concerned.
        next_command: what a person types now.
    """

    def __init__(self, code: str, message: str, *, where: str = "", next_command: str = "") -> None:
        if code not in CATALOGUE:
            raise KeyError(f"error code {code} is not in orchestration/errors.py CATALOGUE")
        self.code, self.message, self.where, self.next_command = code, message, where, next_command
        super().__init__(str(self))

    @property
    def exit_code(self) -> int:
        """Exit code of `cxw` when this error ends it (2 usage or configuration, 3 failed and safe to rerun)."""
        return CATALOGUE[self.code].exit_code

    def __str__(self) -> str:
        place = f" {self.where}:" if self.where else ""
        hint = f" Next: {self.next_command}" if self.next_command else ""
        return f"{self.code}{place} {self.message}{hint}"


def family(code: str) -> str:
    """The letters in the middle of a code."""
    return code.split("-")[1]


def as_page() -> str:
    """The catalogue as a page for the docs; `python -m orchestration.errors > docs/errors.md` writes it."""
    lines = [
        "# Errors",
        "",
        "Every code that `cxw` can say: what happened, what to do, what it looks like. Made from the code by",
        "`python -m orchestration.errors > docs/errors.md`; `cxw errors <code>` shows one on the terminal.",
        "Messages name file, line, column and rule, never a value. Exit codes: 1 held back by a check, 2 usage",
        "or configuration, 3 failed and safe to run again, 4 published without it.",
    ]
    for letters, about in FAMILIES.items():
        lines += ["", f"## {letters}: {about}"]
        for code, entry in CATALOGUE.items():
            if family(code) == letters:
                lines += ["", f"### {code}", "", f"- **Cause**: {entry.cause}.", f"- **Remedy**: {entry.remedy}."]
                lines += [f"- **Exit code**: {entry.exit_code}", "", "```text", entry.example, "```"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(as_page())
