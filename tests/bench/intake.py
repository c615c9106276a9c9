"""Measure intake: its speed beside DuckDB's own on the same files, and its peak memory on files of growing size.

`python tests/bench/intake.py speed` reads csv.gz files of at least five million rows, in turns: DuckDB alone, as text,
into a table in memory; then intake with every guard, from landing file to ledger row.
`python tests/bench/intake.py memory` takes in one csv each of the sizes given, every one in a process of its own, with
broken rows, repeated rows and quoted line ends in it. `--write` puts the table into the README.
"""

from __future__ import annotations

import argparse
import gzip
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
BEGIN, END = "<!-- intake:begin -->", "<!-- intake:end -->"
FIRST_DAY = date(2026, 3, 1)
HEADER = (
    "order_id,customer_id,email,ordered_at,status,currency_code,discount_amount,shipping_amount,tax_amount,"
    "total_amount,source_channel,utm_source,utm_medium,utm_campaign,is_test,updated_at\n"
)
_BLOCK_ROWS, _TURNS = 10_000, 5
_BROKEN_EVERY, _TWICE_EVERY, _QUOTED_EVERY = 997, 1009, 101


def rows(first: int, count: int, day: date, *, is_bad: bool) -> str:
    """Rows of orders, the same for the same arguments; some broken, repeated or quoted when `is_bad`."""
    lines = []
    for number in range(first, first + count):
        clock = f"{number % 24:02d}:{number % 60:02d}:{number * 7 % 60:02d}"
        cents = number * 37 % 100_000
        total = f"{cents // 100}.{cents % 100:02d}"
        campaign = "spring"
        if is_bad and number % _QUOTED_EVERY == 0:
            campaign = '"spring, ""new""\nline"'
        if is_bad and number % _BROKEN_EVERY == 0:
            total = "12,5O" if number % 2 else "1e9"
        line = (
            f"{number},{number % 400_000},p{number % 400_000}@example.com,{day}T{clock}+01:00,paid,EUR,0.00,4.90,"
            f"{cents % 1900 / 100:.2f},{total},web,google,cpc,{campaign},false,{day}T{clock}+01:00\n"
        )
        lines.append(line)
        if is_bad and number % _TWICE_EVERY == 0:
            lines.append(line)
    return "".join(lines)


def write_file(path: Path, day: date, first: int, *, row_count: int = 0, bytes_wanted: int = 0, is_bad: bool) -> int:
    """A csv or csv.gz of so many rows, or of at least so many bytes; returns the rows written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    number = first
    with gzip.open(path, "wt", 6, newline="") if path.suffix == ".gz" else path.open("w", newline="") as file:
        written = file.write(HEADER)
        while (number - first < row_count) if row_count else (written < bytes_wanted):
            written += file.write(rows(number, _BLOCK_ROWS, day, is_bad=is_bad))
            number += _BLOCK_ROWS
    return number - first


def take_in(home: Path, *, with_suite: bool) -> tuple[float, int, int]:
    """Seconds, rows in and rows accepted of one intake of everything below the home's landing folder."""
    from contract_files import contracts

    from orchestration.landing import ingest
    from orchestration.ledger import Ledger
    from orchestration.rules import load_suites
    from orchestration.settings import Settings
    from orchestration.suites import row_rules

    settings = Settings(home=home, landing=home / "landing", settle_seconds=0)
    contract = contracts(settings)["ecommerce.orders"]
    rules = row_rules(load_suites(ROOT / "expectations")[contract.name]) if with_suite else None
    with Ledger(settings.ledger_path) as ledger:
        started = time.perf_counter()
        done = ingest(contract, settings, ledger, row_rules=rules)
        seconds = time.perf_counter() - started
    refused = [delivery.reason for delivery in done.in_state("refused", "held")]
    if refused:
        sys.exit(refused[0])
    return seconds, done.total("rows_in"), done.total("rows_accepted")


def read_as_text(files: list[Path]) -> tuple[float, int]:
    """Seconds and rows of DuckDB alone, every column as text, into a table in memory, with two threads as intake."""
    import duckdb

    with duckdb.connect(config={"threads": 2}) as connection:
        started = time.perf_counter()
        connection.execute("create table delivered as from read_csv(?, all_varchar = true)", [list(map(str, files))])
        seconds = time.perf_counter() - started
        (count,) = connection.execute("select count(*) from delivered").fetchone()
    return seconds, count


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")


def child(*arguments: str) -> list[str]:
    """A measurement in a process of its own: the words that it prints."""
    done = subprocess.run([sys.executable, __file__, *arguments], capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return done.stdout.split()


def measure_speed(work: Path, file_count: int, rows_per_file: int) -> list[tuple[str, str]]:
    home = work / "speed"
    folder = home / "landing" / "ecommerce" / "orders"
    for number in range(file_count):
        day = FIRST_DAY + timedelta(days=number)
        path = folder / f"orders_{day}.csv.gz"
        write_file(path, day, number * rows_per_file, row_count=rows_per_file, is_bad=False)
    pairs = []
    for _ in range(_TURNS):
        for made in set(home.iterdir()) - {home / "landing"}:
            shutil.rmtree(made) if made.is_dir() else made.unlink()
        alone = float(child("read", str(folder))[0])
        seconds, taken, _ = child("take", str(home))
        pairs.append((alone / float(seconds), alone, float(seconds)))
    share, alone, seconds = sorted(pairs)[_TURNS // 2]
    rows_in = int(taken)
    return [
        (f"DuckDB alone, {rows_in:,} rows of csv.gz as text", f"{rows_in / alone:,.0f} rows/s"),
        ("intake of the same files, every guard, at once after it", f"{rows_in / seconds:,.0f} rows/s"),
        (f"share of DuckDB's own speed, the middle one of {_TURNS} turns", f"{share:.0%}"),
        ("its range", f"{min(pairs)[0]:.0%} to {max(pairs)[0]:.0%}"),
    ]


def measure_memory(work: Path, sizes: list[int]) -> list[tuple[str, str]]:
    figures = []
    for megabytes in sizes:
        home = work / f"memory-{megabytes}"
        path = home / "landing" / "ecommerce" / "orders" / f"orders_{FIRST_DAY}.csv"
        write_file(path, FIRST_DAY, 0, bytes_wanted=megabytes * 1_000_000, is_bad=True)
        seconds, rows_in, accepted, peak = child("take", str(home), "--peak")
        figures.append(
            (
                f"peak memory of intake, one csv of {megabytes:,} MB ({int(rows_in):,} rows,"
                f" {int(rows_in) - int(accepted):,} of them broken or twice)",
                f"{int(peak) / 1024:,.0f} MiB, {float(seconds):.0f} s",
            )
        )
        subprocess.run(["rm", "-rf", str(home)], check=True)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("speed", "memory", "all", "read", "take"))
    parser.add_argument("folder", nargs="?", type=Path, help="of the child measurements")
    parser.add_argument("--files", type=int, default=5)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of each file")
    parser.add_argument("--sizes", type=int, nargs="+", default=[250, 1000, 2000], help="megabytes")
    parser.add_argument("--suite", action="store_true", help="with the rules of the table's suite")
    parser.add_argument("--peak", action="store_true")
    parser.add_argument("--write", action="store_true", help="put the table into README.md")
    arguments = parser.parse_args()
    if arguments.what in ("read", "take"):
        import pandas  # noqa: F401 (the engine imports it as it is first used: 0.3 s that are neither side's)
    if arguments.what == "read":
        say(*read_as_text(sorted(arguments.folder.iterdir())))
        return
    if arguments.what == "take":
        found = take_in(arguments.folder, with_suite=arguments.suite)
        say(*found, *([resource.getrusage(resource.RUSAGE_SELF).ru_maxrss] if arguments.peak else []))
        return
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        if arguments.what in ("speed", "all"):
            figures += measure_speed(Path(folder), arguments.files, arguments.rows)
        if arguments.what in ("memory", "all"):
            figures += measure_memory(Path(folder), arguments.sizes)
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {datetime.now(UTC).date()}"
    table = "\n".join([f"| {machine} | |", "|---|---|", *(f"| {what} | {figure} |" for what, figure in figures)])
    say(table)
    if arguments.write:
        readme = ROOT / "README.md"
        before, _, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
        after = rest.partition(END)[2]
        readme.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
