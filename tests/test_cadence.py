"""Through which date a table is observed."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from deliveries import orders

from orchestration.cadence import observe
from orchestration.ledger import Ledger
from orchestration.ledger_rows import Delivery


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "ledger.sqlite") as opened:
        yield opened


def january(day: int) -> date:
    return date(2024, 1, day)


def arrive(ledger, *days, state="accepted", table="orders", stem="orders"):
    for day in days:
        moment = january(day) if isinstance(day, int) else day
        ledger.record([Delivery("shop", table, f"{stem}_{moment}.csv", f"{stem}{moment}{state}", moment, 1, state)])


def through(ledger, cadence="daily"):
    found = observe(orders(cadence=cadence), ledger)
    return found and found.observed_through


def test_a_table_that_never_arrived_has_no_say(ledger):
    arrive(ledger, 1, table="refunds")
    assert observe(orders(), ledger) is None


def test_days_in_any_order_are_observed_through_the_newest(ledger):
    arrive(ledger, 3, 1, 2)
    assert through(ledger) == january(3)


def test_a_missing_day_stops_it_until_it_comes_or_a_person_accepts_the_gap(ledger):
    arrive(ledger, 1, 2, 4)
    found = observe(orders(), ledger)
    assert (found.observed_through, found.missing_dates) == (january(2), (january(3),))
    ledger.accept_gap("shop", "orders", january(3), why="holiday", accepted_by="kim")
    assert through(ledger) == january(4)


def test_a_table_owes_up_to_the_newest_date_of_any_table_and_never_up_to_today(ledger):
    arrive(ledger, 1, 2)
    assert through(ledger) == january(2)
    arrive(ledger, 4, table="refunds")
    assert observe(orders(), ledger).missing_dates == (january(3), january(4))


def test_nothing_is_owed_before_the_first_delivery(ledger):
    arrive(ledger, 1, table="refunds")
    arrive(ledger, 5)
    found = observe(orders(), ledger)
    assert (found.first_extract_date, found.observed_through, found.missing_dates) == (january(5), january(5), ())


@pytest.mark.parametrize("state", ["refused", "held"])
def test_a_refused_file_makes_its_date_incomplete_even_beside_an_accepted_one(ledger, state):
    arrive(ledger, 1, 2, 3)
    arrive(ledger, 2, state=state, stem="second part")
    found = observe(orders(), ledger)
    assert (found.observed_through, found.refused_dates, found.missing_dates) == (january(1), (january(2),), ())


def test_a_corrected_file_under_the_same_name_makes_its_date_good(ledger):
    arrive(ledger, 1, 3)
    arrive(ledger, 2, state="refused")
    assert through(ledger) == january(1)
    ledger.record([Delivery("shop", "orders", "orders_2024-01-02.r2.csv.gz", "x", january(2), 2, "accepted")])
    assert through(ledger) == january(3)


def test_a_person_may_accept_a_refused_date(ledger):
    arrive(ledger, 1, 3)
    arrive(ledger, 2, state="refused")
    ledger.accept_gap("shop", "orders", january(2), why="lost", accepted_by="kim")
    assert through(ledger) == january(3)


def test_a_refused_first_date_leaves_nothing_observed(ledger):
    arrive(ledger, 1, 2)
    arrive(ledger, 1, state="refused", stem="second part")
    assert through(ledger) is None
    assert observe(orders(), ledger).complete_through == january(1) - timedelta(days=1)  # so no window is final


def test_a_weekly_table_owes_one_date_in_seven_once_they_are_over(ledger):
    arrive(ledger, 1, 9)
    assert through(ledger, "weekly") == january(9)
    arrive(ledger, 20, table="refunds")
    assert through(ledger, "weekly") == january(9)
    arrive(ledger, 22, table="refunds")
    found = observe(orders(cadence="weekly"), ledger)
    assert (found.observed_through, found.missing_dates) == (january(9), (january(21),))


def test_a_monthly_table_owes_one_date_in_each_calendar_month(ledger):
    arrive(ledger, 5, date(2024, 2, 3))
    arrive(ledger, date(2024, 4, 10), table="refunds")
    found = observe(orders(cadence="monthly"), ledger)
    assert (found.observed_through, found.missing_dates) == (date(2024, 2, 3), (date(2024, 3, 31),))


def test_an_irregular_table_owes_nothing(ledger):
    arrive(ledger, 5)
    arrive(ledger, 20, table="refunds")
    assert through(ledger, "irregular") == january(20)
    arrive(ledger, 10, state="refused")
    assert through(ledger, "irregular") == january(9)
