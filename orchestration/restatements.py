"""`meta.restatements`: what a publish changes about periods that were over, by how much, because of which delivery.

Lives here: comparing the build at hand with the snapshot that readers see now, cell by cell. A cell is one row of a
mart and one of the measures that its YAML lists under `config.meta.restates`; these measures depend only on what is
dated in the row's period, so new days alone never change a period that is over (its last day is not after the `as_of`
that readers saw). Does not live here: writing the table (`export.py`), what a measure means (dbt).
Identifiers come from our own models, quoted; values are compared inside the engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orchestration.build import code_version, read_published
from orchestration.ledger import Ledger
from orchestration.ledger_rows import Delivery
from orchestration.lineage import delivered_tables
from orchestration.settings import Settings
from orchestration.snapshots import current_snapshot
from orchestration.warehouse import DuckDBWarehouse, quote

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

KEPT_ROWS = 100_000  # of the snapshots before, the newest
NAMED_DELIVERIES = 10


def find_restatements(
    settings: Settings, manifest: Mapping[str, Any], ledger: Ledger, warehouse: DuckDBWarehouse, snapshot_id: str
) -> pa.Table:
    """Rows of `meta.restatements`: those that this snapshot adds, then those of the snapshots before it."""
    import pyarrow as pa

    before = current_snapshot(settings)
    rows: list[dict[str, Any]] = []
    if before is not None:
        causes = _Causes(settings, manifest, ledger)
        with warehouse.connect() as connection:
            for node in _restating(manifest):
                for row in _changed_cells(connection, settings, node):
                    why = {"snapshot_id": snapshot_id, "previous_snapshot_id": before, "because_of": causes.of(node)}
                    rows.append(why | row)
    fresh = pa.Table.from_pylist(rows, schema=_schema())
    old = read_published(settings, "meta", "restatements")
    if old is None or old.schema != fresh.schema:
        return fresh
    return pa.concat_tables([fresh, old.slice(0, max(0, KEPT_ROWS - fresh.num_rows))])


def _schema() -> pa.Schema:
    import pyarrow as pa

    number = pa.decimal128(38, 6)
    return pa.schema(
        [
            ("snapshot_id", pa.string()),
            ("previous_snapshot_id", pa.string()),
            ("mart", pa.string()),
            ("period_date", pa.date32()),
            ("cell", pa.string()),
            ("measure", pa.string()),
            ("previous_value", number),
            ("new_value", number),
            ("change_amount", number),
            ("because_of", pa.string()),
        ]
    )


def _restating(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Marts whose YAML says which of their measures can be restated, by name."""
    nodes = (node for node in manifest["nodes"].values() if node["resource_type"] == "model")
    found = [node for node in nodes if node["config"].get("meta", {}).get("restates")]
    return sorted(found, key=lambda node: node["name"])


def _changed_cells(
    connection: duckdb.DuckDBPyConnection, settings: Settings, node: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Cells of one mart, in periods that were over, whose value is another one now (null: there is no row)."""
    published = settings.published / "current" / "parquet" / "marts" / f"{node['name']}.parquet"
    if not published.exists():
        return []
    meta = node["config"]["meta"]
    grain, period, measures = meta["grain"], meta["restates"]["period"], meta["restates"]["measures"]
    served = connection.read_parquet(str(published))
    if not {*grain, *measures, "as_of_date"} <= set(served.columns):
        return []  # the mart had another shape: nothing to compare
    connection.register("served", served.to_arrow_table())
    try:
        cells = connection.execute(_comparison(node["name"], grain, period, measures)).fetchall()
    finally:
        connection.unregister("served")
    return [
        {
            "mart": node["name"],
            "period_date": row[0],
            "cell": ", ".join(f"{name}={value}" for name, value in zip(grain, row[1:], strict=False)),
            "measure": row[-3],
            "previous_value": row[-2],
            "new_value": row[-1],
            "change_amount": (row[-1] or 0) - (row[-2] or 0),
        }
        for row in cells
    ]


def _comparison(mart: str, grain: Sequence[str], period: str, measures: Sequence[str]) -> str:
    keys = ", ".join(quote(name) for name in grain)
    values = ", ".join(f"cast({quote(name)} as decimal(38, 6)) as {quote(name)}" for name in measures)
    listed = ", ".join(quote(name) for name in measures)
    last_day = f"last_day({quote(period)})" if period.endswith("month") else quote(period)
    alike = " and ".join(f"old.{quote(name)} is not distinct from new.{quote(name)}" for name in [*grain, "measure"])
    shown = ", ".join(
        f"cast(case when new.measure is null then old.{quote(name)} else new.{quote(name)} end as varchar)"
        for name in grain
    )
    return f"""
with old_rows as (select {keys}, {values} from served),
new_rows as (select {keys}, {values} from marts.{quote(mart)}),
old as (unpivot old_rows on {listed} into name measure value amount),
new as (unpivot new_rows on {listed} into name measure value amount),
observed as (select max(as_of_date) as as_of_date from served),
cells as (
    select
        case when new.measure is null then old.{quote(period)} else new.{quote(period)} end as {quote(period)},
        {shown}, coalesce(new.measure, old.measure), old.amount, new.amount
    from old full join new on {alike}
    where coalesce(old.amount, 0) <> coalesce(new.amount, 0)  -- these measures add up: a row that is not there adds 0
)
select cells.* from cells, observed where {last_day} <= as_of_date order by all"""  # noqa: S608 (our own models' names)


class _Causes:
    """Which deliveries made the difference between the snapshot that is served and the ledger as it stands."""

    def __init__(self, settings: Settings, manifest: Mapping[str, Any], ledger: Ledger) -> None:
        self._manifest = manifest
        self._arrived = _arrived_since(read_published(settings, "meta", "delivery_accounting"), ledger.deliveries())
        self._has_other_code = _published_code(settings) != code_version()

    def of(self, node: Mapping[str, Any]) -> str:
        """Deliveries of the tables that a mart's rows come from, as `<source>.<table> <extract date>[.rN]`."""
        tables = delivered_tables(self._manifest, node["unique_id"])
        named = [label for table, label in self._arrived if table in tables] or [label for _, label in self._arrived]
        more = [f"and {len(named) - NAMED_DELIVERIES} more"] if len(named) > NAMED_DELIVERIES else []
        said = [*named[:NAMED_DELIVERIES], *more, *(["a new version of the code"] if self._has_other_code else [])]
        return ", ".join(said) or "a changed setting"


def _arrived_since(accounted: pa.Table | None, deliveries: Iterable[Delivery]) -> list[tuple[str, str]]:
    """Table and label of the deliveries whose acceptance the served snapshot does not know, or no longer holds."""
    rows = accounted.to_pylist() if accounted is not None else []
    known = {
        (f"{row['source']}.{row['table']}", row["extract_date"], row["revision"], row["sha256"])
        for row in rows
        if row["state"] == "accepted"
    }
    now = {(d.name, d.extract_date, d.revision, d.sha256) for d in deliveries if d.state == "accepted"}
    found = sorted((table, day, revision) for table, day, revision, _ in known ^ now)
    return [
        (table, f"{table} {day}{f'.r{revision}' if revision > 1 else ''}")
        for table, day, revision in dict.fromkeys(found)
    ]


def _published_code(settings: Settings) -> str:
    snapshot = read_published(settings, "meta", "snapshot")
    return snapshot.to_pylist()[0]["code_version"] if snapshot is not None else ""
