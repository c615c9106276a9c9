"""Inventing people and the records that describe them.

Lives here: contacts and shop customers, with merges, households, shared addresses and typing variants.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .generator import World

_NAMES = ("Anna", "Ben", "Çelik", "Dora", "Émile", "J.")
_PHONES = (("+442079460101", "020 7946 0101"), ("+442079460202", "(020) 79460202"), ("+442079460303", "02079460303"))


@dataclass
class Person:
    """One human being, and the ids under which companies know them."""

    given_name: str
    email: str
    phone: str
    contact_ids: list[str] = field(default_factory=list)
    customer_ids: list[str] = field(default_factory=list)


def invent_people(world: World, count: int) -> list[Person]:
    """`count` people with their contact and shop records."""
    persons = []
    for number in range(count):
        phones = _PHONES[:1] if world.is_crowded else _PHONES[:2] if world.chance(0.5) else _PHONES
        phone = world.pick(phones)[0]
        persons.append(Person(world.pick(_NAMES), f"person{number}@example.com", phone))
    for person in persons:
        for _ in range(world.pick((1, 2) if world.is_crowded else (0, 0, 1, 1, 1, 2))):
            _add_contact(world, person)
        for _ in range(world.pick((0, 1, 1, 1, 2))):
            _add_customer(world, person)
    _merge_contacts(world)
    return persons


def spelled_email(world: World, person: Person) -> str | None:
    """The person's address as somebody typed it; sometimes a shared or unusable one."""
    if world.chance(0.4 if world.is_crowded else 0.08):
        return "info@example.com"
    if world.chance(0.04):
        return world.pick(("nobody", "a@b", "person0@example..com"))
    spellings = (person.email, person.email.upper(), f" {person.email} ", "\uff50" + person.email[1:])
    return world.maybe(world.pick((spellings[0], *spellings)), 0.85)


def spelled_phone(world: World, person: Person) -> str | None:
    national = dict(_PHONES)[person.phone]
    return world.maybe(world.pick((person.phone, f"{person.phone[:3]} {person.phone[3:]}", national, "n/a")), 0.5)


def _add_contact(world: World, person: Person) -> None:
    contact_id = world.name("K")
    person.contact_ids.append(contact_id)
    world.add(
        "crm.contacts",
        contact_id=contact_id,
        email=spelled_email(world, person),
        phone=spelled_phone(world, person),
        first_name=world.maybe(
            world.pick((person.given_name, f"{person.given_name} Maria", person.given_name.upper()))
        ),
        last_name="Example",
        country_code=world.maybe("GB"),
        loyalty_id=world.maybe(f"L{person.email[6]}", 0.2),
        lead_source=world.maybe("website", 0.3),
        created_at=world.instant(),
    )


def _add_customer(world: World, person: Person) -> None:
    customer_id = world.name("C")
    person.customer_ids.append(customer_id)
    world.add(
        "ecommerce.customers",
        customer_id=customer_id,
        email=spelled_email(world, person),
        phone=spelled_phone(world, person),
        first_name=world.maybe(person.given_name),
        country_code=world.maybe("GB"),
        accepts_marketing=world.maybe(world.chance(0.5)),
        created_at=world.instant(),
    )


def _merge_contacts(world: World) -> None:
    """Some contacts are merged into another one, or into one that never arrives; losers are often deleted."""
    contacts = world.rows.get("crm.contacts", [])
    for contact in contacts:
        others = [other["contact_id"] for other in contacts if other is not contact] + ["K-elsewhere"]
        if world.chance(0.12):
            contact["merged_into_contact_id"] = world.pick(others)
            contact["is_deleted"] = world.chance(0.6)
