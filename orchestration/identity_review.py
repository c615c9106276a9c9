"""The review list: pairs that the matcher cannot decide, as a file that a person answers and delivers back.

Lives here: the file and, on request, the local values beside it. Does not live here: which pairs are on it (dbt model
`identity_review_pairs`), what an answer does (`identity_decisions.py`).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration.errors import CxwError
from orchestration.identity_matching import LEVELS, PAIR

if TYPE_CHECKING:
    from orchestration.settings import Settings

# The columns of the delivered table identity.decisions: the answered file is an extract like any other.
COLUMNS = (*PAIR, "decision", "decided_by", "note")
_VALUES = ("first_name", "last_name", "email", "phone", "street_address", "postal_code", "city", "date_of_birth")


def write_review(settings: Settings, path: Path) -> int:
    """Write the published list, most probable first, `decision` left blank; returns the number of pairs.

    The note says what agrees and how well, never a value.
    """
    rows = review_rows(settings)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for row in rows:
            writer.writerow([*(row[name] for name in PAIR), "", "", agreement(row)])
    return len(rows)


def review_rows(settings: Settings) -> list[dict[str, object]]:
    """The published list.

    Raises:
        CxwError: E-PUB-004 before the first publish.
    """
    from orchestration.build import read_published

    table = read_published(settings, "core", "identity_review_pairs")
    if table is None:
        raise CxwError("E-PUB-004", "nothing is published yet", where=str(settings.published), next_command="cxw run")
    rows = table.to_pylist()
    return sorted(rows, key=lambda row: (-row["match_probability"], *(row[name] for name in PAIR)))


def agreement(row: dict[str, object]) -> str:
    """`p 0.43; first_name near; email different`: attributes that one of the records lacks are left out."""
    parts = [f"{name.removesuffix('_level')} {row[name]}" for name in LEVELS if row[name]]
    return "; ".join([f"p {row['match_probability']:.2f}", *parts])


def local_values(settings: Settings, rows: list[dict[str, object]]) -> Iterator[tuple[str, list[str], list[str]]]:
    """Per pair its agreement and the values of both records, from the build on this machine; they leave no trace."""
    from orchestration.identity_customers import ENTITIES
    from orchestration.identity_ids import opaque_ids
    from orchestration.identity_values import column
    from orchestration.ledger import Ledger
    from orchestration.warehouse import DuckDBWarehouse

    if not settings.warehouse_path.exists():
        raise CxwError("E-IDN-003", "no build on this machine has the records", next_command="cxw run")
    warehouse = DuckDBWarehouse(settings.warehouse_path, settings)
    with Ledger(settings.ledger_path) as ledger:
        secret = ledger.secret("record ids")
    known: dict[tuple[object, ...], list[str]] = {}
    wanted = {tuple(row[name] for name in side) for row in rows for side in (PAIR[:3], PAIR[3:])}
    for entity, own_id in ENTITIES.items():
        table = warehouse.table("conformed", f"int_{entity}__unioned")
        shown = opaque_ids(column(table, own_id), secret).to_pylist()
        for record, shown_id in zip(table.to_pylist(), shown, strict=True):
            key = (record["source_system"], entity, shown_id)
            if key in wanted:
                known[key] = [str(record.get(name) or "") for name in _VALUES]
    for row in rows:
        left, right = (known.get(tuple(row[name] for name in side), []) for side in (PAIR[:3], PAIR[3:]))
        yield agreement(row), left, right
