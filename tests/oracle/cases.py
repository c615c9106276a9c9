"""Small hand-made companies for tests: `Case(as_of)`, then `order`, `touch`, `add`, then a mart.

Lives here: shorthand only. Instants are written as UTC text, amounts as text or whole numbers.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from .company import Company, from_rows
from .reference import Reference
from .tables import Row


def at(text: str) -> datetime:
    """`2024-01-31` or `2024-01-31T23:30` in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def day(text: str) -> date:
    return date.fromisoformat(text)


class Case:
    """Rows of a company that delivers everything on one extract date."""

    def __init__(self, as_of: str, **settings: Any) -> None:
        self.as_of = as_of
        self.settings = settings
        self.rows: dict[str, list[Row]] = {"ecommerce.orders": [], "ecommerce.order_lines": []}

    def add(self, table: str, **values: Any) -> Case:
        self.rows.setdefault(table, []).append(values)
        return self

    def order(self, order_id: str, customer_id: str | None, when: str, amount: object = 100, **columns: Any) -> Case:
        """A paid order with one product line worth `amount`, in the reporting currency."""
        self.add(
            "ecommerce.orders",
            **{"order_id": order_id, "customer_id": customer_id, "ordered_at": at(when), "status": "paid"}
            | {"currency_code": "EUR"}
            | columns,
        )
        return self.line(order_id, 1, amount)

    def line(self, order_id: str, number: int, amount: object, **columns: Any) -> Case:
        return self.add(
            "ecommerce.order_lines",
            **{"order_id": order_id, "line_number": number, "quantity": Decimal(1)}
            | {"unit_price_amount": Decimal(str(amount))}
            | columns,
        )

    def refund(self, refund_id: str, order_id: str | None, when: str, amount: object, **columns: Any) -> Case:
        return self.add(
            "ecommerce.refunds",
            **{"refund_id": refund_id, "order_id": order_id, "refunded_at": at(when), "currency_code": "EUR"}
            | {"amount": Decimal(str(amount))}
            | columns,
        )

    def touch(self, touch_id: str, customer_id: str, when: str, channel: str, kind: str = "click") -> Case:
        return self.add(
            "marketing.touchpoints",
            touchpoint_id=touch_id, customer_id=customer_id, occurred_at=at(when), marketing_channel=channel, kind=kind,
        )  # fmt: skip

    def spend(self, when: str, channel: str, amount: object, **columns: Any) -> Case:
        return self.add(
            "marketing.spend",
            **{"platform": "ads", "campaign_id": channel, "spend_date": day(when), "marketing_channel": channel}
            | {"spend_amount": Decimal(str(amount)), "currency_code": "EUR"}
            | columns,
        )

    def cost(self, when: str, category: str, amount: object, channel: str | None = None) -> Case:
        return self.add(
            "finance.costs",
            cost_id=f"F{len(self.rows.get('finance.costs', []))}", cost_date=day(when), category=category,
            amount=Decimal(str(amount)), currency_code="EUR", marketing_channel=channel,
        )  # fmt: skip

    def company(self) -> Company:
        return from_rows(self.rows, day(self.as_of), **self.settings)

    def reference(self) -> Reference:
        return Reference(self.company())

    def mart(self, name: str) -> dict[tuple, dict[str, Any]]:
        """Rows by grain; months and days in the grain are written as ISO text."""
        rows = self.reference().mart(name).rows
        return {tuple(p.isoformat() if isinstance(p, date) else p for p in grain): row for grain, row in rows.items()}
