"""What a person should look at: households, cards of two people, contacts that were merged in a circle.

Lives here: findings that need values (names, numbers) or chains. Does not live here: findings that SQL can see (model
`identity_findings`, which unites them all), shared values (`identity_customers.py`). A finding names the oldest record
concerned, never a value.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.identity_customers import Traced, member_keys
from orchestration.identity_evidence import LOYALTY_ID, MERGE_TARGET, Links
from orchestration.identity_values import TEXT, by_distinct, codes, column, distinct, given_names, oldest

_MEMBER = ("source_system", "source_table", "source_id")


def findings(records: pa.Table, links: Links) -> Traced:
    """Rows of `identity_output.identity_findings`, each with its record.

    Args:
        links: the deterministic rule's, before judged pairs.
    """
    (names,), name_count = codes(by_distinct(column(records, "first_name"), given_names))
    holders = np.flatnonzero(links.record_phone >= 0)
    cards = np.flatnonzero(links.kind == LOYALTY_ID)
    parts = [
        _of_several_names(records, "household", "phone", holders, links.record_phone[holders], names, name_count),
        _of_several_names(
            records, "loyalty_conflict", "loyalty_id", links.record[cards], links.node[cards], names, name_count
        ),
        _merge_cycles(records, links),
    ]
    return Traced(pa.concat_tables([table for table, _ in parts]), np.concatenate([rows for _, rows in parts]))


def _of_several_names(
    records: pa.Table,
    finding_type: str,
    kind: str,
    record: np.ndarray,
    value: np.ndarray,
    names: np.ndarray,
    name_count: int,
) -> Traced:
    """Values whose carriers have two or more different given names."""
    name = names[record]
    pairs = distinct(value[name >= 0] * max(name_count, 1) + name[name >= 0])
    values, given_name_counts = np.unique(pairs // max(name_count, 1), return_counts=True)
    values, given_name_counts = values[given_name_counts > 1], given_name_counts[given_name_counts > 1]
    if not len(values):
        return _rows(records, np.array([], dtype=np.int64), finding_type, kind, given_name_counts, given_name_counts)
    place = np.searchsorted(values, value)
    kept = np.flatnonzero(values[np.minimum(place, len(values) - 1)] == value)
    first = oldest(place[kept], len(values), records.take(pa.array(record[kept])))
    counts = np.bincount(place[kept], minlength=len(values))
    return _rows(records, record[kept][first], finding_type, kind, counts, given_name_counts)


def _merge_cycles(records: pa.Table, links: Links) -> Traced:
    """Contacts whose merge targets lead back to themselves."""
    merged = np.flatnonzero(links.kind == MERGE_TARGET)
    loser, target = links.record[merged], links.node[merged]
    place = np.full(links.node_count, len(loser))  # by node of an own id: the merged contact that has it
    place[links.own_node[loser]] = np.arange(len(loser))
    following = np.append(place[target], len(loser))  # the last entry: a chain that ended
    for _ in range(max(len(loser), 1).bit_length()):
        following = following[following]  # twice as many steps: whoever is still on the way walks in a circle
    on_the_way = following[:-1][following[:-1] < len(loser)]
    rows = loser[np.unique(on_the_way)]
    return _rows(records, rows, "merge_cycle", "merge_target", np.ones(len(rows), dtype=np.int64), None)


def _rows(
    records: pa.Table,
    rows: np.ndarray,
    finding_type: str,
    kind: str,
    record_counts: np.ndarray,
    given_name_counts: np.ndarray | None,
) -> Traced:
    members = records.select(_MEMBER).take(pa.array(rows))
    count = len(rows)
    table = pa.table(
        {
            "finding_type": pa.array([finding_type] * count, TEXT),
            **{name: column(members, name) for name in _MEMBER},
            "evidence_kind": pa.array([kind] * count, TEXT),
            "evidence_key": pc.binary_join_element_wise(pa.scalar(kind), member_keys(members), "-").cast(TEXT),
            "record_count": pa.array(record_counts, pa.int64()),
            "given_name_count": pa.nulls(count, pa.int64())
            if given_name_counts is None
            else pa.array(given_name_counts, pa.int64()),
        }
    )
    return Traced(table, rows)
