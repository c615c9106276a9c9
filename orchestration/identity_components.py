"""What hangs together: components of linked records, and the parts of the data that never decide about one another.

Lives here: graphs. Does not live here: which evidence links (`identity_evidence.py`), what becomes of a component
(`identity_customers.py`), what of a day's parts is looked at again (`identity_incremental.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from orchestration.identity_customers import People
    from orchestration.identity_decisions import Judged
    from orchestration.identity_evidence import Links


@dataclass(frozen=True)
class Touches:
    """The same graph before anything is taken out of it: every value that a record or mention has, usable or guarded.

    Guards only take links away, and each looks at the carriers of one value only: what this graph does not connect can
    never decide about one another. `values` are the normal
    forms by kind, in the order of their nodes, which are numbered from 0.
    """

    record: np.ndarray
    node: np.ndarray
    mention_node: np.ndarray  # by mention; -1 for a value without normal form
    values: tuple[tuple[str, pa.Array], ...]


class TouchedValues:
    """Values while they are collected."""

    def __init__(self, mention_count: int) -> None:
        self.size, self.mention_node = 0, np.full(mention_count, -1)
        self.parts: list[tuple[np.ndarray, np.ndarray]] = []
        self.values: list[tuple[str, pa.Array]] = []

    def add(
        self,
        kind: str,
        values: pa.Array,
        carried: tuple[np.ndarray, ...],
        mentions: np.ndarray | None = None,
        mentioned: np.ndarray | None = None,
    ) -> None:
        """Values of one kind, and who has them: numbers by record, and by those mentions."""
        for code in carried:
            record = np.flatnonzero(code >= 0)
            self.parts.append((record, code[record] + self.size))
        if mentions is not None and mentioned is not None:
            self.mention_node[mentions] = np.where(mentioned >= 0, mentioned + self.size, -1)
        self.size += len(values)
        self.values.append((kind, values))

    def all(self) -> Touches:
        record, node = (np.concatenate(part) for part in zip(*self.parts, strict=True))
        return Touches(record, node, self.mention_node, tuple(self.values))


def connected(size: int, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """By node: a number below `size` that connected nodes share.

    Most nodes are values that one record has: each stands where its smallest neighbour stands, and the graph that is
    left is of a third of the nodes and edges.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    stands_at = np.arange(size)
    np.minimum.at(stands_at, right, left)
    # A node may stand where another one stands for it in turn: both are kept, as a link.
    moved = np.flatnonzero(stands_at != np.arange(size))
    near = stands_at[right]
    has_more = left != near
    lefts, rights = left[has_more], near[has_more]
    stays = np.ones(size, dtype=bool)
    stays[moved] = False
    is_left = np.zeros(size, dtype=bool)
    is_left[lefts] = is_left[stands_at[moved]] = True
    chained = moved[is_left[moved]]
    lefts, rights = np.concatenate([lefts, chained]), np.concatenate([rights, stands_at[chained]])
    if not len(lefts):
        return stands_at
    is_linked = np.zeros(size, dtype=bool)
    is_linked[lefts] = is_linked[rights] = True
    linked = np.flatnonzero(is_linked)
    place = np.cumsum(is_linked) - 1
    graph = coo_array((np.ones(len(lefts), dtype=np.int8), (place[lefts], place[rights])), shape=(len(linked),) * 2)
    group = connected_components(graph.tocsr(), directed=False)[1]
    least = np.full(len(linked), size)
    np.minimum.at(least, group, linked)
    number = np.arange(size)
    number[linked] = least[group]
    return number[stands_at]


@dataclass(frozen=True)
class Parts:
    """The data in parts that never decide about one another, numbered from 0; -1: a mention without a normal form."""

    count: int
    of_record: np.ndarray
    of_mention: np.ndarray
    values: tuple[tuple[str, pa.Array], ...]
    of_value: np.ndarray  # in the order of `values`
    of_customer: np.ndarray
    of_shared: np.ndarray


def parts(links: Links, people: People, judged: Judged | None = None) -> Parts:
    """Parts of the records and mentions behind `links`.

    Two records that were judged are of one part, whatever the verdict: it decides about both.
    """
    touches, records = links.touches, len(links.own_node)
    size = records + sum(len(values) for _, values in touches.values)
    left, right = [touches.record], [touches.node + records]
    if judged is not None:
        left.append(judged.left)
        right.append(judged.right)
    part = connected(size, np.concatenate(left), np.concatenate(right))
    of_value = np.append(part[records:], -1)  # of no value: the last entry
    of_record, of_mention = part[:records], of_value[touches.mention_node]
    of_member = np.concatenate([of_record[people.record_rows], of_mention[people.event_rows]])
    return Parts(
        count=int(part.max(initial=-1)) + 1,
        of_record=of_record,
        of_mention=of_mention,
        values=touches.values,
        of_value=of_value[:-1],
        of_customer=of_member[people.holder],
        of_shared=of_record[np.array([value.carriers[0] for value in links.shared], dtype=np.int64)],
    )
