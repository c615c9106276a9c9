"""What is there to do: new files, deliveries to be read again. Cheap, and without opening a data file.

Lives here: the plan of a cycle, and when a delivery counts as read by an old contract.
Does not live here: doing it (`landing.py`), dates that are overdue (`cadence.py`).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from pathlib import Path

from orchestration.contracts import Contract
from orchestration.intake import scan
from orchestration.ledger import Ledger
from orchestration.ledger_rows import Delivery
from orchestration.raw_objects import is_intact, object_path
from orchestration.settings import Settings

HELD = "a critical check at the door holds it"
_READING_VERSION = 2  # raised when the same bytes and contract would give other typed rows
_BUDGETS = (
    "max_compressed_bytes", "max_expanded_bytes", "max_compression_ratio", "max_rows", "max_line_bytes", "max_columns",
    "max_json_depth", "max_file_seconds",
)  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """What a cycle would do, by `<source>.<table>` and extract date (None: refused by name).

    `new` holds file names, `reread` the reason why known deliveries are read again, `waiting` files that are not
    complete yet, `unknown_folders` what lies in landing below a configured source without being a table of it.
    """

    new: Mapping[str, Mapping[date | None, list[str]]] = field(default_factory=dict)
    reread: Mapping[str, Mapping[date, str]] = field(default_factory=dict)
    waiting: Mapping[str, list[str]] = field(default_factory=dict)
    unknown_folders: tuple[str, ...] = ()
    known_files: int = 0

    @property
    def is_empty(self) -> bool:
        return not (self.new or self.reread or self.waiting)

    @property
    def tables(self) -> tuple[str, ...]:
        """Tables with something to do."""
        return tuple(sorted({*self.new, *self.reread, *self.waiting}))


def pending(contracts: Iterable[Contract], settings: Settings, ledger: Ledger, today: date | None = None) -> Plan:
    """Compare landing and contracts with the ledger."""
    new, reread, waiting, known = {}, {}, {}, 0
    contracts = list(contracts)
    for contract in contracts:
        seen = scan(contract, settings, ledger, today)
        known += seen.unchanged
        dates = defaultdict(list)
        for candidate in seen.ready:
            dates[candidate.name.extract_date if candidate.name else None].append(candidate.sighting.file_name)
        if dates:
            new[contract.name] = dict(dates)
        if seen.waiting:
            waiting[contract.name] = [candidate.sighting.file_name for candidate in seen.waiting]
        reasons = {each.extract_date: why for each, why in stale(contract, settings, ledger) if each.extract_date}
        if reasons:
            reread[contract.name] = reasons
    return Plan(new, reread, waiting, _unknown_folders(contracts, settings), known)


def stale(
    contract: Contract, settings: Settings, ledger: Ledger, known: list[Delivery] | None = None
) -> list[tuple[Delivery, str]]:
    """Deliveries to be read again from their raw objects, and why. `known`: the table's deliveries, if at hand.

    A date that a critical rule holds is read again in every cycle, so that the rules see all its rows, also those set
    aside; of several revisions the newest speaks for the date.
    """
    found = []
    known = ledger.deliveries(contract.source, contract.table) if known is None else known
    held = dict.fromkeys(ledger.held_dates(contract.source, contract.table), 0)
    for delivery in known if held else ():
        if delivery.extract_date in held and delivery.state == "accepted":
            held[delivery.extract_date] = max(held[delivery.extract_date], delivery.revision)
    current = {refused: reading_fingerprint(contract, settings, was_refused=refused) for refused in (False, True)}
    for delivery in known:
        if delivery.state == "duplicate" or not delivery.sha256 or delivery.reason_code == "E-LND-008":
            continue
        if delivery.contract_fingerprint != current[delivery.state == "refused"]:
            found.append((delivery, "the contract, its suite or a setting changed since it was read"))
        elif delivery.state != "refused" and _size(typed_path(settings, delivery)) != delivery.typed_bytes:
            found.append((delivery, "its typed file is missing or cut"))
        elif delivery.rows_rejected and not quarantine_path(settings, delivery).exists():
            found.append((delivery, "its quarantine file is missing"))
        elif delivery.state == "accepted" and held.get(delivery.extract_date) == delivery.revision:
            found.append((delivery, HELD))
    return found


def damaged(settings: Settings, ledger: Ledger, *, checksums: bool = False) -> list[Delivery]:
    """Deliveries whose raw object is missing, or with `checksums` altered: nothing could be rebuilt from them."""
    kept = [each for each in ledger.deliveries() if each.sha256 and each.state != "duplicate"]
    if checksums:
        return [each for each in kept if not is_intact(settings, each.sha256)]
    return [each for each in kept if _size(object_path(settings, each.sha256)) != each.bytes]


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116 (thousands of times per cycle)
    except FileNotFoundError:
        return -1


def typed_path(settings: Settings, delivery: Delivery) -> Path:
    """Typed Parquet of one delivery; DuckDB and Spark read the same file."""
    return Path(
        f"{settings.typed}/{delivery.source}/{delivery.table}/extract_date={delivery.extract_date}"
        f"/{delivery.sha256}-r{delivery.revision}.parquet"
    )


def quarantine_path(settings: Settings, delivery: Delivery) -> Path:
    """Rejected rows of one delivery, if it has any. The same bytes may break other rules for another extract date."""
    folder = settings.quarantine / delivery.source / delivery.table
    return folder / f"{delivery.extract_date}-{delivery.sha256}.parquet"


def reading_fingerprint(contract: Contract, settings: Settings, *, was_refused: bool) -> str:
    """Changes when the same bytes might now be read differently; for refused files also when a budget changed."""
    extract = {spec.name: getattr(contract.extract, spec.name) for spec in fields(contract.extract)}
    for name in ("cadence", "required", "version_column"):  # they say nothing about how a file is read
        del extract[name]
    columns = [(each.name, each.data_type, each.is_required, each.allows_date_only) for each in contract.columns]
    limits = [settings.earliest_date, settings.reporting_zone]
    limits += [getattr(settings, name) for name in _BUDGETS] if was_refused else []
    parts = [_READING_VERSION, contract.name, columns, contract.primary_key, extract, limits, contract.suite_version]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def _unknown_folders(contracts: list[Contract], settings: Settings) -> tuple[str, ...]:
    tables = defaultdict(set)
    for contract in contracts:
        tables[contract.source].add(contract.table)
    unknown = []
    for source, known in tables.items():
        folder = settings.landing / source
        if folder.is_dir():
            unknown += [f"{source}/{each.name}" for each in folder.iterdir()
                        if each.name not in known and not each.name.startswith((".", "_"))]  # fmt: skip
    return tuple(sorted(unknown))
