"""The demo's landing files: one per table and extract date, as a vendor would drop them.

Lives here: formats, names and the day-by-day cut. Does not live here: the rows (`shop.py`, `generator.py`). A day
without rows is a header-only file, one line end, or a Parquet file of zero rows, as the extracts note asks.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from orchestration.demo.generator import generate
from orchestration.demo.shop import SOURCE, Shop

VENDOR_COLUMNS = [
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
]
FORMATS = {  # every other table is delivered as csv
    f"{SOURCE}.lines": "csv.gz",
    "ecommerce.sessions": "csv.gz",
    "contact_center.interactions": "jsonl.gz",
    "marketing.touchpoints": "parquet",
}


def deliver(shop: Shop, landing: Path) -> int:
    """Write every file that is not there yet; returns how many were written. The same shop gives the same bytes."""
    made = (_deliver_table(name, rows, shop.days, landing) for name, rows in generate(shop).items())
    return deliver_shop(shop, landing) + sum(made)


def deliver_shop(shop: Shop, landing: Path) -> int:
    """Write the real files alone: what the shop's own system would send."""
    return _deliver_table(f"{SOURCE}.lines", _vendor_lines(shop), shop.days, landing)


def _vendor_lines(shop: Shop) -> pd.DataFrame:
    lines = shop.lines[VENDOR_COLUMNS].copy()
    known = lines["CustomerID"].notna()
    lines["CustomerID"] = lines["CustomerID"].astype(str).where(known)  # the vendor writes customer 17850 as 17850.0
    lines["extract_date"] = shop.lines["day"]
    return lines


def _deliver_table(name: str, rows: pd.DataFrame, days: pd.DatetimeIndex, landing: Path) -> int:
    extension = FORMATS.get(name, "csv")
    folder = landing.joinpath(*name.split("."))
    folder.mkdir(parents=True, exist_ok=True)
    rows = rows.sort_values("extract_date", kind="stable")
    table = pa.Table.from_pandas(_with_text_times(rows.drop(columns="extract_date")), preserve_index=False)
    edges = rows["extract_date"].searchsorted(days.append(pd.DatetimeIndex([days[-1] + pd.Timedelta(days=1)])))
    written = 0
    for day, start, end in zip(days, edges[:-1], edges[1:], strict=True):
        path = folder / f"{name.split('.')[1]}_{day:%Y-%m-%d}.{extension}"
        if not path.exists():
            partial = path.with_name(path.name + ".part")
            partial.write_bytes(ENCODERS[extension](table.slice(start, end - start)))
            partial.rename(path)
            written += 1
    return written


def _with_text_times(rows: pd.DataFrame) -> pd.DataFrame:
    """Instants as ISO 8601 with offset; midnights of `*_date` and `valid_from` columns as plain dates."""
    rows = rows.copy()
    for column in rows.select_dtypes("datetime").columns:
        is_day = column.endswith("_date") or column == "valid_from"
        rows[column] = rows[column].dt.strftime("%Y-%m-%d" if is_day else "%Y-%m-%dT%H:%M:%SZ")
    return rows


def _csv(rows: pa.Table) -> bytes:
    sink = io.BytesIO()
    pa.csv.write_csv(rows, sink)
    return sink.getvalue()


def _jsonl(rows: pa.Table) -> bytes:
    return (rows.to_pandas().to_json(orient="records", lines=True) or "\n").encode()


def _parquet(rows: pa.Table) -> bytes:
    sink = io.BytesIO()
    pa.parquet.write_table(rows, sink)
    return sink.getvalue()


ENCODERS: dict[str, Callable[[pa.Table], bytes]] = {
    "csv": _csv,
    "csv.gz": lambda rows: gzip.compress(_csv(rows), compresslevel=1, mtime=0),
    "jsonl.gz": lambda rows: gzip.compress(_jsonl(rows), compresslevel=1, mtime=0),
    "parquet": _parquet,
}
