"""`meta.grown_customers`: customers who gained unusually many records since the snapshot that readers see.

Lives here: comparing the build at hand with that snapshot, and the check that counts it. Does not live here: customers
that are large whenever they became so (model `identity_findings`). What is found depends on which snapshot came before,
so it is no table of the build: `core` holds the same rows whether days came one by one or all at once.

A customer's size before is that of the largest customer any of its records belonged to: what was large and is split
has not grown, and of two that join only the smaller one is a gain. Who is new had no records before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration.build import read_published
from orchestration.export import CheckResult
from orchestration.identity_customers import ENTITIES
from orchestration.snapshots import current_snapshot

if TYPE_CHECKING:
    import pyarrow as pa

    from orchestration.settings import Settings
    from orchestration.warehouse import DuckDBWarehouse

CHECK = "assert_customers_grow_plausibly"
EXPECTED = "no customer gains more than max_records_gained records between two snapshots"
_KEPT_ROWS = 100_000  # of the snapshots before, the newest
_ENTITIES = ", ".join(f"'{name}'" for name in ENTITIES)
# Whoever gained more than so many has more than so many: only the members of these few are looked for.
_GROWN = f"""
    with records as (
        select customer_key, source_system, source_table, source_id from core.customer_identities
        where source_table in ({_ENTITIES})
    ),
    large as (
        select customer_key, count(*) as record_count from records group by customer_key having count(*) > $most
    ),
    served as (
        select customer_key, source_system, source_table, source_id from read_parquet($served)
        where source_table in ({_ENTITIES})
    ),
    origins as (
        select distinct records.customer_key, served.customer_key as origin
        from records semi join large using (customer_key) join served using (source_system, source_table, source_id)
    ),
    sizes as (
        select customer_key as origin, count(*) as record_count
        from served where customer_key in (select origin from origins) group by customer_key
    )
    select
        large.customer_key,
        large.record_count,
        coalesce(max(sizes.record_count), 0) as previous_record_count,
        count(sizes.origin) as previous_customer_count
    from large left join origins using (customer_key) left join sizes using (origin)
    group by all
    having large.record_count - previous_record_count > $most
    order by large.customer_key
"""  # noqa: S608 (our own names of tables)


def find_grown(settings: Settings, warehouse: DuckDBWarehouse, snapshot_id: str) -> pa.Table:
    """Rows of `meta.grown_customers`: those of this snapshot, then those of the snapshots before it."""
    import pyarrow as pa

    fresh = _schema().empty_table()
    before = current_snapshot(settings)
    served = settings.published / "current" / "parquet" / "core" / "customer_identities.parquet"
    if before is not None and served.exists():
        with warehouse.connect() as connection:
            found = connection.execute(_GROWN, {"most": settings.max_records_gained, "served": str(served)})
            rows = found.to_arrow_table()
        named = {"snapshot_id": snapshot_id, "previous_snapshot_id": before}
        for place, (name, value) in enumerate(named.items()):
            rows = rows.add_column(place, name, pa.repeat(pa.scalar(value, pa.string()), len(rows)))
        fresh = rows.cast(_schema())
    old = read_published(settings, "meta", "grown_customers")
    if old is None or old.schema != fresh.schema:
        return fresh
    return pa.concat_tables([fresh, old.slice(0, max(0, _KEPT_ROWS - fresh.num_rows))])


def judge_growth(grown: pa.Table, snapshot_id: str) -> CheckResult:
    """A warning with the count of this snapshot."""
    count = grown.column("snapshot_id").to_pylist().count(snapshot_id)
    return CheckResult(
        check_name=CHECK,
        subject="core.customer_identities",
        place="window",
        severity="warning",
        has_passed=not count,
        observed=f"{count} grown customers{': cxw identity list grown' if count else ''}",
        expected=EXPECTED,
    )


def _schema() -> pa.Schema:
    import pyarrow as pa

    text, number = pa.string(), pa.int64()
    return pa.schema(
        [
            ("snapshot_id", text),
            ("previous_snapshot_id", text),
            ("customer_key", text),
            ("record_count", number),
            ("previous_record_count", number),
            ("previous_customer_count", number),
        ]
    )
