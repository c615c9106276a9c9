"""Scores of candidate pairs, by Splink on the matcher's own DuckDB.

Lives here: everything that touches Splink. Does not live here: which pairs (`matching_pairs.py`), what the parameters
are (`matching_expectation.py`), what a score means for people (`matching.py`).
Splink is an extra (`pip install cx-warehouse[identity]`), imported when a score is wanted and not before. It is quiet:
its log would print, and its own errors quote SQL.
"""

from __future__ import annotations

import importlib.util
import itertools
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from orchestration.errors import CxwError
from orchestration.matching_comparisons import COMPARISONS, Comparison, comparison_settings
from orchestration.matching_expectation import Patterns
from orchestration.matching_model import MatchModel
from orchestration.matching_records import TERM_COLUMNS

if TYPE_CHECKING:
    import duckdb

_PIECE = 8_192
_numbers = itertools.count()  # Splink wants a name of its own for every table that it is shown


def require_splink() -> None:
    """Raises:
    CxwError: E-IDN-001 when the extra is not installed.
    """
    if importlib.util.find_spec("splink") is None:
        raise CxwError(
            "E-IDN-001",
            "its extra is not installed",
            where="cxw.toml has_probabilistic_matching",
            next_command="pip install 'cx-warehouse[identity]'",
        )


def score(
    connection: duckdb.DuckDBPyConnection,
    model: MatchModel,
    records: str,
    pairs: str,
    target: str,
    *,
    least_probability: float | None = None,
) -> None:
    """Table `target` of (record_l, record_r, match_weight, match_probability, gamma_<comparison>…).

    Args:
        records: table of `weigh_terms`.
        pairs: table of `matching_pairs.find_pairs`.
        least_probability: pairs below are left out.
    """
    require_splink()
    import pyarrow as pa
    from splink import DuckDBAPI, Linker

    logging.getLogger("splink").setLevel(logging.ERROR)
    compared = used(model)
    api = DuckDBAPI(connection)
    number = next(_numbers)
    linker = Linker(
        api.register(records, table_name=f"cxw_records_{number}"),
        _settings(compared, model),
        log_level=None,
        validate_settings=False,
    )
    _write(connection, "no_terms", {"term": [], "share": []})
    for column in TERM_COLUMNS:  # the records bring their frequencies; Splink would count them once more
        nothing = f"(select term::varchar as {column}, share::double as tf_{column} from no_terms)"
        connection.execute(f"create or replace temp view no_terms_{column} as select * from {nothing}")
        known = api.register(f"no_terms_{column}", table_name=f"cxw_terms_{column}_{number}")
        linker.table_management.register_term_frequency_lookup(known, column)
    # A day's pairs fit into one row group, which one thread would score alone: 0.8 s instead of 0.5 for 65,000.
    rows = connection.execute(f"from {pairs}").to_arrow_table()
    connection.register("pairs_in_pieces", pa.Table.from_batches(rows.to_batches(max_chunksize=_PIECE), rows.schema))
    in_pieces = api.register("pairs_in_pieces", table_name=f"cxw_pairs_{number}")
    linker.table_management.register_blocked_pairs_for_predict(in_pieces)
    # Pushed down, the threshold would have every level worked out once for every place that mentions it.
    connection.execute("set disabled_optimizers = 'filter_pushdown'")
    try:
        scored = linker.inference.predict(threshold_match_probability=least_probability, warning_mode="never")
    finally:
        connection.execute("set disabled_optimizers = ''")
    levels = ", ".join(f"gamma_{comparison.name}" for comparison in compared)
    connection.execute(
        f"create or replace table {target} as"
        f" select record_l, record_r, match_weight, match_probability, {levels} from {scored.physical_name}"
    )
    scored.drop_table_from_database_and_remove_from_cache()
    connection.unregister("pairs_in_pieces")


def used(model: MatchModel) -> list[Comparison]:
    """The comparisons that the model knows, in their order."""
    return [comparison for comparison in COMPARISONS if comparison.name in model.comparisons]


def patterns(connection: duckdb.DuckDBPyConnection, scored: str, compared: Sequence[Comparison]) -> Patterns:
    """Agreement patterns of scored pairs with their counts."""
    names = ", ".join(f"gamma_{comparison.name}" for comparison in compared)
    columns = list(connection.execute(f"select {names}, count(*) from {scored} group by all").fetchnumpy().values())
    # Splink counts levels from the least alike (0) upwards, and missing is -1.
    levels = [
        np.where(column < 0, -1, len(comparison.levels) - 1 - column)
        for column, comparison in zip(columns, compared, strict=False)
    ]
    return Patterns(np.stack(levels, axis=1).astype(np.int64), np.asarray(columns[-1], dtype=float))


def term_frequencies(
    connection: duckdb.DuckDBPyConnection, normal: str, record_count: int
) -> tuple[dict[str, dict[str, float]], dict[str, float]]:
    """Frequent terms by column, hashed, and what every other term counts as.

    Of names and places, a term counts from two records on. An e-mail, a phone or an id is one person's unless so many
    share it that it can be nobody's; so is a birthday (1 January 1900 is what forms are filled with).
    """
    rare = round(max(1 / max(record_count, 1), _LEAST_TERM), 9)
    terms: dict[str, dict[str, float]] = {}
    rares: dict[str, float] = {}
    for column in TERM_COLUMNS:
        is_own = column in _OWN_TERMS
        least = max(_SHARED_BY, _SHARED_SHARE * record_count) if is_own else max(2, _LEAST_TERM * record_count)
        rows = connection.execute(
            f"""
            with counted as (select {column} as term, count(*) as n from {normal} where {column} is not null group by 1)
            select {_term_hash(column, "term")}, n / (select sum(n) from counted) from counted where n >= {least}
            """
        ).fetchall()
        terms[column] = {key: float(f"{share:.6g}") for key, share in sorted(rows)}
        if not is_own:
            rares[column] = rare
    return terms, rares


_LEAST_TERM = 2e-5
_OWN_TERMS = ("email", "phone", "national_id", "birth")
_SHARED_BY, _SHARED_SHARE = 11, 2e-4


def weigh_terms(connection: duckdb.DuckDBPyConnection, normal: str, model: MatchModel, target: str) -> None:
    """Table `target`: the normal forms with the frequency of each term, where the model knows of one."""
    columns, joins = [], []
    for column in TERM_COLUMNS:
        terms, rare = model.terms.get(column, {}), model.rare.get(column)
        otherwise = "null::double" if rare is None else f"case when {column} is not null then {rare!r}::double end"
        if not terms:
            columns.append(f"{otherwise} as tf_{column}")
            continue
        frequencies = {"term": list(terms), "share": list(terms.values())}
        _write(connection, f"terms_{column}", frequencies)
        # Each different term is hashed once, which is what costs.
        connection.execute(
            f"create or replace temp table known_{column} as select value, share from"
            f" (select distinct {column} as value from {normal} where {column} is not null)"
            f" join terms_{column} on terms_{column}.term = {_term_hash(column, 'value')}"
        )
        joins.append(f"left join known_{column} on known_{column}.value = {normal}.{column}")
        columns.append(f"coalesce(known_{column}.share, {otherwise}) as tf_{column}")
    connection.execute(
        f"create or replace table {target} as select {normal}.*, {', '.join(columns)} from {normal} {' '.join(joins)}"
    )


def _term_hash(column: str, term: str) -> str:
    return f"left(md5('{column}|' || {term}), 16)"


def _write(connection: duckdb.DuckDBPyConnection, name: str, columns: Mapping[str, list[Any]]) -> None:
    import pyarrow as pa

    connection.register("incoming_terms", pa.table(columns))
    connection.execute(f"create or replace temp table {name} as select * from incoming_terms")
    connection.unregister("incoming_terms")


def _settings(compared: Sequence[Comparison], model: MatchModel) -> dict[str, Any]:
    return {
        "link_type": "dedupe_only",
        "unique_id_column_name": "record",
        "probability_two_random_records_match": model.prior,
        "retain_matching_columns": True,  # the levels come with them; the values go when the answer is taken out
        "retain_intermediate_calculation_columns": False,
        "blocking_rules_to_generate_predictions": ["l.record = r.record"],  # never used: pairs are registered
        "comparisons": [
            comparison_settings(
                comparison, model.comparisons[comparison.name]["m"], model.comparisons[comparison.name]["u"]
            )
            for comparison in compared
        ],
    }
