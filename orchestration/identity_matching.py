"""Probabilistic matching inside a build: which model is in force, what it judges, what is published of it.

Lives here: the switch, training when there is no model, the tables `review_pairs` and `identity_models`. Does not live
here: matching itself (`matching.py` and what it imports, only when switched on), the rule that judged pairs join
(`identity.py`), the CSV that a person answers (`identity_review.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from orchestration.identity_customers import ENTITIES
from orchestration.identity_ids import opaque_ids
from orchestration.identity_values import TEXT, column

if TYPE_CHECKING:
    from orchestration.ledger import Ledger
    from orchestration.matching_model import MatchModel
    from orchestration.settings import Settings

PAIR = tuple(f"{side}_{name}" for side in ("left", "right") for name in ("source_system", "source_table", "source_id"))
LEVELS = tuple(
    f"{name}_level" for name in ("first_name", "last_name", "email", "phone", "date_of_birth", "address", "national_id")
)
_REVIEW_SCHEMA = pa.schema(
    [
        *((name, TEXT) for name in PAIR),
        ("match_probability", pa.decimal128(7, 6)),
        *((name, TEXT) for name in LEVELS),
        ("model_version", TEXT),
    ]
)
_MODELS_SCHEMA = pa.schema(
    [
        ("model_version", TEXT),
        ("training_number", pa.int32()),
        ("trained_as_of_date", pa.date32()),
        ("is_asked_for", pa.bool_()),
        ("is_in_force", pa.bool_()),
        ("record_count", pa.int64()),
        ("candidate_pair_count", pa.int64()),
        ("compared_attributes", TEXT),
        ("parameters", TEXT),
    ]
)


def judge(
    settings: Settings, ledger: Ledger, records: Mapping[str, pa.Table], decided: pa.Table
) -> tuple[pa.Table, dict[str, pa.Table]]:
    """Judged pairs for `identity.resolve`, people's decisions included, and the tables that go with them.

    Args:
        records: `int_<entity>__unioned` by entity: contacts, leads, customers.
        decided: `int_identity__judged_pairs`; its ids are as delivered, or as the review list shows them.
    """
    secret = ledger.secret("record ids")
    decided = _as_delivered(decided, records, secret)
    if not settings.has_probabilistic_matching:
        return decided, {"review_pairs": _REVIEW_SCHEMA.empty_table(), "identity_models": _MODELS_SCHEMA.empty_table()}
    from orchestration import matching

    people = matching.matchable_records(**records)
    model = model_in_force(ledger) or train(settings, ledger, people, is_asked_for=False)
    found = matching.match(people, model, settings, settings.matching_state_path)
    judged = pa.concat_tables([decided, found.judged], promote_options="default")
    return judged, {"review_pairs": _review_table(found.review, model, secret), "identity_models": _model_table(ledger)}


def model_in_force(ledger: Ledger) -> MatchModel | None:
    """The model of the newest training, if this code still reads it the way it was meant."""
    from orchestration.matching_model import SHAPE, from_json

    models = ledger.identity_models()
    model = from_json(models[-1][1]) if models else None
    return model if model and model.shape == SHAPE else None


def asked_version(ledger: Ledger) -> str:
    """Version of the model in force if a person asked for its training: what makes a snapshot stale.

    The first training happens inside the build that needs it, and that build is not stale because of it.
    """
    models = ledger.identity_models()
    return models[-1][0] if models and models[-1][2] else ""


def run_metadata(settings: Settings, ledger: Ledger) -> dict[str, str]:
    """Which model judged, for the run; nothing while the rule is off."""
    model = model_in_force(ledger) if settings.has_probabilistic_matching else None
    return {"identity_model_version": model.version} if model else {}


def train(settings: Settings, ledger: Ledger, people: pa.Table, *, is_asked_for: bool) -> MatchModel:
    """Train on these records and put the model in force."""
    from orchestration import matching_training

    newest = ledger.newest_extract_date()
    model = matching_training.train(people, settings, newest.isoformat() if newest else "")
    ledger.keep_identity_model(model.version, model.to_json(), is_asked_for=is_asked_for)
    return model


def _as_delivered(decided: pa.Table, records: Mapping[str, pa.Table], secret: bytes) -> pa.Table:
    """Ids that the review list hides, because they are addresses, under their own names again."""
    names = [name for name in PAIR if name.endswith("_source_id")]
    if not any(pc.any(pc.starts_with(decided.column(name), "id-")).as_py() for name in names):
        return decided
    known: dict[str, str] = {}
    for entity, own_id in ENTITIES.items():
        ids = column(records[entity], own_id)
        ids = ids.filter(pc.fill_null(pc.match_substring(ids, "@"), False))
        known |= zip(opaque_ids(ids, secret).to_pylist(), ids.to_pylist(), strict=True)
    for name in names:
        ids = pa.array([known.get(value, value) for value in decided.column(name).to_pylist()], TEXT)
        decided = decided.set_column(decided.column_names.index(name), name, ids)
    return decided


def _review_table(pairs: pa.Table, model: MatchModel, secret: bytes) -> pa.Table:
    probability = [Decimal(f"{value:.6f}") for value in pairs.column("probability").to_pylist()]
    columns = {name: pairs.column(name) for name in (*PAIR, *LEVELS)}
    for name in ("left_source_id", "right_source_id"):
        columns[name] = opaque_ids(column(pairs, name), secret)
    columns["match_probability"] = pa.array(probability, pa.decimal128(7, 6))
    columns["model_version"] = pa.repeat(pa.scalar(model.version, TEXT), len(pairs))
    return pa.table({name: columns[name] for name in _REVIEW_SCHEMA.names}).cast(_REVIEW_SCHEMA)


def _model_table(ledger: Ledger) -> pa.Table:
    """Trainings of this home. Parameters are shares of agreement by level: numbers about all records together."""
    import json

    from orchestration.matching_model import from_json

    models = ledger.identity_models()
    rows = []
    for number, (version, text, is_asked_for) in enumerate(models, start=1):
        model = from_json(text)
        rows.append(
            {
                "model_version": version,
                "training_number": number,
                "trained_as_of_date": date.fromisoformat(model.trained_as_of) if model.trained_as_of else None,
                "is_asked_for": is_asked_for,
                "is_in_force": number == len(models),
                "record_count": model.record_count,
                "candidate_pair_count": model.pair_count,
                "compared_attributes": ",".join(model.comparisons),
                "parameters": json.dumps({"prior": model.prior, **model.comparisons}, sort_keys=True),
            }
        )
    return pa.Table.from_pylist(rows, schema=_MODELS_SCHEMA)
