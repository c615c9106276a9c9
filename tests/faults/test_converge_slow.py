"""Any history of deliveries ends in the same marts: the slow lane, through the real dbt and Dagster.

A random company is delivered in pieces: in any order, its files cut, shuffled and partly repeated, between cycles that
are killed, backfills, rebuilds and lost folders. In the end every cell is the one of the second opinion in plain Python
(`tests/oracle`), and every hash the one of a home that got everything in one go. Does not live here: intake and
precedence alone, thousands of times (`test_converge_fast.py`), every crash point (`crashes.py`).
`FAULT_HISTORIES=50` makes a night of it; a history that once failed is kept in `ONCE_FAILED`.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import duckdb
import pytest
from oracle.company import Company, company, write_landing
from oracle.compare import compare, reads_of

from orchestration.crash_points import VARIABLE, CrashPoint
from orchestration.snapshots import current_snapshot

from .lab import ORDERS, Lab
from .mutants import Mutant

ONCE_FAILED: tuple[int, ...] = ()  # numbers of companies
HISTORIES = [*ONCE_FAILED, *range(501, 501 + int(os.environ.get("FAULT_HISTORIES", "1")))]
PUBLISHED = (0, 4)
REFUNDS = "refund_id,order_id,refunded_at,amount,currency_code\n"


class History:
    """One home, one company whose files come bit by bit, and what a reader has seen so far."""

    def __init__(self, lab: Lab, subject: Company, random_numbers: random.Random) -> None:
        self.lab, self.subject, self.random = lab, subject, random_numbers
        self.waiting = list(subject.deliveries)
        self.served: list[str] = []
        self.said: list[str] = []

    def deliver(self) -> None:
        """Some of the files that are still to come; one of them again under another name."""
        count = self.random.randint(1, max(1, len(self.waiting) // 2))
        part, self.waiting = self.waiting[:count], self.waiting[count:]
        paths = write_landing(replace(self.subject, deliveries=tuple(part)), self.lab.landing)
        if paths:
            again = self.random.choice(paths)
            shutil.copy(again, again.with_name(f"again-{again.name}"))

    def run(self) -> None:
        self._do("run")

    def backfill(self) -> None:
        days = sorted({delivery.extract_date for delivery in self.subject.deliveries})
        first, last = sorted(self.random.choices(days, k=2))
        self._do("backfill", "--from", str(first), "--to", str(last))

    def rebuild(self) -> None:
        self._do("rebuild")

    def crash(self) -> None:
        """SIGKILL at a random point, if the cycle comes to it; readers see what they saw, or a whole N+1."""
        before = self._hashes()
        point = self.random.choice(list(CrashPoint))
        ended = self.lab.cxw("run", **self.environment, **{VARIABLE: f"{point}:SIGKILL"})
        self.said.append(f"run killed at {point}: {ended.code}")
        if ended.code == -9 and point not in (CrashPoint.PUBLISH_POINTED, CrashPoint.PUBLISH_RECORDED):
            assert self._hashes() == before, self.said
        self._look()

    def lose(self) -> None:
        """A folder that can be made again is gone."""
        settings = self.lab.settings
        lost = self.random.choice([settings.build, settings.typed])
        shutil.rmtree(lost, ignore_errors=True)
        self.said.append(f"lost {lost.name}")

    @property
    def environment(self) -> dict[str, str]:
        return self.subject.environment()

    def _do(self, *arguments: str) -> None:
        ended = self.lab.cxw(*arguments, **self.environment)
        self.said.append(f"{' '.join(arguments)}: {ended.code}")
        assert ended.code in PUBLISHED, f"{self.said}\n{ended.said}"
        self._look()

    def _look(self) -> None:
        """C16: every mart of the same snapshot, and never an older one than before."""
        snapshot_id = current_snapshot(self.lab.settings)
        if snapshot_id is not None:
            assert self.lab.served_ids() <= {snapshot_id}, self.said
            assert snapshot_id >= max(self.served, default=""), self.said
            self.served.append(snapshot_id)

    def _hashes(self) -> dict[str, str]:
        return self.lab.hashes() if current_snapshot(self.lab.settings) else {}


def bare_lab(folder: Path) -> Lab:
    """A home without any delivery; a company's settings come with each command."""
    return Lab(folder, settings=["threads = 1"], extracts=None)


@pytest.fixture(scope="module")
def new_lab(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Lab]:
    return lambda name: bare_lab(tmp_path_factory.mktemp(name))


@pytest.fixture(scope="module")
def at_once(new_lab: Callable[[str], Lab]) -> Callable[[int], Lab]:
    """A home that got a company's files in one go and ran once; a test may leave it with the same marts only."""

    @cache
    def make(number: int) -> Lab:
        lab, whole = new_lab(f"at_once_{number}"), company(number)
        write_landing(whole, lab.landing)
        ended = lab.cxw("run", **whole.environment())
        assert ended.code in PUBLISHED, ended.said
        return lab

    return make


@pytest.mark.fault(
    "C1", "C2", "C3", "C4", "C5", "C6", "C11", "C15", "C16", "F91",
    done="company {number} in shuffled pieces, between killed cycles, backfills, rebuilds and lost folders",
    seen="every cell as plain Python computes it; hashes of one go and of this history are equal",
)  # fmt: skip
@pytest.mark.parametrize("number", HISTORIES)
def test_any_history_ends_in_the_same_marts(
    number: int, new_lab: Callable[[str], Lab], at_once: Callable[[int], Lab], seen: Callable[[str], None]
) -> None:
    whole, numbers = company(number), random.Random(number)
    history = History(new_lab(f"history_{number}"), whole.scattered(numbers), numbers)
    steps = [history.run, history.crash, history.crash, history.lose, history.backfill, history.rebuild]
    numbers.shuffle(steps)
    for step in steps[:4]:
        history.deliver()
        step()
    while history.waiting:
        history.deliver()
    history.run()
    lab = history.lab
    reads = reads_of(lab.settings.dbt_target / "manifest.json")
    published = (lab.settings.published / "current" / "cxw.duckdb").resolve()
    assert [str(each) for each in compare(published, whole, reads)] == [], history.said
    assert lab.hashes() == at_once(number).hashes(), history.said
    seen("; ".join(history.said))


RESOURCES = [{"CXW_THREADS": "1", "CXW_MEMORY_LIMIT": "200MB"}, {"CXW_THREADS": "2"}, {"CXW_THREADS": "4"}]


@pytest.mark.fault("C6", "C12", "M9", "M10",
                   done="company 501 rebuilt with 1 thread in 200 MB, with 2 and with 4 threads",
                   seen="the hashes of its run in one go")  # fmt: skip
def test_neither_rebuilds_nor_threads_nor_memory_change_a_number(at_once: Callable[[int], Lab]) -> None:
    lab, subject = at_once(501), company(501)
    before = lab.hashes()
    for resources in RESOURCES:
        ended = lab.cxw("rebuild", **subject.environment(), **resources)
        assert ended.code in PUBLISHED, ended.said
        assert lab.hashes() == before, resources


TOTALS = {
    "marts.mart_orders__day": "sum(order_count), sum(ordered_revenue_amount)",
    "core.fct_orders": "count(*)",
    "core.fct_sessions": "count(*)",
    "core.fct_interactions": "count(*)",
    "core.fct_survey_responses": "count(*)",
}


@pytest.mark.fault("C17", "F77", done="the same deliveries read in Auckland and in Los Angeles",
                   seen="days differ, no event is lost or counted twice")  # fmt: skip
def test_a_shifted_zone_neither_loses_nor_doubles(new_lab: Callable[[str], Lab]) -> None:
    lab, found, days = new_lab("zones"), [], []
    subject = replace(company(HISTORIES[0]), overrides={"reporting_currency": "EUR"})
    one_currency = subject.with_rows(lambda _, row: {**row, "currency_code": "EUR"} if "currency_code" in row else row)
    write_landing(one_currency, lab.landing)
    for zone in ("Pacific/Auckland", "America/Los_Angeles"):
        ended = lab.cxw("rebuild" if found else "run", CXW_REPORTING_ZONE=zone, CXW_REPORTING_CURRENCY="EUR")
        assert ended.code in PUBLISHED, ended.said
        path = (lab.settings.published / "current" / "cxw.duckdb").resolve()
        with duckdb.connect(str(path), read_only=True) as connection:
            read = "select {} from {}"
            found.append([connection.execute(read.format(what, of)).fetchall() for of, what in TOTALS.items()])
            days.append(connection.execute("select * from core.fct_orders order by order_key").fetchall())
    assert found[0] == found[1]
    assert days[0] != days[1], "a zone that moves no order's day shows nothing"


# One gate alone is not enough: the door, the ledger's held dates and the window all ask what failed.
PUBLISH_BEFORE_AUDIT = Mutant("orchestration.check_results", "failures", "return [", "return [] and [")


@pytest.mark.fault("F5", "C4", done="mutant: publish before audit", seen="the same property fails under it")
def test_publishing_before_the_audit_would_be_noticed(new_lab: Callable[[str], Lab]) -> None:
    lab = new_lab("audit")
    orders = "".join(f"{n},c{n % 7},2024-01-05T10:00:00Z,paid,EUR,2024-01-05T10:00:00Z\n" for n in range(60))
    lab.put("ecommerce.orders", "orders_2024-01-05.csv", ORDERS + orders)
    assert lab.cxw("run").code in PUBLISHED
    before = lab.hashes()
    refunds = "".join(f"{n},{n},2024-01-06T10:00:00Z,{'-' if n < 10 else ''}0.05,EUR\n" for n in range(60))
    lab.put("ecommerce.refunds", "refunds_2024-01-06.csv", REFUNDS + refunds)
    held = lab.cxw("run")
    assert held.code == 1 and lab.hashes() == before, held.said
    mutated = lab.cxw("run", mutant=PUBLISH_BEFORE_AUDIT)
    assert lab.hashes() != before, f"nothing would notice a publish before its audit: {mutated.said}"
