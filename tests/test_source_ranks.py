"""The seeds of survivorship: every row of source_ranks speaks of something that survives, and none speaks twice."""

import csv
import re
from pathlib import Path

from orchestration.identity_customers import ENTITIES

PROJECT = Path(__file__).parent.parent / "dbt_project"


def rows(name: str) -> list[dict[str, str]]:
    with (PROJECT / "seeds" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_ranks_name_tables_and_attributes_that_exist() -> None:
    model = (PROJECT / "models" / "conformed" / "int_customers__survivors.sql").read_text(encoding="utf-8")
    attributes = set(re.findall(r"^    '(\w+)': ", model, re.M))
    for row in rows("source_ranks"):
        assert row["source_table"] in {"", *ENTITIES}
        assert row["attribute"] in {"", *attributes}
        assert int(row["source_rank"]) >= 0


def test_no_two_ranks_are_for_the_same() -> None:
    places = [(row["source_system"], row["source_table"], row["attribute"]) for row in rows("source_ranks")]
    assert len(set(places)) == len(places)


def test_countries_are_all_of_the_standard() -> None:
    codes = [row["country_code"] for row in rows("country_codes")]
    assert len(codes) == len(set(codes)) == 249 and "NA" in codes and "UK" not in codes
    assert all(re.fullmatch("[A-Z]{2}", code) for code in codes)
