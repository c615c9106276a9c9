"""The recorded bad day of the docs is what the commands say today."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from bad_day_walk import ROOT, walk

from tests.conftest import make_home


@pytest.mark.fault("F36", "F65", "C10", done="the bad day of docs/bad_day.md, command by command",
                   seen="every answer as recorded there")  # fmt: skip
def test_the_recorded_bad_day_is_current(tmp_path: Path) -> None:
    home, notes = make_home(tmp_path / "home").home, tmp_path / "notes"
    notes.mkdir()
    command = [sys.executable, "-m", "faults.fork_server", str(home), str(notes)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, cwd=ROOT, **pipes) as server:
        server.stdout.readline()

        def cxw(words: Sequence[str], settings: Mapping[str, str]) -> tuple[int, str]:
            output, errors = notes / "output", notes / "errors"
            order = {"arguments": words, "environment": settings, "output": str(output), "errors": str(errors)}
            server.stdin.write(json.dumps(order) + "\n")
            server.stdin.flush()
            code = json.loads(server.stdout.readline())["code"]
            return code, output.read_text(encoding="utf-8") + errors.read_text(encoding="utf-8")

        told = walk(home, cxw)
        server.stdin.close()
    assert told == (ROOT / "docs" / "bad_day.md").read_text(encoding="utf-8")
