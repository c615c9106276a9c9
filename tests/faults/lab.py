"""A home with one published snapshot and one delivery waiting, put back to that state as often as a test likes.

Lives here: the home, its copy, a warm process that runs `cxw` in it, what readers see. Does not live here: what is
done to it (the tests). Landing lies outside of the home: it belongs to the senders, and inodes are part of what intake
remembers of a file.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

import duckdb

from orchestration.crash_points import VARIABLE, CrashPoint
from orchestration.settings import Settings, load_settings
from orchestration.snapshots import current_snapshot, verify

from .mutants import Mutant

TESTS = Path(__file__).parent.parent
EXTRACTS = TESTS / "extracts"
ORDERS = "order_id,customer_id,ordered_at,status,currency_code,updated_at\n"
SOURCES = ["contact_center", "crm", "ecommerce", "finance", "marketing", "survey"]  # also while landing is away
LINES = "order_id,line_number,quantity,unit_price_amount\n"
# What names the snapshot that it was made in cannot be the same after a crash used up a number.
NAMES_ITS_SNAPSHOT = {"core.customer_key_history"}


@dataclass(frozen=True)
class Ended:
    """How a command ended: exit code (negative: the signal), what it said, how long it took."""

    code: int
    said: str
    seconds: float


@dataclass
class Paused:
    """A cycle that stands still; `ended` once it went on."""

    pid: int = 0
    ended: Ended | None = None


class Warm:
    """A process with everything imported and the project parsed, for all labs of the same code and sources.

    It is warmed on the home of the first of them; `parsed` is what dbt left there. It ends with this process.
    """

    _running: ClassVar[dict[tuple[Path, tuple[str, ...]], Warm]] = {}

    def __init__(self, code: Path, home: Path, folder: Path) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(code), str(TESTS)])}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "faults.fork_server", str(home)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=code,
        )  # fmt: skip
        self._process.stdout.readline()
        self.parsed = folder / "parsed"
        shutil.copytree(home / "dbt", self.parsed)

    @classmethod
    def of(cls, code: Path, sources: Sequence[str], home: Path, folder: Path) -> Warm:
        key = (code, tuple(sources))
        if key in cls._running:
            shutil.copytree(cls._running[key].parsed, home / "dbt")
        else:
            cls._running[key] = cls(code, home, folder)
        return cls._running[key]

    def run(self, order: dict) -> dict:
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


class Lab:
    """One home below `folder`. `first` and `second` are the hashes of its two undisturbed snapshots.

    Its landing begins with the files of `extracts`; `settings` are lines of its `cxw.toml`; `code` is the folder whose
    code and models run: the repository, or a copy that a test changes.
    """

    def __init__(
        self, folder: Path, code: Path = TESTS.parent, settings: Sequence[str] | None = None,
        extracts: Path | None = EXTRACTS, sources: Sequence[str] = SOURCES,
    ) -> None:  # fmt: skip
        self.code = code
        self.folder, self.disk, self.landing = folder, folder / "disk", folder / "landing"
        self.home, self._pristine = self.disk / "home", folder / "pristine"
        self.home.mkdir(parents=True)
        if extracts is None:
            self.landing.mkdir()
        else:
            shutil.copytree(extracts, self.landing, ignore=shutil.ignore_patterns("README.md", "cxw.toml"))
        lines = [(EXTRACTS / "cxw.toml").read_text(), "threads = 1"] if settings is None else [*settings]
        lines += [f'landing = "{self.landing}"', "settle_seconds = 0", f"sources = {[*sources]!r}", ""]
        (self.home / "cxw.toml").write_text("\n".join(lines))
        self._warm = Warm.of(code, sources, self.home, folder)

    @property
    def settings(self) -> Settings:
        return load_settings(self.home, {})

    def cxw(
        self, *arguments: str, seconds: float = 300, without_network: bool = False, mutant: Mutant | None = None,
        **environment: str,
    ) -> Ended:  # fmt: skip
        """One command of `cxw` in a process of its own, with one line of the product changed if `mutant` says so."""
        output = self.folder / "said.txt"
        order = {"arguments": arguments, "environment": environment, "output": str(output), "seconds": seconds}
        order |= {"without_network": without_network, "mutant": mutant and asdict(mutant)}
        answer = self._warm.run({**order, "home": str(self.home), "folder": str(self.folder)})
        return Ended(answer["code"], output.read_text(), answer["seconds"])

    def cxw_afresh(self, *arguments: str, seconds: float = 300) -> Ended:
        """The same in a process that imports everything itself: for homes whose dbt folder is gone.

        A fork of the warm process hangs while dbt parses anew; `cxw` as people start it does not.
        """
        command = [sys.executable, "-c", "from orchestration.cli import main; main()", "--home", str(self.home)]
        environment = {**os.environ, "PYTHONPATH": str(self.code)}
        started = time.monotonic()
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, timeout=seconds,
                              cwd=self.code, env=environment)  # fmt: skip
        return Ended(done.returncode, done.stdout + done.stderr, time.monotonic() - started)

    @contextmanager
    def paused_at(self, point: CrashPoint, nth: int = 1, *arguments: str) -> Iterator[Paused]:
        """A cycle that stands still at a point while the body runs, then goes on to its end."""
        paused = Paused()
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(self.cxw, *(arguments or ("run",)), **{VARIABLE: f"{point}:SIGSTOP:{nth}"})
            while not running.done():
                with suppress(FileNotFoundError, ValueError, ProcessLookupError):
                    paused.pid = int((self.folder / "pid").read_text())
                    state = Path(f"/proc/{paused.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
                    if state == "T":
                        break
                time.sleep(0.05)
            assert not running.done(), f"the point was not reached: {running.result().said}"
            try:
                yield paused
            finally:
                with suppress(ProcessLookupError):
                    os.kill(paused.pid, signal.SIGCONT)
                paused.ended = running.result()

    def deliver_next_day(self) -> None:
        """A day of orders, one of its rows bad, a correction of the day before and a delivery that repeats itself."""
        rows = [f"{7000 + n},1001,2026-04-02T10:00:00+02:00,paid,EUR,2026-04-02T10:00:00+02:00\n" for n in range(8)]
        rows.append("7009,1001,yesterday,paid,EUR,2026-04-02T10:00:00+02:00\n")
        self.put("ecommerce.orders", "orders_2026-04-02.csv", ORDERS + "".join(rows))
        self.put("ecommerce.orders", "again_2026-04-02.csv", ORDERS + "".join(rows))
        lines = "".join(f"{7000 + n},1,1,{n}.50\n" for n in range(8))
        self.put("ecommerce.order_lines", "order_lines_2026-04-02.csv", LINES + lines)
        self.put("ecommerce.order_lines", "order_lines_2026-04-02.r2.csv", LINES + lines.replace("3.50", "3.75"))

    def put(self, table: str, name: str, content: str | bytes) -> Path:
        path = self.landing.joinpath(*table.split(".")) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def keep(self) -> None:
        """This state is the one to go back to."""
        shutil.rmtree(self._pristine, ignore_errors=True)
        shutil.copytree(self.home, self._pristine, symlinks=True)

    def restore(self) -> None:
        shutil.rmtree(self.home)
        shutil.copytree(self._pristine, self.home, symlinks=True)

    def hashes(self) -> dict[str, str]:
        """Content hash by published table of the snapshot that readers see; its files are those of its manifest."""
        snapshot_id = current_snapshot(self.settings)
        assert snapshot_id is not None, "readers see nothing"
        assert verify(self.settings, snapshot_id) == [], "a file of the served snapshot is not the one of its manifest"
        manifest = json.loads((self.settings.published / snapshot_id / "manifest.json").read_bytes())
        return {
            f"{table['schema']}.{table['name']}": table["content_hash"]
            for table in manifest["tables"]
            if table["schema"] != "meta" and f"{table['schema']}.{table['name']}" not in NAMES_ITS_SNAPSHOT
        }

    def served_ids(self) -> set[str]:
        """Snapshot ids that the rows of the served marts carry; more than one would be a mixture."""
        path = (self.settings.published / "current" / "cxw.duckdb").resolve()
        with duckdb.connect(str(path), read_only=True) as connection:
            marts = connection.execute("select table_name from duckdb_tables() where schema_name = 'marts'").fetchall()
            found = {row[0] for row in connection.execute("select snapshot_id from meta.snapshot").fetchall()}
            for (mart,) in marts:
                sql = f"select distinct snapshot_id from marts.{mart}"
                found |= {row[0] for row in connection.execute(sql).fetchall()}
        return found

    def run_states(self) -> list[str]:
        """States of all runs that Dagster knows, oldest first."""
        path = self.home / "dagster" / "history" / "runs.db"
        path = path if path.exists() else self.home / "dagster" / "history" / "runs" / "runs.db"
        with sqlite3.connect(path) as connection:
            return [row[0] for row in connection.execute("select status from runs order by id")]

    def leftovers(self) -> list[str]:
        """What a crash may leave and a finished cycle may not."""
        home = self.settings
        places = (home.published.glob(".*"), (home.raw_objects / "incoming").glob("*"), home.typed.glob("incoming/*"))
        return [str(path.relative_to(self.home)) for paths in places for path in paths]


def make_lab(folder: Path, code: Path = TESTS.parent) -> Lab:
    """A lab with its first snapshot published and the next day's files in landing."""
    lab = Lab(folder, code)
    first = lab.cxw("run")
    assert first.code == 0, first.said
    lab.first = lab.hashes()
    lab.deliver_next_day()
    lab.keep()
    return lab
