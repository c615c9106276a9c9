"""A model from records: what is compared, which pairs teach, what is kept.

Lives here: `train`, a pure function of the rows. Does not live here: the arithmetic (`matching_expectation.py`), the
model as a value (`matching_model.py`), when a model is trained (`identity_matching.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestration import matching_expectation, matching_pairs, matching_records, matching_scores
from orchestration.matching_comparisons import COMPARISONS
from orchestration.matching_engine import engine, told_plainly
from orchestration.matching_model import MatchModel
from orchestration.matching_records import RECORD_ID

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from orchestration.settings import Settings

_RANDOM_PAIRS, _CANDIDATE_SAMPLE = 250_000, 500_000


def train(records: pa.Table, settings: Settings, trained_as_of: str) -> MatchModel:
    """Learn from these rows: the same rows give the same model, in whatever order they come.

    Args:
        trained_as_of: day of the newest delivery; stands in the model as its training date.
    """
    matching_scores.require_splink()
    with told_plainly(), engine(settings) as connection:
        count = _load(connection, records)
        matching_records.normalize(connection, "numbered", "normal")
        matching_pairs.find_blocks(connection, "normal", "blocks")
        caps = matching_pairs.block_caps(connection, "blocks")
        pair_count = matching_pairs.find_pairs(connection, "blocks", caps, "pairs")
        present = _present_columns(connection)
        compared = [comparison for comparison in COMPARISONS if present.intersection(comparison.columns)]
        compared = compared or list(COMPARISONS[:2])  # nobody here: a model must compare something
        beliefs = [tuple(level.belief for level in comparison.levels) for comparison in compared]
        blank = MatchModel(
            trained_as_of=trained_as_of,
            record_count=count,
            pair_count=pair_count,
            prior=0.001,
            comparisons={c.name: {"m": b, "u": b} for c, b in zip(compared, beliefs, strict=True)},
            caps=caps,
            terms={},
            rare={},
        )
        matching_scores.weigh_terms(connection, "normal", blank, "weighed")
        _sample_pairs(connection, count, pair_count)
        seen = []
        for name in ("candidate_sample", "random_sample"):
            matching_scores.score(connection, blank, "weighed", name, "scored")
            seen.append(matching_scores.patterns(connection, "scored", compared))
        terms, rare = matching_scores.term_frequencies(connection, "normal", count)
    all_pairs = max(count * (count - 1) / 2, 1.0)
    candidates = matching_expectation.Patterns(
        seen[0].levels, seen[0].counts * (pair_count / max(seen[0].counts.sum(), 1))
    )
    learned = matching_expectation.learn(candidates, seen[1], beliefs, all_pairs)
    return MatchModel(
        trained_as_of=trained_as_of,
        record_count=count,
        pair_count=pair_count,
        prior=float(f"{max(learned.expected_matches, 1.0) / (all_pairs + 1):.6g}"),
        comparisons={c.name: {"m": m, "u": u} for c, m, u in zip(compared, learned.m, learned.u, strict=True)},
        caps=caps,
        terms=terms,
        rare=rare,
    ).versioned()


def _load(connection: duckdb.DuckDBPyConnection, records: pa.Table) -> int:
    """Table `numbered`: the records in the order of their ids; returns how many."""
    connection.register("incoming_records", records)
    connection.execute(
        f"create or replace table numbered as select row_number() over (order by {', '.join(RECORD_ID)})::integer"
        f" as record, * from incoming_records"
    )
    connection.unregister("incoming_records")
    return records.num_rows


def _present_columns(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """Normal forms that two records have at least."""
    names = sorted({name for comparison in COMPARISONS for name in comparison.columns})
    counts = connection.execute(f"select {', '.join(f'count({name})' for name in names)} from normal").fetchall()[0]
    return {name for name, count in zip(names, counts, strict=True) if count > 1}


def _sample_pairs(connection: duckdb.DuckDBPyConnection, count: int, pair_count: int) -> None:
    """Tables `random_sample` and `candidate_sample`: drawn by arithmetic on the numbers of records, never by chance."""
    strides = max(min(-(-_RANDOM_PAIRS // max(count, 1)), (count - 1) // 2), 1)
    starts = -(-_RANDOM_PAIRS // strides)
    connection.execute(
        f"""
        create or replace table random_sample as
        with shuffled as (
            select record, row_number() over (order by md5(record::varchar), record) - 1 as place from normal
        ),
        strides as (select unnest(range(1, {strides + 1})) as stride)
        select distinct
            least(l.record, r.record) as join_key_l, greatest(l.record, r.record) as join_key_r, '0' as match_key
        from shuffled as l, strides join shuffled as r on r.place = (l.place + stride) % {max(count, 1)}
        where l.place < {starts} and l.record <> r.record
        """
    )
    one_in = -(-pair_count // _CANDIDATE_SAMPLE) or 1
    connection.execute(
        f"create or replace table candidate_sample as select * from pairs"
        f" where (join_key_l::bigint * 7919 + join_key_r::bigint * 104729) % {one_in} = 0"
    )
