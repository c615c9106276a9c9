"""The recorded bad day of the docs is what the commands say today."""

from __future__ import annotations

from pathlib import Path

import pytest
from bad_day_walk import ROOT, walk


@pytest.mark.fault("F36", "F65", "C10", done="the bad day of docs/bad_day.md, command by command",
                   seen="every answer as recorded there")  # fmt: skip
def test_the_recorded_bad_day_is_current(tmp_path: Path) -> None:
    assert walk(tmp_path) == (ROOT / "docs" / "bad_day.md").read_text(encoding="utf-8")
