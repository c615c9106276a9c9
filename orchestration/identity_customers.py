"""Golden customers as tables: their keys, their members, and the identifiers that lead to them.

Lives here: what a component of linked records becomes. Does not live here: which records are linked
(`identity_evidence.py`).

A *member* of a customer is a record, at its `created_at`, or the first event that mentions one of the customer's ids or
e-mails; the oldest member's hash is the key. The event stays a member when a record turns up for its identifier: so
whatever is created later moves no key.
"""

from __future__ import annotations

import functools
import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.identity_evidence import DECISION, EVIDENCE_KINDS, PROBABILISTIC, SAME_ID, Links
from orchestration.identity_ids import opaque_ids
from orchestration.identity_values import TEXT, column, distinct, flags, oldest, renumbered, where

if TYPE_CHECKING:
    import duckdb

ENTITIES = {"contacts": "contact_id", "leads": "lead_id", "customers": "customer_id"}
_MEMBER = ("source_system", "source_table", "source_id")
_FEW = 500  # members for which asking a database takes longer than hashing them
_MEMBER_KEYS = """
    select md5(
        length(source_system) || ':' || source_system || '|' || length(source_table) || ':' || source_table
        || '|' || length(source_id) || ':' || source_id
    ) as member_key
    from parts
"""


class Traced(NamedTuple):
    """A published table, and by row an input row that it came of: records are numbered from 0, mentions after them."""

    table: pa.Table
    origin: np.ndarray


@dataclass(frozen=True)
class People:
    """Members by customer. Customers are numbered from 0; arrays by member list kept records first, then events."""

    records: pa.Table
    mentions: pa.Table
    members: pa.Table
    record_rows: np.ndarray  # of `records`, by kept record
    event_rows: np.ndarray  # of `mentions`, by event member
    customer: np.ndarray  # by member
    mention_customer: np.ndarray  # by mention, phones included; -1 for a value that leads to nobody
    is_record_id: np.ndarray  # by mention: an id that a record has
    id_records: np.ndarray  # kept records, one for each of their ids
    holder: np.ndarray  # by customer: its oldest member
    keys: pa.Array  # by customer
    guests: np.ndarray  # members: the first event of each identifier that no record carries
    event_kinds: pa.Array  # by event member: the kind of identifier by which it attaches
    record_evidence: np.ndarray  # by kept record: index in EVIDENCE_KINDS, -1 when it stands alone
    customer_evidence: pa.Array  # by customer: kinds, separated by commas

    @property
    def origin(self) -> np.ndarray:
        """By member the input row that it is, as in `Traced`."""
        return np.concatenate([self.record_rows, len(self.records) + self.event_rows])


def member_keys(members: pa.Table) -> pa.Array:
    """Hash of each member: what the dbt macro `surrogate_key` makes of source system, table and id."""
    if len(members) < _FEW:
        return pa.array([member_key(*row.values()) for row in members.select(_MEMBER).to_pylist()], TEXT)
    with _hashing().cursor() as connection:
        connection.register("parts", pa.table({name: column(members, name) for name in _MEMBER}))
        return column(connection.execute(_MEMBER_KEYS).to_arrow_table(), "member_key")


def member_key(*parts: str | None) -> str | None:
    """Hash of one member."""
    if None in parts:
        return None
    text = "|".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@functools.cache
def _hashing() -> duckdb.DuckDBPyConnection:
    """A database without tables, as a hash function over columns: over many, hashlib takes five times as long."""
    import duckdb

    return duckdb.connect(config={"threads": 1})


def people(
    records: pa.Table, mentions: pa.Table, links: Links, component: np.ndarray, id_secret: bytes = b""
) -> People:
    """Customers from components; `component` is by record, then node. Members go by ids that may be shown."""
    of_record = component[: len(records)]
    of_mention = _mention_components(links, of_record, component)
    # A record that links by nothing is a customer for the events that name it; unnamed, it left with its delete.
    is_named = np.zeros(len(records) + 1, dtype=bool)
    is_named[links.mention_record] = True
    is_linking = flags(records, "is_linking")
    record_rows = np.flatnonzero(is_linking | is_named[:-1])
    # An event attached by phone is no member: a number can turn ambiguous, a key must not move.
    event_rows = np.flatnonzero((links.mention_node >= 0) & (of_mention >= 0))
    of_member = np.concatenate([of_record[record_rows], of_mention[event_rows]])
    known, number = renumbered(of_member, len(component))
    customer = number[of_member]

    shape = (*_MEMBER, "id_namespace", "seen_at")
    parts = [records.select(shape).take(pa.array(record_rows)), _event_members(mentions).take(pa.array(event_rows))]
    members = pa.table({name: pa.concat_arrays([column(part, name) for part in parts]) for name in shape})
    holder = oldest(customer, len(known), members)
    ids = column(members, "source_id")
    shown = [opaque_ids(ids.slice(0, len(record_rows)), id_secret), ids.slice(len(record_rows))]
    members = members.set_column(_MEMBER.index("source_id"), "source_id", pa.concat_arrays(shown))
    with ThreadPoolExecutor(1) as beside:
        keys = beside.submit(member_keys, members.take(pa.array(holder)))
        guest_nodes, guests = _guests(links, event_rows, parts[1])
        record_evidence, customer_evidence = _evidence(links, guest_nodes, number[of_record], len(known))
    return People(
        records=records,
        mentions=mentions,
        members=members,
        record_rows=record_rows,
        event_rows=event_rows,
        customer=customer,
        mention_customer=number[of_mention],
        is_record_id=_is_record_id(mentions, links),
        id_records=_one_record_for_each_id(links.own_node[record_rows], is_linking[record_rows]),
        holder=holder,
        keys=keys.result(),
        guests=guests + len(record_rows),
        event_kinds=column(mentions, "identifier_kind").take(pa.array(event_rows)),
        record_evidence=record_evidence[record_rows],
        customer_evidence=customer_evidence,
    )


def customers(found: People) -> Traced:
    """One row per golden customer, prospects included."""
    of_record = found.customer[: len(found.record_rows)]
    tables = column(found.records, "source_table").take(pa.array(found.record_rows))
    counts = [np.bincount(of_record[where(tables, entity)], minlength=len(found.keys)) for entity in ENTITIES]
    table = pa.table(
        {
            "customer_key": found.keys,
            "first_seen_at": column(found.members, "seen_at").take(pa.array(found.holder)),
            "record_count": pa.array(sum(counts)),
            "contact_record_count": pa.array(counts[0]),
            "lead_record_count": pa.array(counts[1]),
            "shop_record_count": pa.array(counts[2]),
            "evidence_kinds": found.customer_evidence,
            "is_identified": pa.array(sum(counts) > 0),
        }
    )
    return Traced(table, found.origin[found.holder])


def identities(found: People) -> Traced:
    """One row per record, per guest, and per event that gave a key although records stand for the person now."""
    kept = len(found.record_rows)
    is_key_event = np.zeros(len(found.customer), dtype=bool)
    is_key_event[found.holder[found.holder >= kept]] = True
    is_key_event[found.guests] = False
    key_events = np.flatnonzero(is_key_event)
    member = np.concatenate([np.arange(kept), found.guests, key_events])
    rules = ("deterministic", "single_record", "guest", "first_event", "decision", "probabilistic")
    by_evidence = np.zeros(len(EVIDENCE_KINDS) + 1, dtype=np.int64)  # -1, of a record alone, reads the last entry
    by_evidence[[-1, DECISION, PROBABILISTIC]] = (1, 4, 5)
    events = (np.full(len(found.guests), 2), np.full(len(key_events), 3))
    rule = np.concatenate([by_evidence[found.record_evidence], *events])
    kinds = pa.array([*EVIDENCE_KINDS, "none"], TEXT).take(pa.array(found.record_evidence % (len(EVIDENCE_KINDS) + 1)))
    event_kinds = found.event_kinds.take(pa.array(member[kept:] - kept))
    table = pa.table(
        {
            "customer_key": found.keys.take(pa.array(found.customer[member])),
            **{name: column(found.members, name).take(pa.array(member)) for name in (*_MEMBER, "id_namespace")},
            "match_rule": pa.array(rules, TEXT).take(pa.array(rule)),
            "evidence_kind": pa.concat_arrays([kinds, event_kinds]),
        }
    )
    return Traced(table, found.origin[member])


def identifiers(found: People) -> Traced:
    """Every id of a record and every usable value that events mention, as delivered, with its customer."""
    names = {"identifier_kind": "id_kind", "id_namespace": "id_namespace", "identifier_value": "source_id"}
    records, mentions = found.records, found.mentions.select(list(names))
    rows, mentioned = found.id_records, np.flatnonzero((found.mention_customer >= 0) & ~found.is_record_id)
    parts = [records.select(list(names.values())).rename_columns(list(names)).take(pa.array(found.record_rows[rows]))]
    parts.append(mentions.take(pa.array(mentioned)))
    customer = np.concatenate([found.customer[rows], found.mention_customer[mentioned]])
    columns = {name: pa.concat_arrays([column(part, name) for part in parts]) for name in names}
    table = pa.table({**columns, "customer_key": found.keys.take(pa.array(customer))})
    return Traced(table, np.concatenate([found.record_rows[rows], len(records) + mentioned]))


def shared_identifiers(records: pa.Table, links: Links) -> Traced:
    """Guarded values, each shown by a hash of the oldest record that has it: no address can be guessed from that."""
    carriers = np.concatenate([np.array([], dtype=np.int64), *(value.carriers for value in links.shared)])
    counts = [len(value.carriers) for value in links.shared]
    group = np.repeat(np.arange(len(counts)), counts)
    first = carriers[oldest(group, len(counts), records.take(pa.array(carriers)))]
    kinds = pa.array([value.kind for value in links.shared], TEXT)
    keys = member_keys(records.take(pa.array(first)))
    table = pa.table(
        {
            "identifier_kind": kinds,
            "identifier_hash": pc.binary_join_element_wise(kinds, keys, "-"),
            "record_count": pa.array(counts, pa.int64()),
            "given_name_count": pa.array([value.given_name_count for value in links.shared], pa.int64()),
        }
    )
    return Traced(table, first)


def _mention_components(links: Links, of_record: np.ndarray, component: np.ndarray) -> np.ndarray:
    """By mention: the component that its value leads to; -1 for none, and for a number behind two people."""
    found = np.where(links.mention_node >= 0, component[links.mention_node], -1)
    found = np.where(links.mention_record >= 0, of_record[links.mention_record], found) if len(of_record) else found
    phones = int(max(links.record_phone.max(initial=-1), links.mention_phone.max(initial=-1))) + 1
    lowest, highest = np.full(phones + 1, len(component)), np.full(phones + 1, -1)
    carriers = np.flatnonzero(links.record_phone >= 0)
    np.minimum.at(lowest, links.record_phone[carriers], of_record[carriers])
    np.maximum.at(highest, links.record_phone[carriers], of_record[carriers])
    behind = np.where(lowest == highest, lowest, -1)  # the last entry, of no phone, is -1
    return np.where(links.mention_phone >= 0, behind[links.mention_phone], found)


def _is_record_id(mentions: pa.Table, links: Links) -> np.ndarray:
    is_id = np.ones(len(mentions), dtype=bool)
    is_id[where(column(mentions, "identifier_kind"), "email")] = False
    return is_id & (links.mention_node >= 0) & (links.is_carried[links.mention_node] | (links.mention_record >= 0))


def _one_record_for_each_id(own_node: np.ndarray, is_linking: np.ndarray) -> np.ndarray:
    """Two sources of one namespace may deliver an id twice: a record that links speaks for it before another.

    Nobody speaks for an id (-1) whose records were judged to be two people.
    """
    order = np.argsort(~is_linking, kind="stable")
    order = order[own_node[order] >= 0]
    return order[np.unique(own_node[order], return_index=True)[1]]


def _event_members(mentions: pa.Table) -> pa.Table:
    return pa.table(
        {
            "source_system": column(mentions, "source_system"),
            "source_table": column(mentions, "source_table"),
            "source_id": column(mentions, "event_id"),
            "id_namespace": column(mentions, "event_namespace"),
            "seen_at": column(mentions, "occurred_at").cast(pa.timestamp("us")),
        }
    )


def _guests(links: Links, event_rows: np.ndarray, events: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """Nodes that no record carries, and for each the event that comes first (spellings of one e-mail are one guest)."""
    node = links.mention_node[event_rows]
    rows = np.flatnonzero(~links.is_carried[node] & (links.mention_record[event_rows] < 0))
    nodes, place = renumbered(node[rows], links.node_count)
    return nodes, rows[oldest(place[node[rows]], len(nodes), events.take(pa.array(rows)))]


def _evidence(
    links: Links, guest_nodes: np.ndarray, record_customer: np.ndarray, customer_count: int
) -> tuple[np.ndarray, pa.Array]:
    """By record the strongest kind that links it to another member, else -1; by customer all kinds, as text."""
    carriers = np.bincount(
        distinct(links.record * links.node_count + links.node) % links.node_count, minlength=links.node_count
    )
    carriers[guest_nodes] += 1
    used = carriers[links.node] > 1
    record, node, kind = links.record[used], links.node[used], links.kind[used]
    by_node = np.full(links.node_count, SAME_ID)
    np.minimum.at(by_node, node, kind)
    kind = np.where(kind == SAME_ID, by_node[node], kind)  # the contact that others point at is linked by their kind
    strongest = np.full(len(record_customer), len(EVIDENCE_KINDS))
    np.minimum.at(strongest, record, kind)
    kinds = np.zeros(customer_count, dtype=np.int64)
    np.bitwise_or.at(kinds, record_customer[record], 1 << kind)
    masks, place = renumbered(kinds, 1 << len(EVIDENCE_KINDS))
    texts = [
        ",".join(sorted(name for at, name in enumerate(EVIDENCE_KINDS) if mask >> at & 1)) for mask in masks.tolist()
    ]
    strongest[strongest == len(EVIDENCE_KINDS)] = -1
    return strongest, pa.array(texts, TEXT).take(pa.array(place[kinds]))
