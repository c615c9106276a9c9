"""Invented marketing and money: sessions, touchpoints, spend, the cost ledger, exchange rates."""

from __future__ import annotations

import numpy as np
import pandas as pd

from orchestration.demo.shop import CHANNEL_SHARE, CHANNELS, Shop, delivered

CAMPAIGNS = {  # campaign: (platform, channel, currency, pounds a day, cost of a click in pounds)
    "gads-brand": ("google_ads", "paid_search", "GBP", 38.0, 0.42),
    "gads-gifts": ("google_ads", "paid_search", "GBP", 71.0, 0.63),
    "meta-home": ("meta_ads", "paid_social", "USD", 55.0, 0.51),
    "partner-net": ("partner_net", "affiliate", "EUR", 24.0, 0.36),
}
UTM = {
    "paid_search": ("google", "cpc"),
    "paid_social": ("facebook", "paid_social"),
    "email": ("newsletter", "email"),
    "organic_search": ("google", "organic"),
    "affiliate": ("partner", "affiliate"),
}


def sessions(shop: Shop, people: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """One visit per sale that ends in it, and about twice as many that do not."""
    sales = shop.orders[shop.orders["is_sale"]].merge(
        people[["customer_id", "email", "channel"]], on="customer_id", how="left"
    )
    buying = pd.DataFrame({"email": sales["email"], "channel": sales["channel"], "has_order": True})
    buying["started_at"] = sales["ordered_at"] - pd.to_timedelta(rng.integers(3, 40, len(sales)), "min")
    size = 2 * len(sales)
    looking = pd.DataFrame({"email": rng.choice(people["email"].to_numpy(), size), "has_order": False})
    looking.loc[rng.random(size) < 0.7, "email"] = None
    looking["channel"] = rng.choice(CHANNELS, size, p=CHANNEL_SHARE)
    looking["started_at"] = rng.choice(shop.days, size) + pd.to_timedelta(rng.integers(0, 24 * 3600, size), "s")
    rows = pd.concat([buying, looking], ignore_index=True)
    rows["channel"] = rows["channel"].fillna("direct")
    rows["utm_source"] = rows["channel"].map(lambda name: UTM.get(name, (None, None))[0])
    rows["utm_medium"] = rows["channel"].map(lambda name: UTM.get(name, (None, None))[1])
    rows["referrer"] = np.where(rows["channel"] == "referral", "https://blog.example.org/gifts", None)
    rows["landing_page"] = "/"
    rows["session_id"] = [f"S{n:06d}" for n in range(len(rows))]
    columns = ["session_id", "email", "started_at", "utm_source", "utm_medium", "referrer", "landing_page", "has_order"]
    return delivered(rows[columns], "started_at")


def touchpoints(shop: Shop, people: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """One to four marketing touches in the weeks before a first order; prospects are touched too and do not buy."""
    touches = 1 + rng.poisson(1.1, len(people))
    index = np.repeat(np.arange(len(people)), touches)
    count = len(index)
    chosen = people.iloc[index].reset_index(drop=True)
    same = rng.random(count) < 0.6
    channel = np.where(same, chosen["channel"], rng.choice(CHANNELS, count, p=CHANNEL_SHARE))
    at = chosen["first_invoiced_at"] - pd.to_timedelta(rng.exponential(8, count), "D") - pd.Timedelta(minutes=1)
    campaign = pd.Series(channel).map(
        {"paid_search": "gads-gifts", "paid_social": "meta-home", "affiliate": "partner-net"}
    )
    rows = pd.DataFrame(
        {
            "touchpoint_id": [f"T{n:06d}" for n in range(count)],
            "email": chosen["email"],
            "occurred_at": at,
            "marketing_channel": channel,
            "campaign_id": campaign,
            "kind": rng.choice(["click", "visit", "email_open", "impression"], count, p=(0.6, 0.2, 0.1, 0.1)),
        }
    )
    return delivered(rows[rows["occurred_at"] >= shop.days[0]], "occurred_at")


def spend(shop: Shop, rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    rate = {"GBP": 1.0, "USD": 0.63, "EUR": 0.86}
    for campaign, (platform, channel, currency, pounds, click_cost) in CAMPAIGNS.items():
        spend = np.round(pounds * rng.lognormal(0, 0.18, len(shop.days)) / rate[currency], 2)
        clicks = (spend * rate[currency] / click_cost).astype(int)
        rows.append(
            pd.DataFrame(
                {
                    "platform": platform,
                    "campaign_id": campaign,
                    "spend_date": shop.days,
                    "campaign_name": campaign.replace("-", " "),
                    "marketing_channel": channel,
                    "impressions": clicks * rng.integers(40, 90, len(clicks)),
                    "clicks": clicks,
                    "spend_amount": spend,
                    "currency_code": currency,
                    "platform_conversions": (clicks * 0.028).round().astype(int),
                    "extract_date": shop.days,
                }
            )
        )
    return pd.concat(rows, ignore_index=True)


def costs(shop: Shop) -> pd.DataFrame:
    """A month's ledger, booked on its first day that the shop was open."""
    monthly = {"agency": 1200, "salaries": 5400, "overhead": 900, "tools": 450, "incentives": 600, "service": 7800}
    months = shop.days[shop.days.is_month_start]
    rows = []
    for month_number, day in enumerate(months):
        for category, amount in monthly.items():
            rows.append(
                {
                    "cost_id": f"F{month_number:02d}-{category}",
                    "cost_date": day,
                    "category": category,
                    "marketing_channel": "email" if category == "tools" else None,
                    "team": "service" if category == "service" else "marketing",
                    "amount": float(amount + 17 * month_number),
                    "currency_code": "GBP",
                    "extract_date": day,
                }
            )
    return pd.DataFrame(rows)


def rates(shop: Shop, rng: np.random.Generator) -> pd.DataFrame:
    frames = []
    for currency, level in (("USD", 0.63), ("EUR", 0.86)):
        walk = level * np.exp(np.cumsum(rng.normal(0, 0.002, len(shop.days))))
        frames.append(
            pd.DataFrame(
                {
                    "rate_date": shop.days,
                    "currency_code": currency,
                    "rate_to_reporting": np.round(walk, 6),
                    "extract_date": shop.days,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)
