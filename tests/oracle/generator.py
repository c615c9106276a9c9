"""Inventing a company: settings, calendar, and how its rows are spread over deliveries.

Lives here: `invent`. Does not live here: the rows themselves (`generator_people.py`, `generator_shop.py`,
`generator_desk.py`). Pools are weighted towards edges: midnights, leap days, clock changes, equal instants.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from .company import Company, Delivery, end_of_day
from .tables import TABLES, Row, Table, Value

_ZONES = ("UTC", "Europe/London", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland")
_LAST_DAYS = (
    date(2024, 2, 29), date(2024, 3, 10), date(2024, 3, 31), date(2024, 4, 7), date(2024, 10, 27), date(2024, 11, 3),
    date(2024, 12, 31), date(2025, 1, 1), date(2025, 2, 28), date(2025, 3, 30), date(2025, 6, 15),
)  # fmt: skip
_CLOCKS = ((0, 0, 0), (0, 0, 1), (23, 59, 59), (1, 30, 0), (2, 30, 0), (12, 0, 0))
_AGES = (0, 0, 1, 2, 6, 7, 10, 29, 30, 31, 60, 89, 90, 91, 120, 135, 136, 179, 180, 364, 365, 366, 400, 455, 730)


class World:
    """The dice and the calendar of one company, and the rows invented so far."""

    def __init__(
        self, random: Random, overrides: dict[str, Any], days: Sequence[date], is_crowded: bool = False
    ) -> None:
        self.is_crowded = is_crowded
        self.random = random
        self.overrides = overrides
        self.days = list(days)
        self.zone = overrides["reporting_zone"]
        self.currency = overrides["reporting_currency"]
        self.rows: dict[str, list[Row]] = {}
        self.instant_limit = end_of_day(self.days[-1], self.zone)
        self._instants: list[datetime] = []
        self._counters: dict[str, int] = {}
        ages = [random.choice(_AGES) + random.choice((0, 0, 0, 1, 3)) for _ in range(8)]
        self._busy_days = [self.days[-1] - timedelta(days=age) for age in ages]

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def pick(self, values: Sequence[Any]) -> Any:
        return self.random.choice(values)

    def maybe(self, value: Value, share: float = 0.7) -> Value:
        return value if self.chance(share) else None

    def name(self, prefix: str) -> str:
        """The next id with this prefix: unique, and not in the order of time."""
        self._counters[prefix] = self._counters.get(prefix, 0) + 1
        return f"{prefix}{self._counters[prefix] * 7 % 100:02d}"

    def day(self) -> date:
        """Mostly one of a few busy days, so that things meet on the same day and in the same month."""
        if self.chance(0.75):
            return self.pick(self._busy_days)
        return self.days[-1] - timedelta(days=self.pick(_AGES))

    def instant(self, after: datetime | None = None) -> datetime:
        """An instant up to the end of the last extract day; often at an edge, sometimes one used before."""
        if self._instants and self.chance(0.08):
            return self.pick(self._instants)
        if after is not None:
            moment = after + self.pick(
                (timedelta(0), timedelta(seconds=1), timedelta(hours=5), timedelta(days=1), timedelta(days=29),
                 timedelta(days=30), timedelta(days=89), timedelta(days=90), timedelta(days=200), timedelta(days=366))
            )  # fmt: skip
        else:
            day, clock = self.day(), self.pick(_CLOCKS)
            moment = datetime(day.year, day.month, day.day, *clock, tzinfo=ZoneInfo(self.zone)).astimezone(UTC)
        moment = min(moment, self.instant_limit)
        self._instants.append(moment)
        return moment

    def money(self, largest: int = 200) -> Decimal:
        if self.chance(0.15):
            return self.pick((Decimal("0"), Decimal("0.01"), Decimal("33.3333"), Decimal("100"), Decimal("19.995")))
        return Decimal(self.random.randint(1, largest * 100)).scaleb(-2)

    def some_currency(self) -> str:
        return self.pick((self.currency,) * 6 + ("SEK", "SEK", "JPY"))

    def add(self, table: str, **values: Value) -> Row:
        """One more row of a table; columns not named are null."""
        row = dict.fromkeys(TABLES[table].columns) | values
        if TABLES[table].version == "updated_at" and row["updated_at"] is None:
            times = [value for value in row.values() if isinstance(value, datetime)]
            moment = max(times) if times else self.instant()
            row["updated_at"] = moment if "updated_at" in TABLES[table].required else self.maybe(moment, 0.8)
        self.rows.setdefault(table, []).append(row)
        return row


def invent(
    random: Random,
    name: str = "random company",
    people: int = 6,
    orders: int = 24,
    has_gap: bool = False,
    is_crowded: bool = False,
) -> Company:
    """A random company with at most `people` people and at most `orders` orders.

    With `has_gap`, some tables miss an extract date in the middle: what they bring later is known, but not final.
    With `is_crowded`, many people share an address and a number: the guards of identity have something to do.
    """
    from .generator_accounts import with_accounts
    from .generator_desk import invent_costs, invent_leads, invent_service, invent_surveys
    from .generator_people import invent_people
    from .generator_shop import invent_orders, invent_visits

    last = random.choice(_LAST_DAYS)
    span = random.choice((3, 4, 40)) if has_gap else random.choice((1, 1, 2, 3))
    days = [last - timedelta(days=back) for back in range(span - 1, -1, -1)]
    overrides = _invent_settings(random)
    if is_crowded:
        overrides["max_records_per_identifier"] = random.choice((1, 2))
    world = World(random, overrides, days, is_crowded)
    persons = invent_people(world, max(1, random.choice((1, people // 2, people - 1, people))))
    bought = invent_orders(
        world, persons, random.randint(0, orders) if random.random() < 0.3 else random.randint(orders // 2, orders)
    )
    invent_visits(world, persons, bought)
    invent_leads(world, persons)
    invent_service(world, persons)
    invent_surveys(world, persons, bought)
    invent_costs(world)
    _add_referrals_and_teams(world, Random(f"{name} {last} {len(bought)}"))
    deliveries = _deliver(world)
    if has_gap:
        missing = {(name, random.choice(days[1:-1])) for name in TABLES if random.random() < 0.15}
        deliveries = [delivery for delivery in deliveries if (delivery.table, delivery.extract_date) not in missing]
    return with_accounts(Company(name, tuple(deliveries), world.overrides))


def _add_referrals_and_teams(world: World, dice: Random) -> None:
    """With dice of their own, so that every other row of a company is what it was before these columns."""
    accounts = [row["customer_id"] for row in world.rows.get("ecommerce.customers", [])]
    for row in world.rows.get("ecommerce.customers", []):
        if dice.random() < 0.4:
            row["referrer_customer_id"] = dice.choice([*accounts, "C-elsewhere"])
    for row in world.rows.get("finance.costs", []):
        row["team"] = dice.choice((None, "brand", "loyalty", "loyalty"))
    if dice.random() < 0.5:
        world.overrides["retention_teams"] = ("loyalty",)


def _invent_settings(random: Random) -> dict[str, Any]:
    overrides: dict[str, Any] = {
        "reporting_zone": random.choice(_ZONES),
        "reporting_currency": random.choice(("EUR", "USD", "GBP")),
    }
    options: dict[str, tuple[Any, ...]] = {
        "active_window_days": (31, 45, 60),
        "attribution_window_days": (0, 1, 7, 90),
        "time_decay_half_life_days": (1, 3),
        "acquisition_model": ("last_touch", "last_non_direct_touch", "linear", "markov"),
        "max_records_per_identifier": (1, 2),
        "phone_region": ("GB",),
        "margin_rate": (Decimal("0.35"), Decimal("0")),
        "service_level_threshold_seconds": ({"default": 20, "voice": 30},),
        "short_abandon_seconds": ({"default": 5, "chat": 10},),
        "abandon_policy": ("negative", "positive", "ignore_short", "answered_only"),
    }
    for setting, values in options.items():
        if random.random() < 0.25:
            overrides[setting] = random.choice(values)
    return overrides


def _deliver(world: World) -> list[Delivery]:
    """Spread the rows over the extract days: every table that exists is delivered on each of them."""
    deliveries = []
    for name, table in TABLES.items():
        rows = world.rows.get(name, [])
        if name != "ecommerce.orders" and world.chance(0.12 if rows else 0.6):
            continue  # this company has no such table
        dropped = {column for column in _droppable(table) if world.chance(0.05)}
        columns = [column for column in table.columns if column not in dropped]
        if world.chance(0.3):
            world.random.shuffle(columns)
        by_day: dict[date, list[Row]] = {day: [] for day in world.days}
        for row in rows:
            for day, version in _versions(world, table, row):
                if _key(table, version) not in {_key(table, other) for other in by_day[day]}:
                    by_day[day].append(version)
        file_format = "jsonl" if world.chance(0.15) else "csv"
        for day, delivered in by_day.items():
            repeated = [row for row in delivered if world.chance(0.03)]
            world.random.shuffle(delivered)
            deliveries.append(Delivery(name, day, (*delivered, *repeated), tuple(columns), file_format=file_format))
            if delivered and world.chance(0.06):
                corrected = tuple(_another_version(world, table, row) for row in delivered if world.chance(0.5))
                deliveries.append(Delivery(name, day, corrected, tuple(columns), revision=2))
    return deliveries


def _droppable(table: Table) -> list[str]:
    """Optional columns that a company may lack; those that decide what a row is are kept."""
    kept = {"answered_at", "is_abandoned", "kind", "responded_at", "sent_at", "order_id", "queue"}
    return [column for column in table.optional if column not in kept]


def _key(table: Table, row: Row) -> tuple[Value, ...]:
    return tuple(row[name] for name in table.key)


def _versions(world: World, table: Table, row: Row) -> list[tuple[date, Row]]:
    """The row on one extract day, and sometimes another version of it on another day."""
    times = [value for value in row.values() if isinstance(value, datetime)]
    # Intake sets aside what happens after the day that it is delivered for, so such rows wait.
    times += [end_of_day(value, world.zone) for value in row.values() if type(value) is date]
    latest = max(times) if times else None
    possible = [day for day in world.days if latest is None or latest <= end_of_day(day, world.zone)]
    if not possible:
        return [(world.days[-1], row)]
    day = possible[0] if world.chance(0.7) else world.pick(possible)
    versions = [(day, row)]
    if len(possible) > 1 and world.chance(0.25):
        other_day = world.pick([other for other in possible if other != day])
        versions.append((other_day, _another_version(world, table, row)))
    if world.chance(0.05):
        row["is_deleted"] = True
    return versions


def _another_version(world: World, table: Table, row: Row) -> Row:
    """The same key with something changed, and an older, equal, unknown or newer version."""
    other = dict(row)
    for column, kind in table.columns.items():
        if column in table.key or column == table.version or not world.chance(0.3):
            continue
        value = other[column]
        if kind == "money" and isinstance(value, Decimal):
            other[column] = value + Decimal("1.50")
        elif kind == "bool":
            other[column] = not value
        elif kind == "int" and isinstance(value, int) and table.entity == "interactions":
            other[column] = value + 1
        elif column in ("email", "phone", "customer_id", "contact_id", "discount_amount", "cancelled_at"):
            other[column] = None
    version = other.get(table.version) if table.version else None
    if isinstance(version, datetime):
        other[table.version] = version - timedelta(seconds=world.pick((0, 1, 3600)))
    return other
