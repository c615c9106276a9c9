"""Worked examples of lifespans, yearly returns, referrals and paths."""

from decimal import Decimal
from fractions import Fraction

from .arithmetic import Near
from .cases import Case, at
from .lifespans import restricted_mean

MONTH, YEARS, PATHS, EFFECTS = (
    "mart_retention__month",
    "mart_customer_value__customer_year",
    "mart_attribution__path_month",
    "mart_attribution__channel_effect",
)


def test_mean_life_by_hand():
    # at risk 4, 3, 2, 1; one of three lapses at 10, one of two at 15: 10 + 5 · 2/3 + 5 · 1/3
    lives = [(5, False), (10, True), (15, True), (20, False)]
    assert restricted_mean(lives) == 15
    assert restricted_mean([(90, True)]) == 90 and restricted_mean([]) is None


def test_who_comes_back_lives_on():
    case = Case("2024-02-29", active_window_days=10).order("O1", "C1", "2024-01-12").order("O2", "C1", "2024-02-20")
    january, february = case.mart(MONTH)["2024-01-01",], case.mart(MONTH)["2024-02-01",]
    assert (january["lapsed_customer_count"], january["customer_lifespan_days"]) == (1, Near(Fraction(10), Fraction(0)))
    assert (february["living_customer_count"], february["lifespan_horizon_days"]) == (
        1,
        49,
    )  # 12 January to 29 February
    assert february["average_days_between_orders"] == 39.0


def test_return_of_a_year_counts_every_part_once():
    case = Case("2024-12-31").order("O1", "A", "2024-01-10", 100).order("O2", "B", "2024-01-20", 50)
    case.order("O3", "B", "2025-01-18", 1000).order("O4", "B", "2025-01-19", 9000)  # days 364 and 365 of B
    account = {"created_at": at("2024-01-01")}
    case.add("ecommerce.customers", customer_id="A", **account)
    case.add("ecommerce.customers", customer_id="B", referrer_customer_id="A", **account)
    case.spend("2024-01-05", "display", 20).cost("2024-01-31", "salaries", 10)
    years = {(row["margin_amount"], grain[1]): row for grain, row in case.mart(YEARS).items()}
    referrer = years[Fraction(40), "2024-01-01"]
    assert (referrer["referral_value_amount"], referrer["referred_customer_count"]) == (20, 1)
    assert referrer["customer_roi"].value == Fraction(40 + 20 - 15, 15)  # 30 over two new customers
    assert years[Fraction(0), "2025-01-01"]["referral_value_amount"] == 400  # day 364, at a margin of 40 %


def test_paths_and_what_would_be_lost_without_a_channel():
    case = Case("2024-02-29").order("O1", "A", "2024-01-10T12:00").order("O2", "B", "2024-01-11T12:00", 7)
    case.touch("T1", "A", "2024-01-09", "email").touch("T2", "A", "2024-01-10", "display")
    case.touch("T3", "C", "2024-02-01", "email")
    paths = case.mart(PATHS)
    assert paths["2024-01-01", "email > display"]["path_conversion_rate"] == 1.0
    assert paths["2024-01-01", "unattributed"]["net_revenue_amount"] == 7
    assert paths["2024-02-01", "email"]["path_without_order_count"] == 1
    effects = case.mart(EFFECTS)
    assert {channel: row["removal_effect"] for (channel,), row in effects.items()} == {
        "email": Decimal(1), "display": Decimal(1)
    }  # fmt: skip
    assert effects["email",]["visit_count"] == 2 and effects["email",]["chain_conversion_rate"] == 0.5
