"""The demo's real shop: UCI Online Retail as frames, and the days on which its files are delivered.

Lives here: reading the shipped data set, the vocabulary that the invented tables share. Does not live here: inventing
anything (`people.py`, `service.py`, `marketing.py`), writing files (`deliveries.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

DATA = Path(__file__).parent / "data" / "online_retail_2010_2011.parquet"
SOURCE = "online_retail"
CHANNELS = ("paid_search", "paid_social", "email", "organic_search", "affiliate", "referral", "direct")
CHANNEL_SHARE = (0.24, 0.16, 0.14, 0.18, 0.10, 0.08, 0.10)

# The vendor writes countries in words; "Unspecified", "European Community" and what is no country stay empty.
COUNTRY_CODES = {
    "United Kingdom": "GB", "Germany": "DE", "France": "FR", "EIRE": "IE", "Spain": "ES", "Netherlands": "NL",
    "Belgium": "BE", "Switzerland": "CH", "Portugal": "PT", "Australia": "AU", "Norway": "NO", "Italy": "IT",
    "Finland": "FI", "Cyprus": "CY", "Sweden": "SE", "Austria": "AT", "Denmark": "DK", "Japan": "JP", "Poland": "PL",
    "Israel": "IL", "USA": "US", "Hong Kong": "HK", "Singapore": "SG", "Iceland": "IS", "Canada": "CA",
    "Greece": "GR", "Malta": "MT", "United Arab Emirates": "AE", "RSA": "ZA", "Lebanon": "LB", "Lithuania": "LT",
    "Brazil": "BR", "Czech Republic": "CZ", "Bahrain": "BH", "Saudi Arabia": "SA",
}  # fmt: skip


@dataclass(frozen=True)
class Shop:
    """The real shop as the generator needs it.

    lines: the vendor's rows in file order, with `day`; customers: customer_id, first_invoiced_at, country,
    invoice_count; orders: invoice_no, customer_id (may be null), ordered_at, is_sale; days: every extract date.
    """

    lines: pd.DataFrame
    customers: pd.DataFrame
    orders: pd.DataFrame
    days: pd.DatetimeIndex


def read_shop(days: int | None = None) -> Shop:
    """The whole shop, or its first `days` extract dates (tests)."""
    lines = pd.read_parquet(DATA)
    moment = pd.to_datetime(lines["InvoiceDate"])
    lines["day"] = moment.dt.normalize()
    every_day = pd.date_range(lines["day"].min(), lines["day"].max(), freq="D")[:days]
    lines = lines[lines["day"] <= every_day[-1]]
    utc = moment.dt.tz_localize("Europe/London").dt.tz_convert("UTC").dt.tz_localize(None)
    keyed = lines.assign(
        moment=utc,
        customer_id=lines["CustomerID"].astype("Int64").astype("string"),
        is_sale=~lines["InvoiceNo"].str[0].isin(["C", "A"]) & (lines["Quantity"] > 0) & (lines["UnitPrice"] > 0),
    )
    orders = keyed.groupby("InvoiceNo", as_index=False).agg(
        customer_id=("customer_id", "first"), ordered_at=("moment", "min"), is_sale=("is_sale", "max")
    )
    customers = (
        keyed.dropna(subset="customer_id")
        .groupby("customer_id", as_index=False)
        .agg(first_invoiced_at=("moment", "min"), country=("Country", "last"), invoice_count=("InvoiceNo", "nunique"))
    )
    customers["country_code"] = customers.pop("country").map(COUNTRY_CODES)
    return Shop(lines, customers, orders, every_day)


def delivered(rows: pd.DataFrame, instant: str) -> pd.DataFrame:
    """Adds the extract date of an instant column (the London day); rows after the last day are not delivered."""
    rows = rows.copy()
    rows["extract_date"] = (
        rows[instant].dt.tz_localize("UTC").dt.tz_convert("Europe/London").dt.tz_localize(None).dt.normalize()
    )
    return rows
