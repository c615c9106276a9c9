"""What records share: evidence, the guards against shared values, and the links that are left.

Lives here: the evidence table of the deterministic rule, over whole columns. Does not live here: normal forms
(`identity_values.py`, `identity_phones.py`), components, keys and published tables (`identity.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.identity_phones import e164
from orchestration.identity_values import (
    TEXT,
    by_distinct,
    codes,
    column,
    flags,
    given_names,
    normal_emails,
    present,
    scoped,
    where,
)
from orchestration.settings import Settings

# Strongest first: of several kinds that link a record, the first one is named. `decision` and `probabilistic` are
# judged pairs (`identity_decisions.py`). `same_id`: two sources of one namespace deliver the same id.
EVIDENCE_KINDS = (
    "merge_target",
    "lead_contact",
    "loyalty_id",
    "decision",
    "email",
    "phone",
    "probabilistic",
    "same_id",
)
MERGE_TARGET, LEAD_CONTACT, LOYALTY_ID, DECISION, EMAIL, PHONE, PROBABILISTIC, SAME_ID = range(len(EVIDENCE_KINDS))
_ID_KINDS = ("contact_id", "customer_id", "lead_id")


@dataclass(frozen=True)
class SharedValue:
    """One value under the guard: the records that carry it, and their given names (of the table with most)."""

    kind: str
    carriers: np.ndarray
    given_name_count: int


@dataclass(frozen=True)
class Links:
    """Evidence as a graph: a node is one value, and every record that has it is linked to it.

    `record`, `node` and `kind` have one entry per link; nodes are numbered after the records. Of a mention that
    cannot be used, or is a phone, `mention_node` is -1; `mention_record` is the record addressed instead of a node,
    because it keeps its id and links by nothing, else -1. Phones are numbers of their own (-1: none, or shared).
    The last fields are of judged pairs: `identity_decisions.py` adds and copies nodes.
    """

    record: np.ndarray
    node: np.ndarray
    kind: np.ndarray
    node_count: int
    own_node: np.ndarray  # by record: the node of its own id, also of one that links by nothing
    is_carried: np.ndarray  # by node: some record has this id or e-mail as its own
    mention_node: np.ndarray
    mention_record: np.ndarray
    record_phone: np.ndarray
    mention_phone: np.ndarray
    shared: tuple[SharedValue, ...]
    first_pair: int = 0  # the node of the first pair called the same; they follow each other
    pair_since: pa.Array = field(default_factory=lambda: pa.array([], pa.date32()))  # by such a pair
    copied_from: np.ndarray = field(default_factory=lambda: np.array([], dtype=np.int64))  # by copy; they come last


def link(records: pa.Table, mentions: pa.Table, settings: Settings) -> Links:
    """The links between records, and where each mentioned value leads.

    Args:
        records: `identity.record_table`.
        mentions: `int_identity__mentions`.
    """
    is_linking = flags(records, "is_linking")
    graph = _Graph(len(records), is_linking)
    mention_kind, mention_value = column(mentions, "identifier_kind"), column(mentions, "identifier_value")
    mention_node, mention_record, mention_phone = (np.full(len(mentions), -1) for _ in range(3))
    own_node = np.full(len(records), -1)

    for kind, own_ids, named in _id_evidence(records):
        rows = where(mention_kind, kind)
        ids = scoped(column(mentions, "id_namespace"), mention_value).take(pa.array(rows))
        (own, *others, mentioned), size = codes(own_ids, *(values for values, _ in named), ids)
        first = graph.add_nodes(size)
        graph.connect(own, first, SAME_ID, is_own=True)
        own_node = np.maximum(own_node, _shifted(own, first))
        silent = _silent_holders(own, size, is_linking)
        for other, (_, evidence_kind) in zip(others, named, strict=True):
            graph.connect(np.where(silent[other] >= 0, -1, other), first, evidence_kind)
        mention_node[rows] = _shifted(mentioned, first)
        mention_record[rows] = silent[mentioned]

    (loyalty,), size = codes(present(column(records, "loyalty_id")))
    graph.connect(loyalty, graph.add_nodes(size), LOYALTY_ID)

    guard = _Guard(records, settings.max_records_per_identifier)
    rows = where(mention_kind, "email")
    addresses = column(records, "email"), mention_value.take(pa.array(rows))
    (email, mentioned), size = codes(*(by_distinct(values, normal_emails) for values in addresses))
    (email, mentioned), shared_emails = guard.apply("email", size, np.where(is_linking, email, -1), mentioned)
    first = graph.add_nodes(size)
    graph.connect(email, first, EMAIL, is_own=True)
    mention_node[rows] = _shifted(mentioned, first)

    rows = where(mention_kind, "phone")
    numbers = mention_value.take(pa.array(rows))
    (phone, mentioned), size = codes(
        e164(column(records, "phone"), _regions(column(records, "country_code"), settings)),
        e164(numbers, _regions(pa.nulls(len(numbers), TEXT), settings)),
    )
    (phone, mentioned), shared_phones = guard.apply("phone", size, np.where(is_linking, phone, -1), mentioned)
    person, size = _by_household(phone, size, guard.names, guard.name_count)
    graph.connect(person, graph.add_nodes(size), PHONE)
    mention_phone[rows] = mentioned

    return graph.links(
        own_node=own_node,
        mention_node=mention_node,
        mention_record=mention_record,
        record_phone=phone,
        mention_phone=mention_phone,
        shared=(*shared_emails, *shared_phones),
    )


class _Graph:
    """Links while they are collected."""

    def __init__(self, record_count: int, is_linking: np.ndarray) -> None:
        self.node_count, self.is_linking = record_count, is_linking
        self.parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self.carried: list[np.ndarray] = []

    def add_nodes(self, count: int) -> int:
        """Number of the first of `count` new nodes."""
        first, self.node_count = self.node_count, self.node_count + count
        return first

    def connect(self, code: np.ndarray, first_node: int, kind: int, *, is_own: bool = False) -> None:
        """Link each record to the node of its code, where it has one and links at all."""
        record = np.flatnonzero((code >= 0) & self.is_linking)
        node = code[record] + first_node
        self.parts.append((record, node, np.full(len(record), kind)))
        if is_own:
            self.carried.append(node)

    def links(self, **rest: np.ndarray | tuple[SharedValue, ...]) -> Links:
        record, node, kind = (np.concatenate(part) for part in zip(*self.parts, strict=True))
        is_carried = np.zeros(self.node_count, dtype=bool)
        is_carried[np.concatenate(self.carried)] = True
        return Links(record=record, node=node, kind=kind, node_count=self.node_count, is_carried=is_carried, **rest)


class _Guard:
    """The shared-value guard: more than `limit` records of one table that carry more than two given names."""

    def __init__(self, records: pa.Table, limit: int) -> None:
        self.limit = limit
        (self.names,), self.name_count = codes(by_distinct(column(records, "first_name"), given_names))
        table = pc.binary_join_element_wise(column(records, "source_system"), column(records, "source_table"), "\x1f")
        (self.tables,), self.table_count = codes(table)

    def apply(
        self, kind: str, size: int, carried: np.ndarray, mentioned: np.ndarray
    ) -> tuple[tuple[np.ndarray, np.ndarray], list[SharedValue]]:
        """Both columns of value numbers without the shared values, and those values."""
        rows = np.flatnonzero(carried >= 0)
        place = carried[rows] * self.table_count + self.tables[rows]
        is_crowded = np.bincount(place, minlength=size * self.table_count) > self.limit
        crowd = is_crowded[place] & (self.names[rows] >= 0)
        pairs = np.unique(place[crowd] * self.name_count + self.names[rows][crowd])
        places, name_counts = np.unique(pairs // max(self.name_count, 1), return_counts=True)
        shared: dict[int, int] = {}
        for place_number, count in zip(places[name_counts > 2], name_counts[name_counts > 2], strict=True):
            value = int(place_number) // self.table_count
            shared[value] = max(int(count), shared.get(value, 0))
        is_shared = np.zeros(size + 1, dtype=bool)
        is_shared[list(shared)] = True
        found = [SharedValue(kind, np.flatnonzero(carried == value), count) for value, count in shared.items()]
        return (np.where(is_shared[carried], -1, carried), np.where(is_shared[mentioned], -1, mentioned)), found


def _id_evidence(records: pa.Table) -> list[tuple[str, pa.Array, list[tuple[pa.Array, int]]]]:
    """Per kind of id: the records' own, and the columns in which records name such an id of another one."""
    namespaces, kinds = column(records, "id_namespace"), column(records, "id_kind")
    own_ids = scoped(namespaces, column(records, "source_id"))
    named = [
        (scoped(namespaces, column(records, "merged_into_contact_id")), MERGE_TARGET),
        (scoped(namespaces, column(records, "contact_id")), LEAD_CONTACT),
        (scoped(namespaces, column(records, "converted_contact_id")), LEAD_CONTACT),
    ]
    nothing = pa.scalar(None, TEXT)
    return [
        (kind, pc.if_else(pc.equal(kinds, kind), own_ids, nothing), named if kind == "contact_id" else [])
        for kind in _ID_KINDS
    ]


def _silent_holders(own: np.ndarray, size: int, is_linking: np.ndarray) -> np.ndarray:
    """By id: the record that has it and links by nothing, else -1. One entry more, so that id -1 gives -1."""
    holder = np.full(size + 1, -1)
    silent = np.flatnonzero((own >= 0) & ~is_linking)
    holder[own[silent]] = silent
    holder[own[(own >= 0) & is_linking]] = -1
    return holder


def _by_household(phone: np.ndarray, size: int, names: np.ndarray, name_count: int) -> tuple[np.ndarray, int]:
    """One number per set of records that a phone links: all of them, or, behind several given names, each name's."""
    width = name_count + 1
    has_name = (phone >= 0) & (names >= 0)
    pairs = np.unique(phone[has_name] * width + names[has_name])
    is_household = np.zeros(size + 1, dtype=bool)
    is_household[:size] = np.bincount(pairs // width, minlength=size) > 1
    person = np.where(is_household[phone], np.where(has_name, phone * width + 1 + names, -1), phone * width)
    different, number = np.unique(np.where(phone >= 0, person, -1), return_inverse=True)
    has_none = int(len(different) > 0 and different[0] < 0)
    return number.reshape(-1) - has_none, len(different) - has_none


def _regions(countries: pa.Array, settings: Settings) -> pa.Array:
    """Country in which a number without calling code is read: the record's own, else the site's, else null."""
    own = present(pc.utf8_upper(pc.utf8_trim_whitespace(countries)))
    return pc.fill_null(own, settings.phone_region.upper()) if settings.phone_region else own


def _shifted(code: np.ndarray, by: int) -> np.ndarray:
    return np.where(code >= 0, code + by, -1)
