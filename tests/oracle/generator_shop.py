"""Inventing orders, lines, refunds, visits and touchpoints.

Lives here: what the shop and the marketing tools deliver about people. Does not live here: money spent
(`generator_desk.py`).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from .generator import World
from .generator_people import Person, spelled_email
from .tables import Row

_STATUSES = ("paid",) * 6 + ("completed", "shipped", "Complete", "REFUNDED", "partially_refunded") + (
    "pending", "cancelled", "mystery")  # fmt: skip
_UTM = (
    (None, None), (None, None), ("google", "cpc"), ("Google", None), ("newsletter", "email"), ("facebook", "cpc"),
    ("nowhere", None), ("nowhere", "organic"), (None, "social"), ("google", "nonsense"),
)  # fmt: skip
_CHANNELS = ("paid_search", "Google Ads", "email", "direct", "direct", "organic_search", "mystery", "affiliate")
_LINE_TYPES = (None,) * 6 + ("product",) * 6 + ("fee", "fee", "shipping", "gift_card", "Postage", "mystery")
_KINDS = ("click", "click", "click", "visit", "impression", "email_open", "call", "store_visit", "self_reported")
_BEFORE = tuple(
    timedelta(**{unit: number})
    for unit, number in (
        ("days", 0), ("seconds", 1), ("days", 1), ("days", 1), ("days", 7), ("days", 7), ("days", 14), ("days", 29),
        ("days", 30), ("days", 31), ("seconds", 30 * 86_400 + 1), ("seconds", -1), ("hours", 36), ("days", 45),
    )
)  # fmt: skip


def invent_orders(world: World, persons: list[Person], count: int) -> list[Row]:
    """`count` orders with lines and refunds; some of guests, strangers and nobody."""
    orders = [_add_order(world, world.pick(persons)) for _ in range(count)]
    for order in orders:
        for number in range(1, world.pick((0, 1, 1, 1, 1, 2, 2, 3)) + 1):
            _add_line(world, order["order_id"], number)
        if world.chance(0.3):
            _add_refund(world, order)
    for _ in range(world.pick((0, 0, 1, 2))):
        _add_refund(world, None, world.pick(persons))
    if world.chance(0.2):
        _add_refund(world, {"order_id": "O-unknown", "ordered_at": world.instant(), "currency_code": world.currency})
    return orders


def _who(world: World, person: Person) -> Row:
    """Identifiers of an event row of the shop: an account, an address, both, a stranger's, or none."""
    customer_id = world.pick(person.customer_ids) if person.customer_ids else None
    if world.chance(0.06):
        customer_id = world.pick(("C-stranger", "C-other"))
    return {"customer_id": world.maybe(customer_id, 0.75), "email": world.maybe(spelled_email(world, person), 0.6)}


def _add_order(world: World, person: Person) -> Row:
    utm_source, utm_medium = world.pick(_UTM) if world.chance(0.4) else (None, None)
    ordered_at = world.instant()
    return world.add(
        "ecommerce.orders",
        order_id=world.name("O"),
        **_who(world, person),
        ordered_at=ordered_at,
        status=world.pick(_STATUSES),
        currency_code=world.some_currency(),
        discount_amount=world.maybe(Decimal(world.pick(("0", "0", "1.50", "5"))), 0.4),
        shipping_amount=world.maybe(Decimal("4.90"), 0.8),
        tax_amount=world.maybe(Decimal("3.21"), 0.8),
        total_amount=world.maybe(world.money() + 10, 0.9),
        source_channel=world.maybe(world.pick(("web", "app", "store")), 0.8),
        utm_source=utm_source,
        utm_medium=utm_medium,
        utm_campaign=world.maybe("spring", 0.05),
        is_test=world.maybe(world.chance(0.08), 0.8),
        cancelled_at=world.maybe(ordered_at, 0.06),
    )


def _add_line(world: World, order_id: str, number: int) -> None:
    price = world.money()
    world.add(
        "ecommerce.order_lines",
        order_id=order_id,
        line_number=number,
        product_id=world.pick(("P1", "P2")),
        quantity=Decimal(world.pick(("1", "1", "2", "3", "0.5"))),
        unit_price_amount=price,
        discount_amount=world.maybe(Decimal("0.50"), 0.2),
        unit_cost_amount=world.maybe((price / 2).quantize(Decimal("0.01")), 0.5),
        line_type=world.pick(_LINE_TYPES),
    )


def _add_refund(world: World, order: Row | None, person: Person | None = None) -> None:
    refunded_at = world.instant(after=order["ordered_at"] if order and world.chance(0.9) else None)
    world.add(
        "ecommerce.refunds",
        refund_id=world.name("R"),
        order_id=order["order_id"] if order else None,
        **(_who(world, person) if person and world.chance(0.8) else {}),
        refunded_at=refunded_at,
        amount=world.money(60),
        tax_amount=world.maybe(Decimal("1.00")),
        shipping_amount=world.maybe(Decimal("0.00")),
        currency_code=order["currency_code"] if order else world.some_currency(),
        reason=world.maybe("damaged"),
    )


def invent_visits(world: World, persons: list[Person], orders: list[Row]) -> None:
    """Sessions and touchpoints: around orders at the edges of the window, and of people who never buy."""
    for order in orders:
        if world.chance(0.65):
            owner = {name: order[name] for name in ("customer_id", "email")}
            for _ in range(world.pick((1, 1, 2, 3, 4))):
                _add_touch(world, owner, order["ordered_at"] - world.pick(_BEFORE))
    for _ in range(world.random.randint(0, 6)):
        _add_touch(world, _who(world, world.pick(persons)), world.instant())


def _add_touch(world: World, owner: Row, moment: datetime) -> None:
    moment = min(moment, world.instant_limit)
    if world.chance(0.5):
        utm_source, utm_medium = world.pick(_UTM)
        world.add(
            "ecommerce.sessions",
            session_id=world.name("S"),
            **owner,
            started_at=moment,
            utm_source=utm_source,
            utm_medium=utm_medium,
            referrer=world.maybe("https://example.org/", 0.3),
            landing_page="/",
            has_order=world.maybe(world.chance(0.5), 0.9),
        )
    else:
        world.add(
            "marketing.touchpoints",
            touchpoint_id=world.name("T"),
            **owner,
            occurred_at=moment,
            marketing_channel=world.pick(_CHANNELS),
            kind=world.pick(_KINDS),
        )
