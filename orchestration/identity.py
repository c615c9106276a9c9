"""Who is the same person: golden customers of records and of what events mention, by the deterministic rule.

Lives here: the rule from end to end, a pure function of the rows in force whatever their order. Does not live here:
what counts as evidence (`identity_evidence.py`), judged pairs (`identity_decisions.py`), the published tables
(`identity_customers.py`), attaching event rows (dbt macro `attach_customer_joins`), reading and writing (`build.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration import identity_customers
from orchestration.identity_components import Parts, connected, parts
from orchestration.identity_customers import ENTITIES, People, Traced
from orchestration.identity_decisions import joined, judged, separated
from orchestration.identity_evidence import Links, link
from orchestration.identity_findings import findings
from orchestration.identity_ids import opaque_ids
from orchestration.identity_links import customer_links
from orchestration.identity_values import TEXT, column, flags, present, text_column
from orchestration.settings import Settings

_EVIDENCE_COLUMNS = (
    *("country_code", "email", "phone", "first_name", "loyalty_id"),
    *("merged_into_contact_id", "contact_id", "converted_contact_id"),
)
# What is told of a record once its evidence is links; the rest of the values makes room.
_TOLD_COLUMNS = (
    *("source_system", "source_table", "source_id", "id_kind", "id_namespace"),
    *("seen_at", "version_at", "first_name", "is_linking"),
)
# What the rule reads of a record and of a mention: nothing else can change who is who.
RECORD_COLUMNS = frozenset(
    {"source_system", "id_namespace", "created_at", "updated_at", "is_deleted", *ENTITIES.values(), *_EVIDENCE_COLUMNS}
)
MENTION_COLUMNS = frozenset(
    {
        *("identifier_kind", "id_namespace", "identifier_value"),
        *("source_system", "source_table", "event_id", "event_namespace", "occurred_at"),
    }
)
RETIRED_COLUMNS = ("old_customer_key", "source_system", "source_table", "source_id", "since_snapshot_id")


@dataclass(frozen=True)
class IdentityResult:
    """The tables of schema `identity_output`; their rows are in no particular order."""

    identifiers: pa.Table
    customer_identities: pa.Table
    customers: pa.Table
    shared_identifiers: pa.Table
    customer_links: pa.Table
    identity_findings: pa.Table
    retired_customer_keys: pa.Table

    def tables(self) -> dict[str, pa.Table]:
        """Table name to rows, as `Warehouse.write` wants them."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True)
class Found:
    """Who is who, before tables are made of it: making them takes as long again, and they can be written meanwhile."""

    shown: pa.Table  # the records under ids that may be shown
    links: Links
    uncut: Links  # as evidence has them, before judged pairs
    people: People
    parts: Parts  # which rows could have decided about one another, for the next day

    def tables(self) -> Iterator[tuple[str, Traced]]:
        """Every table but `customer_links`, which takes as long as all others, and `retired_customer_keys`."""
        yield "identifiers", identity_customers.identifiers(self.people)
        yield "customers", identity_customers.customers(self.people)
        yield "customer_identities", identity_customers.identities(self.people)
        yield "shared_identifiers", identity_customers.shared_identifiers(self.shown, self.links)
        yield "identity_findings", findings(self.shown, self.uncut)

    def customer_links(self) -> Traced:
        return customer_links(self.people, self.links)


def resolve(
    contacts: pa.Table,
    leads: pa.Table,
    customers: pa.Table,
    mentions: pa.Table,
    settings: Settings,
    *,
    published_identities: pa.Table | None = None,
    retired_keys: Iterable[Mapping[str, str]] = (),
    snapshot_id: str = "",
    id_secret: bytes = b"",
    judged_pairs: pa.Table | None = None,
) -> IdentityResult:
    """Resolve people.

    Args:
        contacts, leads, customers: `int_<entity>__unioned`, deleted rows included.
        mentions, settings, id_secret, judged_pairs: see `find`.
        published_identities: `core.customer_identities` of the snapshot now served; None before the first.
        retired_keys: what earlier publishes retired, from the ledger; columns as `RETIRED_COLUMNS`.
        snapshot_id: the snapshot being built, for keys that it retires.
    """
    records = record_table(contacts, leads, customers)
    found = find(records, mentions, settings, id_secret=id_secret, judged_pairs=judged_pairs)
    tables = {name: traced.table for name, traced in found.tables()}
    return IdentityResult(
        **tables,
        customer_links=found.customer_links().table,
        retired_customer_keys=retired(tables["customers"], published_identities, retired_keys, snapshot_id),
    )


def find(
    records: pa.Table,
    mentions: pa.Table,
    settings: Settings,
    *,
    id_secret: bytes = b"",
    judged_pairs: pa.Table | None = None,
) -> Found:
    """The rule itself.

    Args:
        records: of `record_table`.
        mentions: `int_identity__mentions`: each value by which events attach, with the first event that does.
        id_secret: what hides ids that are addresses in keys and tables (`identity_ids.opaque_ids`).
        judged_pairs: records called the same or different; columns as `identity_decisions.judged` reads them.
    """
    links = uncut = link(records, mentions, settings)
    ids = column(records, "source_id")
    shown = records.set_column(records.column_names.index("source_id"), "source_id", opaque_ids(ids, id_secret))
    has_pairs = judged_pairs is not None and judged_pairs.num_rows > 0
    pairs = judged(records, judged_pairs, column(shown, "source_id")) if has_pairs else None
    with ThreadPoolExecutor(1) as beside:
        found_parts = beside.submit(parts, links, pairs)
        if pairs is None:
            component = components(links)
        else:
            whole = joined(records, links, pairs)
            component = components(whole)
            links = separated(records, whole, component, pairs)
            component = component if links is whole else components(links)
        people = identity_customers.people(records.select(_TOLD_COLUMNS), mentions, links, component, id_secret)
    return Found(shown.select(_TOLD_COLUMNS), links, uncut, people, found_parts.result())


def record_table(contacts: pa.Table, leads: pa.Table, customers: pa.Table) -> pa.Table:
    """All records in one shape; `is_linking` is false for a record deleted without a merge target.

    Args:
        contacts, leads, customers: `int_<entity>__unioned`, deleted rows included.
    """
    parts = []
    for entity, table in (("contacts", contacts), ("leads", leads), ("customers", customers)):
        own_id = ENTITIES[entity]
        delivered = set(table.column_names) - {own_id}  # a contact's own id is no evidence of another one
        evidence = {
            name: text_column(table, name) if name in delivered else pa.nulls(len(table), TEXT)
            for name in _EVIDENCE_COLUMNS
        }
        is_dated = "updated_at" in delivered
        version_at = table.column("updated_at") if is_dated else pa.nulls(len(table), pa.timestamp("us"))
        has_target = pc.is_valid(present(evidence["merged_into_contact_id"])).to_numpy(zero_copy_only=False)
        parts.append(
            pa.table(
                {
                    "source_system": text_column(table, "source_system"),
                    "source_table": pa.repeat(entity, len(table)),
                    "source_id": text_column(table, own_id),
                    "id_kind": pa.repeat(own_id, len(table)),
                    "id_namespace": text_column(table, "id_namespace"),
                    "seen_at": table.column("created_at").cast(pa.timestamp("us")),
                    "version_at": version_at.cast(pa.timestamp("us")),
                    **evidence,
                    "is_linking": pa.array(~flags(table, "is_deleted") | has_target),
                }
            )
        )
    return pa.concat_tables(parts).combine_chunks()  # the only copy


def components(links: Links) -> np.ndarray:
    """By record and node: a number that linked ones share."""
    return connected(links.node_count, links.record, links.node)


def retired(
    customers: pa.Table, published: pa.Table | None, earlier: Iterable[Mapping[str, str]], snapshot_id: str
) -> pa.Table:
    """Keys that were published and are no customer's any more, each with the member that it was the hash of.

    A row names that member and not the key that stands now: `core.customer_key_history` looks it up, so that a key
    retired long ago follows its person through everything that happens later. A key that lives again is no row.
    """
    alive = customers.column("customer_key")
    rows = {row["old_customer_key"]: dict(row) for row in earlier}
    if published is not None:
        gone = published.filter(pc.invert(pc.is_in(published.column("customer_key"), alive)))
        # Of a key's members, the one that it is the hash of.
        held = gone.filter(pc.equal(identity_customers.member_keys(gone), gone.column("customer_key")))
        for row in held.rename_columns({"customer_key": "old_customer_key"}).to_pylist():
            rows[row["old_customer_key"]] = {**row, "since_snapshot_id": snapshot_id}
    table = pa.Table.from_pylist(list(rows.values()), schema=pa.schema([(name, TEXT) for name in RETIRED_COLUMNS]))
    if not len(table):  # on most days: nothing is looked up among a million keys
        return table
    return table.filter(pc.invert(pc.is_in(table.column("old_customer_key"), alive))).sort_by("old_customer_key")
