"""Snapshots in which suspiciously many keys are gone: held until a person looks.

Lives here: the comparison of a snapshot with the one before it. Does not live here: marking rows deleted
(`warehouse.py`). A partial export looks exactly like a mass deletion; that is why nobody but a person decides.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.backlog import typed_path
from orchestration.contracts import Contract
from orchestration.errors import CxwError
from orchestration.ledger_rows import Delivery
from orchestration.settings import Settings
from orchestration.warehouse import quote


def hold_vanished(
    read: list[Delivery], known: list[Delivery], contract: Contract, settings: Settings
) -> list[Delivery]:
    """`read` with state `held` where more than `max_vanished_rate` of the previous snapshot's keys are gone.

    All files of one extract date are one snapshot. `known` are the table's deliveries in the ledger.
    """
    if contract.extract.mode != "snapshot":
        return read
    again = {each.sequence for each in read if each.sequence}
    by_date: dict[object, list[Delivery]] = defaultdict(list)
    for each in known:
        if each.state == "accepted" and each.sequence not in again:
            by_date[each.extract_date].append(each)
    outcomes = {id(each): each for each in read}
    released = {each.sequence for each in known if any("released by a person" in text for text in each.warnings)}
    for day in sorted({each.extract_date for each in read if each.state == "accepted"}):
        fresh = [each for each in read if each.extract_date == day and each.state == "accepted"]
        earlier = [other for other in by_date if other < day]
        whole = [*by_date[day], *fresh]
        if earlier:
            before, gone = _vanished(by_date[max(earlier)], whole, contract, settings)
            is_released = any(each.sequence in released for each in fresh if each.sequence)
            if before and gone > contract.extract.max_vanished_rate * before and not is_released:
                for each in fresh:
                    where = f"{each.name} {day} (sha {each.sha256[:8]})"
                    allowed = f"the contract allows {contract.extract.max_vanished_rate:.0%}"
                    message = f"{gone} of {before} keys of {max(earlier)} are gone, {allowed}"
                    command = "`cxw quarantine list`, look at it, then `cxw quarantine release <number> --why ...`"
                    refusal = CxwError("E-LND-013", message, where=where, next_command=command)
                    outcomes[id(each)] = replace(each, state="held", reason_code=refusal.code, reason=str(refusal))
                if not by_date[day]:
                    del by_date[day]
                continue
        by_date[day] = whole
    return [outcomes[id(each)] for each in read]


def _vanished(before: list[Delivery], after: list[Delivery], contract: Contract, settings: Settings) -> tuple[int, int]:
    """Keys of the earlier snapshot that were not already deleted, and how many of them the later one lacks."""
    names = [*contract.primary_key, *(["is_deleted"] if any(c.name == "is_deleted" for c in contract.columns) else [])]

    def keys(deliveries: list[Delivery]) -> pa.Table:
        return pa.concat_tables([pq.ParquetFile(typed_path(settings, each)).read(columns=names) for each in deliveries])

    with duckdb.connect() as connection:
        connection.register("before", keys(before))
        connection.register("after", keys(after))
        columns = ", ".join(quote(name) for name in contract.primary_key)
        living = " where not coalesce(is_deleted, false)" if "is_deleted" in names else ""
        old, new = f"select distinct {columns} from before{living}", f"select distinct {columns} from after"  # noqa: S608
        lost = f"({old}) as old anti join ({new}) as new using ({columns})"
        return connection.execute(f"select (select count(*) from ({old})), (select count(*) from {lost})").fetchone()  # noqa: S608
