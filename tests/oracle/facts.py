"""Orders, refunds and customers as facts: who, when, how much in the reporting currency.

Lives here: what a counted order, its revenue and its margin are, and which refunds count. Does not live here: any
mart. Amounts are exact `Fraction`; None = unknown.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

from .arithmetic import Amount, net
from .company import Company
from .golden import Golden
from .in_force import rows_in_force
from .tables import Row
from .vocabulary import vocabulary


@dataclass
class Refund:
    """A refund of goods. `basis_day` is its order's day, or its own when it names none."""

    customer: str | None
    order: Order | None
    at: datetime
    day: date
    basis_day: date
    amount: Amount
    precedes_first_order: bool = False

    @property
    def source_channel(self) -> str | None:
        return self.order.source_channel if self.order else None


@dataclass(frozen=True)
class Ladder:
    """The rungs above ordered revenue, in the reporting currency; `units` of product lines. Unknown without lines."""

    gross: Amount = None
    line_discount: Amount = None
    order_discount: Amount = None
    units: Amount = None


@dataclass
class Order:
    """One order known to the shop. `has_cost` says of each revenue line whether its unit cost is known."""

    order_id: str
    customer: str | None
    at: datetime
    day: date
    is_counted: bool
    source_channel: str | None
    row: Row
    ordered: Amount
    margin: Amount
    has_cost: list[bool]
    ladder: Ladder = Ladder()
    refunds: list[Refund] = field(default_factory=list)


@dataclass
class Customer:
    """A golden customer with at least one counted order, in order of (ordered_at, order_id)."""

    group: str
    orders: list[Order]
    refunds: list[Refund] = field(default_factory=list)

    @property
    def first(self) -> Order:
        return self.orders[0]

    @property
    def acquired(self) -> date:
        return self.first.day

    @property
    def order_days(self) -> list[date]:
        return sorted({order.day for order in self.orders})

    @property
    def windowed_refunds(self) -> list[Refund]:
        """Those that belong into cohort windows: none from before the history starts."""
        return [refund for refund in self.refunds if not refund.precedes_first_order]


class Facts:
    """Everything that several mart families need, computed once per company."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.settings = company.settings
        self.vocabulary = vocabulary()
        everything = rows_in_force(company)
        self.delivered = frozenset(everything)
        self.rows = {name: [row for row in rows if not row["is_deleted"]] for name, rows in everything.items()}
        self.golden = Golden(everything, self.settings)
        self._zone = ZoneInfo(self.settings.reporting_zone)
        self._rates = {
            (row["rate_date"], row["currency_code"]): Fraction(row["rate_to_reporting"])
            for row in self.table("finance.exchange_rates")
        }
        self.orders = self._read_orders()
        self.order_by_id = {order.order_id: order for order in self.orders}
        self.refunds = [refund for row in self.table("ecommerce.refunds") if (refund := self._refund(row))]
        self.counted_orders = [order for order in self.orders if order.is_counted]
        self.customers = self._read_customers()

    def table(self, name: str) -> list[Row]:
        """Rows in force that are not deleted; none for a table that never arrived."""
        return self.rows.get(name, [])

    def day(self, instant: datetime) -> date:
        return instant.astimezone(self._zone).date()

    def in_reporting_currency(self, amount: object, currency: object, day: date | None) -> Amount:
        """Amount at the day's rate; None when the amount or its rate is unknown."""
        if amount is None or currency is None:
            return None
        if currency == self.settings.reporting_currency:
            return Fraction(amount)
        rate = self._rates.get((day, currency))
        return None if rate is None else Fraction(amount) * rate

    def _read_orders(self) -> list[Order]:
        lines: dict[str, list[Row]] = defaultdict(list)
        for line in self.table("ecommerce.order_lines"):
            lines[line["order_id"]].append(line)
        orders = [self._order(row, lines[row["order_id"]]) for row in self.table("ecommerce.orders")]
        return sorted(orders, key=lambda order: (order.at, order.order_id))

    def _order(self, row: Row, lines: list[Row]) -> Order:
        status = self.vocabulary.ours("order_statuses", row["status"])
        is_counted = (
            not row["is_test"] and row["cancelled_at"] is None and status in self.settings.counted_order_statuses
        )
        day = self.day(row["ordered_at"])
        ladder = Ladder()
        if "ecommerce.order_lines" in self.delivered:
            revenue, margin, has_cost = self._from_lines(row, lines)
            ladder = self._ladder(row, lines, day) if lines else ladder
        else:
            parts = [row["total_amount"], row["tax_amount"], row["shipping_amount"]]
            known = None not in parts
            revenue = Fraction(parts[0]) - Fraction(parts[1]) - Fraction(parts[2]) if known else None
            margin = None if revenue is None else revenue * Fraction(self.settings.margin_rate)
            has_cost = [False] if known else []
        return Order(
            order_id=str(row["order_id"]),
            customer=self.golden.attach(row),
            at=row["ordered_at"],
            day=day,
            is_counted=is_counted,
            source_channel=row["source_channel"],
            row=row,
            ordered=self.in_reporting_currency(revenue, row["currency_code"], day),
            margin=self.in_reporting_currency(margin, row["currency_code"], day),
            has_cost=has_cost,
            ladder=ladder,
        )

    def _line_kind(self, line: Row) -> str:
        return "product" if line["line_type"] is None else self.vocabulary.ours("line_types", line["line_type"])

    def _ladder(self, order: Row, lines: list[Row], day: date) -> Ladder:
        goods = [line for line in lines if self._line_kind(line) in ("product", "fee")]
        gross = sum((Fraction(line["quantity"]) * Fraction(line["unit_price_amount"]) for line in goods), Fraction(0))
        line_discount = sum((Fraction(line["discount_amount"] or 0) for line in goods), Fraction(0))
        order_discount = Fraction(order["discount_amount"] or 0) if goods else Fraction(0)
        products = (line for line in lines if self._line_kind(line) == "product")
        return Ladder(
            *(
                self.in_reporting_currency(amount, order["currency_code"], day)
                for amount in (gross, line_discount, order_discount)
            ),
            units=sum((Fraction(line["quantity"]) for line in products), Fraction(0)),
        )

    def _from_lines(self, order: Row, lines: list[Row]) -> tuple[Amount, Amount, list[bool]]:
        """Revenue and margin in the order's currency, and whether each revenue line has a unit cost."""
        if not lines:
            return None, None, []
        revenue, margin, has_cost = Fraction(0), Fraction(0), []
        for line in lines:
            if self._line_kind(line) not in ("product", "fee"):
                continue
            quantity = Fraction(line["quantity"])
            line_revenue = quantity * Fraction(line["unit_price_amount"]) - Fraction(line["discount_amount"] or 0)
            revenue += line_revenue
            has_cost.append(line["unit_cost_amount"] is not None)
            if has_cost[-1]:
                margin += line_revenue - quantity * Fraction(line["unit_cost_amount"])
            else:
                margin += line_revenue * Fraction(self.settings.margin_rate)
        if not has_cost:
            return Fraction(0), Fraction(0), []
        discount = Fraction(order["discount_amount"] or 0)
        return revenue - discount, margin - discount, has_cost

    def _refund(self, row: Row) -> Refund | None:
        """A refund that counts; None while its order is unknown or when its order does not count."""
        order = self.order_by_id.get(str(row["order_id"])) if row["order_id"] else None
        if row["order_id"] and (order is None or not order.is_counted):
            return None
        day = self.day(row["refunded_at"])
        basis_day = order.day if order else day
        refund = Refund(
            customer=self.golden.attach(row) or (order.customer if order else None),
            order=order,
            at=row["refunded_at"],
            day=day,
            basis_day=basis_day,
            amount=self.in_reporting_currency(row["amount"], row["currency_code"], basis_day),
        )
        if order:
            order.refunds.append(refund)
        return refund

    def _read_customers(self) -> dict[str, Customer]:
        by_group: dict[str, list[Order]] = defaultdict(list)
        for order in self.counted_orders:
            if order.customer:
                by_group[order.customer].append(order)
        customers = {group: Customer(group, orders) for group, orders in sorted(by_group.items())}
        for refund in self.refunds:
            if refund.customer in customers:
                customer = customers[refund.customer]
                refund.precedes_first_order = refund.order is None and refund.at < customer.first.at
                customer.refunds.append(refund)
        return customers


def net_revenue(orders: list[Order], refunds: list[Refund]) -> Amount:
    return net((order.ordered for order in orders), (refund.amount for refund in refunds))


def net_margin(orders: list[Order], refunds: list[Refund]) -> Amount:
    """Margin after refunds: goods are not assumed to come back."""
    return net((order.margin for order in orders), (refund.amount for refund in refunds))
