"""Customers who grew unusually large since the snapshot that readers see: what is listed, what is not, what is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration import identity_growth
from orchestration.settings import Settings
from orchestration.warehouse import DuckDBWarehouse

MOST = 3
People = Mapping[str, str]  # customer by record


def identities(people: People, guests: int = 0) -> pa.Table:
    rows = [("crm", "contacts", record, key) for record, key in people.items()]
    rows += [("ecommerce", "orders", f"{key}{number}", key) for key in set(people.values()) for number in range(guests)]
    names = ("source_system", "source_table", "source_id", "customer_key")
    columns = zip(*rows, strict=True) if rows else ([],) * 4
    return pa.table({name: pa.array(list(values), pa.string()) for name, values in zip(names, columns, strict=True)})


class Site:
    """One home: a build at hand, and what is published."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings(home=home, max_records_gained=MOST)
        self.warehouse = DuckDBWarehouse(self.settings.warehouse_path, self.settings, stays_open=True)
        self.number = 0

    def grown(self, people: People, **guests: int) -> list[tuple[str, int, int, int]]:
        """Key, size, size before, customers before: of the rows that this build adds."""
        self.warehouse.write("core", "customer_identities", identities(people, **guests))
        self.found = identity_growth.find_grown(self.settings, self.warehouse, self.name)
        rows = [row for row in self.found.to_pylist() if row["snapshot_id"] == self.name]
        return [tuple(row.values())[2:] for row in rows]

    def publish(self, people: People, **guests: int) -> None:
        self.grown(people, **guests)
        folder = self.settings.published / self.name / "parquet"
        for name, rows in (
            ("core/customer_identities", identities(people, **guests)),
            ("meta/grown_customers", self.found),
        ):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(rows, folder / f"{name}.parquet")
        pointer = self.settings.published / "current"
        pointer.unlink(missing_ok=True)
        pointer.symlink_to(self.name)
        self.number += 1

    @property
    def name(self) -> str:
        return f"{self.number:06d}-abc"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def of(key: str, size: int, first: int = 0) -> dict[str, str]:
    return {f"R{number}": key for number in range(first, first + size)}


def test_before_the_first_publish_nothing_has_grown(site: Site) -> None:
    assert site.grown(of("a", 50)) == []
    assert identity_growth.judge_growth(site.found, site.name).has_passed


def test_more_records_than_the_setting_are_growth_and_as_many_are_not(site: Site) -> None:
    site.publish(of("a", 5))
    assert site.grown(of("a", 5 + MOST)) == []
    assert site.grown(of("a", 5 + MOST + 1)) == [("a", 9, 5, 1)]
    check = identity_growth.judge_growth(site.found, site.name)
    assert (check.severity, check.has_passed) == ("warning", False)
    assert check.observed == "1 grown customers: cxw identity list grown"


def test_a_new_customer_had_no_records(site: Site) -> None:
    site.publish(of("a", 1))
    assert site.grown(of("a", 1) | of("b", MOST + 1, first=10)) == [("b", MOST + 1, 0, 0)]


def test_an_older_record_that_moves_the_key_is_no_growth(site: Site) -> None:
    site.publish(of("a", 9))
    assert site.grown(of("older", 10)) == []


def test_of_two_that_join_the_smaller_is_the_gain(site: Site) -> None:
    site.publish(of("a", 9) | of("b", MOST, first=10) | of("c", MOST + 1, first=20))
    assert site.grown(of("a", 9) | of("a", MOST, first=10) | of("c", MOST + 1, first=20)) == []
    both = of("a", 9) | of("b", MOST, first=10) | of("a", MOST + 1, first=20)
    assert site.grown(both) == [("a", 13, 9, 2)]


def test_what_was_large_and_is_split_has_not_grown(site: Site) -> None:
    site.publish(of("a", 20))
    assert site.grown(of("a", 10) | of("b", 10, first=10)) == []


def test_events_are_no_records(site: Site) -> None:
    site.publish(of("a", 1))
    assert site.grown(of("a", 1), guests=40) == []


def test_what_was_found_stays_with_its_snapshot(site: Site) -> None:
    site.publish(of("a", 1))
    site.publish(of("a", 10))
    assert site.grown(of("a", 20)) == [("a", 20, 10, 1)]
    assert [row["snapshot_id"][:6] for row in site.found.to_pylist()] == ["000002", "000001"]
    assert site.grown(of("a", 10)) == []
    assert identity_growth.judge_growth(site.found, site.name).has_passed, "an earlier snapshot's are not counted again"


people = st.dictionaries(st.integers(0, 30).map("R{}".format), st.sampled_from("abcd"), max_size=31)


@pytest.fixture(scope="module")
def one_site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("home"))


@given(people, people)
@settings(max_examples=25, deadline=None)
def test_growth_is_the_size_less_the_largest_origin(one_site: Site, before: People, after: People) -> None:
    one_site.publish(before)
    old, new = Counter(before.values()), Counter(after.values())
    expected = []
    for key in sorted(new):
        origins = {before[record] for record, holder in after.items() if holder == key and record in before}
        largest = max((old[origin] for origin in origins), default=0)
        if new[key] - largest > MOST:
            expected.append((key, new[key], largest, len(origins)))
    assert one_site.grown(after) == expected
