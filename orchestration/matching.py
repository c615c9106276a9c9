"""Probably the same person: the pairs that a model judges.

Lives here: `match`, from Arrow tables to Arrow tables, a pure function of the rows and the model. Does not live here:
training (`matching_training.py`), what was scored before (`matching_state.py`), what identity makes of judged pairs
(`identity.py`), the list that a person answers (`identity_review.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration import matching_scores, matching_state
from orchestration.errors import CxwError
from orchestration.identity_components import connected
from orchestration.identity_values import TEXT, column, flags
from orchestration.matching_comparisons import COMPARISONS, Comparison
from orchestration.matching_engine import engine, told_plainly
from orchestration.matching_model import MatchModel
from orchestration.matching_records import ATTRIBUTES, RECORD_ID

if TYPE_CHECKING:
    import duckdb

    from orchestration.settings import Settings

ENTITY_NAMES = ("contacts", "leads", "customers")
PAIR_IDS = tuple(f"{side}_{name}" for side in ("left", "right") for name in RECORD_ID)
_PROBABILITY_SCALE = 6
# Many weak links in a row could make one giant customer of strangers: what holds more records than this together must
# hold by stronger pairs.
_LARGEST_CLUSTER = 50
_STRICTER = (0.99, 0.999, 0.9999)


@dataclass(frozen=True)
class Matches:
    """What the model says. `judged`: pairs that are one person; `review`: pairs that a person must look at."""

    judged: pa.Table
    review: pa.Table
    candidate_pairs: int
    scored_pairs: int


def matchable_records(contacts: pa.Table, leads: pa.Table, customers: pa.Table) -> pa.Table:
    """Living records of the conformed tables in one shape: `RECORD_ID` and `ATTRIBUTES`, absent ones null."""
    from orchestration.identity_customers import ENTITIES

    parts = []
    for entity, table in (("contacts", contacts), ("leads", leads), ("customers", customers)):
        alive = table.filter(pa.array(~flags(table, "is_deleted")))
        parts.append(
            pa.table(
                {
                    "source_system": column(alive, "source_system"),
                    "source_table": pa.repeat(pa.scalar(entity, TEXT), len(alive)),
                    "source_id": column(alive, ENTITIES[entity]),
                    **{
                        name: column(alive, name).cast(TEXT)
                        if name in alive.column_names
                        else pa.nulls(len(alive), TEXT)
                        for name in ATTRIBUTES
                    },
                }
            )
        )
    return pa.concat_tables(parts).combine_chunks()


def match(records: pa.Table, model: MatchModel, settings: Settings, state_path: Path | None = None) -> Matches:
    """Pairs of these records that the model holds for one person, or nearly; rows are in no particular order.

    Args:
        state_path: file of what was scored before; then only pairs with a changed record are scored, with the same
            result. None scores everything. A file that cannot be used is made again.
    """
    if state_path is not None:
        state_path.parent.mkdir(parents=True, exist_ok=True)
    for is_last in (state_path is None or not state_path.exists(), True):
        try:
            with told_plainly(), engine(settings) as connection:
                matching_state.open_state(connection, state_path)
                return _matches(connection, records, model, settings)
        except CxwError as error:
            if error.code != "E-IDN-002" or is_last or state_path is None:
                raise
            for path in (state_path, state_path.with_name(state_path.name + ".wal")):
                path.unlink(missing_ok=True)
    raise AssertionError("unreachable")


def _matches(
    connection: duckdb.DuckDBPyConnection, records: pa.Table, model: MatchModel, settings: Settings
) -> Matches:
    match_threshold = float(settings.match_threshold)
    least = min(float(settings.review_threshold), match_threshold)
    counts = matching_state.refresh(connection, records, model, least)
    levels = ", ".join(f"gamma_{comparison.name}" for comparison in matching_scores.used(model))
    # By numbers first: names are for what is decided, and cost more than deciding.
    pairs = connection.execute(
        f"select record_l, record_r, round(match_probability, {_PROBABILITY_SCALE}) as probability, {levels}"
        " from state.scored"
    ).to_arrow_table()
    probability = column(pairs, "probability").to_numpy()
    # A family shares all but the person: of such pairs a human decides.
    is_family = _is_family(pairs)
    strength = np.where(is_family, np.minimum(probability, np.nextafter(match_threshold, 0)), probability)
    is_judged = strength >= match_threshold
    is_judged &= _holds(pairs, strength, is_judged)
    said = "'same' as verdict, 'probabilistic' as rule"
    judged = _named(connection, pairs.select(("record_l", "record_r")).filter(pa.array(is_judged)), said)
    review = _named(connection, pairs.filter(pa.array(~is_judged)), f"probability, {_level_names(model)}")
    return Matches(judged, review, *counts)


def _named(connection: duckdb.DuckDBPyConnection, pairs: pa.Table, columns: str) -> pa.Table:
    """Pairs by the ids of their records, smaller id left, and these columns of theirs."""
    system, table, own = RECORD_ID
    is_ordered = (
        f"case when a.{system} <> b.{system} then a.{system} < b.{system}"
        f" when a.{table} <> b.{table} then a.{table} < b.{table} else a.{own} <= b.{own} end"
    )
    ids = [
        f"if(is_ordered, {first}.{name}, {second}.{name}) as {side}_{name}"
        for side, first, second in (("left", "a", "b"), ("right", "b", "a"))
        for name in RECORD_ID
    ]
    connection.register("pairs_to_name", pairs)
    named = connection.execute(
        f"""
        with named as (
            select pairs_to_name.*, a, b, {is_ordered} as is_ordered
            from pairs_to_name join state.records as a on a.record = record_l
            join state.records as b on b.record = record_r
        )
        select {", ".join(ids)}, {columns} from named
        """
    ).to_arrow_table()
    connection.unregister("pairs_to_name")
    return named


def _level_names(model: MatchModel) -> str:
    """SQL: levels by name, null where missing."""
    levels = []
    for comparison in COMPARISONS:
        name, cases = comparison.name, " ".join(f"when {n} then '{level}'" for level, n in _numbers(comparison).items())
        known = f"case gamma_{name} {cases} end" if name in model.comparisons else "null::varchar"
        levels.append(f"{known} as {name}_level")
    return ", ".join(levels)


def _numbers(comparison: Comparison) -> dict[str, int]:
    """Splink's number of each level: from the least alike (0) upwards."""
    size = len(comparison.levels)
    return {level.name: size - 1 - place for place, level in enumerate(comparison.levels)}


_PERSONAL = {  # levels at which a value of one person alone agrees; surname, phone and address are a family's
    "first_name": ("equal", "near", "swapped", "alike"),
    "email": ("equal", "near", "same_local_part", "alike"),
    "date_of_birth": ("equal", "one_digit", "within_a_month", "two_digits"),
    "national_id": ("equal", "near", "two_characters"),
}


def _is_family(pairs: pa.Table) -> np.ndarray:
    """Pairs that may be two of one family: nothing personal agrees, or given names differ and no birthday or id says
    otherwise."""
    numbers = {comparison.name: _numbers(comparison) for comparison in COMPARISONS}

    def is_at(name: str, levels: Sequence[str]) -> np.ndarray:
        if f"gamma_{name}" not in pairs.column_names:
            return np.zeros(len(pairs), dtype=bool)
        return np.isin(column(pairs, f"gamma_{name}").to_numpy(), [numbers[name][level] for level in levels])

    nothing = ~np.logical_or.reduce([is_at(name, levels) for name, levels in _PERSONAL.items()])
    is_told = is_at("date_of_birth", _PERSONAL["date_of_birth"][:2])
    is_told |= is_at("national_id", _PERSONAL["national_id"][:2])
    return nothing | (is_at("first_name", ["different"]) & ~is_told)


def _holds(pairs: pa.Table, strength: np.ndarray, is_judged: np.ndarray) -> np.ndarray:
    """Pairs without the weak ones of clusters that they would make too large."""
    left, right = (column(pairs, name).to_numpy() for name in ("record_l", "record_r"))
    size = int(max(left.max(initial=0), right.max(initial=0))) + 1
    holds = np.ones(len(strength), dtype=bool)
    for stricter in _STRICTER:
        rows = np.flatnonzero(is_judged & holds)
        component = connected(size, left[rows], right[rows])
        is_large = np.bincount(component)[component] > _LARGEST_CLUSTER
        weak = is_large[left] & (strength < stricter)
        if not (weak & is_judged & holds).any():
            break
        holds &= ~weak
    return holds


def clusters(records: pa.Table, judged: pa.Table) -> Sequence[int]:
    """Number of the cluster of each record, over judged pairs alone: what quality is measured on."""
    own = pc.binary_join_element_wise(*(column(records, name) for name in RECORD_ID), "\x1f")
    sides = [
        pc.index_in(
            pc.binary_join_element_wise(*(column(judged, f"{side}_{name}") for name in RECORD_ID), "\x1f"), own
        ).to_numpy()
        for side in ("left", "right")
    ]
    return connected(len(records), *sides).tolist()
