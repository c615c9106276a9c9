"""Faults of meaning (E) that single files cannot show: each names the tests that do, and they must exist.

A dbt unit test shows one model's rule, a test of the oracle shows it in whole companies, where every mart is compared
with it cell by cell (`tests/oracle/test_pipeline.py`).
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.faults_reduced
ROOT = Path(__file__).parent.parent.parent


def _dbt_tests() -> set[str]:
    """Names of the dbt unit tests beside the models."""
    files = (ROOT / "dbt_project" / "models").rglob("_*.yml")
    return {name for path in files for name in re.findall(r"- name: (\w+__\w+__\w+)", path.read_text(encoding="utf-8"))}


def _python_tests() -> set[str]:
    files = (ROOT / "tests").rglob("test_*.py")
    return {name for path in files for name in re.findall(r"def (test_\w+)", path.read_text(encoding="utf-8"))}


SHOWN_BY = {
    "F70": (
        "mart_orders__day__refunds_stand_on_both_dates",
        "int_refunds__priced__takes_the_rate_of_its_order",
        "test_refund_of_uncounted_or_unknown_order_stays_out_and_one_of_no_order_counts_on_its_own_date",
    ),
    "F71": (
        "int_exchange_rates__daily__knows_one_rate_per_day",
        "mart_orders__day__unknown_amounts_stay_unknown",
        "test_missing_rate_is_unknown_and_is_never_one_nor_yesterdays",
    ),
    "F72": ("test_a_later_record_moves_no_key", "test_a_guest_keeps_the_key_when_its_record_arrives"),
    "F73": (
        "test_merging_keeps_the_older_key_and_splitting_leaves_it_with_the_oldest_part",
        "test_merge_chains_cycles_and_a_target_that_never_arrives",
    ),
    "F75": (
        "mart_kpis__month__cohorts_are_final_when_all_parts_are",
        "test_unrated_spend_is_unknown_and_day_of_spend_decides_the_rate",
    ),
    "F77": ("test_zone_midnight_and_leap_day", "test_totals_are_the_same_in_every_zone"),
    "F78": (
        "mart_retention__cohort_month__dense_triangle",
        "mart_acquisition__month__the_first_year_ends_with_day_364",
        "test_zone_midnight_and_leap_day",
    ),
    "F79": (
        "mart_acquisition__month__without_any_media_everything_with_media_is_null",
        "mart_conversion__channel_month__without_other_tables_nothing_converts",
        "test_month_without_sales_is_there_and_has_no_ratio",
    ),
}


@pytest.mark.fault(
    "F70", done="refunds before, above and without their order", seen="shown by dbt unit tests and the oracle"
)
def test_refunds() -> None:
    _exist("F70")


@pytest.mark.fault(
    "F71", done="a currency without a rate that day, and two rates", seen="null, never 1; shown by dbt and oracle"
)
def test_rates() -> None:
    _exist("F71")


@pytest.mark.fault(
    "F72", done="orders of a customer whose record comes later", seen="the key stays; shown by identity tests"
)
def test_late_customers() -> None:
    _exist("F72")


@pytest.mark.fault("F73", done="merge, split, changed e-mail", seen="totals conserved; shown by identity tests")
def test_merges() -> None:
    _exist("F73")


@pytest.mark.fault(
    "F75", done="spend restated for old days", seen="not final before the window ends; shown by dbt and oracle"
)
def test_spend() -> None:
    _exist("F75")


@pytest.mark.fault("F77", done="midnight and clock changes in marts", seen="one business day each; shown by the oracle")
def test_zones() -> None:
    _exist("F77")


@pytest.mark.fault(
    "F78", done="leap day, year end, month-end cohorts", seen="months and windows as defined; shown by dbt and oracle"
)
def test_calendars() -> None:
    _exist("F78")


@pytest.mark.fault(
    "F79", done="no spend, no sessions, no new customers", seen="ratio null beside its parts; shown by dbt and oracle"
)
def test_divisions_by_zero() -> None:
    _exist("F79")


def _exist(fault: str) -> None:
    known = _dbt_tests() | _python_tests()
    assert set(SHOWN_BY[fault]) <= known, set(SHOWN_BY[fault]) - known


@pytest.mark.fault(
    "F81",
    done="a spike of ten times after usual weeks, then a usual day",
    seen="the spike is told, and does not become what is usual",
)
def test_a_spike_does_not_become_the_baseline() -> None:
    from datetime import date, timedelta

    from orchestration.suites import delivery_volumes

    day = date(2024, 3, 4)
    counts = {day - timedelta(weeks=week): 100 for week in range(2, 9)}
    counts |= {day - timedelta(weeks=1): 1000, day: 100}
    spike, usual = delivery_volumes(counts, [day - timedelta(weeks=1), day]).to_pylist()
    assert spike["row_count_to_usual_ratio"] == 10 and usual["row_count_to_usual_ratio"] == 1
