"""The table says what the run showed, also when that is nothing."""

from faults.table import Shown, write_table


def test_cases_of_one_injection_share_a_row_that_fails_with_its_worst(tmp_path):
    shown = [Shown(("M1", "F3"), "killed", "whole", outcome, 1.0) for outcome in ("pass", "FAIL", "pass")]
    write_table(tmp_path / "README.md", [*shown, Shown(("S1",), "asked", "refused", "pass", 0.5)])
    text = (tmp_path / "README.md").read_text()
    assert "| F3, M1 | killed | whole | FAIL | 3.0 |" in text
    assert "| S1 | asked | refused | pass | 0.5 |" in text
    assert "1 of 93 catalogued faults injected, 2 rows, 1 failed" in text


def test_a_fault_that_nobody_injects_is_said(tmp_path):
    write_table(tmp_path / "README.md", [])
    assert "| F1 | no test | | – | – |" in (tmp_path / "README.md").read_text()
