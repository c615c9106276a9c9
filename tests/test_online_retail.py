"""The real shop through the whole path, from its files to the published marts: every figure of RECONCILIATION.md.

Lives here: reading that page and running its SQL. The generated sources of the demo are left out: no figure of the
real shop depends on them.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from oracle.pipeline import Build, Pipeline

from orchestration.demo import deliveries, shop

pytestmark = pytest.mark.pipeline
PAGE = Path(deliveries.__file__).parent / "RECONCILIATION.md"
ENVIRONMENT = {"CXW_REPORTING_CURRENCY": "GBP", "CXW_REPORTING_ZONE": "Europe/London"}
Figures = list[tuple[str, tuple[Decimal, ...], str]]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Build:
    folder = tmp_path_factory.mktemp("shop")
    deliveries.deliver_shop(shop.read_shop(), folder / "landing")
    return Pipeline(folder, (shop.SOURCE,)).run(folder / "landing", folder / "home", ENVIRONMENT)


@pytest.fixture(scope="module")
def published(built: Build) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(built.database), read_only=True) as connection:
        yield connection


def figures(heading: str) -> Figures:
    """(what, figures, SQL) of each row of the section's table; a condition is completed by the section's query."""
    section = PAGE.read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    start = re.search(r"Each row is `([^`]+)`", section)
    rows: Figures = []
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        numbers = tuple(Decimal(cell.replace(",", "")) for cell in cells if re.fullmatch(r"-?[\d,]+(\.\d+)?", cell))
        sql = re.search(r"`((?:[^`])+)`", " | ".join(cells[1:]))
        if numbers and sql:
            rows.append((cells[0], numbers, f"{start[1]} {sql[1]}" if start else sql[1]))
    return rows


ALL_FIGURES = [
    figure
    for heading in re.findall(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), flags=re.M)
    for figure in figures(heading)
]


def test_the_page_has_the_known_numbers():
    known = {what.strip("* "): numbers for what, numbers, _ in ALL_FIGURES}
    assert known["all lines"] == (541_909, Decimal("9747747.934"))
    assert known["of these, cancellations"][1] == Decimal("-896812.49")
    assert known["of these, lines without a customer"] == (135_080, Decimal("1447682.12"))
    assert known["December 2010 cohort, as the mart has it"] == (885,)
    assert known["December 2010 cohort over every type of invoice"] == (948,)
    assert (known["– with two or more"], known["customers: at least one order that counts"]) == ((2_845,), (4_338,))
    quarters = [numbers[0] for _, numbers, sql in ALL_FIGURES if "quarter" in sql]
    assert quarters == [1_812, 2_024, 813, 1_084, 127]


def test_every_line_of_the_file_is_one_thing():
    rows = [numbers for _, numbers, _ in figures("What is a sale, what is shipping, what is a refund, what is no sale")]
    assert tuple(map(sum, zip(*rows[:11], strict=True))) == rows[11]


def test_nothing_was_refused_and_every_check_holds(built: Build):
    assert (built.refusals, built.failures) == ((), [])


@pytest.mark.parametrize(("numbers", "sql"), [each[1:] for each in ALL_FIGURES], ids=[each[0] for each in ALL_FIGURES])
def test_figure(published: duckdb.DuckDBPyConnection, numbers: tuple[Decimal, ...], sql: str):
    assert published.execute(sql).fetchone() == numbers
