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
    "E-CFG-005": CatalogueEntry(
        "the demo was started in a home with data of its own", "give it another home: CXW_HOME=.cxw-demo cxw demo", 2
    ),
    "E-DBT-001": CatalogueEntry("the dbt project does not parse", "correct the file that the message names", 2),
    "E-DBT-002": CatalogueEntry(
        "dbt stopped before its models ran", "read dbt/logs in the home folder, then `cxw run`", 3
    ),
    "E-LND-001": CatalogueEntry(
        "a file name that does not follow the pattern or has characters that names may not have",
        "deliver the file again under `<anything>_<YYYY-MM-DD>.<format>`",
        4,
    ),
    "E-LND-002": CatalogueEntry(
        "a landing entry that is no regular file of its own: link, folder, pipe, device", "deliver a plain copy", 4
    ),
    "E-LND-003": CatalogueEntry(
        "two names in one folder that differ only by case or Unicode form",
        "keep one of the names given, remove the other",
        4,
    ),
    "E-LND-004": CatalogueEntry(
        "a file of 0 bytes: a failed export looks the same as a quiet day",
        "send a header-only file for a day without rows",
        4,
    ),
    "E-LND-005": CatalogueEntry(
        "a file above a budget: bytes, expansion, rows, columns or seconds",
        "raise the setting named, or deliver in parts",
        4,
    ),
    "E-LND-006": CatalogueEntry(
        "an extract date before earliest_date or in the future", "deliver under the right date", 4
    ),
    "E-LND-007": CatalogueEntry(
        "a file that may not be read", "give the service user the right to read it, then run again", 4
    ),
    "E-LND-008": CatalogueEntry(
        "a name that came again with other bytes where the contract refuses that",
        'deliver as `.r2`, or set on_same_name = "revise"',
        4,
    ),
    "E-LND-009": CatalogueEntry(
        "a gzip file that is cut, damaged or has something behind its end", "deliver the file again", 4
    ),
    "E-LND-010": CatalogueEntry(
        "a file whose row count is not the one announced by its trailer or manifest", "deliver the file again", 4
    ),
    "E-LND-011": CatalogueEntry(
        "rows that do not add up: in is not accepted + rejected + duplicates",
        "report it with the file's format and size; nothing was loaded",
        4,
    ),
    "E-LND-012": CatalogueEntry(
        "more rejected rows than the contract allows",
        "`cxw quarantine show <sha>` names line, column and rule; correct the file or the contract",
        4,
    ),
    "E-LND-013": CatalogueEntry(
        "a snapshot in which more keys vanished than the contract allows",
        "look at it; release it, or deliver the whole snapshot",
        4,
    ),
    "E-LND-014": CatalogueEntry(
        "a raw object that is missing or no longer has its checksum",
        "restore it from a backup of the home, or deliver the file again",
        4,
    ),
    "E-LND-015": CatalogueEntry(
        "an extra column where the contract refuses them", 'extend the contract, or set on_extra_column = "warn"', 4
    ),
    "E-LND-016": CatalogueEntry(
        "columns that the contract requires are missing, or headers are blank or come twice",
        "correct the export, or add an alias to the contract",
        4,
    ),
    "E-LND-017": CatalogueEntry(
        "a delivery that is not in the state that the command needs", "`cxw status` shows the states", 4
    ),
    "E-LND-018": CatalogueEntry(
        "reading failed in a way that nobody foresaw; the message names the place, never the data",
        "report it; the raw object is safe, and a new version reads it again",
        3,
    ),
    "E-CSV-001": CatalogueEntry(
        "a text file without a line end at its end: it may be cut",
        "deliver the whole file, or name a trailer or manifest in the contract",
        4,
    ),
    "E-CSV-002": CatalogueEntry("a quote that opens and never closes", "correct the row at the line named", 4),
    "E-CSV-003": CatalogueEntry("a row longer than max_line_bytes", "correct the row, or raise the setting", 4),
    "E-CSV-004": CatalogueEntry(
        "a text file in another encoding than the contract's",
        "declare `encoding` in [source.<source>.<table>], or export as UTF-8",
        4,
    ),
    "E-CSV-005": CatalogueEntry("lines that end with a lone carriage return", "export with LF or CR LF line ends", 4),
    "E-CSV-006": CatalogueEntry(
        "a text file without a header line", "export with a header, or correct preamble_lines", 4
    ),
    "E-CSV-010": CatalogueEntry(
        "a row with more or fewer fields than the header", "quote fields that hold the delimiter", 4
    ),
    "E-CSV-011": CatalogueEntry(
        "bytes that the encoding does not know", "export as UTF-8, or declare the encoding named", 4
    ),
    "E-CSV-012": CatalogueEntry(
        "a quote inside an unquoted field or behind a closing quote", "double the quote and quote the field", 4
    ),
    "E-CSV-013": CatalogueEntry(
        "a NUL byte or a carriage return inside a row", "remove control bytes in the export", 4
    ),
    "E-JSN-001": CatalogueEntry("a line that is not one JSON object", "write one object per line", 4),
    "E-JSN-002": CatalogueEntry("a JSON line nested deeper than max_json_depth", "flatten the export", 4),
    "E-JSN-003": CatalogueEntry("a JSON object that names a key twice", "write each key once", 4),
    "E-PQT-001": CatalogueEntry("a Parquet file that cannot be read", "deliver the file again", 4),
    "E-XLS-001": CatalogueEntry("a workbook that cannot be read", "save it again as .xlsx, data on the first sheet", 4),
    "E-TYP-001": CatalogueEntry(
        "a value that is not of the contract's type", "correct the value at the line and column named", 4
    ),
    "E-TYP-002": CatalogueEntry("a required value or key that is null or blank", "fill it in the export", 4),
    "E-TYP-003": CatalogueEntry(
        "a time outside earliest_date … one day ahead of the extract date",
        "correct the value; 1970, 9999 and infinity are no dates of business",
        4,
    ),
    "E-TYP-004": CatalogueEntry(
        "a row set aside by a rule of the suite", "`expectations/` says why the rule stands", 4
    ),
    "E-PUB-001": CatalogueEntry(
        "a published table would hold a direct identifier", "drop the column from the model", 1
    ),
    "E-PUB-002": CatalogueEntry("no snapshot of that id", "`cxw snapshots list` shows those that exist", 2),
    "E-PUB-003": CatalogueEntry(
        "a snapshot's files do not match its manifest", "roll back to another one or `cxw rebuild`", 3
    ),
    "E-SUI-001": CatalogueEntry(
        "a suite with an entry that it cannot have, or a rule on a column that the table does not have",
        "correct the rule of the file named, see expectations/README.md",
        2,
    ),
    "E-SUI-002": CatalogueEntry(
        "a rule that cannot be evaluated on its column", "give the rule a column of a type that it can compare", 2
    ),
    "E-RUN-001": CatalogueEntry(
        "another process is writing to this home", "wait for the holder named, then run again", 3
    ),
    "E-RUN-002": CatalogueEntry(
        "an option that is not a date, a range that ends before it begins, or a table that does not exist",
        "write dates as YYYY-MM-DD, tables as <source>.<table>",
        2,
    ),
    "E-RUN-003": CatalogueEntry(
        "a run that failed in an unexpected way", "run again; `--debug` shows where it stopped", 3
    ),
    "E-RUN-004": CatalogueEntry(
        "no delivery, or more than one, of that number or sha256", "`cxw quarantine list` shows the numbers", 2
    ),
    "E-CHK-001": CatalogueEntry(
        "a critical check failed: nothing was published, the previous snapshot is still served",
        "correct the data and deliver it again, or correct the rule at the place named",
        1,
    ),
    "E-CHK-002": CatalogueEntry(
        "a delivery that its contract requires is missing, refused or held", "deliver it, or accept the gap", 1
    ),
    "E-DBT-003": CatalogueEntry("a model that could not be built", "correct the model of the file named", 3),
    "E-PUB-004": CatalogueEntry("nothing is published yet", "`cxw run` publishes the first snapshot", 2),
    "E-PUB-005": CatalogueEntry(
        "deliveries changed after the build at hand began", "`cxw run` builds from all of them", 3
    ),
    "E-QRY-001": CatalogueEntry("a query that the published database refuses", "correct the SQL", 2),
    "E-UI-002": CatalogueEntry("the UI's processes do not start", "read the log named", 3),
    "E-UI-001": CatalogueEntry("the UI cannot start: its port is taken or it is running", "choose another --port", 2),
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
