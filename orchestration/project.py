"""The dbt project, run in process: one warm dbt for every phase of a cycle.

Lives here: where the project is, when its manifest is stale, invoking dbt and reading its results.
Does not live here: which phases a build has (`build.py`), how results show in Dagster (`transformation.py`).
Importing dbt costs 2.4 s, so it happens inside functions; the manifest is plain JSON and costs 0.1 s.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from orchestration.errors import CxwError
from orchestration.settings import Settings

PROJECT = Path(__file__).resolve().parent.parent / "dbt_project"
MARK = "manifest.fingerprint"
_parsing = threading.Lock()


@dataclass(frozen=True)
class NodeResult:
    """What dbt said of one node. `status`: success, pass, warn, fail, error or skipped; `seconds` wall time."""

    unique_id: str
    status: str
    seconds: float
    message: str
    failures: int | None
    rows: int | None


def staging_models(sources: Iterable[str]) -> tuple[str, ...]:
    """Names of the staging models of these sources, from the folder listing: a new vendor needs no edit here."""
    folder = PROJECT / "models" / "staging"
    return tuple(sorted(path.stem for source in sources for path in (folder / source).glob("stg_*.sql")))


def unconfigured_sources(sources: Iterable[str]) -> tuple[str, ...]:
    """Source folders of the project that this site does not have: excluded from every dbt selection."""
    chosen = set(sources)
    folder = PROJECT / "models" / "staging"
    return tuple(sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name not in chosen))


def environment(settings: Settings, sources: Iterable[str], snapshot_id: str = "") -> dict[str, str]:
    """Variables that the macros and the profile read. `WAREHOUSE_PATH` is the build file."""
    return {
        **settings.environment(),
        "WAREHOUSE_PATH": str(settings.warehouse_path),
        "WAREHOUSE_STAGING_MODELS": " ".join(staging_models(sources)),
        "WAREHOUSE_SNAPSHOT_ID": snapshot_id,
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
    }


def fingerprint(sources: Iterable[str]) -> str:
    """Changes when a project file or the set of configured staging models changes (names, sizes and times)."""
    digest = hashlib.sha256(" ".join(staging_models(sources)).encode())
    for path in sorted(PROJECT.rglob("*")):
        if path.suffix in (".sql", ".yml", ".md", ".csv"):
            stat = path.stat()
            digest.update(f"{path.relative_to(PROJECT)}|{stat.st_size}|{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def prepare_manifest(settings: Settings, sources: Iterable[str]) -> dict[str, Any]:
    """The manifest as JSON, parsed again only when the project changed since the last time.

    Raises:
        CxwError: E-DBT-001 when the project does not parse.
    """
    target, wanted = settings.dbt_target, fingerprint(sources)
    if _mark_of(target) != wanted:
        if not (target / "manifest.json").exists():
            _parsed.cache_clear()  # a process that lives long may lose the folder while it remembers the parse
        invoke(settings, sources, ["parse"])
        (target / MARK).write_text(wanted)
    return json.loads((target / "manifest.json").read_bytes())


def _mark_of(target: Path) -> str:
    """Fingerprint of the project that the manifest on disk was written from; empty without one."""
    mark = target / MARK
    return mark.read_text() if mark.exists() and (target / "manifest.json").exists() else ""


@cache
def _parsed(target: str, staging: str, project_fingerprint: str) -> Any:
    """dbt's own manifest object, parsed once per process and project state."""
    runner = _runner()
    is_written = _mark_of(Path(target)) == project_fingerprint  # writing it again costs as much as parsing
    outcome = runner.invoke(["parse", *["--no-write-json"] * is_written, *_places(Path(target))])
    _raise_unless_parsed(outcome)
    return outcome.result


@contextmanager
def parsing_ahead(settings: Settings, sources: Iterable[str]) -> Iterator[None]:
    """Parse beside what runs in this block; the first command in it waits for that."""
    _prepare(settings, sources, "")

    def parse() -> None:
        try:
            with suppress(Exception):  # the command that needs the manifest parses again, and tells
                _manifest(settings, sources)
        finally:
            _parsing.release()

    _parsing.acquire()  # here, so that no command can come first
    ahead = threading.Thread(target=parse, name="dbt parse")
    ahead.start()
    try:
        yield
    finally:
        ahead.join()


def _prepare(settings: Settings, sources: Iterable[str], snapshot_id: str) -> None:
    """What dbt finds around it: the environment of this process, and the folders."""
    os.environ.update(environment(settings, sources, snapshot_id))
    settings.dbt_target.mkdir(parents=True, exist_ok=True)
    settings.build.mkdir(parents=True, exist_ok=True)


def _manifest(settings: Settings, sources: Iterable[str]) -> Any:
    return _parsed(str(settings.dbt_target), os.environ["WAREHOUSE_STAGING_MODELS"], fingerprint(sources))


def invoke(
    settings: Settings,
    sources: Iterable[str],
    arguments: Sequence[str],
    *,
    snapshot_id: str = "",
    on_node: Callable[[str, str, float], None] | None = None,
) -> list[NodeResult]:
    """Run one dbt command in this process and return its node results; failed tests are results, not errors.

    Args:
        arguments: command and selection, e.g. `["build", "--select", "staging"]`.
        on_node: called with (unique_id, status, seconds) as each node ends.

    Raises:
        CxwError: E-DBT-001 when the project does not parse, E-DBT-002 when dbt itself fails.
    """
    sources = tuple(sources)
    with _parsing:
        _prepare(settings, sources, snapshot_id)
        manifest = _manifest(settings, sources)
    if list(arguments) == ["parse"]:
        return []
    callbacks = [_node_listener(on_node)] if on_node else []
    runner = _runner(manifest=manifest, callbacks=callbacks)
    # The parse wrote the manifest; writing it again with every phase is an eighth of a small cycle.
    outcome = runner.invoke([*arguments, "--no-write-json", *_places(settings.dbt_target)])
    _let_go_of_the_build_file()
    _raise_if_stopped(outcome)
    if outcome.exception is not None:
        raise CxwError("E-DBT-002", _without_values(str(outcome.exception)), where=" ".join(arguments)) from None
    return [_node_result(result) for result in getattr(outcome.result, "results", None) or []]


def _runner(**options: Any) -> Any:
    """dbt in this process."""
    from dbt.cli.main import dbtRunner

    from orchestration import dbt_events

    dbt_events.put_in_place()
    return dbtRunner(**options)


def _let_go_of_the_build_file() -> None:
    """dbt-duckdb keeps its connection for the life of the process; identity, Markov and the publish need the file."""
    adapter = sys.modules.get("dbt.adapters.duckdb.connections")
    if adapter is not None:
        adapter.DuckDBConnectionManager.close_all_connections()


def _places(target: Path) -> list[str]:
    return [
        *("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--target-path", str(target)),
        *("--log-path", str(target / "logs"), "--log-level", "none", "--quiet", "--no-use-colors"),
        *("--log-level-file", os.environ.get("DBT_LOG_LEVEL_FILE", "info")),  # see `dbt_events.py`
        "--no-send-anonymous-usage-stats",
    ]


def _raise_if_stopped(outcome: Any) -> None:
    """dbt returns an interrupt as its outcome; to us it is a person or the system stopping the command."""
    if outcome.exception is not None and not isinstance(outcome.exception, Exception):
        raise outcome.exception


def _raise_unless_parsed(outcome: Any) -> None:
    _raise_if_stopped(outcome)
    if not outcome.success:
        raise CxwError("E-DBT-001", str(outcome.exception), where=PROJECT.name)  # names models, holds no data


def _node_listener(on_node: Callable[[str, str, float], None]) -> Callable[[Any], None]:
    from orchestration.dbt_events import NODE_FINISHED

    def listen(event: Any) -> None:
        if event.info.name == NODE_FINISHED:
            node = event.data.node_info
            on_node(node.unique_id, node.node_status, event.data.run_result.execution_time)

    return listen


def _node_result(result: Any) -> NodeResult:
    rows = (result.adapter_response or {}).get("rows_affected")
    return NodeResult(
        unique_id=result.node.unique_id,
        status=str(result.status),
        seconds=result.execution_time,
        message=_without_values(result.message or ""),
        failures=result.failures,
        rows=rows if isinstance(rows, int) else None,
    )


def _without_values(message: str) -> str:
    """An engine's message without the quoted values it likes to repeat: they can be a person's data."""
    return re.sub(r"\"[^\"\n]{0,200}@[^\"\n]{0,200}\"|'[^'\n]*'", "'…'", message)


def column_descriptions(manifest: Mapping[str, Any], unique_id: str) -> dict[str, str]:
    """Column name to rendered description (doc blocks included) of one model."""
    return {name: column.get("description", "") for name, column in manifest["nodes"][unique_id]["columns"].items()}
