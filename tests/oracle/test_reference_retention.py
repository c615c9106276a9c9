"""Worked examples of retention, conversion and the contact center."""

from decimal import Decimal
from fractions import Fraction

import pytest

from .cases import Case, at

MONTH, COHORT, CONVERSION, QUEUE, CUSTOMERS = (
    "mart_retention__month",
    "mart_retention__cohort_month",
    "mart_conversion__channel_month",
    "mart_service__queue_day",
    "mart_customer_value__customer",
)


def test_period_formula_counts_win_backs_and_the_set_form_does_not():
    # S of April = orders in January to March; as in the Online Retail quarters, the difference is the win-backs
    case = Case("2024-04-30")
    for customer, days in {
        "kept": ["2024-02-10", "2024-04-10"],
        "kept too": ["2024-03-10", "2024-04-10"],
        "gone": ["2024-01-15"],
        "back": ["2023-06-10", "2024-04-20"],
        "asleep": ["2023-06-11"],
        "new": ["2024-04-11"],
    }.items():
        for number, text in enumerate(days):
            case.order(f"{customer} {number}", customer, text)
    row = case.mart(MONTH)["2024-04-01",]
    assert row["start_customer_count"] == 3  # kept, kept too, gone
    assert row["end_customer_count"] == 4  # kept, kept too, back, new
    assert (row["retained_customer_count"], row["new_customer_count"], row["reactivated_customer_count"]) == (2, 1, 1)
    assert row["lost_customer_count"] == 1
    assert row["known_inactive_customer_count"] == 2  # back, asleep
    assert row["customer_retention_rate"] == pytest.approx(2 / 3)
    assert row["customer_retention_rate_period_formula"] == 1.0  # (4 - 1) / 3
    assert row["churn_rate"] == pytest.approx(1 / 3)
    assert row["reactivation_rate"] == 0.5


def test_both_forms_on_the_counts_of_the_online_retail_quarters():
    # 1,812 customers before, 2,024 after: 1,084 kept, 813 new, 127 won back; the two textbooks disagree by the 127
    case = Case("2011-04-30")
    for number in range(1084 + 728 + 127 + 813):
        kept, gone, back = number < 1084, 1084 <= number < 1812, 1812 <= number < 1939
        if kept or gone or back:
            case.order(f"A{number}", f"C{number}", "2010-12-15" if back else "2011-01-10")
        if not gone:
            case.order(f"B{number}", f"C{number}", "2011-04-10")
    row = case.mart(MONTH)["2011-04-01",]
    assert row["reactivated_customer_count"] == 127
    assert round(row["customer_retention_rate_period_formula"], 4) == 0.6683
    assert round(row["customer_retention_rate"], 4) == 0.5982


def test_active_window_is_half_open_at_the_turn_of_the_month():
    case = Case("2024-04-30").order("O1", "C1", "2024-01-02").order("O2", "C2", "2024-01-01")
    assert case.mart(MONTH)["2024-04-01",]["start_customer_count"] == 1  # 90 days before 1 April: from 2 January


def test_every_retained_new_and_reactivated_customer_is_at_the_end():
    case = Case("2025-12-31")
    for number, text in enumerate(["2024-01-31", "2024-02-29", "2024-09-01", "2025-03-31", "2025-12-31"]):
        case.order(f"O{number}", f"C{number % 2}", text)
    for row in case.mart(MONTH).values():
        parts = ("retained_customer_count", "new_customer_count", "reactivated_customer_count")
        assert row["end_customer_count"] == sum(row[part] for part in parts)


@pytest.mark.parametrize(("gaps", "window"), [([], None), ([10, 20], 90), ([100, 253], 238), ([400, 400], 365)])
def test_suggested_window(gaps, window):
    case = Case("2024-12-31")
    start = at("2022-01-01").toordinal()
    days = [start]
    for gap in gaps:
        days.append(days[-1] + gap)
    for number, ordinal in enumerate(days):
        case.order(f"O{number}", "C1", at("2022-01-01").fromordinal(ordinal).isoformat())
    assert case.mart(MONTH)["2024-01-01",]["active_window_days_suggested"] == window  # 100 + 0.9 · 153 = 237.7


def test_revenue_retention_against_the_same_month_a_year_earlier():
    case = Case("2024-01-31").order("O1", "C1", "2023-01-10", 100).order("O2", "C1", "2024-01-10", 150)
    case.order("O3", "C2", "2023-01-10", 100).order("O4", "C2", "2024-01-10", 50)
    case.order("O5", "C3", "2024-01-10", 999).order("O6", "C4", "2023-01-10", 10).refund("R1", "O6", "2023-01-11", 10)
    row = case.mart(MONTH)["2024-01-01",]
    assert row["net_revenue_retention_rate"] == 1.0
    assert row["gross_revenue_retention_rate"] == 0.75


def test_triangle_is_dense_and_unbounded_looks_ahead():
    case = (
        Case("2024-04-15")
        .order("O1", "C1", "2024-01-31")
        .order("O2", "C1", "2024-03-01")
        .order("O3", "C2", "2024-01-01")
    )
    rows = case.mart(COHORT)
    assert [rows["2024-01-01", k]["retention_rate_classic"] for k in range(4)] == [1.0, 0.0, 0.5, 0.0]
    assert [rows["2024-01-01", k]["retention_rate_unbounded"] for k in range(4)] == [1.0, 0.5, 0.5, 0.0]
    assert [rows["2024-01-01", k]["is_final"] for k in range(4)] == [True, True, True, False]
    assert len(rows) == 4


def lead(case: Case, lead_id: str, created: str, **columns: object) -> Case:
    return case.add(
        "crm.leads",
        **{"lead_id": lead_id, "lead_source": "referral", "status": "new", "created_at": at(created)} | columns,
    )


def test_conversion_of_leads():
    case = Case("2024-06-30")
    case.add("ecommerce.customers", customer_id="C1", email="a@example.com", created_at=at("2024-01-01"))
    lead(case, "E1", "2024-01-10", email="A@example.com")  # converts 29 days later
    lead(case, "E2", "2024-01-11", email="b@example.com", qualified_at=at("2024-01-12"))
    lead(case, "E3", "2024-02-20", email="a@example.com")  # a customer already
    case.order("O1", "C1", "2024-02-08")
    case.add("crm.opportunities", opportunity_id="U1", lead_id="E2", stage="won", is_won=True, amount=Decimal(70),
             currency_code="EUR", created_at=at("2024-01-20"), closed_at=at("2024-02-10"))  # fmt: skip
    rows = case.mart(CONVERSION)
    january, february = rows["2024-01-01", "referral"], rows["2024-02-01", "referral"]
    assert (january["lead_count"], january["converted_lead_count"], january["qualified_lead_count"]) == (2, 2, 1)
    assert (january["opportunity_count"], january["won_amount"]) == (1, 70)
    assert january["conversion_rate_cohort_30d"] == 0.5  # day 29 is within, day 30 is not
    assert january["conversion_rate_cohort_90d"] == 1.0
    assert january["median_days_to_convert"] == 29.5
    assert january["conversion_rate_period"] == 0.0
    assert (february["lead_count"], february["existing_customer_lead_count"]) == (1, 1)
    assert (february["converted_lead_count"], february["conversion_rate_period"]) == (0, 2.0)


def test_lead_converts_at_the_very_instant_of_its_creation():
    case = Case("2024-06-30").order("O1", "C1", "2024-01-10T10:00", email="a@example.com")
    case.add("ecommerce.customers", customer_id="C1", email="a@example.com", created_at=at("2024-01-01"))
    row = lead(case, "E1", "2024-01-10T10:00", email="a@example.com").mart(CONVERSION)["2024-01-01", "referral"]
    assert (row["converted_lead_count"], row["existing_customer_lead_count"]) == (1, 0)


def test_session_conversion_by_session_channel():
    case = Case("2024-06-30")
    for number, has_order in enumerate([True, False, False, True]):
        case.add("ecommerce.sessions", session_id=f"S{number}", started_at=at("2024-01-10"), has_order=has_order)
    row = case.mart(CONVERSION)["2024-01-01", "direct"]
    assert (row["session_count"], row["session_conversion_rate"], row["lead_count"]) == (4, 0.5, 0)


def call(case: Case, number: int, waited: int | None, **columns: object) -> Case:
    started = at("2024-01-10T10:00")
    fields = {"interaction_id": f"I{number}", "channel": "voice", "direction": "inbound", "queue": "help"}
    fields |= {"started_at": started, "queue_seconds": waited, "is_abandoned": False}
    return case.add("contact_center.interactions", **fields | columns)


def test_queue_day_and_the_five_service_levels():
    case = Case("2024-01-31")
    answered = {"answered_at": at("2024-01-10T10:01"), "talk_seconds": 100, "hold_seconds": 0, "transfer_count": 0}
    call(case, 1, 20, **answered)  # exactly at the threshold
    call(case, 2, 21, **answered | {"hold_seconds": 5, "after_contact_work_seconds": 7, "transfer_count": 2})
    call(case, 3, 10, is_abandoned=True)  # short
    call(case, 4, 15, is_abandoned=True)
    call(case, 5, 60, is_abandoned=True, answered_at=at("2024-01-10T10:01"))
    call(case, 6, None)  # neither answered nor abandoned
    call(case, 7, 1, **answered | {"direction": "outbound"})
    call(case, 8, 1, **answered | {"queue": None})
    call(case, 9, 1, **answered | {"channel": "ivr"})
    (row,) = case.mart(QUEUE).values()
    names = ("offered", "answered", "abandoned", "short_abandoned", "handled", "other")
    assert [row[f"{name}_interaction_count"] for name in names] == [6, 2, 3, 1, 2, 1]
    assert (row["talk_seconds"], row["hold_seconds"], row["after_contact_work_seconds"]) == (200, 5, 7)
    assert row["average_handle_time_seconds"] == 106.0
    assert row["average_speed_of_answer_seconds"] == 20.5
    assert (row["abandonment_rate"], row["transfer_rate"]) == (0.5, 0.5)
    assert row["service_level_rate"] == 1 / (6 - 2)
    assert row["service_level_rate_negative"] == 1 / 6
    assert row["service_level_rate_positive"] == 3 / 6
    assert row["service_level_rate_ignore_short"] == 1 / 5
    assert row["service_level_rate_answered_only"] == 1 / 2


def test_cost_to_serve_splits_the_ledger_by_handle_seconds():
    case = Case("2024-01-31").order("O1", "C1", "2024-01-05", email="a@example.com")
    case.add("ecommerce.customers", customer_id="C1", email="a@example.com", created_at=at("2024-01-01"))
    answered = {"answered_at": at("2024-01-10T10:01")}
    call(case, 1, 5, **answered, talk_seconds=100, customer_email="a@example.com")
    call(case, 2, 5, **answered, talk_seconds=200)
    case.cost("2024-01-31", "service", 90)
    (row,) = case.mart(CUSTOMERS).values()
    assert row["cost_to_serve_amount"].value == 30
    assert row["contact_count"] == 1
    del case.rows["finance.costs"]
    assert next(iter(case.mart(CUSTOMERS).values()))["cost_to_serve_amount"].value is None
    for interaction in case.rows["contact_center.interactions"]:
        interaction["agent_id"] = "A1"
    case.add("contact_center.agents", agent_id="A1", valid_from=at("2024-01-01").date(),
             hourly_cost_amount=Decimal(36), currency_code="EUR")  # fmt: skip
    assert next(iter(case.mart(CUSTOMERS).values()))["cost_to_serve_amount"].value == Fraction(1)
