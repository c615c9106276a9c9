"""Why the members of a customer are one: the links as a table that explains without a value.

Lives here: one row per member and piece of evidence that it shares with another member, that is guarded, or that a
decision cut. Does not live here: which evidence links (`identity_evidence.py`, `identity_decisions.py`), what a
customer would be without a link (`explanation.py`).

A piece of evidence is named by a hash of its oldest carrier and its kind: two records with one name share a value, and
no value can be guessed from it. An event is a member here when it may be the oldest of what it attaches to.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.identity_customers import People, Traced, member_keys
from orchestration.identity_evidence import (
    DECISION,
    EVIDENCE_KINDS,
    LEAD_CONTACT,
    MERGE_TARGET,
    PROBABILISTIC,
    SAME_ID,
    Links,
)
from orchestration.identity_values import TEXT, column, microseconds, oldest, renumbered

_MEMBER = ("source_system", "source_table", "source_id")
_RULES = ("deterministic", "decision", "probabilistic", "first_event", "guarded")
DETERMINISTIC, BY_DECISION, BY_PROBABILITY, FIRST_EVENT, GUARDED = range(len(_RULES))
_EVENT_KINDS = ("customer_id", "contact_id", "lead_id", "email")
KINDS = (*EVIDENCE_KINDS, *(kind for kind in _EVENT_KINDS if kind not in EVIDENCE_KINDS))


def customer_links(found: People, links: Links) -> Traced:
    """Rows of `identity_output.customer_links`; none for a member that shares nothing."""
    link, node = _different_links(links)
    record, kind = links.record[link], links.kind[link]
    value, is_cut = _values(links, node)
    carriers = np.bincount(node, minlength=links.node_count)
    event = _telling_events(found, links, record, node, carriers)
    event_node = links.mention_node[event]
    carriers[event_node] += 1
    used = (carriers[node] > 1) | is_cut[value]
    record, node, kind, value = record[used], node[used], kind[used], value[used]
    strongest = np.full(links.node_count, SAME_ID)
    np.minimum.at(strongest, value, kind)
    mentioned = pc.index_in(column(found.mentions, "identifier_kind"), pa.array(KINDS, TEXT)).to_numpy()
    strongest[event_node] = np.where(strongest[event_node] == SAME_ID, mentioned[event], strongest[event_node])

    members = _records(found, record)
    if len(event):
        members = pa.concat_tables([members, _events(found, event)]).combine_chunks()
    number = np.concatenate([record, len(found.records) + event])
    value = np.concatenate([value, event_node])
    is_own = np.concatenate([kind == SAME_ID, np.zeros(len(event), dtype=bool)])
    shown = np.concatenate([np.where(kind == SAME_ID, strongest[value[: len(kind)]], kind), mentioned[event]])
    has_two_records = np.bincount(node, minlength=links.node_count) > 1
    rule = np.full(len(value), FIRST_EVENT)
    rule[: len(kind)] = np.where(has_two_records[node] | is_cut[value[: len(kind)]], DETERMINISTIC, FIRST_EVENT)
    rule[shown == DECISION], rule[shown == PROBABILISTIC] = BY_DECISION, BY_PROBABILITY
    customer = np.concatenate([_customer_of(found, record), found.mention_customer[event]])
    linked = pa.table(
        {
            "customer_key": found.keys.take(pa.array(customer)),
            **{name: column(members, name) for name in _MEMBER},
            "evidence_kind": pa.array(KINDS, TEXT).take(pa.array(shown)),
            "evidence_key": _evidence_keys(value, strongest, is_own, members, number),
            "match_rule": pa.array(_RULES, TEXT).take(pa.array(rule)),
            "is_target": pa.array(is_own & (strongest[value] != SAME_ID)),
            "is_guarded": pa.array(np.zeros(len(value), dtype=bool)),
            "is_cut": pa.array(is_cut[value]),
            "since_date": _since(links, value),
            "version_at": column(members, "version_at"),
            "first_seen_at": column(members, "seen_at"),
        }
    )
    if not links.shared:
        return Traced(linked, number)
    guarded, carriers = _guarded(found, links)
    return Traced(pa.concat_tables([linked, guarded]), np.concatenate([number, carriers]))


def _different_links(links: Links) -> tuple[np.ndarray, np.ndarray]:
    """Places of the links without repetition: a contact merged into itself, a lead that names its contact twice."""
    is_named = (links.kind == MERGE_TARGET) | (links.kind == LEAD_CONTACT)
    own = np.append(links.own_node, -1)[links.record]
    named = np.flatnonzero(is_named & (links.node != own))
    _, first = np.unique(links.record[named] * links.node_count + links.node[named], return_index=True)
    kept = ~is_named
    kept[named[first]] = True
    link = np.flatnonzero(kept)
    return link, links.node[link]


def _values(links: Links, node: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """By link the node that stands for its value, copies of a cut included; by node whether it was cut."""
    first = links.node_count - len(links.copied_from)
    original = np.concatenate([np.arange(first), links.copied_from])
    is_cut = np.zeros(links.node_count, dtype=bool)
    is_cut[links.copied_from] = True
    return original[node], is_cut


def _telling_events(
    found: People, links: Links, record: np.ndarray, node: np.ndarray, carriers: np.ndarray
) -> np.ndarray:
    """Mentions whose event stands for an id that no record has, or is as old as a record that carries the value."""
    youngest = np.full(links.node_count + 1, np.iinfo(np.int64).min)
    np.maximum.at(youngest, node, microseconds(found.records, "seen_at")[record])
    seen_at = microseconds(found.mentions, "occurred_at")
    led = np.append(carriers, 0)[links.mention_node] > 0
    tells = (seen_at <= youngest[links.mention_node]) | ~np.append(links.is_carried, True)[links.mention_node]
    rows = np.flatnonzero(led & tells & (links.mention_node >= 0) & (found.mention_customer >= 0))
    nodes, place = renumbered(links.mention_node[rows], links.node_count)
    return rows[oldest(place[links.mention_node[rows]], len(nodes), _events(found, rows))]


def _records(found: People, record: np.ndarray) -> pa.Table:
    """Records as members, with the ids that may be shown."""
    place = pa.array(_member_of(found)[record])
    shown = {name: column(found.members, name).take(place) for name in (*_MEMBER, "seen_at")}
    return pa.table({**shown, "version_at": column(found.records, "version_at").take(pa.array(record))})


def _events(found: People, rows: np.ndarray) -> pa.Table:
    """Events of mentions as members, in the same shape."""
    names = {"source_system": "source_system", "source_table": "source_table", "source_id": "event_id"}
    shown = {name: column(found.mentions, delivered).take(pa.array(rows)) for name, delivered in names.items()}
    seen_at = column(found.mentions, "occurred_at").cast(pa.timestamp("us")).take(pa.array(rows))
    return pa.table({**shown, "seen_at": seen_at, "version_at": pa.nulls(len(rows), pa.timestamp("us"))})


def _member_of(found: People) -> np.ndarray:
    """By record its place among the members; -1 for one that left."""
    place = np.full(len(found.records), -1)
    place[found.record_rows] = np.arange(len(found.record_rows))
    return place


def _customer_of(found: People, record: np.ndarray) -> np.ndarray:
    return found.customer[_member_of(found)[record]]


def _evidence_keys(
    value: np.ndarray, strongest: np.ndarray, is_own: np.ndarray, members: pa.Table, number: np.ndarray
) -> pa.Array:
    """By row the name of its evidence: its kind, and the hash of its oldest carrier.

    `number` tells the members apart. An id is named by the record that has it. A judged pair needs both of its records,
    and so do two ids that no record has and one lead names: these get a hash of all who carry them.
    """
    values, group = _renumbered(value, len(strongest))
    has_own = np.zeros(len(values), dtype=bool)
    has_own[group[is_own]] = True
    stands = np.flatnonzero(is_own | ~has_own[group])
    first = _oldest_row(group, len(values), stands, members)
    hashes = member_keys(members.take(pa.array(first)))
    kinds = strongest[values]
    names = number[first] * len(KINDS) + kinds
    order = np.argsort(names, kind="stable")
    is_next = names[order][1:] == names[order][:-1]
    is_repeated = np.zeros(len(names), dtype=bool)
    is_repeated[order[1:][is_next]] = is_repeated[order[:-1][is_next]] = True
    if is_repeated.any():
        hashes = _by_all_carriers(np.flatnonzero(is_repeated), group, hashes, members)
    prefix = pa.array(KINDS, TEXT).take(pa.array(kinds))
    return pc.binary_join_element_wise(prefix, hashes, "-").take(pa.array(group))


def _oldest_row(group: np.ndarray, group_count: int, rows: np.ndarray, members: pa.Table) -> np.ndarray:
    """By group the oldest of these rows; the text of ids is looked at only where instants are equal."""
    seen_at = microseconds(members, "seen_at")[rows]
    earliest = np.full(group_count, np.iinfo(np.int64).max)
    np.minimum.at(earliest, group[rows], seen_at)
    rows = rows[seen_at == earliest[group[rows]]]
    answer = np.zeros(group_count, dtype=np.int64)
    answer[group[rows]] = rows
    tied = rows[np.bincount(group[rows], minlength=group_count)[group[rows]] > 1]
    groups, place = _renumbered(group[tied], group_count)
    answer[groups] = tied[oldest(place, len(groups), members.take(pa.array(tied)))]
    return answer


def _renumbered(numbers: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Different numbers in order, and by entry its place among them; sorting them would cost ten times as much."""
    occurs = np.zeros(size, dtype=bool)
    occurs[numbers] = True
    return np.flatnonzero(occurs), (np.cumsum(occurs) - 1)[numbers]


def _by_all_carriers(repeated: np.ndarray, group: np.ndarray, hashes: pa.Array, members: pa.Table) -> pa.Array:
    is_repeated = np.zeros(len(hashes), dtype=bool)
    is_repeated[repeated] = True
    rows = np.flatnonzero(is_repeated[group])
    carriers: dict[int, list[str]] = {}
    for place, key in zip(group[rows].tolist(), member_keys(members.take(pa.array(rows))).to_pylist(), strict=True):
        carriers.setdefault(place, []).append(key)
    told = {place: "|".join(sorted(keys)) for place, keys in carriers.items()}
    seen: dict[str, int] = {}
    for place, text in told.items():  # the same people twice over: which is which says nothing
        seen[text] = seen.get(text, 0) + 1
        told[place] = f"{text}|{seen[text]}"
    made = [hashlib.md5(told[place].encode(), usedforsecurity=False).hexdigest() for place in repeated.tolist()]
    return pc.replace_with_mask(hashes, pa.array(is_repeated), pa.array(made, TEXT))


def _since(links: Links, value: np.ndarray) -> pa.Array:
    """Date of the judged pair; null for what records carry."""
    place = value - links.first_pair
    is_pair = (place >= 0) & (place < len(links.pair_since))
    return links.pair_since.take(pa.array(np.where(is_pair, place, 0), mask=~is_pair))


def _guarded(found: People, links: Links) -> Traced:
    """Carriers of guarded values, which link nobody."""
    counts = [len(value.carriers) for value in links.shared]
    record = np.concatenate([np.array([], dtype=np.int64), *(value.carriers for value in links.shared)])
    group = np.repeat(np.arange(len(counts)), counts)
    members = _records(found, record)
    first = oldest(group, len(counts), members)
    kinds = pa.array([value.kind for value in links.shared], TEXT)
    # Beside the links, under a name of its own: that of an identifier in `shared_identifiers`, with a word in front.
    keys = pc.binary_join_element_wise("guarded", kinds, member_keys(members.take(pa.array(first))), "-")
    named = keys.dictionary_encode().indices.to_numpy()[group] * max(len(found.records), 1) + record
    different = np.unique(named, return_index=True)[1]  # one lead may name two placeholders, or one of them twice
    record, group, members = record[different], group[different], members.take(pa.array(different))
    of_row = pa.array(group)
    table = pa.table(
        {
            "customer_key": found.keys.take(pa.array(_customer_of(found, record))),
            **{name: column(members, name) for name in _MEMBER},
            "evidence_kind": kinds.take(of_row),
            "evidence_key": keys.take(of_row),
            "match_rule": pa.array([_RULES[GUARDED]], TEXT).take(pa.array(np.zeros(len(record), dtype=np.int64))),
            "is_target": pa.array(np.zeros(len(record), dtype=bool)),
            "is_guarded": pa.array(np.ones(len(record), dtype=bool)),
            "is_cut": pa.array(np.zeros(len(record), dtype=bool)),
            "since_date": pa.nulls(len(record), pa.date32()),
            "version_at": column(members, "version_at"),
            "first_seen_at": column(members, "seen_at"),
        }
    )
    return Traced(table, record)
