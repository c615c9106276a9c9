"""CDNOW, the sample of the BG/NBD and Gamma-Gamma papers: 2,357 customers of a music shop, 1997-01-01 to 1998-06-30.

The file ships inside the test-only package `lifetimes`; it is read without importing the package, which does not import
any more.
"""

from datetime import date
from importlib.util import find_spec
from pathlib import Path

FIRST, CALIBRATED, LAST = date(1997, 1, 1), date(1997, 9, 30), date(1998, 6, 30)
CALIBRATION_WEEKS_AFTER = 39


def transactions() -> list[tuple[str, date, str]]:
    """(customer, day, dollars) of every transaction."""
    folder = Path(find_spec("lifetimes").submodule_search_locations[0]) / "datasets"
    rows = []
    for line in (folder / "CDNOW_sample.txt").read_text(encoding="ascii").splitlines():
        _, customer, day, _, dollars = line.split()
        rows.append((customer, date(int(day[:4]), int(day[4:6]), int(day[6:])), dollars))
    return rows


def deliver(landing: Path, last: date) -> None:
    """Orders up to `last` as one file: no lines, so an order is worth its total."""
    folder = landing / "ecommerce" / "orders"
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        f"{number},{customer},{day}T12:00:00Z,completed,USD,{dollars},0,0,{day}T12:00:00Z"
        for number, (customer, day, dollars) in enumerate(transactions(), start=1)
        if day <= last
    ]
    header = "order_id,customer_id,ordered_at,status,currency_code,total_amount,tax_amount,shipping_amount,updated_at"
    (folder / f"orders_{last}.csv").write_text("\n".join([header, *rows]) + "\n", encoding="ascii")
