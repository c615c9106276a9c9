"""Typed rows of the ledger: a delivery and its state, a landing file as it was seen, a gap, a publish.

Lives here: what each row holds. Does not live here: writing and asking (`ledger.py`), what a state means for a date
(`cadence.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

State = Literal["accepted", "refused", "duplicate", "held"]


@dataclass(frozen=True)
class Delivery:
    """One file that arrived. `file_name` is data, never a path; the bytes are the raw object `sha256`.

    `extract_date` is None and `sha256` empty when the file was refused by its name or kind alone. `warnings` and
    `reason` never hold a value out of the file. `typed_bytes` is the size of its typed Parquet: that file is not synced
    to disk, so another size after a power cut means that it must be made again. `sequence` is the order of arrival, 0
    before it is recorded.
    """

    source: str
    table: str
    file_name: str
    sha256: str
    extract_date: date | None
    revision: int
    state: State
    bytes: int = 0
    rows_in: int = 0
    rows_accepted: int = 0
    rows_rejected: int = 0
    rows_duplicate: int = 0
    expected_rows: int | None = None
    typed_bytes: int = 0
    reason_code: str = ""
    reason: str = ""
    warnings: tuple[str, ...] = ()
    contract_fingerprint: str = ""
    received_at: str = ""
    sequence: int = 0

    @property
    def name(self) -> str:
        return f"{self.source}.{self.table}"


@dataclass(frozen=True)
class Sighting:
    """What a landing file looked like when its delivery was recorded: unchanged means known, without reading it."""

    source: str
    table: str
    file_name: str
    size: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True)
class Gap:
    """An extract date for which nothing will ever come, accepted by a person."""

    source: str
    table: str
    extract_date: date
    why: str
    accepted_by: str
    accepted_at: str


@dataclass(frozen=True)
class Publish:
    """One published snapshot, or one that was begun: `state` is `building`, `published` or `withdrawn`."""

    snapshot_id: str
    input_fingerprint: str
    published_at: str
    manifest_hash: str
    state: str
