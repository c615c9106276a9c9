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

from orchestration import matching_scores
from orchestration.errors import CxwError
from orchestration.identity_values import TEXT, column, flags
from orchestration.matching_comparisons import COMPARISONS
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
    """Pairs of these records that the model holds for one person, or nearly.

    Args:
        state_path: file of what was scored before; then only pairs with a changed record are scored, with the same
            result. None scores everything.
    """
    match_threshold = float(settings.match_threshold)
    counts, pairs = _scored(records, model, settings, state_path)
    probability = column(pairs, "probability").to_numpy()
    # A family shares all but the person: of such pairs a human decides.
    is_family = _is_family(pairs)
    strength = np.where(is_family, np.minimum(probability, np.nextafter(match_threshold, 0)), probability)
    is_judged = strength >= match_threshold
    is_judged &= _holds(pairs, strength, is_judged)
    judged = pairs.filter(pa.array(is_judged)).select(PAIR_IDS)
    judged = judged.append_column("verdict", pa.repeat(pa.scalar("same", TEXT), len(judged)))
    judged = judged.append_column("rule", pa.repeat(pa.scalar("probabilistic", TEXT), len(judged)))
    return Matches(judged, pairs.filter(pa.array(~is_judged)), *counts)


def _scored(
    records: pa.Table, model: MatchModel, settings: Settings, state_path: Path | None
) -> tuple[tuple[int, int], pa.Table]:
    """Counts and named pairs; a file of earlier scores that cannot be used is made again."""
    from orchestration import matching_state

    least = min(float(settings.review_threshold), float(settings.match_threshold))
    if state_path is not None:
        state_path.parent.mkdir(parents=True, exist_ok=True)
    for is_last in (state_path is None or not state_path.exists(), True):
        try:
            with told_plainly(), engine(settings) as connection:
                matching_state.open_state(connection, state_path)
                return matching_state.refresh(connection, records, model, least), _named_pairs(connection, model)
        except CxwError as error:
            if error.code != "E-IDN-002" or is_last or state_path is None:
                raise
            for path in (state_path, state_path.with_name(state_path.name + ".wal")):
                path.unlink(missing_ok=True)
    raise AssertionError("unreachable")


def _named_pairs(connection: duckdb.DuckDBPyConnection, model: MatchModel) -> pa.Table:
    """Scored pairs by the ids of their records, smaller id left, in order; levels by name, null where missing."""
    levels = []
    for comparison in matching_scores.used(model):
        size = len(comparison.levels)
        cases = " ".join(f"when {size - 1 - n} then '{level.name}'" for n, level in enumerate(comparison.levels))
        levels.append(f"case gamma_{comparison.name} {cases} end as {comparison.name}_level")
    for comparison in COMPARISONS:
        if comparison.name not in model.comparisons:
            levels.append(f"null::varchar as {comparison.name}_level")
    key = ", ".join(f"{{side}}.{name}" for name in RECORD_ID)
    is_ordered = f"({key.format(side='a')}) <= ({key.format(side='b')})"
    ids = [
        f"case when {is_ordered} then {first}.{name} else {second}.{name} end as {side}_{name}"
        for side, first, second in (("left", "a", "b"), ("right", "b", "a"))
        for name in RECORD_ID
    ]
    return connection.execute(
        f"""
        select {", ".join(ids)}, round(match_probability, {_PROBABILITY_SCALE}) as probability, {", ".join(levels)}
        from state.scored join state.records as a on a.record = record_l
        join state.records as b on b.record = record_r
        order by {", ".join(PAIR_IDS)}
        """
    ).to_arrow_table()


_PERSONAL = {  # levels at which a value of one person alone agrees; surname, phone and address are a family's
    "first_name": ("equal", "near", "swapped", "alike"),
    "email": ("equal", "near", "same_local_part", "alike"),
    "date_of_birth": ("equal", "one_digit", "within_a_month", "two_digits"),
    "national_id": ("equal", "near", "two_characters"),
}


def _is_family(pairs: pa.Table) -> np.ndarray:
    """Pairs that may be two of one family: nothing personal agrees, or given names differ and no birthday or id says
    otherwise."""

    def agrees(name: str, count: int = 4) -> np.ndarray:
        levels = pa.array(_PERSONAL[name][:count], TEXT)
        found = pc.fill_null(pc.is_in(column(pairs, f"{name}_level"), levels), False)
        return found.to_numpy(zero_copy_only=False)

    nothing = ~np.logical_or.reduce([agrees(name) for name in _PERSONAL])
    differs = pc.fill_null(pc.equal(column(pairs, "first_name_level"), "different"), False)
    return nothing | (differs.to_numpy(zero_copy_only=False) & ~agrees("date_of_birth", 2) & ~agrees("national_id", 2))


def _holds(pairs: pa.Table, strength: np.ndarray, is_judged: np.ndarray) -> np.ndarray:
    """Pairs without the weak ones of clusters that they would make too large."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    sides = [
        pc.binary_join_element_wise(*(column(pairs, f"{side}_{name}") for name in RECORD_ID), "\x1f")
        for side in ("left", "right")
    ]
    encoded = pa.concat_arrays(sides).dictionary_encode()
    left, right = np.split(encoded.indices.to_numpy(), 2)
    size = max(len(encoded.dictionary), 1)
    holds = np.ones(len(strength), dtype=bool)
    for stricter in _STRICTER:
        rows = np.flatnonzero(is_judged & holds)
        graph = coo_array((np.ones(len(rows), dtype=np.int8), (left[rows], right[rows])), shape=(size, size))
        component = connected_components(graph.tocsr(), directed=False)[1]
        is_large = np.bincount(component)[component] > _LARGEST_CLUSTER
        weak = is_large[left] & (strength < stricter)
        if not (weak & is_judged & holds).any():
            break
        holds &= ~weak
    return holds


def clusters(records: pa.Table, judged: pa.Table) -> Sequence[int]:
    """Number of the cluster of each record, over judged pairs alone: what quality is measured on."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    own = pc.binary_join_element_wise(*(column(records, name) for name in RECORD_ID), "\x1f")
    sides = [
        pc.index_in(
            pc.binary_join_element_wise(*(column(judged, f"{side}_{name}") for name in RECORD_ID), "\x1f"), own
        ).to_numpy()
        for side in ("left", "right")
    ]
    graph = coo_array((np.ones(len(sides[0]), dtype=np.int8), tuple(sides)), shape=(len(records), len(records)))
    return connected_components(graph.tocsr(), directed=False)[1].tolist()
