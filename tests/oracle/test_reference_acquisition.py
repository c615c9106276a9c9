"""Worked examples of attribution, costs and acquisition."""

from collections import defaultdict
from decimal import Decimal
from fractions import Fraction

import pytest

from .attribution import MODELS, UNATTRIBUTED
from .cases import Case, at, day
from .markov import removal_effects

MONTH, CHANNEL, ACTION = (
    "mart_acquisition__month",
    "mart_acquisition__channel_month",
    "mart_acquisition__channel_action_month",
)


def credits(case: Case, order_id: str, model: str) -> dict[str, Decimal]:
    shares: dict[str, Decimal] = defaultdict(Decimal)
    for channel, credit in case.reference().attribution.credits[order_id, model]:
        shares[channel] += credit
    return {channel: credit for channel, credit in shares.items() if credit}


def three_touches() -> Case:
    case = Case("2024-02-28").order("O1", "C1", "2024-01-31T12:00", 100)
    case.touch("T1", "C1", "2024-01-10T12:00", "paid_search").touch("T2", "C1", "2024-01-24T12:00", "email")
    return case.touch("T3", "C1", "2024-01-31T12:00", "direct")


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("first_touch", {"paid_search": "1"}),
        ("last_touch", {"direct": "1"}),
        ("last_non_direct_touch", {"email": "1"}),
        ("linear", {"paid_search": "0.333334", "email": "0.333333", "direct": "0.333333"}),
        ("position_based", {"paid_search": "0.4", "email": "0.2", "direct": "0.4"}),
        # ages of 21, 7 and 0 days: weights 1/8, 1/2, 1 of 13/8
        ("time_decay", {"paid_search": "0.076923", "email": "0.307692", "direct": "0.615385"}),
        # one path only: without any of its channels nobody converts, so all effects are equal
        ("markov", {"paid_search": "0.333334", "email": "0.333333", "direct": "0.333333"}),
    ],
)
def test_credits_of_three_touches(model, expected):
    assert credits(three_touches(), "O1", model) == {name: Decimal(value) for name, value in expected.items()}


def test_touches_at_the_same_instant_go_by_table_then_id():
    case = Case("2024-02-28").order("O1", "C1", "2024-01-31T12:00")
    case.touch("T2", "C1", "2024-01-30", "email").touch("T1", "C1", "2024-01-30", "affiliate")
    case.add("ecommerce.sessions", session_id="Z", customer_id="C1", started_at=at("2024-01-30"))
    assert credits(case, "O1", "first_touch") == {"direct": 1}
    assert credits(case, "O1", "last_touch") == {"email": 1}


def test_window_edges_are_inside():
    case = Case("2024-02-28").order("O1", "C1", "2024-01-31T12:00:00")
    case.touch("T1", "C1", "2024-01-01T12:00:00", "email").touch("T0", "C1", "2024-01-01T11:59:59", "affiliate")
    case.touch("T2", "C1", "2024-01-31T12:00:00", "paid_search").touch("T3", "C1", "2024-01-31T12:00:01", "display")
    assert credits(case, "O1", "first_touch") == {"email": 1}
    assert credits(case, "O1", "last_touch") == {"paid_search": 1}


def test_conversion_without_touches_uses_its_own_mark_or_nothing():
    case = Case("2024-02-28").order("O1", "C1", "2024-01-31T12:00")
    case.order("O2", None, "2024-01-31T12:00", utm_source="newsletter", utm_medium="email")
    case.touch("T1", "C1", "2024-01-20", "email", kind="impression")
    for model in MODELS:
        assert credits(case, "O1", model) == {UNATTRIBUTED: 1}
        assert credits(case, "O2", model) == {"email": 1}


def test_all_direct_path_goes_to_the_last():
    case = Case("2024-02-28").order("O1", "C1", "2024-01-31T12:00")
    case.touch("T1", "C1", "2024-01-20", "direct").touch("T2", "C1", "2024-01-21", "direct")
    assert case.reference().attribution.credits["O1", "last_non_direct_touch"] == [("direct", 0), ("direct", 1)]


def test_markov_removal_effects_by_hand():
    # A B converts, A is lost, B converts: P = 1/3·... start->A 2/3, A->B 1/2, A->lost 1/2, start->B 1/3, B->conv 1
    effects = removal_effects([(["A", "B"], True), (["A"], False), (["B"], True)])
    # base 2/3·1/2 + 1/3 = 2/3; without A 1/3; without B 0
    assert effects == {"A": Fraction(1, 2), "B": Fraction(1)}


def test_markov_splits_repeat_orders_too_and_is_linear_where_nothing_has_an_effect():
    case = Case("2024-06-28").order("O1", "C1", "2024-01-31").order("O2", "C1", "2024-04-30")
    case.touch("T1", "C1", "2024-01-20", "paid_search")
    case.touch("T2", "C1", "2024-04-20", "paid_search").touch("T3", "C1", "2024-04-21", "email")
    assert credits(case, "O2", "markov") == {"paid_search": 1}  # email brought no first order
    case.rows["marketing.touchpoints"][1]["marketing_channel"] = "display"
    assert credits(case, "O2", "markov") == {"display": Decimal("0.5"), "email": Decimal("0.5")}


def test_late_touch_attributes_again():
    case = three_touches().touch("T9", "C1", "2024-01-05", "affiliate")
    assert credits(case, "O1", "first_touch") == {"affiliate": 1}


def test_media_in_extract_and_ledger_is_never_counted_twice():
    case = Case("2024-01-31").order("O1", "C1", "2024-01-10")
    case.spend("2024-01-05", "paid_search", 100).cost("2024-01-05", "media", 130, "paid_search")
    case.cost("2024-01-06", "media", 40, "display").cost("2024-01-07", "media", 5)
    case.cost("2024-01-08", "agency", 60).cost("2024-01-08", "service", 999)
    row = case.mart(MONTH)["2024-01-01",]
    assert row["media_spend_amount"] == 145
    assert row["media_ledger_difference_amount"] == 30
    assert row["sales_and_marketing_cost_amount"] == 205
    assert row["customer_acquisition_cost_fully_loaded"] == 205.0
    assert row["customer_acquisition_cost_blended"] == 145.0
    assert row["customer_acquisition_cost_paid"] is None  # the customer came from nowhere
    channels = case.mart(CHANNEL)
    assert channels["2024-01-01", "unattributed", "linear"]["media_spend_amount"] == 5
    # 60 over 40 : 100 : 5 is 16.55172…, 41.37931… and 2.06896…; the last unit goes to the largest remainder
    shares = [row["allocated_cost_amount"].value for cell, row in sorted(channels.items()) if cell[2] == "linear"]
    assert shares == [Fraction("16.5517"), Fraction("41.3793"), Fraction("2.0690")]


def test_costs_without_media_in_the_month_are_unattributed():
    case = Case("2024-02-28").order("O1", "C1", "2024-01-10").spend("2024-02-05", "paid_search", 10)
    case.cost("2024-01-08", "salaries", 60).cost("2024-01-08", "tools", 7, "display")
    rows = case.mart(CHANNEL)
    assert rows["2024-01-01", "unattributed", "linear"]["allocated_cost_amount"].value == 60
    assert rows["2024-01-01", "display", "linear"]["allocated_cost_amount"].value == 7


def test_channel_with_spend_and_no_customers_and_one_with_customers_and_no_spend():
    case = three_touches().spend("2024-01-05", "display", 50)
    rows = case.mart(CHANNEL)
    idle, found = rows["2024-01-01", "display", "last_touch"], rows["2024-01-01", "direct", "last_touch"]
    assert (idle["media_spend_amount"], idle["cost_per_acquisition"], idle["return_on_ad_spend"]) == (50, None, 0.0)
    assert (found["media_spend_amount"], found["cost_per_acquisition"], found["return_on_ad_spend"]) == (0, 0.0, None)


@pytest.mark.parametrize("model", MODELS)
def test_attributed_customers_and_revenue_add_up(model):
    case = three_touches().order("O2", "C2", "2024-01-15", 30).order("O3", None, "2024-01-16", 7)
    case.refund("R1", "O1", "2024-02-03", 11).refund("R2", None, "2024-01-20", 2)
    rows = [row for cell, row in case.mart(CHANNEL).items() if cell[0] == "2024-01-01" and cell[2] == model]
    assert sum(row["attributed_new_customer_count"] for row in rows) == 2
    assert sum(row["attributed_net_revenue_amount"] for row in rows) == 100 - 11 + 30 + 7 - 2


def test_absent_sources_make_unknown_costs_not_zero():
    row = Case("2024-01-31").order("O1", "C1", "2024-01-10").mart(MONTH)["2024-01-01",]
    assert row["media_spend_amount"] is None
    assert row["sales_and_marketing_cost_amount"] is None
    with_media = Case("2024-01-31").order("O1", "C1", "2024-01-10").spend("2024-01-05", "display", 5)
    row = with_media.mart(MONTH)["2024-01-01",]
    assert (row["customer_acquisition_cost_blended"], row["customer_acquisition_cost_fully_loaded"]) == (5.0, None)


def test_month_without_sales_is_there_and_has_no_ratio():
    case = Case("2024-03-31").order("O1", "C1", "2024-01-10", 100).order("O2", "C1", "2024-03-10", 100)
    row = case.spend("2024-02-05", "display", 5).cost("2024-02-05", "agency", 5).mart(MONTH)["2024-02-01",]
    assert (row["new_customer_count"], row["customer_acquisition_cost_fully_loaded"]) == (0, None)
    assert row["marketing_efficiency_ratio"] == 0.0


def test_payback_and_lifetime_value_of_the_same_cohort():
    # margins at 40 %: 40 on day 0, 40 more on day 10 -> 80; cost 60 for one customer
    case = Case("2025-01-31").order("O1", "C1", "2024-01-10", 100).order("O2", "C1", "2024-01-20", 100)
    case.spend("2024-01-05", "display", 60).cost("2024-05-05", "agency", 5)
    row = case.mart(MONTH)["2024-01-01",]
    assert row["acquisition_payback_days"] == 11
    assert row["lifetime_value_to_acquisition_cost_ratio"] == pytest.approx(80 / 60)
    early = Case("2025-01-07")
    early.rows = case.rows  # 364 days lived
    assert early.mart(MONTH)["2024-01-01",]["lifetime_value_to_acquisition_cost_ratio"] is None


def test_actions_ours_and_the_platforms():
    case = three_touches().spend("2024-01-05", "paid_search", 10, clicks=4, platform_conversions=2)
    case.add("crm.leads", lead_id="E1", lead_source="Google Ads", status="new", created_at=at("2024-01-12"),
             qualified_at=at("2024-02-02"))  # fmt: skip
    case.add("crm.opportunities", opportunity_id="U1", lead_id="E1", stage="open", created_at=at("2024-01-13"))
    case.add("crm.opportunities", opportunity_id="U2", stage="open", created_at=at("2024-01-13"))
    rows = case.mart(ACTION)
    assert rows["2024-01-01", "paid_search", "click"]["action_count"] == 1
    assert rows["2024-01-01", "paid_search", "click"]["platform_reported_action_count"] == 4
    assert rows["2024-01-01", "paid_search", "order"]["cost_per_action"] == 10.0
    assert rows["2024-01-01", "paid_search", "order"]["platform_reported_action_count"] == 2
    assert rows["2024-01-01", "paid_search", "lead"]["action_count"] == 1
    assert rows["2024-02-01", "paid_search", "qualified_lead"]["action_count"] == 1
    assert rows["2024-01-01", "paid_search", "opportunity"]["action_count"] == 1
    assert rows["2024-01-01", "unattributed", "opportunity"]["action_count"] == 1
    assert rows["2024-01-01", "paid_search", "session"]["cost_per_action"] is None


def test_session_channels_by_the_utm_map():
    case = Case("2024-01-31")
    marks = {
        "S1": {"utm_source": "Google", "utm_medium": "cpc"},
        "S2": {"utm_source": "nowhere", "utm_medium": "organic"},
        "S3": {"utm_source": "google"},
        "S4": {"utm_source": "nowhere"},
        "S5": {"referrer": "https://example.org"},
        "S6": {},
    }
    for session_id, mark in marks.items():
        case.add("ecommerce.sessions", session_id=session_id, started_at=at("2024-01-02"), **mark)
    counted = {cell[1]: row["action_count"] for cell, row in case.mart(ACTION).items()}
    assert counted == {"paid_search": 1, "organic_search": 2, "unmapped": 1, "referral": 1, "direct": 1}


def test_unrated_spend_is_unknown_and_day_of_spend_decides_the_rate():
    case = Case("2024-01-31").order("O1", "C1", "2024-01-10")
    case.spend("2024-01-05", "display", 50, currency_code="SEK")
    case.add("finance.exchange_rates", rate_date=day("2024-01-06"), currency_code="SEK", rate_to_reporting=Decimal(1))
    assert case.mart(MONTH)["2024-01-01",]["media_spend_amount"] is None
    case.spend("2024-01-06", "display", 5, currency_code="SEK")
    assert case.mart(MONTH)["2024-01-01",]["media_spend_amount"] == 5
