"""Measure the figures of the README on this machine: `make bench` prints them, `--write` puts them into the README.

Every figure is a whole process with its start-up, as a person waits for it; peak memory is that of the largest process.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CXW = Path(sys.executable).with_name("cxw")
BEGIN, END = "<!-- measured:begin -->", "<!-- measured:end -->"
LAST_DAY = "2011-12-09"


def timed(*command: str, home: Path, expected: tuple[int, ...] = (0,)) -> float:
    """Wall seconds of a command; its output only when it ends otherwise than expected."""
    started = time.perf_counter()
    done = subprocess.run(
        command, env={**os.environ, "CXW_HOME": str(home)}, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - started
    if done.returncode not in expected:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return seconds


def without_the_last_day(landing: Path, aside: Path) -> None:
    for path in landing.glob(f"*/*/*{LAST_DAY}*"):
        target = aside / path.relative_to(landing)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)


def measure(work: Path) -> list[tuple[str, str]]:
    home = work / "home"
    figures = []
    help_seconds = min(timed(str(CXW), "--help", home=home) for _ in range(5))
    figures.append(("`cxw --help`", f"{help_seconds:.2f} s"))
    demo_seconds = timed(str(CXW), "demo", home=home)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024**2
    figures.append(
        ("`cxw demo`: 541,909 lines, 15 tables × 374 extract dates, from files to marts", f"{demo_seconds:.0f} s")
    )
    figures.append(("peak memory of the largest process", f"{peak:.2f} GiB"))
    figures.append(("a cycle with nothing new", f"{timed(str(CXW), 'run', home=home):.1f} s"))
    load = "from orchestration.definitions import build_definitions as b; b().get_repository_def()"
    figures.append(("code location loads", f"{timed(sys.executable, '-c', load, home=home):.1f} s"))

    day_home, aside = work / "day", work / "aside"
    day_home.mkdir()
    shutil.copy(home / "cxw.toml", day_home / "cxw.toml")
    shutil.copytree(home / "landing", day_home / "landing")
    without_the_last_day(day_home / "landing", aside)
    first = timed(str(CXW), "run", home=day_home)
    figures.append(("the cycle alone, 373 extract dates", f"{first:.0f} s"))
    shutil.copytree(aside, day_home / "landing", dirs_exist_ok=True)
    figures.append(("a cycle with one new day", f"{timed(str(CXW), 'run', home=day_home):.1f} s"))
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into README.md")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder))
    day = datetime.now(UTC).date()
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {day}"
    table = "\n".join([f"| {machine} | |", "|---|---|", *(f"| {what} | {figure} |" for what, figure in figures)])
    sys.stdout.write(table + "\n")
    if arguments.write:
        readme = ROOT / "README.md"
        before, _, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
        after = rest.partition(END)[2]
        readme.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
