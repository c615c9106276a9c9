"""One company through the whole pipeline and against the reference: `python -m tests.oracle.trial 1 2 3`.

Lives here: running `cxw run` on a company's landing files in a folder of its own. Does not live here: what is
compared (`compare.py`).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from .company import Company, company, write_landing
from .compare import Difference, compare, reads_of

_SHOWN = 40
_PUBLISHED_CODES = (0, 4)  # 4: published, and something was refused, held or missing


def try_company(subject: Company, folder: Path) -> list[Difference]:
    """Land the company below `folder`, run one cycle, compare what was published.

    Raises:
        RuntimeError: the cycle did not publish; the message ends with its output.
    """
    home, landing = folder / "home", folder / "landing"
    write_landing(subject, landing)
    environment = {**os.environ, **subject.environment(), "CXW_HOME": str(home), "CXW_LANDING": str(landing)}
    environment["CXW_SETTLE_SECONDS"] = "0"
    command = [str(Path(sys.executable).with_name("cxw")), "run"]
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if finished.returncode not in _PUBLISHED_CODES:
        raise RuntimeError(f"{subject.name}: exit code {finished.returncode}\n{finished.stdout}\n{finished.stderr}")
    manifests = sorted(home.rglob("manifest.json"), key=lambda path: path.stat().st_mtime)
    reads = next((found for path in reversed(manifests) if (found := _reads(path))), {})
    return compare(home / "published" / "current" / "cxw.duckdb", subject, reads)


def _reads(manifest: Path) -> dict[str, tuple[str, ...]]:
    try:
        return reads_of(manifest)
    except KeyError:  # the manifest of a snapshot, which is none of dbt's
        return {}


def main(numbers: list[str]) -> int:
    """Try companies by number; returns 1 when any of them disagrees."""
    has_failed = False
    for number in numbers:
        folder = Path(tempfile.mkdtemp(prefix=f"company_{number}_"))
        differences = try_company(company(int(number)), folder)
        has_failed |= bool(differences)
        sys.stdout.write(f"company {number}: {len(differences)} differences\n")
        sys.stdout.writelines(f"  {difference}\n" for difference in differences[:_SHOWN])
        if differences:
            sys.stdout.write(f"  kept in {folder}\n")
        else:
            shutil.rmtree(folder)
    return int(has_failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
