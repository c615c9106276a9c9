"""The labelled sets of `identity_sets/` as the matcher reads records, and what clusters are worth against the truth."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from orchestration.matching_records import ATTRIBUTES

FOLDER = Path(__file__).parent / "identity_sets"
SETS = ("fake_1000", "febrl_dataset1", "febrl_dataset2")
_NAMES = {
    "given_name": "first_name",
    "surname": "last_name",
    "dob": "date_of_birth",
    "suburb": "city",
    "postcode": "postal_code",
    "soc_sec_id": "national_id",
}


@dataclass(frozen=True)
class Labelled:
    """Records without the truth, and the truth by record."""

    records: pa.Table
    truth: list[str]


@dataclass(frozen=True)
class Quality:
    """Of pairs implied by clusters, and of whole clusters that are exactly right."""

    precision: float
    recall: float
    cluster_precision: float
    cluster_recall: float

    @property
    def f1(self) -> float:
        return _f1(self.precision, self.recall)

    @property
    def cluster_f1(self) -> float:
        return _f1(self.cluster_precision, self.cluster_recall)


def labelled(name: str) -> Labelled:
    """One set by the name of its file; ids are row numbers, so that they tell nothing."""
    with gzip.open(FOLDER / f"{name}.csv.gz", "rt", encoding="utf-8", newline="") as file:
        rows = [
            {(key or "").strip(): (value or "").strip() for key, value in row.items()} for row in csv.DictReader(file)
        ]
    truth = [row["cluster"] if "cluster" in row else row["rec_id"].split("-")[1] for row in rows]
    records = []
    for row in rows:
        record = {_NAMES.get(key, key): value or None for key, value in row.items()}
        parts = [row.get(part, "") for part in ("street_number", "address_1", "address_2")]
        record["street_address"] = " ".join(filter(None, parts)) or None
        records.append({key: record.get(key) for key in ATTRIBUTES})
    return Labelled(as_records(records), truth)


def as_records(rows: Sequence[dict[str, str | None]]) -> pa.Table:
    """Rows of attributes as records of one source, numbered."""
    text = pa.string()
    return pa.table(
        {
            "source_system": pa.array(["crm"] * len(rows), text),
            "source_table": pa.array(["contacts"] * len(rows), text),
            "source_id": pa.array([f"{number:07d}" for number in range(len(rows))], text),
            **{name: pa.array([row.get(name) for row in rows], text) for name in ATTRIBUTES},
        }
    )


def quality(found: Sequence[Hashable], truth: Sequence[Hashable]) -> Quality:
    """Clusters by record against persons by record."""
    both = Counter(zip(found, truth, strict=True))
    sizes, persons = Counter(found), Counter(truth)
    hits, claimed, real = (sum(n * (n - 1) // 2 for n in counts.values()) for counts in (both, sizes, persons))
    right = sum(1 for (cluster, person), n in both.items() if n == sizes[cluster] == persons[person])
    return Quality(
        hits / max(claimed, 1), hits / max(real, 1), right / max(len(sizes), 1), right / max(len(persons), 1)
    )


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
