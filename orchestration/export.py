"""The files of one snapshot: cxw.duckdb and the same tables as Parquet, with comments, hashes and `meta`.

Lives here: copying marts, core and meta out of the build file, and the content hash that says two tables are equal.
Does not live here: the pointer that readers follow (`snapshots.py`), what the tables mean (dbt).
SQL is composed here from our own identifiers only, quoted by `warehouse.quote`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration.contracts import load_contracts
from orchestration.crash_points import CrashPoint, reach
from orchestration.errors import CxwError
from orchestration.lineage import generated_inputs
from orchestration.settings import Settings
from orchestration.warehouse import quote

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

DATABASE = "cxw.duckdb"
PUBLISHED_SCHEMAS = ("marts", "core")
# Name stems of columns that hold a person's address, number or words; the publish refuses to write one.
DIRECT_IDENTIFIERS = ("email", "customer_email", "phone", "customer_phone", "first_name", "last_name", "comment")
DIRECT_IDENTIFIERS += ("street_address", "date_of_birth", "national_id")


@dataclass(frozen=True)
class CheckResult:
    """One check of a cycle. `place` is door, rooms or window; observed and expected never hold a person's data."""

    check_name: str
    subject: str
    place: str
    severity: str
    has_passed: bool
    observed: str
    expected: str


@dataclass(frozen=True)
class PublishedTable:
    """`content_hash`: of the rows without `snapshot_id`, in any order; equal hashes mean equal tables."""

    schema: str
    name: str
    rows: int
    content_hash: str
    parquet_sha256: str


def write_snapshot(
    settings: Settings,
    manifest: Mapping[str, Any],
    aside: Path,
    snapshot: Mapping[str, Any],
    checks: Sequence[CheckResult],
    meta_tables: Mapping[str, pa.Table],
) -> list[PublishedTable]:
    """Write every published table of the build into `aside` as cxw.duckdb and as `parquet/<schema>/<table>.parquet`.

    Args:
        snapshot: the row of `meta.snapshot`: snapshot_id, published_at, code_version, previous_snapshot_id.

    Raises:
        CxwError: E-PUB-001 when a published column would hold a direct identifier.
    """
    import duckdb

    connection = duckdb.connect()
    try:
        connection.execute("set TimeZone = 'UTC'; set autoinstall_known_extensions = false")
        connection.execute("set memory_limit = ?", [settings.memory_limit])
        connection.execute("set threads = ?", [settings.threads])
        # Under its own name, because a view of the build names its tables with it.
        build = quote(settings.warehouse_path.stem)
        connection.execute(f"attach '{_text(settings.warehouse_path)}' as {build} (read_only)")
        connection.execute(f"attach '{_text(aside / DATABASE)}' as snapshot")
        connection.execute("set enable_progress_bar = false")
        connection.execute("begin")  # one commit instead of a thousand: every comment is a statement
        tables = []
        contracts = load_contracts(manifest, settings)
        for schema in PUBLISHED_SCHEMAS:
            connection.execute(f"create schema snapshot.{schema}")
            (aside / "parquet" / schema).mkdir()
            for node in _models_of(manifest, schema):
                said = generated_inputs(manifest, contracts, settings, node["unique_id"])
                tables.append(_write_table(connection, node, f"{build}.{schema}", aside, said))
                reach(CrashPoint.PUBLISH_WRITING)
        connection.execute("create schema snapshot.meta")
        (aside / "parquet" / "meta").mkdir()
        for name, rows in _meta(manifest, snapshot, checks, meta_tables).items():
            connection.register("incoming_rows", rows)
            connection.execute(f"create table snapshot.meta.{quote(name)} as select * from incoming_rows")
            tables.append(_export(connection, "meta", name, aside))
        connection.execute("commit")
        connection.execute("detach snapshot")
        return tables
    finally:
        connection.close()


def _models_of(manifest: Mapping[str, Any], schema: str) -> list[Mapping[str, Any]]:
    nodes = [n for n in manifest["nodes"].values() if n["resource_type"] == "model" and n["schema"] == schema]
    return sorted(nodes, key=lambda node: node["name"])


def _write_table(
    connection: duckdb.DuckDBPyConnection, node: Mapping[str, Any], origin: str, aside: Path, generated: str
) -> PublishedTable:
    schema = node["schema"]
    name = f"snapshot.{schema}.{quote(node['name'])}"
    order = (
        "order by all" if schema == "marts" else ""
    )  # people read marts top down; core is too large to sort for looks
    connection.execute(f"create table {name} as select * from {origin}.{quote(node['name'])} {order}")
    present = {row[0] for row in connection.execute(f"describe {name}").fetchall()}
    leaked = sorted(present & set(DIRECT_IDENTIFIERS))
    if leaked:
        raise CxwError(
            "E-PUB-001", f"column {leaked[0]} would publish direct identifiers", where=f"{schema}.{node['name']}"
        )
    comment = f"{generated} {node['description']}".strip()
    connection.execute(f"comment on table {name} is '{_text(comment)}'")
    for column, entry in node["columns"].items():
        if column in present and entry.get("description"):
            connection.execute(f"comment on column {name}.{quote(column)} is '{_text(entry['description'])}'")
    return _export(connection, schema, node["name"], aside)


def _export(connection: duckdb.DuckDBPyConnection, schema: str, name: str, aside: Path) -> PublishedTable:
    table = f"snapshot.{schema}.{quote(name)}"
    path = aside / "parquet" / schema / f"{name}.parquet"
    connection.execute(f"copy {table} to '{_text(path)}' (format parquet, compression zstd)")
    rows = connection.execute(f"select count(*) from {table}").fetchone()[0]
    return PublishedTable(schema, name, rows, content_hash(connection, table), file_sha256(path))


def content_hash(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    """Equal for equal tables in any row order, `snapshot_id` left out.

    The number of rows and the sum of 64 bits of every row's md5: one pass without sorting (sorting the digests of
    540,000 order lines took longer than building them).
    """
    names = sorted(row[0] for row in connection.execute(f"describe {table}").fetchall() if row[0] != "snapshot_id")
    parts = ", ".join(f"coalesce(cast({quote(name)} as varchar), chr(0))" for name in names)
    sums = connection.execute(
        f"select count(*), sum(md5_number_lower(line)) from (select concat_ws(chr(31), {parts}) as line from {table})"
    ).fetchone()
    return hashlib.sha256(f"{','.join(names)}|{sums}".encode()).hexdigest()


def _meta(
    manifest: Mapping[str, Any],
    snapshot: Mapping[str, Any],
    checks: Sequence[CheckResult],
    further: Mapping[str, pa.Table],
) -> dict[str, pa.Table]:
    import pyarrow as pa

    snapshot_schema = pa.schema(
        [
            ("snapshot_id", pa.string()),
            ("published_at", pa.timestamp("us")),
            ("code_version", pa.string()),
            ("previous_snapshot_id", pa.string()),
        ]
    )
    text = [(name, pa.string()) for name in ("check_name", "subject", "place", "severity", "observed", "expected")]
    check_schema = pa.schema([*text[:4], ("has_passed", pa.bool_()), *text[4:]])
    return {
        "snapshot": pa.Table.from_pylist([dict(snapshot)], schema=snapshot_schema),
        "check_results": pa.Table.from_pylist([asdict(check) for check in checks], schema=check_schema),
        "metric_definitions": metric_definitions(manifest),
        **further,
    }


def metric_definitions(manifest: Mapping[str, Any]) -> pa.Table:
    """`meta.metric_definitions`, read from the mart columns' `config.meta`: the definitions' only home.

    `metric` is what the column itself means; `metrics` lists what else it defines, such as one metric per row type.
    """
    import pyarrow as pa

    fields = ("metric_id", "variant", "formula", "unit", "grain", "mart", "column_name", "caveats")
    rows = []
    for node in _models_of(manifest, "marts"):
        grain = ", ".join(node["config"].get("meta", {}).get("grain", []))
        for name, column in node["columns"].items():
            meta = column.get("config", {}).get("meta") or column.get("meta") or {}
            for metric in [*([meta["metric"]] if "metric" in meta else []), *meta.get("metrics", [])]:
                row = {"metric_id": metric["id"], "grain": grain, "mart": node["name"], "column_name": name}
                rows.append(row | {key: metric.get(key, "") for key in ("variant", "formula", "unit", "caveats")})
    return pa.Table.from_pylist(rows, schema=pa.schema([(name, pa.string()) for name in fields]))


def file_sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _text(value: object) -> str:
    """Our own paths and descriptions inside a SQL literal; statements such as ATTACH take no parameters."""
    return str(value).replace("'", "''")
