"""What is connected: held against scipy over random graphs."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from orchestration.identity_components import connected

NODES = 40
edges = st.lists(st.tuples(st.integers(0, NODES - 1), st.integers(0, NODES - 1)), max_size=80)


@given(edges)
def test_connected_nodes_share_the_smallest_of_them(pairs: list[tuple[int, int]]) -> None:
    left, right = (np.array(side, dtype=np.int64) for side in (zip(*pairs, strict=True) if pairs else ((), ())))
    graph = coo_array((np.ones(len(left)), (left, right)), shape=(NODES, NODES))
    group = connected_components(graph, directed=False)[1]
    smallest = [int(np.flatnonzero(group == number)[0]) for number in group]
    assert connected(NODES, left, right).tolist() == smallest


def test_a_long_chain_in_any_order_is_one() -> None:
    """What hangs under what halves with every round, whichever way round a chain comes."""
    size = 100_000
    order = np.random.default_rng(7).permutation(size)
    for chain in (np.arange(size), np.arange(size)[::-1], order):
        assert not connected(size, chain[:-1], chain[1:]).any()
