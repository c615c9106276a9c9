"""The error catalogue: complete, shown by `cxw errors`, and the page of the docs made from it."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestration.cli import cxw
from orchestration.errors import CATALOGUE, FAMILIES, CxwError, as_page, family

PAGE = Path(__file__).parent.parent / "docs" / "errors.md"


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_every_code_has_cause_remedy_and_example(code):
    entry = CATALOGUE[code]
    assert entry.cause and entry.remedy and code in entry.example
    assert entry.exit_code in (1, 2, 3, 4)
    assert family(code) in FAMILIES


def test_the_page_of_the_docs_is_made_from_the_catalogue():
    assert PAGE.read_text(encoding="utf-8") == as_page(), "run: python -m orchestration.errors > docs/errors.md"


def test_one_code_is_shown_in_full_and_all_of_them_in_a_line_each():
    one = CliRunner().invoke(cxw, ["errors", "e-lnd-009"])
    assert one.exit_code == 0 and "gzip ends early at byte" in one.output and "remedy" in one.output
    every = CliRunner().invoke(cxw, ["errors"])
    assert all(code in every.output for code in CATALOGUE)
    assert CliRunner().invoke(cxw, ["errors", "E-NOT-001"]).exit_code == 2


def test_an_unknown_code_cannot_be_raised():
    with pytest.raises(KeyError):
        CxwError("E-NOT-001", "no such error")
