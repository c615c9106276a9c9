"""Published snapshots: build one aside, switch to it atomically, roll back, sweep what has expired.

Lives here: `published/<snapshot_id>/` (cxw.duckdb, parquet/, manifest.json) and the pointer `published/current`.
Does not live here: deciding whether a build may be published (`publication.py`), what a mart means (dbt).
Readers only ever open finished, immutable files: they see snapshot N or N+1, never a mixture, never a lock.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration import build
from orchestration.crash_points import CrashPoint, reach
from orchestration.errors import CxwError
from orchestration.export import DATABASE, CheckResult, PublishedTable, file_sha256, write_snapshot
from orchestration.ledger_rows import Publish
from orchestration.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

    from orchestration.ledger import Ledger


@dataclass(frozen=True)
class Publication:
    """What was published: the snapshot's folder and its tables."""

    snapshot_id: str
    path: Path
    tables: tuple[PublishedTable, ...]


def current_snapshot(settings: Settings) -> str | None:
    """Id of the snapshot that readers see now; None before the first publish."""
    pointer = settings.published / "current"
    return pointer.readlink().name if pointer.is_symlink() and pointer.exists() else None


def list_snapshots(settings: Settings) -> list[str]:
    """Ids of the complete snapshots on disk, oldest first."""
    return sorted(path.parent.name for path in settings.published.glob("[0-9]*/manifest.json"))


def new_snapshot_id(settings: Settings, sources: Sequence[str], ledger: Ledger) -> str:
    """`<sequence>-<input version>`: ids never go back, and equal inputs end in equal text."""
    known = [entry.snapshot_id for entry in ledger.publishes()] + list_snapshots(settings)
    sequence = 1 + max((int(snapshot_id.partition("-")[0]) for snapshot_id in known), default=0)
    return f"{sequence:06d}-{build.input_version(settings, sources, ledger)}"


def publish(
    settings: Settings,
    ledger: Ledger,
    manifest: Mapping[str, Any],
    snapshot_id: str,
    checks: Sequence[CheckResult],
    meta_tables: Mapping[str, pa.Table],
) -> Publication:
    """Write a snapshot aside, switch the pointer to it, record it, sweep the expired.

    Args:
        checks: every check of the cycle; becomes `meta.check_results`.
        meta_tables: further tables of schema `meta` by name (observed_through, delivery_accounting).

    Raises:
        CxwError: E-PUB-001 when a published column would hold a direct identifier.
    """
    target = settings.published / snapshot_id
    aside = settings.published / f".building-{snapshot_id}"
    shutil.rmtree(aside, ignore_errors=True)
    (aside / "parquet").mkdir(parents=True)
    published_at = datetime.now(UTC)
    snapshot = {
        "snapshot_id": snapshot_id,
        "published_at": published_at.replace(tzinfo=None),
        "code_version": build.code_version(),
        "previous_snapshot_id": current_snapshot(settings),
    }
    tables = write_snapshot(settings, manifest, aside, snapshot, checks, meta_tables)
    reach(CrashPoint.PUBLISH_WRITTEN)
    description = {
        **snapshot,
        "published_at": published_at.isoformat(),
        "database_sha256": file_sha256(aside / DATABASE),
        "tables": [asdict(table) for table in tables],
    }
    (aside / "manifest.json").write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")
    reach(CrashPoint.PUBLISH_DESCRIBED)
    _make_durable(aside)
    shutil.rmtree(target, ignore_errors=True)  # the same id left by a crash before its pointer moved
    aside.rename(target)
    reach(CrashPoint.PUBLISH_NAMED)
    _point_to(settings, snapshot_id)
    reach(CrashPoint.PUBLISH_POINTED)
    _record(settings, ledger, snapshot_id)
    reach(CrashPoint.PUBLISH_RECORDED)
    sweep(settings)
    return Publication(snapshot_id, target, tuple(tables))


def reconcile(settings: Settings, ledger: Ledger) -> list[str]:
    """Make pointer, files and ledger agree again after a crash or damage; returns what was found, in sentences.

    A snapshot that was pointed to but not recorded is recorded. One whose files are not those of its manifest is
    recorded as damaged, so that the next cycle makes it again, and readers go back to the newest whole one.
    """
    for leftover in settings.published.glob(".building-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    snapshot_id = current_snapshot(settings)
    known = {entry.snapshot_id: entry for entry in ledger.publishes()}
    if snapshot_id is None:
        wanted = max((name for name, entry in known.items() if entry.state == "published"), default=None)
        return [_go_back(settings, ledger, known[wanted], "its files are gone")] if wanted else []
    damaged = verify(settings, snapshot_id)
    if snapshot_id not in known and not damaged:
        _record(settings, ledger, snapshot_id)
        return [f"snapshot {snapshot_id} was published before a crash; the ledger says so now"]
    if damaged:
        entry = known.get(snapshot_id) or Publish(snapshot_id, "", datetime.now(UTC).isoformat(), "", "published")
        return [_go_back(settings, ledger, entry, f"{damaged[0]} is not the file of its manifest")]
    return []


def _go_back(settings: Settings, ledger: Ledger, entry: Publish, why: str) -> str:
    ledger.record_publish(replace(entry, state="damaged"))
    whole = [name for name in list_snapshots(settings) if name != entry.snapshot_id and not verify(settings, name)]
    if whole:
        _point_to(settings, whole[-1])
    served = f"readers see {whole[-1]} again" if whole else "there is no other"
    return f"snapshot {entry.snapshot_id} is damaged: {why}; {served} until the next one is published"


def rollback(settings: Settings, snapshot_id: str) -> None:
    """Point readers to an older snapshot; the next cycle with new data moves on from there.

    Raises:
        CxwError: E-PUB-002 for an unknown id, E-PUB-003 for a snapshot whose files do not match its manifest.
    """
    if snapshot_id not in list_snapshots(settings):
        raise CxwError("E-PUB-002", f"no snapshot {snapshot_id}", next_command="cxw snapshots list")
    damaged = verify(settings, snapshot_id)
    if damaged:
        raise CxwError(
            "E-PUB-003", f"{damaged[0]} does not match the manifest", where=snapshot_id, next_command="cxw rebuild"
        )
    _point_to(settings, snapshot_id)


def verify(settings: Settings, snapshot_id: str) -> list[str]:
    """Names of the snapshot's files that are missing, differ from its manifest or do not belong (a database's log)."""
    folder = settings.published / snapshot_id
    try:
        description = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        wanted = {DATABASE: description["database_sha256"]}
        wanted |= {f"parquet/{t['schema']}/{t['name']}.parquet": t["parquet_sha256"] for t in description["tables"]}
    except (OSError, ValueError, KeyError, TypeError):
        return ["manifest.json"]
    log = f"{DATABASE}.wal"
    spare = [log] if (folder / log).exists() else []
    return spare + [
        name for name, digest in wanted.items() if not (folder / name).exists() or file_sha256(folder / name) != digest
    ]


def sweep(settings: Settings) -> list[str]:
    """Delete expired snapshots: beyond `snapshots_kept`, not current, left by the pointer longer than the grace ago."""
    expired = []
    current = current_snapshot(settings)
    for snapshot_id in list_snapshots(settings)[: -settings.snapshots_kept]:
        folder = settings.published / snapshot_id
        age = time.time() - folder.stat().st_mtime  # set when the pointer left it, not when it was published
        if snapshot_id != current and age > settings.snapshot_grace_seconds:
            shutil.rmtree(folder)
            expired.append(snapshot_id)
    return expired


def _record(settings: Settings, ledger: Ledger, snapshot_id: str) -> None:
    path = settings.published / snapshot_id / "manifest.json"
    published_at = json.loads(path.read_text(encoding="utf-8"))["published_at"]
    version = snapshot_id.partition("-")[2]
    ledger.record_publish(Publish(snapshot_id, version, published_at, file_sha256(path), "published"))


def _point_to(settings: Settings, snapshot_id: str) -> None:
    """One rename moves every reader that connects from now on; connected readers keep their file."""
    before = current_snapshot(settings)
    fresh = settings.published / ".current-next"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(snapshot_id, target_is_directory=True)
    reach(CrashPoint.PUBLISH_POINTER_READY)
    fresh.replace(settings.published / "current")
    if before:
        os.utime(settings.published / before)  # readers that connected a moment ago have their grace from now on
    _sync_folder(settings.published)


def _make_durable(folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as handle:
                os.fsync(handle.fileno())
            path.chmod(0o444)
        else:
            _sync_folder(path)
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
