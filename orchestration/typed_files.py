"""Deliveries read and written: typed Parquet, quarantine Parquet, and the outcome for the ledger.

Lives here: small files together and large ones alone, the accounting check, the limit of rejected rows.
Does not live here: reading (`extracts.py`, `streaming.py`), which deliveries are read (`landing.py`).
Every file is written aside, then renamed. None is synced to disk: all can be made again from the raw objects, and the
ledger knows the size that a typed file must have (`backlog.stale`).
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.backlog import quarantine_path, reading_fingerprint, typed_path
from orchestration.contracts import Contract
from orchestration.crash_points import CrashPoint, reach
from orchestration.errors import CxwError
from orchestration.extracts import RowRules, Source, groups, read_small
from orchestration.filenames import format_of
from orchestration.ledger_rows import Delivery
from orchestration.raw_objects import move, object_path
from orchestration.reading_engine import Noticed, engine
from orchestration.rejects import Account, told
from orchestration.settings import Settings
from orchestration.streaming import write_large

_LARGE_BYTES = 24_000_000  # of text, estimated; larger files are streamed one by one
_GROUP_BYTES = 64_000_000
_EXPANSION = {"csv": 1, "jsonl": 1, "csv.gz": 8, "jsonl.gz": 12, "parquet": 6, "xlsx": 8}
_QUARANTINE = pa.schema(
    [
        ("file_name", pa.string()), ("sha256", pa.string()), ("extract_date", pa.date32()), ("line", pa.int64()),
        ("column", pa.string()), ("code", pa.string()), ("rule", pa.string()), ("raw", pa.string()),
    ]
)  # fmt: skip


def read_deliveries(
    deliveries: list[Delivery], contract: Contract, settings: Settings, row_rules: RowRules | None = None
) -> list[tuple[Delivery, float]]:
    """Read raw objects, write typed and quarantine files; the deliveries with state and counts, and seconds each."""
    scratch = settings.typed / "incoming"
    shutil.rmtree(scratch, ignore_errors=True)  # one writer per home, so nothing in here is alive
    scratch.mkdir(parents=True)
    reach(CrashPoint.READING_BEGUN)
    outcomes: dict[int, tuple[Delivery, float]] = {}
    sources = [Source(each, object_path(settings, each.sha256), format_of(each.file_name)) for each in deliveries]
    fingerprints = {refused: reading_fingerprint(contract, settings, was_refused=refused) for refused in (False, True)}
    noticed = Noticed()
    with engine(contract, settings, scratch, noticed) as connection:
        for bundle, is_large in _bundles(sources):
            started = time.monotonic()
            noticed.forget()
            _write(connection, bundle, is_large, contract, settings, scratch, noticed, row_rules)
            reach(CrashPoint.READING_WRITTEN)
            made = [_settle(source, contract, settings, scratch, fingerprints) for source in bundle]
            share = (time.monotonic() - started) / len(bundle)
            outcomes |= {id(source.delivery): (outcome, share) for source, outcome in zip(bundle, made, strict=True)}
    shutil.rmtree(scratch, ignore_errors=True)
    return [outcomes[id(each)] for each in deliveries]


def _settle(
    source: Source, contract: Contract, settings: Settings, scratch: Path, fingerprints: Mapping[bool, str]
) -> Delivery:
    """Outcome of one file, its typed and quarantine files in their places."""
    outcome = _outcome(source, contract, fingerprints)
    typed, written = typed_path(settings, outcome), _scratch_path(scratch, source)
    if outcome.state == "accepted":
        outcome = replace(outcome, typed_bytes=written.stat().st_size)
        move(written, typed)
    else:
        written.unlink(missing_ok=True)
        typed.unlink(missing_ok=True)
    reach(CrashPoint.READING_TYPED_KEPT)
    _write_quarantine(source, quarantine_path(settings, outcome), scratch)
    reach(CrashPoint.READING_REJECTS_KEPT)
    return outcome


def _bundles(sources: list[Source]) -> Iterator[tuple[list[Source], bool]]:
    """Small files up to a size together, large files alone."""
    bundle, size = [], 0
    for source in sources:
        estimate = source.delivery.bytes * _EXPANSION[source.format]
        if estimate > _LARGE_BYTES:
            yield [source], True
            continue
        if bundle and size + estimate > _GROUP_BYTES:
            yield bundle, False
            bundle, size = [], 0
        bundle.append(source)
        size += estimate
    if bundle:
        yield bundle, False


def _write(
    connection: duckdb.DuckDBPyConnection, bundle: list[Source], is_large: bool, contract: Contract,
    settings: Settings, scratch: Path, noticed: Noticed, row_rules: RowRules | None,
) -> None:  # fmt: skip
    # A large file is read by several threads, in any order: rows carry their line, and their order would cost memory.
    connection.execute(f"set preserve_insertion_order = {'false' if is_large else 'true'}")
    for casting, schema, members in groups(bundle, contract, settings):
        try:
            if is_large:
                (source,) = members
                target = _scratch_path(scratch, source)
                write_large(connection, casting, schema, source, contract, settings, target, noticed, row_rules)
            else:
                for source, rows in read_small(
                    connection, casting, schema, members, contract, settings, noticed, row_rules
                ):
                    if source.account.refusal is None:
                        _write_typed(rows, _scratch_path(scratch, source))
        except (duckdb.DataError, duckdb.InvalidInputException) as error:  # their text may hold a row
            raise CxwError("E-LND-018", f"the engine stopped: {type(error).__name__}", where=contract.name) from None


def _write_typed(rows: pa.Table, path: Path) -> None:
    pq.write_table(rows, str(path), use_dictionary=False, store_schema=False, store_decimal_as_integer=True)


def _scratch_path(scratch: Path, source: Source) -> Path:
    return scratch / f"{source.delivery.extract_date}-{source.delivery.sha256}-r{source.delivery.revision}.parquet"


def _outcome(source: Source, contract: Contract, fingerprints: Mapping[bool, str]) -> Delivery:
    """What the ledger will say: state, counts, reason, warnings."""
    account, delivery, extract = source.account, source.delivery, contract.extract
    allowed = max(extract.max_rejected_rows, int(extract.max_rejected_rate * account.rows_in))
    refusal = account.refusal
    if refusal is None and account.rejected > allowed:
        message = f"{account.rejected} of {account.rows_in} rows are bad, {allowed} are allowed: {account.summary()}"
        refusal = _refusal("E-LND-012", message, account)
    elif refusal is None and account.rejected and not account.accepted:
        refusal = _refusal("E-LND-012", f"every row is bad: {account.summary()}", account)
    elif refusal is None and account.rows_in != account.accepted + account.rejected + account.duplicates:
        message = (
            f"{account.rows_in} rows counted, but {account.accepted} accepted + {account.rejected} rejected"
            f" + {account.duplicates} duplicates"
        )
        refusal = _refusal("E-LND-011", message, account)
    warnings = list(account.warnings)
    if account.rejected and refusal is None:
        warnings.append(f"{account.rejected} of {account.rows_in} rows set aside: {account.summary()}")
    if account.clock_shifts:
        warnings.append(
            f"{account.clock_shifts} times in an hour that clocks repeat or skip: read as its first, or shifted forward"
        )
    kept = tuple(each for each in delivery.warnings if each.startswith(_LASTING))
    return replace(
        delivery,
        state="refused" if refusal else "accepted",
        rows_in=account.rows_in,
        rows_accepted=0 if refusal else account.accepted,
        rows_rejected=account.rejected,
        rows_duplicate=0 if refusal else account.duplicates,
        reason_code=refusal.code if refusal else "",
        reason=told(refusal, delivery.name, delivery.extract_date, delivery.sha256, has_rejects=bool(account.rejects))
        if refusal
        else "",
        warnings=(*kept, *warnings),
        contract_fingerprint=fingerprints[refusal is not None],
    )


# Warnings about the arrival, not about what reading found.
_LASTING = ("the name came before", "the same bytes", "held")


def _refusal(code: str, message: str, account: Account) -> CxwError:
    return CxwError(code, message, where=account.where)


def _write_quarantine(source: Source, target: Path, scratch: Path) -> None:
    """Rejected rows with their place, rule and text; the file of an earlier reading goes when there are none."""
    delivery, rejects = source.delivery, source.account.rejects
    if not rejects:
        target.unlink(missing_ok=True)
        return
    rows = pa.table(
        [
            [delivery.file_name] * len(rejects), [delivery.sha256] * len(rejects),
            [delivery.extract_date] * len(rejects), [each.line for each in rejects],
            [each.column for each in rejects], [each.code for each in rejects],
            [each.rule for each in rejects], [each.raw for each in rejects],
        ],
        schema=_QUARANTINE,
    )  # fmt: skip
    written = scratch / f"{delivery.sha256}.quarantine"
    pq.write_table(rows, written)
    move(written, target)
