"""The recorded bad day of the docs is what the commands say today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from bad_day_walk import ROOT, walk

from tests.conftest import make_home

from .lab import Warm


@pytest.mark.fault("F36", "F65", "C10", done="the bad day of docs/bad_day.md, command by command",
                   seen="every answer as recorded there")  # fmt: skip
def test_the_recorded_bad_day_is_current(tmp_path: Path) -> None:
    home, notes = make_home(tmp_path / "home").home, tmp_path / "notes"
    notes.mkdir()
    warm, output, errors = Warm(ROOT, home, notes), notes / "output", notes / "errors"

    def cxw(words: Sequence[str], settings: Mapping[str, str]) -> tuple[int, str]:
        order = {"arguments": words, "environment": settings, "output": str(output), "errors": str(errors)}
        code = warm.run({**order, "home": str(home), "folder": str(notes)})["code"]
        return code, output.read_text(encoding="utf-8") + errors.read_text(encoding="utf-8")

    assert walk(home, cxw) == (ROOT / "docs" / "bad_day.md").read_text(encoding="utf-8")
