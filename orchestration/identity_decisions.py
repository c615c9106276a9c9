"""Judged pairs: two records that a person, or the probabilistic rule, called the same or different.

Lives here: which records a pair means, the links that `same` adds, the cut that `different` makes. Does not live here:
evidence that records share (`identity_evidence.py`), the probabilistic rule itself, the delivered table of decisions
(dbt model `int_decisions__unioned`).

The cut: links of a customer that holds a pair judged different are added again one by one, the strongest kind first and
then by the oldest record; a link that would join two records judged different is left out. Whoever is left out of a
value by this may still share it with others who are: they hold a copy of the value between them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.identity_evidence import DECISION, EMAIL, PROBABILISTIC, SAME_ID, Links
from orchestration.identity_values import TEXT, column, distinct, flags, microseconds

PAIR = tuple(f"{side}_source_{part}" for side in ("left", "right") for part in ("system", "table", "id"))
_RECORD = ("source_system", "source_table", "source_id")


@dataclass(frozen=True)
class Judged:
    """Pairs of known records, each pair once, by the rows of the record table."""

    left: np.ndarray
    right: np.ndarray
    is_same: np.ndarray
    kind: np.ndarray  # DECISION or PROBABILISTIC
    since: pa.Array  # the day of the verdict, where it has one
    unknown: pa.Table  # pairs as given of which a record is not there; they take effect when it arrives


def judged(records: pa.Table, pairs: pa.Table, shown_ids: pa.Array | None = None) -> Judged:
    """What the pairs mean. Of one pair judged twice a decision counts before the probabilistic rule, `different` first.

    Args:
        records: `identity.record_table`.
        pairs: columns of `PAIR`, `verdict` (same, different; anything else is no verdict) and `rule` (decision,
            probabilistic); `since_date` where there is one. Which of the two records is left has no meaning.
        shown_ids: the records' ids as published, where they differ (`identity_ids.py`): a pair may name either.
    """
    pairs = pairs.filter(pc.is_in(pairs.column("verdict"), pa.array(["same", "different"])))
    left, right = _rows(records, pairs, PAIR[:3]), _rows(records, pairs, PAIR[3:])
    if shown_ids is not None and not shown_ids.equals(column(records, "source_id")):
        shown = records.set_column(records.column_names.index("source_id"), "source_id", shown_ids)
        left = np.where(left < 0, _rows(shown, pairs, PAIR[:3]), left)
        right = np.where(right < 0, _rows(shown, pairs, PAIR[3:]), right)
    is_same = pc.equal(column(pairs, "verdict"), "same").to_numpy(zero_copy_only=False)
    is_decision = pc.equal(column(pairs, "rule"), "decision").to_numpy(zero_copy_only=False)
    is_unknown = (left < 0) | (right < 0)
    low, high = np.minimum(left, right), np.maximum(left, right)
    order = np.lexsort((is_same, ~is_decision, high, low))
    order = order[~is_unknown[order] & (low[order] != high[order])]
    _, first = np.unique(low[order] * max(len(records), 1) + high[order], return_index=True)
    kept = order[first]
    dated = "since_date" in pairs.column_names
    since = column(pairs, "since_date").cast(pa.date32()) if dated else pa.nulls(len(pairs), pa.date32())
    return Judged(
        left=low[kept],
        right=high[kept],
        is_same=is_same[kept],
        kind=np.where(is_decision[kept], DECISION, PROBABILISTIC),
        since=since.take(pa.array(kept)),
        unknown=pairs.filter(pa.array(is_unknown)),
    )


def joined(records: pa.Table, links: Links, pairs: Judged) -> Links:
    """The links with a node more for each pair called the same; a record that links by nothing is not linked."""
    is_linking = flags(records, "is_linking")
    chosen = pairs.is_same & is_linking[pairs.left] & is_linking[pairs.right]
    size = int(chosen.sum())
    node = np.arange(links.node_count, links.node_count + size)
    return replace(
        links,
        record=np.concatenate([links.record, pairs.left[chosen], pairs.right[chosen]]),
        node=np.concatenate([links.node, node, node]),
        kind=np.concatenate([links.kind, pairs.kind[chosen], pairs.kind[chosen]]),
        node_count=links.node_count + size,
        is_carried=np.concatenate([links.is_carried, np.zeros(size, dtype=bool)]),
        first_pair=links.node_count,
        pair_since=pairs.since.filter(pa.array(chosen)),
    )


def separated(records: pa.Table, links: Links, component: np.ndarray, pairs: Judged) -> Links:
    """The links without those that join records called different; the same object when there are none.

    Args:
        component: by record and node, of these links. Only components that hold such a pair are looked at.

    An id, e-mail or phone that is left with records on both sides of a cut leads nowhere; an id that one record has as
    its own leads there, whoever else named it.
    """
    apart = ~pairs.is_same & (component[pairs.left] == component[pairs.right])
    if not apart.any():
        return links
    is_cut = np.zeros(len(component), dtype=bool)
    is_cut[component[pairs.left[apart]]] = True
    places = np.flatnonzero(is_cut[component[links.record]])
    record, node, kind = links.record[places], links.node[places], links.kind[places]
    copies = _copies(
        record.tolist(),
        node.tolist(),
        kind.tolist(),
        _ranks(records, distinct(record)),
        list(zip(pairs.left[apart].tolist(), pairs.right[apart].tolist(), strict=True)),
    )
    moved = np.flatnonzero(copies > 0)
    split, number = np.unique(np.stack([node[moved], copies[moved]], axis=1), axis=0, return_inverse=True)
    new_node = links.node.copy()
    new_node[places[moved]] = links.node_count + number.reshape(-1)
    is_own = (kind == SAME_ID) | (kind == EMAIL)
    with_own = np.isin(split[:, 0], node[is_own & (copies == 0)])
    own_elsewhere = np.isin(split[:, 0], node[is_own & (copies > 0)])
    is_ambiguous = np.zeros(links.node_count + 1, dtype=bool)  # the last entry is for node -1
    is_ambiguous[split[~with_own | own_elsewhere, 0]] = True
    is_carried = np.zeros(links.node_count + len(split), dtype=bool)
    is_carried[: links.node_count] = links.is_carried
    is_carried[new_node[places[moved][is_own[moved]]]] = True
    return replace(
        links,
        node=new_node,
        node_count=links.node_count + len(split),
        is_carried=is_carried,
        copied_from=split[:, 0],
        own_node=np.where(is_ambiguous[links.own_node], -1, links.own_node),
        mention_node=np.where(is_ambiguous[links.mention_node], -1, links.mention_node),
    )


def _rows(records: pa.Table, pairs: pa.Table, names: tuple[str, ...]) -> np.ndarray:
    """By pair, the row of the record that these columns name; -1 for none."""
    wanted = [column(pairs, name) for name in names]
    # Few ids are judged: the long texts are made of their records only.
    rows = np.flatnonzero(pc.is_in(column(records, "source_id"), wanted[2]).to_numpy(zero_copy_only=False))
    some = records.select(_RECORD).take(pa.array(rows))
    known = pc.binary_join_element_wise(*(column(some, name) for name in _RECORD), "\x1f")
    place = pc.index_in(pc.binary_join_element_wise(*wanted, "\x1f").cast(TEXT), known.cast(TEXT))
    place = pc.fill_null(place, -1).to_numpy(zero_copy_only=False)
    return np.append(rows, -1)[place]


def _ranks(records: pa.Table, rows: np.ndarray) -> dict[int, int]:
    """Age of each record among these: an order that no order of rows changes."""
    some = records.select(("seen_at", *_RECORD)).take(pa.array(rows))
    some = some.set_column(0, "seen_at", pa.array(microseconds(some, "seen_at")))
    order = pc.sort_indices(some, sort_keys=[(name, "ascending") for name in some.column_names]).to_numpy()
    return {int(row): rank for rank, row in enumerate(rows[order])}


def _copies(
    record: list[int], node: list[int], kind: list[int], rank: dict[int, int], apart: list[tuple[int, int]]
) -> np.ndarray:
    """By link: which copy of its node it leads to, 0 for the node itself."""
    # The record's own id comes before everything: it is the record.
    strength = [-1 if number == SAME_ID else number for number in kind]
    carriers: dict[int, list[tuple[int, int]]] = {}
    for place, value in enumerate(node):
        carriers.setdefault(value, []).append((rank[record[place]], strength[place]))
    signature = {value: tuple(sorted(found)) for value, found in carriers.items()}
    order = sorted(range(len(node)), key=lambda at: (strength[at], signature[node[at]], rank[record[at]]))
    parts = _Parts(apart)
    holders: dict[int, list[int]] = {}  # by node: a record of each copy
    copies = np.zeros(len(node), dtype=np.int64)
    for place in order:
        copy_holders = holders.setdefault(node[place], [])
        for number, holder in enumerate(copy_holders):
            if parts.unite(record[place], holder):
                copies[place] = number
                break
        else:
            copies[place] = len(copy_holders)
            copy_holders.append(record[place])
    return copies


class _Parts:
    """Sets of records that grow together, and never over a pair that was judged different."""

    def __init__(self, apart: list[tuple[int, int]]) -> None:
        self.parent: dict[int, int] = {}
        self.rivals: dict[int, set[int]] = {}  # by a part's root: roots of the parts that it may not join
        for left, right in apart:
            self.rivals.setdefault(left, set()).add(right)
            self.rivals.setdefault(right, set()).add(left)

    def root(self, record: int) -> int:
        while (above := self.parent.get(record, record)) != record:
            self.parent[record] = self.parent.get(above, above)
            record = above
        return record

    def unite(self, left: int, right: int) -> bool:
        """Make two parts one; false when that is forbidden."""
        kept, gone = self.root(left), self.root(right)
        if kept == gone:
            return True
        if gone in self.rivals.get(kept, ()):
            return False
        if len(self.rivals.get(kept, ())) < len(self.rivals.get(gone, ())):
            kept, gone = gone, kept
        self.parent[gone] = kept
        for rival in self.rivals.pop(gone, ()):
            self.rivals[rival].discard(gone)
            self.rivals[rival].add(kept)
            self.rivals.setdefault(kept, set()).add(rival)
        return True
