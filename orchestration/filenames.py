"""What the name of a landing file says: extract date, revision, format; and which names are refused.

Lives here: the house pattern, a contract's own pattern, the characters a name may have.
Does not live here: opening files (`intake.py`). A name is data: it never becomes part of a path or of SQL.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from orchestration.contracts import Contract
from orchestration.errors import CxwError
from orchestration.settings import Settings

FORMATS = ("csv", "csv.gz", "jsonl", "jsonl.gz", "parquet", "xlsx")
MAX_NAME_BYTES = 128
_SUFFIX = "|".join(re.escape(name) for name in sorted(FORMATS, key=len, reverse=True))
_HOUSE_PATTERN = re.compile(
    rf"(?P<stem>.*)_(?P<date>\d{{4}}-\d{{2}}-\d{{2}})(?:\.r(?P<revision>[1-9]\d{{0,5}}))?\.(?:{_SUFFIX})"
)
_FORMAT = re.compile(rf"\.({_SUFFIX})$", re.IGNORECASE)
_PUNCTUATION = frozenset(" _.-()'")
_UNFINISHED = (".tmp", ".part", ".partial")


@dataclass(frozen=True)
class FileName:
    """A name that follows its pattern. `stem` is the name without revision and format, for telling parts apart."""

    stem: str
    extract_date: date
    revision: int
    format: str


def is_delivery(name: str, contract: Contract) -> bool:
    """False for what nobody looks at: files still being written, `.done` marks, row-count side files."""
    side_file = contract.extract.manifest and name.endswith(contract.extract.manifest)
    return not (name.startswith((".", "_")) or name.endswith((*_UNFINISHED, ".done")) or side_file)


def printable(name: str) -> str:
    """A delivered name as it may appear in a message: escaped, and not endless."""
    text = ascii(name)[1:-1]
    return text if len(text) <= 80 else f"{text[:77]}..."


def parse_name(name: str, contract: Contract, settings: Settings, today: date) -> FileName:
    """Extract date, revision and format of a delivered file.

    Raises:
        CxwError: E-LND-001 for a name that is refused, E-LND-006 for an extract date that cannot be.
    """
    where = f"{contract.name} {printable(name)}"
    if name.startswith("-") or not all(char in _PUNCTUATION or char.isalnum() for char in name):
        raise CxwError(
            "E-LND-001", "the name has characters other than letters, digits, blank and _ . - ( ) '", where=where
        )
    if len(name.encode("utf-8", "surrogateescape")) > MAX_NAME_BYTES + len("_YYYY-MM-DD.r999999.jsonl.gz"):
        raise CxwError("E-LND-001", f"the name is longer than {MAX_NAME_BYTES} bytes", where=where)
    pattern = re.compile(contract.extract.pattern) if contract.extract.pattern else _HOUSE_PATTERN
    match, suffix = pattern.fullmatch(name), _FORMAT.search(name)
    if match is None or suffix is None:
        expected = contract.extract.pattern or "<anything>_<YYYY-MM-DD>[.rN].<format>"
        raise CxwError(
            "E-LND-001", f"the name does not follow {expected}, format one of {', '.join(FORMATS)}", where=where
        )
    groups = match.groupdict()
    try:
        extract_date = date.fromisoformat(groups["date"])
    except (KeyError, TypeError, ValueError):
        raise CxwError("E-LND-001", "the name holds no calendar date YYYY-MM-DD", where=where) from None
    if len(groups.get("stem", "").encode()) > MAX_NAME_BYTES:
        raise CxwError("E-LND-001", f"the name is longer than {MAX_NAME_BYTES} bytes", where=where)
    if not settings.earliest_date <= extract_date <= today + timedelta(days=1):
        side = "before earliest_date" if extract_date < settings.earliest_date else "in the future"
        raise CxwError("E-LND-006", f"the extract date is {side}", where=where)
    return FileName(stem_of(name), extract_date, int(groups.get("revision") or 1), suffix[1].lower())


def stem_of(name: str) -> str:
    """Name without format, revision, case and Unicode form: one stem and date are versions of one file."""
    return _folded(re.sub(r"\.r[1-9]\d{0,5}$", "", _FORMAT.sub("", name)))


def _folded(name: str) -> str:
    return name.lower() if name.isascii() else unicodedata.normalize("NFKC", name).casefold()


def twins(names: Iterable[str]) -> dict[str, list[str]]:
    """Names that differ only by case or by Unicode form, each with all names of its group."""
    groups = defaultdict(list)
    for name in names:
        groups[_folded(name)].append(name)
    return {name: sorted(group) for group in groups.values() if len(group) > 1 for name in group}


def format_of(name: str) -> str:
    """Format of a name that was accepted before."""
    return _FORMAT.search(name)[1].lower()
