"""The whole path, landing files to published marts, against the second opinion: every cell of every mart.

The companies are picked for what they have in them; hundreds of others have been through (`trial.py` tries any).
"""

from collections.abc import Iterator
from random import Random

import pytest

from .company import Company, company
from .compare import compare
from .pipeline import Build, Pipeline

pytestmark = pytest.mark.pipeline

COMPANIES = {
    "every table, merged contacts, refunds without an order, Auckland": company(13),
    "totals instead of lines, no customers table, Auckland": company(12),
    "no leads, opportunities, rates or spend; revisions, Berlin": company(17),
    "refunds from before the first order, no sessions, London": company(25),
    "markov labels customers, Kolkata": company(30),
    "gaps in refunds, responses and costs, New York": company(8, has_gap=True),
    "shared addresses and numbers under the guards, New York": company(16, is_crowded=True, people=12),
}


class Builds:
    """Each company is built once, whoever asks first."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self._built: dict[str, Build] = {}

    def of(self, subject: Company) -> Build:
        if subject.name not in self._built:
            self._built[subject.name] = self.pipeline.build(subject, f"home {len(self._built)}")
        return self._built[subject.name]


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builds]:
    yield Builds(Pipeline(tmp_path_factory.mktemp("pipeline")))


@pytest.mark.parametrize("subject", COMPANIES.values(), ids=COMPANIES)
def test_every_published_cell_agrees(builds: Builds, subject: Company):
    built = builds.of(subject)
    assert (built.refusals, built.failures) == ((), [])
    assert [str(each) for each in compare(built.database, subject, builds.pipeline.reads)] == []


def test_how_the_rows_arrive_does_not_matter(builds: Builds):
    subject = COMPANIES["every table, merged contacts, refunds without an order, Auckland"]
    scattered = builds.pipeline.build_in_two_goes(subject.scattered(Random(1)), "scattered")
    assert scattered.content_hashes == builds.of(subject).content_hashes
