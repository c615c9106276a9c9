"""The probabilistic rule on published, labelled people: one set of defaults, nothing tuned per set.

Training compares a quarter of its random pairs, which is what takes time; with `CXW_TEST_EFFORT` above 1, and in
`make bench-identity`, all of them.
"""

from pathlib import Path

import pytest
from effort import EFFORT
from labelled_people import SETS, labelled, quality

from orchestration import matching, matching_training
from orchestration.settings import Settings

pytest.importorskip("splink")
# Over the pairs implied by the final clusters.
FLOORS = {"fake_1000": 0.97, "febrl_dataset1": 0.98, "febrl_dataset2": 0.98}


@pytest.mark.parametrize("name", SETS)
def test_shipped_defaults_reach_the_floor(name, monkeypatch):
    if EFFORT == 1:
        monkeypatch.setattr(matching_training, "_RANDOM_PAIRS", matching_training._RANDOM_PAIRS // 4)
    people, settings = labelled(name), Settings(home=Path())
    model = matching_training.train(people.records, settings, "2026-01-01")
    found = matching.match(people.records, model, settings)
    reached = quality(matching.clusters(people.records, found.judged), people.truth)
    assert reached.f1 >= FLOORS[name], reached
    assert found.candidate_pairs < 25 * len(people.truth), "blocking no longer bounds what is compared"
