"""What the matcher has learned: parameters, term frequencies, caps of blocks, under one version.

Lives here: the model as a value and as JSON. Does not live here: learning (`matching_training.py`), keeping (the
ledger). The text holds no value of any person: frequent terms stand as hashes, rare ones are not in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

# Raised when comparisons, keys or normal forms change their meaning: an older model is then trained again.
SHAPE = 1


@dataclass(frozen=True)
class MatchModel:
    """Parameters of one training. `terms`: by column, hash of a frequent term to its frequency; `rare`: what every
    other term of that column counts as (absent = the comparison's own average)."""

    trained_as_of: str
    record_count: int
    pair_count: int
    prior: float
    comparisons: Mapping[str, Mapping[str, tuple[float, ...]]]
    caps: Mapping[str, int]
    terms: Mapping[str, Mapping[str, float]]
    rare: Mapping[str, float]
    shape: int = SHAPE
    version: str = ""

    def versioned(self) -> MatchModel:
        """The same model under the hash of what it holds."""
        content = json.dumps(asdict(replace(self, version="")), sort_keys=True)
        return replace(self, version=hashlib.sha256(content.encode()).hexdigest()[:12])

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)


def from_json(text: str) -> MatchModel:
    """A model as `to_json` wrote it."""
    values = json.loads(text)
    values["comparisons"] = {
        name: {kind: tuple(shares) for kind, shares in entry.items()} for name, entry in values["comparisons"].items()
    }
    return MatchModel(**values)
