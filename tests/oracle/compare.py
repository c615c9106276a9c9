"""A published file against the second opinion, cell by cell.

Lives here: reading what was published, pairing customers, and saying readably where the two disagree. Does not live
here: any number (`reference.py`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb

from .arithmetic import Near, published_amount
from .company import Company
from .marts_kpis import SUMMED_KPIS, kpis_by_month
from .reference import GRAINS, READS, Mart, Reference
from .tables import BY_ENTITY

_RELATIVE = 1e-12
_MONTHLY = ("mart_acquisition__month", "mart_retention__month")


@dataclass(frozen=True)
class Difference:
    """One disagreement; `column` is empty when a whole row is missing or too much."""

    mart: str
    grain: Mapping[str, Any]
    column: str
    expected: Any
    got: Any

    def __str__(self) -> str:
        place = ", ".join(f"{name}={_shown(value)}" for name, value in self.grain.items())
        return f"{self.mart} [{place}] {self.column}: expected {_shown(self.expected)}, got {_shown(self.got)}"


def _shown(value: Any) -> str:
    if isinstance(value, Near):
        return "unknown" if value.value is None else f"{float(value.value):.6f} ± {float(value.tolerance):.6f}"
    if isinstance(value, Fraction):
        return f"{published_amount(value)}"
    return str(value)


def reads_of(manifest: Path) -> dict[str, tuple[str, ...]]:
    """Mart -> tables behind it, as the dbt manifest declares them in `config.meta.reads`."""
    nodes = json.loads(manifest.read_text(encoding="utf-8"))["nodes"].values()
    declared = {node["name"]: node.get("config", {}).get("meta", {}).get("reads") for node in nodes}
    return {name: tuple(reads) for name, reads in declared.items() if name in GRAINS and reads}


def compare(
    published: Path, company: Company, reads: Mapping[str, Iterable[str]] = READS, marts: Iterable[str] = tuple(GRAINS)
) -> list[Difference]:
    """Every disagreement between a published file and the reference for `company`."""
    reference = Reference(company)
    with duckdb.connect(str(published), read_only=True) as connection:
        book = Published(connection)
        groups, differences = _pair_customers(book, reference)
        differences += _check_people(book, reference, groups)
        key_order = {group: key for key, group in groups.items()}
        for name in marts:
            expected = reference.mart(name, reads.get(name, READS[name]), key_order)
            differences += _compare_mart(book, expected, groups)
        differences += _check_kpis(book, reference, reads)
    return differences


class Published:
    """Rows of a published file, by column name."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        found = connection.sql("select table_schema, table_name from information_schema.tables").fetchall()
        self.tables = {f"{schema}.{name}" for schema, name in found}

    @cached_property
    def account_ids(self) -> dict[str, str]:
        return {row["account_key"]: row["account_id"] for row in self.rows("core.dim_accounts")}

    def rows(self, table: str) -> list[dict[str, Any]]:
        relation = self._connection.sql(f"select * from {table}")
        return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]


def _pair_customers(book: Published, reference: Reference) -> tuple[dict[str, str], list[Difference]]:
    """Published key -> golden customer, from records and from the orders of guests; and where they do not pair."""
    pairs: list[tuple[dict[str, Any], str, str | None]] = []
    identities = reference.identities()
    published_records = set()
    for row in book.rows("core.customer_identities"):
        entity = BY_ENTITY.get(str(row["source_table"]).rpartition(".")[2])
        record = (entity.name if entity else "", str(row["source_id"]))
        if record in identities:
            published_records.add(record)
            pairs.append(({"record": ":".join(record)}, row["customer_key"], identities[record]))
    missing = sorted(set(identities) - published_records)
    differences = [
        Difference("core.customer_identities", {"record": ":".join(record)}, "", "present", "missing")
        for record in missing
        if not reference.facts.golden.is_alone(*record)
    ]
    for row in book.rows("core.fct_orders"):
        order = reference.facts.order_by_id.get(str(row["order_id"]))
        if order:
            pairs.append(({"order_id": order.order_id}, row["customer_key"], order.customer))
    return _consistent(pairs, differences)


def _consistent(
    pairs: list[tuple[dict[str, Any], str | None, str | None]], differences: list[Difference]
) -> tuple[dict[str, str], list[Difference]]:
    by_key: dict[str | None, str | None] = {None: None}
    by_group: dict[str | None, str | None] = {None: None}
    for place, key, group in pairs:
        if by_key.setdefault(key, group) != group or by_group.setdefault(group, key) != key:
            got = f"{key} (elsewhere {by_key[key]})"
            differences.append(Difference("identity", place, "customer_key", group, got))
    return {key: group for key, group in by_key.items() if key is not None and group is not None}, differences


def _check_people(book: Published, reference: Reference, groups: Mapping[str, str]) -> list[Difference]:
    """What dim_customers says of people that survived from their records, and the trees of dim_accounts."""
    survivors, differences = reference.survivors, []
    people = {groups.get(row["customer_key"]): row for row in book.rows("core.dim_customers")}
    for group in people.keys() & set(groups.values()):
        row = people[group] | {"account_key": book.account_ids.get(people[group]["account_key"])}
        for column, value in survivors.person(group).items():
            if row[column] != value:
                differences.append(Difference("dim_customers", {"customer": group}, column, value, row[column]))
    published = {row["account_id"]: row for row in book.rows("core.dim_accounts")}
    for account_id in sorted(published.keys() | survivors.accounts.keys()):
        account, row = survivors.accounts.get(account_id), published.get(account_id)
        if account is None or row is None:
            differences.append(Difference("dim_accounts", {"account": account_id}, "", account, row))
            continue
        told = row | {name: book.account_ids.get(row[name]) for name in ("parent_account_key", "top_account_key")}
        for column, value in account.cells.items():
            if told[column] != value:
                differences.append(Difference("dim_accounts", {"account": account_id}, column, value, told[column]))
    return differences


def _compare_mart(book: Published, mart: Mart, groups: Mapping[str, str]) -> list[Difference]:
    if f"marts.{mart.name}" not in book.tables:
        return [Difference(mart.name, {}, "", "a published table", "none")]
    published: dict[tuple, dict[str, Any]] = {}
    differences = []
    for row in book.rows(f"marts.{mart.name}"):
        if "customer_key" in mart.grain:
            row["customer_key"] = groups.get(row["customer_key"], row["customer_key"])
        if "account_key" in mart.grain:
            row["account_key"] = book.account_ids.get(row["account_key"], row["account_key"])
        grain = tuple(row[name] for name in mart.grain)
        if grain in published:
            differences.append(Difference(mart.name, _named(mart, grain), "", "one row", "two rows"))
        published[grain] = row
    for grain in sorted({*mart.rows, *published}, key=str):
        expected, got = mart.rows.get(grain), published.get(grain)
        if expected is None or got is None:
            present = ("a row", "none") if got is None else ("no row", _something(mart, got))
            differences.append(Difference(mart.name, _named(mart, grain), "", *present))
            continue
        for column, value in {**expected, "as_of_date": mart.as_of}.items():
            if column not in got:
                differences.append(Difference(mart.name, _named(mart, grain), column, value, "no such column"))
            elif not agrees(value, got[column]):
                differences.append(Difference(mart.name, _named(mart, grain), column, value, got[column]))
    return differences


def _named(mart: Mart, grain: tuple) -> dict[str, Any]:
    return dict(zip(mart.grain, grain, strict=True))


def _something(mart: Mart, row: Mapping[str, Any]) -> str:
    skipped = {*mart.grain, "snapshot_id", "as_of_date"}
    filled = {name: value for name, value in row.items() if name not in skipped and value not in (None, 0, False)}
    return f"a row with {filled}"


def agrees(expected: Any, got: Any) -> bool:
    """Money to its four decimals, ratios to 1e-12, everything else exactly."""
    value = expected.value if isinstance(expected, Near) else expected
    if value is None or got is None:
        return value is None and got is None
    if isinstance(value, Fraction | float | Decimal) and not isinstance(got, int | float | Decimal):
        return False
    if isinstance(expected, Near):
        half_a_unit = Fraction(1, 20_000)
        return abs(Fraction(got) - expected.value) <= expected.tolerance + half_a_unit
    if isinstance(expected, bool) or isinstance(got, bool):
        return expected is got
    if isinstance(expected, Fraction):
        return published_amount(expected) == got if isinstance(got, Decimal | int) else _close(float(expected), got)
    if isinstance(expected, float):
        if isinstance(got, Decimal):
            return Decimal(expected).quantize(got, rounding=ROUND_HALF_UP) == got
        return _close(expected, float(got))
    if isinstance(expected, Decimal) and isinstance(got, float):
        return _close(float(expected), got)
    return expected == got


def _close(expected: float, got: float) -> bool:
    return math.isclose(expected, got, rel_tol=_RELATIVE, abs_tol=1e-15)


def _check_kpis(book: Published, reference: Reference, reads: Mapping[str, Iterable[str]]) -> list[Difference]:
    """The long table against itself, and against the monthly marts whose columns its metrics are named after."""
    if "marts.mart_kpis__month" not in book.tables:
        return [Difference("mart_kpis__month", {}, "", "a published table", "none")]
    rows = book.rows("marts.mart_kpis__month")
    values = {(row["kpi_id"], row["variant"], row["month"]): row["value"] for row in rows}
    differences = []
    differences += _compare_kpis(rows, reference, reads)
    monthly = {name: reference.mart(name, reads.get(name, READS[name])).rows for name in _MONTHLY}
    for row in rows:
        grain = {name: row[name] for name in ("month", "kpi_id", "variant")}
        month = row["month"]
        before = month.replace(year=month.year - (month.month == 1), month=(month.month - 2) % 12 + 1)
        previous = values.get((row["kpi_id"], row["variant"], before))
        if row["previous_value"] != previous:
            differences.append(Difference("mart_kpis__month", grain, "previous_value", previous, row["previous_value"]))
        names = {row["kpi_id"], f"{row['kpi_id']}_{row['variant']}"}
        for cells in monthly.values():
            for column in names & set(cells.get((month,), {})):
                expected = cells[month,][column]
                exact = expected if isinstance(expected, Near) else _as_ratio(expected)
                if not agrees(exact, _as_ratio(row["value"])):
                    differences.append(Difference("mart_kpis__month", grain, "value", expected, row["value"]))
    return differences


def _compare_kpis(
    rows: list[dict[str, Any]], reference: Reference, reads: Mapping[str, Iterable[str]]
) -> list[Difference]:
    """Figures that are sums over days, channels or queues: parts, value and finality, and which months have one."""
    expected = kpis_by_month(reference.marts(reads), reference.facts.settings.abandon_policy)
    known = {key[1:] for key in expected} | set(SUMMED_KPIS)
    published = {(row["month"], row["kpi_id"], row["variant"]): row for row in rows}
    differences = []
    for key in sorted(expected.keys() | {key for key in published if key[1:] in known}):
        grain = dict(zip(("month", "kpi_id", "variant"), key, strict=True))
        kpi, row = expected.get(key), published.get(key)
        if kpi is None or row is None:
            differences.append(Difference("mart_kpis__month", grain, "", kpi, row))
            continue
        rounding = Fraction(kpi.cell_count, 20_000)
        parts = {"numerator": kpi.numerator, "denominator": kpi.denominator if kpi.has_denominator else None}
        for column, amount in parts.items():
            if not agrees(Near(amount, rounding), row[column]):
                differences.append(Difference("mart_kpis__month", grain, column, amount, row[column]))
        if not _nearly(kpi.value, row["value"], float(rounding)):
            differences.append(Difference("mart_kpis__month", grain, "value", kpi.value, row["value"]))
        if kpi.is_final is not row["is_final"]:
            differences.append(Difference("mart_kpis__month", grain, "is_final", kpi.is_final, row["is_final"]))
    return differences


def _nearly(expected: float | None, got: float | None, tolerance: float) -> bool:
    if expected is None or got is None:
        return expected is None and got is None
    return math.isclose(expected, got, rel_tol=_RELATIVE, abs_tol=tolerance)


def _as_ratio(value: Any) -> float | None:
    """The long table holds every metric as a double; money in it may be rounded first."""
    if value is None:
        return None
    return float(published_amount(value)) if isinstance(value, Fraction) else float(value)
