"""Every error a person can meet: its code, cause and remedy.

Lives here: the exception type that all modules raise and the catalogue behind `cxw errors`.
Does not live here: deciding when something is wrong (the module that reads the file does that).
Messages never carry a value out of a file, only where it stands and which rule it broke.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CatalogueEntry:
    """One line of the error catalogue. `exit_code` is what `cxw` ends with when this error ends it."""

    cause: str
    remedy: str
    exit_code: int


CATALOGUE: dict[str, CatalogueEntry] = {
    "E-ATT-001": CatalogueEntry(
        "transitions between marketing channels that no set of paths can have",
        "`cxw rebuild`, then report the build",
        3,
    ),
    "E-CFG-001": CatalogueEntry(
        "a name in cxw.toml or a CXW_ variable that nobody knows",
        "use the nearest valid name that the message gives",
        2,
    ),
    "E-CFG-002": CatalogueEntry(
        "a setting with a value that it cannot take", "correct the value in the file and line named", 2
    ),
    "E-CFG-003": CatalogueEntry(
        "a source that has no contract", "check `sources` and the folder names below landing", 2
    ),
    "E-CFG-004": CatalogueEntry("a contract with an unknown or impossible entry", "correct the YAML key named", 2),
    "E-DBT-001": CatalogueEntry("the dbt project does not parse", "correct the file that the message names", 2),
    "E-DBT-002": CatalogueEntry(
        "dbt stopped before its models ran", "read dbt/logs in the home folder, then `cxw run`", 3
    ),
    "E-PUB-001": CatalogueEntry(
        "a published table would hold a direct identifier", "drop the column from the model", 1
    ),
    "E-PUB-002": CatalogueEntry("no snapshot of that id", "`cxw snapshots list` shows those that exist", 2),
    "E-PUB-003": CatalogueEntry(
        "a snapshot's files do not match its manifest", "roll back to another one or `cxw rebuild`", 3
    ),
}


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
