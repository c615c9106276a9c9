"""What records share: evidence, the guards against shared values, and the links that are left.

Lives here: the evidence table of the deterministic rule, over whole columns. Does not live here: normal forms
(`identity_values.py`, `identity_phones.py`), guards (`identity_guards.py`), components (`identity_components.py`), keys
and published tables (`identity_customers.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.identity_components import TouchedValues, Touches
from orchestration.identity_guards import Guard, SharedValue, by_household
from orchestration.identity_phones import e164
from orchestration.identity_values import (
    TEXT,
    by_distinct,
    coded,
    column,
    flags,
    normal_emails,
    oldest,
    present,
    renumbered,
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
# Columns in which a record names a contact, and what that is evidence of.
_NAMES_CONTACT = {
    "merged_into_contact_id": MERGE_TARGET,
    "contact_id": LEAD_CONTACT,
    "converted_contact_id": LEAD_CONTACT,
}


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
    touches: Touches
    first_pair: int = 0  # the node of the first pair called the same; they follow each other
    pair_since: pa.Array = field(default_factory=lambda: pa.array([], pa.date32()))  # by such a pair
    copied_from: np.ndarray = field(default_factory=lambda: np.array([], dtype=np.int64))  # by copy; they come last


def link(records: pa.Table, mentions: pa.Table, settings: Settings) -> Links:
    """The links between records, and where each mentioned value leads.

    Args:
        records: `identity.record_table`.
        mentions: `int_identity__mentions`.
    """
    # Ids and numbers need nothing of the rest and take as long; pyarrow and numpy let go of the interpreter.
    with ThreadPoolExecutor(1) as beside:
        ids = beside.submit(_ids, records, mentions).result
        return _link(records, mentions, settings, ids, beside.submit(_phones, records, mentions, settings).result)


def _link(
    records: pa.Table,
    mentions: pa.Table,
    settings: Settings,
    ids: Callable[[], list[_Ids]],
    phones: Callable[[], tuple[np.ndarray, np.ndarray, np.ndarray, pa.Array]],
) -> Links:
    is_linking = flags(records, "is_linking")
    graph, touched = _Graph(len(records), is_linking), TouchedValues(len(mentions))
    mention_kind, mention_value = column(mentions, "identifier_kind"), column(mentions, "identifier_value")
    mention_node, mention_record, mention_phone = (np.full(len(mentions), -1) for _ in range(3))
    own_node = np.full(len(records), -1)

    email_rows = where(mention_kind, "email")
    addresses = column(records, "email"), mention_value.take(pa.array(email_rows))
    (email, mentioned_email), emails = coded(*(by_distinct(each, normal_emails) for each in addresses))
    guard = Guard(records, settings.max_records_per_identifier, email, len(emails))
    nobody, shared_targets = np.array([], dtype=np.int64), []

    for of_kind in ids():
        own, size = of_kind.own, len(of_kind.values)
        touched.add(of_kind.kind, of_kind.values, (own, *of_kind.named.values()), of_kind.mentions, of_kind.mentioned)
        first = graph.add_nodes(size)
        graph.connect(own, first, SAME_ID, is_own=True)
        own_node = np.maximum(own_node, _shifted(own, first))
        silent = _silent_holders(own, size, records, is_linking)
        for name, other in of_kind.named.items():
            told = np.where(is_linking, np.where(silent[other] >= 0, -1, other), -1)
            told, found = guard.without_placeholders(of_kind.kind, size, own, told)
            graph.connect(told, first, _NAMES_CONTACT[name])
            shared_targets += found
        mention_node[of_kind.mentions] = _shifted(of_kind.mentioned, first)
        mention_record[of_kind.mentions] = silent[of_kind.mentioned]

    (loyalty,), values = coded(present(column(records, "loyalty_id")))
    touched.add("loyalty_id", values, (loyalty,))
    (loyalty, _), shared_cards = guard.apply("loyalty_id", len(values), np.where(is_linking, loyalty, -1), nobody)
    graph.connect(loyalty, graph.add_nodes(len(values)), LOYALTY_ID)

    rows, mentioned = email_rows, mentioned_email
    touched.add("email", emails, (email,), rows, mentioned)
    (email, mentioned), shared_emails = guard.apply("email", len(emails), np.where(is_linking, email, -1), mentioned)
    first = graph.add_nodes(len(emails))
    graph.connect(email, first, EMAIL, is_own=True)
    mention_node[rows] = _shifted(mentioned, first)

    rows, phone, mentioned, values = phones()
    touched.add("phone", values, (phone,), rows, mentioned)
    (phone, mentioned), shared_phones = guard.apply("phone", len(values), np.where(is_linking, phone, -1), mentioned)
    person, size = by_household(phone, len(values), guard.names, guard.name_count)
    graph.connect(person, graph.add_nodes(size), PHONE)
    mention_phone[rows] = mentioned

    return graph.links(
        own_node=own_node,
        mention_node=mention_node,
        mention_record=mention_record,
        record_phone=phone,
        mention_phone=mention_phone,
        shared=(*shared_targets, *shared_cards, *shared_emails, *shared_phones),
        touches=touched.all(),
    )


@dataclass(frozen=True)
class _Ids:
    """Ids of one kind as codes: the record's own, those in which it names a contact, and mentioned ones."""

    kind: str
    values: pa.Array  # by code
    own: np.ndarray  # by record
    named: dict[str, np.ndarray]  # by column of `_NAMES_CONTACT`, by record
    mentions: np.ndarray  # rows that mention such an id
    mentioned: np.ndarray  # by such a row


def _ids(records: pa.Table, mentions: pa.Table) -> list[_Ids]:
    """By kind of id, in the order of `_ID_KINDS`."""
    namespaces, kinds, own_ids = (column(records, name) for name in ("id_namespace", "id_kind", "source_id"))
    mention_kind, mention_namespace, mention_value = (
        column(mentions, name) for name in ("identifier_kind", "id_namespace", "identifier_value")
    )
    found = []
    for kind in _ID_KINDS:
        has_kind, rows = where(kinds, kind), where(mention_kind, kind)
        names = tuple(_NAMES_CONTACT) if kind == "contact_id" else ()
        (own_of_kind, *others, mentioned), values = coded(
            scoped(*(values.take(pa.array(has_kind)) for values in (namespaces, own_ids))),
            *(scoped(namespaces, column(records, name)) for name in names),
            scoped(*(values.take(pa.array(rows)) for values in (mention_namespace, mention_value))),
        )
        own = np.full(len(records), -1)
        own[has_kind] = own_of_kind
        found.append(_Ids(kind, values, own, dict(zip(names, others, strict=True)), rows, mentioned))
    return found


def _phones(
    records: pa.Table, mentions: pa.Table, settings: Settings
) -> tuple[np.ndarray, np.ndarray, np.ndarray, pa.Array]:
    """Rows of mentioned numbers; codes for the numbers of records and of these; what each code stands for."""
    rows = where(column(mentions, "identifier_kind"), "phone")
    numbers = column(mentions, "identifier_value").take(pa.array(rows))
    (phone, mentioned), values = coded(
        e164(column(records, "phone"), _regions(column(records, "country_code"), settings)),
        e164(numbers, _regions(pa.nulls(len(numbers), TEXT), settings)),
    )
    return rows, phone, mentioned, values


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

    def links(self, **rest: np.ndarray | tuple[SharedValue, ...] | Touches) -> Links:
        record, node, kind = (np.concatenate(part) for part in zip(*self.parts, strict=True))
        self.node_count = max(self.node_count, 1)  # so that node -1 of a mention can always be looked up
        is_carried = np.zeros(self.node_count, dtype=bool)
        is_carried[np.concatenate(self.carried)] = True
        return Links(record=record, node=node, kind=kind, node_count=self.node_count, is_carried=is_carried, **rest)


def _silent_holders(own: np.ndarray, size: int, records: pa.Table, is_linking: np.ndarray) -> np.ndarray:
    """By id: the (oldest) record that has it and links by nothing, else -1. One entry more, so that id -1 gives -1."""
    holder = np.full(size + 1, -1)
    silent = np.flatnonzero((own >= 0) & ~is_linking)
    ids, place = renumbered(own[silent], size)
    holder[ids] = silent[oldest(place[own[silent]], len(ids), records.take(pa.array(silent)))]
    holder[own[(own >= 0) & is_linking]] = -1
    return holder


def _regions(countries: pa.Array, settings: Settings) -> pa.Array:
    """Country in which a number without calling code is read: the record's own, else the site's, else null."""
    own = present(pc.utf8_upper(pc.utf8_trim_whitespace(countries)))
    return pc.fill_null(own, settings.phone_region.upper()) if settings.phone_region else own


def _shifted(code: np.ndarray, by: int) -> np.ndarray:
    return np.where(code >= 0, code + by, -1)
