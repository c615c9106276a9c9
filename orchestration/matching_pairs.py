"""Which records are compared at all: blocks of records under one key, small enough to be worth their pairs.

Lives here: blocks, their caps, candidate pairs. Does not live here: the keys themselves (`matching_records.py`), scores
(`matching_scores.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from orchestration.matching_records import BLOCK_KEYS

if TYPE_CHECKING:
    import duckdb

LARGEST_BLOCK = 100
# Keys of one attribute, or of one that a family or a town shares, find strangers mostly: on many records only their
# smallest blocks are worth comparing, the rarest names.
_WEAK_KEYS = (
    *("birth", "full_name", "name_year", "first_letters_last", "last_letters_first", "last_name"),
    *("postal_street", "street_house", "last_name_city", "first_name_city"),
)
_PAIRS_PER_RECORD, _WEAK_PAIRS_PER_RECORD, _SMALLEST_BUDGET = 1.0, 0.2, 100_000


def find_blocks(connection: duckdb.DuckDBPyConnection, normal: str, target: str) -> None:
    """Table `target` of (record, rule, block): one row per record and key that it has."""
    parts = [
        f"select record, {number}::utinyint as rule, hash('{name}', {key}) as block"
        f" from {normal} where ({key}) is not null"
        for number, (name, key) in enumerate(BLOCK_KEYS.items())
    ]
    connection.execute(f"create or replace table {target} as {' union all '.join(parts)}")


def block_caps(connection: duckdb.DuckDBPyConnection, blocks: str) -> dict[str, int]:
    """Largest block per key that is still compared: small blocks first, until the key's share of pairs is used up."""
    count = connection.execute(f"select count(distinct record) from {blocks}").fetchall()[0][0]
    sizes = connection.execute(
        f"""
        with sizes as (select rule, block, count(*) as size from {blocks} group by all having count(*) > 1)
        select rule, size, count(*) * size * (size - 1) // 2 as pairs from sizes
        where size <= {LARGEST_BLOCK} group by rule, size order by rule, size
        """
    ).fetchall()
    caps, spent = dict.fromkeys(BLOCK_KEYS, 1), dict.fromkeys(BLOCK_KEYS, 0)
    names, closed = list(BLOCK_KEYS), set()
    for rule, size, pairs in sizes:
        name = names[rule]
        spent[name] += pairs
        budget = max(count * (_WEAK_PAIRS_PER_RECORD if name in _WEAK_KEYS else _PAIRS_PER_RECORD), _SMALLEST_BUDGET)
        if name in closed or spent[name] > budget:
            closed.add(name)
        else:
            caps[name] = size
    return {name: (caps[name] if name in closed else LARGEST_BLOCK) for name in caps}


def cap_expression(caps: Mapping[str, int]) -> str:
    """SQL: the largest size of a block under column `rule`."""
    return "case rule " + " ".join(f"when {n} then {caps.get(name, 1)}" for n, name in enumerate(BLOCK_KEYS)) + " end"


def find_pairs(
    connection: duckdb.DuckDBPyConnection, blocks: str, caps: Mapping[str, int], target: str, only: str = ""
) -> int:
    """Table `target` of (join_key_l, join_key_r, match_key), each pair once; returns how many.

    Args:
        only: a table of `record`: pairs with none of these are left out.
    """
    looked_at = f"semi join (select distinct block from {blocks} where record in (from {only})) using (block)"
    connection.execute(
        f"""
        create or replace temp table members as
        with wanted as (select record, rule, block from {blocks} {looked_at if only else ""}),
        kept as (
            select rule, block from wanted group by rule, block
            having count(*) > 1 and count(*) <= {cap_expression(caps)}
        )
        select record, block from wanted semi join kept using (rule, block)
        """
    )
    pairs = "select l.record as a, r.record as b from members as l join members as r on l.block = r.block"
    if only:
        pairs += f" where l.record in (from {only}) and l.record <> r.record"
    else:
        pairs += " and l.record < r.record"
    connection.execute(
        f"create or replace table {target} as"
        f" select distinct least(a, b) as join_key_l, greatest(a, b) as join_key_r, '0' as match_key from ({pairs})"
    )
    connection.execute("drop table members")
    return int(connection.execute(f"select count(*) from {target}").fetchall()[0][0])
