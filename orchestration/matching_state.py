"""What was scored before, so that a day's changes cost what they change.

Lives here: the matcher's file: records by content hash, blocks, scored pairs, and bringing them up to date. Does not
live here: scores and blocks themselves. The file holds hashes, levels and ids of records, no value of any person; it is
no truth: delete it and everything is scored again, with the same result.

A record whose hash is known has not changed: id and values are hashed together, and what changed left under its old
number and came under a new one. A pair's score depends on its two records and the model, nothing else. Which pairs are
scored depends on the sizes of their blocks too: a record is *dirty* when it is new or changed, or when a block that
holds it has become too large to be compared, or small enough. Pairs of two clean records stay as they are.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from orchestration import matching_pairs, matching_records, matching_scores
from orchestration.matching_records import ATTRIBUTES, RECORD_ID

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from orchestration.matching_model import MatchModel

_IDS = ", ".join(RECORD_ID)
_CONTENT = f"hash({', '.join((*RECORD_ID, *ATTRIBUTES))})"
_TABLES = ("records", "blocks", "scored", "made_with")


def open_state(connection: duckdb.DuckDBPyConnection, path: Path | None) -> None:
    """Attach the file as `state`, or a state that lasts as long as the connection."""
    place = str(path or ":memory:").replace("'", "''")
    connection.execute(f"attach '{place}' as state")


def refresh(
    connection: duckdb.DuckDBPyConnection, records: pa.Table, model: MatchModel, least_probability: float
) -> tuple[int, int]:
    """`state.records` (ids by number) and `state.scored` as these rows and this model make them.

    Returns how many candidate pairs there are (of an update: that were looked at), and how many were kept as likely.
    Everything that holds a value lives in memory. A crash leaves the state as it was, or without the mark that it is
    whole, and then everything is scored again.
    """
    import duckdb

    made_with = f"{model.version}|{least_probability!r}|{duckdb.__version__}|{model.shape}|{_CONTENT}"
    connection.register("incoming", _numbered(records))
    if _made_with(connection) == made_with and _is_one_to_one(connection):
        pair_count = _update(connection, records, model, least_probability)
    else:
        connection.execute("drop table if exists state.made_with")
        pair_count = _score_all(connection, model, least_probability)
        connection.execute("create table state.made_with as select ? as text", [made_with])
    connection.unregister("incoming")
    return pair_count, int(connection.execute("select count(*) from state.scored").fetchall()[0][0])


def _is_one_to_one(connection: duckdb.DuckDBPyConnection) -> bool:
    """Tables `seen`, what came in with the number of the record that it was, and `gone`, records that are no more.

    False when two rows look like one.
    """
    connection.execute(
        f"create or replace table seen as"
        f" select new.place, new.content, old.record from (select place, {_CONTENT} as content from incoming) as new"
        " left join state.records as old on old.content = new.content"
    )
    connection.execute("create or replace table gone as select record from state.records anti join seen using (record)")
    counts = """
        select
            (select count(*) from incoming), count(*), count(record),
            (select count(*) from state.records) - (select count(*) from gone)
        from seen
    """
    rows, seen, known, stayed = connection.execute(counts).fetchall()[0]
    return rows == seen and known == stayed


def _numbered(records: pa.Table) -> pa.Table:
    """The records with their places, so that a few of them can be taken without reading all."""
    import numpy as np
    import pyarrow as pa

    return records.append_column("place", pa.array(np.arange(len(records), dtype=np.int32)))


def _made_with(connection: duckdb.DuckDBPyConnection) -> str:
    found = "select table_name from duckdb_tables() where database_name = 'state'"
    if not {name for (name,) in connection.execute(found).fetchall()}.issuperset(_TABLES):
        return ""
    return str(connection.execute("select text from state.made_with").fetchall()[0][0])


def _score_all(connection: duckdb.DuckDBPyConnection, model: MatchModel, least: float) -> int:
    connection.execute(
        f"create or replace table fresh as"
        f" select row_number() over (order by {_IDS})::integer as record, *, {_CONTENT} as content from incoming"
    )
    connection.execute(f"create or replace table state.records as select record, {_IDS}, content from fresh")
    matching_records.normalize(connection, "fresh", "normal")
    connection.execute("drop table fresh")
    matching_pairs.find_blocks(connection, "normal", "state.blocks")
    pair_count = matching_pairs.find_pairs(connection, "state.blocks", model.caps, "pairs")
    _score(connection, model, least, "scored_now")
    connection.execute("create or replace table state.scored as select * from scored_now")
    return pair_count


def _update(connection: duckdb.DuckDBPyConnection, records: pa.Table, model: MatchModel, least: float) -> int:
    """Score what involves a dirty record; keep the rest."""
    first = connection.execute("select coalesce(max(record), 0) from state.records").fetchall()[0][0]
    changed = _taken(connection, records, "select place, content from seen where record is null")
    connection.register("chosen", changed)
    connection.execute(
        f"create or replace table fresh as"
        f" select (row_number() over (order by {_IDS}) + {first})::integer as record, chosen.* from chosen"
    )
    matching_records.normalize(connection, "fresh", "normal")
    matching_pairs.find_blocks(connection, "normal", "fresh_blocks")
    pair_count = _pairs_of_dirty(connection, model)
    # The partners of dirty records are clean: their numbers are in the state, their values in what came in.
    partners = """
        select place, record
        from (select distinct unnest([join_key_l, join_key_r]) as record from pairs)
        join (
            select record, place from fresh
            union all
            select record, place from seen where record is not null
        ) using (record)
    """
    connection.register("chosen", _taken(connection, records, partners))
    matching_records.normalize(connection, "chosen", "normal")
    connection.unregister("chosen")
    _score(connection, model, least, "scored_now")
    # The commit writes the file, plainly; left until it is closed, that would look for a compression (0.3 s).
    connection.execute("set force_compression = 'uncompressed'; set checkpoint_threshold = '0B'")
    connection.execute("begin")
    connection.execute("delete from state.records where record in (from gone)")
    connection.execute(f"insert into state.records select record, {_IDS}, content from fresh")
    connection.execute("delete from state.blocks where record in (from gone)")
    connection.execute("insert into state.blocks select * from fresh_blocks")
    for side in ("record_l", "record_r"):
        connection.execute(f"delete from state.scored where {side} in (from gone union from dirty)")
    connection.execute("insert into state.scored select * from scored_now")
    connection.execute("commit")
    return pair_count


def _taken(connection: duckdb.DuckDBPyConnection, records: pa.Table, places: str) -> pa.Table:
    """The records at the places that a query names, with its other columns."""
    wanted = connection.execute(places).to_arrow_table()
    some = records.take(wanted.column("place"))
    for name in wanted.column_names:
        some = some.append_column(name, wanted.column(name))
    return some


def _pairs_of_dirty(connection: duckdb.DuckDBPyConnection, model: MatchModel) -> int:
    """Tables `dirty` and `pairs`; of the many blocks of the state only those are kept at hand that changes touch."""
    # A block's hash is of its rule too: two rules with one hash bring more rows, whose own blocks are then whole.
    connection.execute(
        "create or replace table touched as select distinct block from fresh_blocks"
        " union select block from state.blocks where record in (from gone)"
    )
    near = "select record, rule, block from state.blocks semi join {} using (block)"
    connection.execute(f"create or replace table blocks_before as {near.format('touched')}")
    connection.execute(
        "create or replace table blocks_now as"
        " select * from blocks_before anti join gone using (record) union all select * from fresh_blocks"
    )
    sizes = "select rule, block, count(*) as size from {} group by all"
    cap = matching_pairs.cap_expression(model.caps)
    connection.execute(
        f"""
        create or replace table turned as
        select rule, block
        from ({sizes.format("blocks_before")}) as before full join ({sizes.format("blocks_now")}) as after
            using (rule, block)
        where (coalesce(before.size, 0) <= {cap}) <> (coalesce(after.size, 0) <= {cap})
        """
    )
    connection.execute(
        "create or replace table dirty as"
        " select record from fresh union select record from blocks_now semi join turned using (rule, block)"
    )
    # Whoever is dirty because of a block that turned is compared under all other keys again.
    connection.execute(
        "create or replace table others as select distinct block from state.blocks"
        " where record in (select record from dirty anti join fresh using (record))"
    )
    if connection.execute("select count(*) from others").fetchall()[0][0]:
        connection.execute(
            f"insert into blocks_now select * from"
            f" ({near.format('(from others anti join touched using (block))')}) anti join gone using (record)"
        )
    return matching_pairs.find_pairs(connection, "blocks_now", model.caps, "pairs", only="dirty")


def _score(connection: duckdb.DuckDBPyConnection, model: MatchModel, least: float, target: str) -> None:
    matching_scores.weigh_terms(connection, "normal", model, "weighed")
    connection.execute("drop table normal")
    matching_scores.score(connection, model, "weighed", "pairs", target, least_probability=least)
    for name in ("weighed", "pairs"):
        connection.execute(f"drop table {name}")
