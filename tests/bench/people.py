"""People as CRM, shop and contact center know them: generated records of known truth, with everything that goes wrong.

Lives here: the generator; the truth is a column apart, never in a record. Does not live here: what is made of it
(`identity_quality.py`, `identity.py`). Nobody in it exists: names are made of syllables.

Planted: typos, missing values, exchanged names, damaged birthdays; families under one roof with one phone and sometimes
one mailbox; surnames changed by marriage; people who moved, and others who moved into their house; phone numbers given
to somebody new; a shop's info@ address and tablet; guests who leave an e-mail and nothing else; leads that name the
contact they became.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

_ONSETS = ("b", "br", "d", "dr", "f", "g", "gr", "h", "j", "k", "kl", "l", "m", "n", "p", "r", "s", "st", "t", "v", "w")
_VOWELS = ("a", "e", "i", "o", "u", "ai", "ee", "ou")
_CODAS = ("", "n", "r", "l", "s", "t", "m", "nd", "ck", "rt", "ng")
_DOMAINS = ("gmail.com", "yahoo.com", "outlook.com", "icloud.com", "web.de", "orange.fr", "proton.me", "mail.com")
_LETTERS = np.array(list("abcdefghijklmnopqrstuvwxyz"))
TYPO_SHARE, MISSING_SHARE = 0.03, 0.10
# Of the people who live with somebody: how many share that one's mailbox, or phone; of all: whose number was another's.
SHARED_MAILBOX, SHARED_PHONE, RECYCLED_PHONE = 0.004, 0.05, 0.001
CONVERTED = 0.5
_FIRST_DAY = np.datetime64("2020-01-01T00:00:00", "us")


@dataclass(frozen=True)
class People:
    """Conformed tables as identity reads them. `person` is the truth, by record in the order contacts, leads,
    customers; `evidence` is what each record truly carries undamaged (0 = nothing), by identifier."""

    contacts: pa.Table
    leads: pa.Table
    customers: pa.Table
    person: np.ndarray
    evidence: dict[str, np.ndarray]


def people(record_count: int, seed: int = 5, shared_phone: float = SHARED_PHONE) -> People:
    """About `record_count` records of one person in 2.2 records each."""
    rng = np.random.default_rng(seed)
    count = max(int(record_count / 2.24), 20)
    first_names, last_names = _names(rng, 1500, 2), _names(rng, 20_000, 3)
    person = {
        "first_name": first_names[_zipf(rng, 1500, count)],
        "last_name": last_names[_zipf(rng, 20_000, count)],
        "birth": (np.datetime64("1935-01-01") + rng.integers(0, 26_000, count)),
    }
    # Families: one in three lives with the person before, under the same surname and roof.
    joins = rng.random(count) < 0.33
    joins[0] = False
    head = np.maximum.accumulate(np.where(joins, 0, np.arange(count)))
    house = head.copy()
    person["last_name"] = person["last_name"][head]
    moved_into = rng.random(count) < 0.03  # a house whose earlier family is still in somebody's files
    house = np.where(moved_into & ~joins, np.roll(house, 5), house)[head]
    streets, cities = _names(rng, 6000, 2), _names(rng, 900, 2)
    place_city = _zipf(rng, 900, count)
    person["street_address"] = np.char.add(
        np.char.add(rng.integers(1, 190, count).astype(str), " "), streets[rng.integers(0, 6000, count)].astype(str)
    ).astype(object)[house]
    person["city"] = cities[place_city][house]
    person["postal_code"] = (place_city * 37 % 900 * 100 + rng.integers(0, 60, count) + 10_000).astype(str)[house]
    number = rng.permutation(count) + 1
    local = np.char.add(
        np.char.add(np.char.add(person["first_name"].astype(str), "."), person["last_name"].astype(str)),
        (number % 9973).astype(str),
    )
    email = np.char.add(np.char.add(local, "@"), np.array(_DOMAINS)[rng.integers(0, len(_DOMAINS), count)])
    shares_mail = joins & (rng.random(count) < SHARED_MAILBOX)
    email_id = np.where(shares_mail, head, np.arange(count)) + 1
    shares_phone = joins & (rng.random(count) < shared_phone)
    given_away = rng.random(count) < RECYCLED_PHONE
    phone_id = np.where(given_away, np.roll(np.arange(count), 11), np.where(shares_phone, head, np.arange(count))) + 1

    parts = [
        np.flatnonzero(rng.random(count) < share) for share in (0.72, 0.08, 0.28, 0.74, 0.30)
    ]  # contact, second contact, lead, shop account, second account
    none = np.setdiff1d(np.arange(count), np.concatenate(parts))
    parts[0] = np.sort(np.concatenate([parts[0], none]))
    who = np.concatenate(parts)
    part = np.repeat(np.arange(5), [len(rows) for rows in parts])
    size = len(who)
    record = {name: values[who].astype(object) for name, values in person.items() if name != "birth"}
    record["date_of_birth"] = person["birth"][who].astype(str).astype(object)
    record["email"] = email[email_id[who] - 1].astype(object)
    record["phone"] = np.char.add("+49151", (phone_id[who] * 48_271 % 89_999_999 + 10_000_000).astype(str)).astype(
        object
    )
    evidence = {"email": email_id[who].copy(), "phone": phone_id[who].copy()}

    # Life: who married or moved after the first record has other values on the later ones.
    later = part >= 2
    married = (rng.random(count) < 0.04)[who] & later
    record["last_name"][married] = last_names[_zipf(rng, 20_000, count)][who[married]]
    away = (rng.random(count) < 0.06)[who] & later
    for name in ("street_address", "city", "postal_code"):
        record[name][away] = person[name][np.roll(np.arange(count), 17)[who[away]]]
    new_mail = (rng.random(count) < 0.05)[who] & later
    record["email"][new_mail] = np.char.add("n", record["email"][new_mail].astype(str)).astype(object)
    evidence["email"][new_mail] += count
    # The shop's own address and tablet, on accounts that were opened at the counter.
    counter = (part >= 3) & (rng.random(size) < 0.004)
    record["email"][counter], evidence["email"][counter] = "info@the-shop.example", 0
    tablet = (part >= 3) & (rng.random(size) < 0.004)
    record["phone"][tablet], evidence["phone"][tablet] = "+4930555000", 0

    for name in ("first_name", "last_name", "street_address", "city", "postal_code", "email", "phone", "date_of_birth"):
        damaged = np.flatnonzero(rng.random(size) < TYPO_SHARE)
        draws = rng.integers(0, 1 << 30, (len(damaged), 3))
        for row, draw in zip(damaged.tolist(), draws.tolist(), strict=True):
            record[name][row] = _typo(record[name][row], draw, is_number=name in ("phone", "date_of_birth"))
        if name in evidence:
            evidence[name][damaged] = 0
        missing = rng.random(size) < {"email": 0.06, "phone": 0.2, "date_of_birth": 0.4}.get(name, MISSING_SHARE)
        if name == "email":  # a form or a checkout does not let anybody through without one
            missing &= part < 2
        record[name][missing] = None
        if name in evidence:
            evidence[name][missing] = 0
    exchanged = np.flatnonzero(rng.random(size) < 0.01)
    record["first_name"][exchanged], record["last_name"][exchanged] = (
        record["last_name"][exchanged],
        record["first_name"][exchanged],
    )
    guest = (part == 4) & (rng.random(size) < 0.5)  # a checkout without an account leaves the e-mail, and that is it
    for name in record:
        if name != "email":
            record[name][guest] = None
    evidence["phone"][guest] = 0
    has_loyalty = (rng.random(count) < 0.3)[who] & (part < 2)
    record["loyalty_id"] = np.where(has_loyalty, np.char.add("L", who.astype(str)), None).astype(object)
    evidence["loyalty_id"] = np.where(has_loyalty, who + 1, 0)

    order = np.concatenate([np.flatnonzero(np.isin(part, kinds)) for kinds in ((0, 1), (2,), (3, 4))])
    lengths = [int(np.isin(part, kinds).sum()) for kinds in ((0, 1), (2,), (3, 4))]
    record = {name: values[order] for name, values in record.items()}
    seen = _FIRST_DAY + rng.integers(0, 5 * 365 * 86_400, size) * np.timedelta64(1_000_000, "us")
    tables, start = [], 0
    for length, (system, own_id) in zip(lengths, _TABLES, strict=True):
        tables.append(_table(record, seen, slice(start, start + length), system, own_id))
        start += length
    truth = who[order]
    evidence = {name: values[order] for name, values in evidence.items()}
    named = _converted(rng, truth[: lengths[0]], truth[lengths[0] : lengths[0] + lengths[1]])
    ids = [None if number < 0 else f"c{number:08d}" for number in named.tolist()]
    tables[1] = tables[1].append_column("converted_contact_id", pa.array(ids, pa.string()))
    evidence["contact_id"] = np.concatenate([np.arange(lengths[0]), named, np.full(lengths[2], -1)]) + 1
    return People(*tables, person=truth, evidence=evidence)


def _converted(rng: np.random.Generator, of_contacts: np.ndarray, of_leads: np.ndarray) -> np.ndarray:
    """By lead the contact that it says it became, -1 for none: a CRM knows it of half of those whose person is one."""
    people, first = np.unique(of_contacts, return_index=True)
    place = np.minimum(np.searchsorted(people, of_leads), len(people) - 1)
    says = (people[place] == of_leads) & (rng.random(len(of_leads)) < CONVERTED)
    return np.where(says, first[place], -1)


_TABLES = (("crm", "contact_id"), ("crm", "lead_id"), ("ecommerce", "customer_id"))


def _table(record: dict[str, np.ndarray], seen: np.ndarray, rows: slice, system: str, own_id: str) -> pa.Table:
    length = rows.stop - rows.start
    text = pa.string()
    columns = {
        "source_system": pa.repeat(pa.scalar(system, text), length),
        "id_namespace": pa.repeat(pa.scalar("generic", text), length),
        own_id: pa.array([f"{own_id[0]}{number:08d}" for number in range(length)], text),
        **{
            name: pa.array(values[rows], text)
            for name, values in record.items()
            if not (own_id == "lead_id" and name not in ("email", "phone"))
        },
        "country_code": pa.repeat(pa.scalar("DE", text), length),
        "created_at": pa.array(seen[rows], pa.timestamp("us")),
        "is_deleted": pa.array(np.zeros(length, dtype=bool)),
    }
    return pa.table(columns)


def _names(rng: np.random.Generator, count: int, syllables: int) -> np.ndarray:
    """Different names of so many syllables, most frequent first."""
    found: dict[str, None] = {}
    while len(found) < count:
        parts = [
            np.array(choices)[rng.integers(0, len(choices), count)]
            for _ in range(syllables)
            for choices in (_ONSETS, _VOWELS)
        ]
        ends = np.array(_CODAS)[rng.integers(0, len(_CODAS), count)]
        for name in zip(*parts, ends, strict=True):
            found.setdefault("".join(name))
    return np.array(list(found)[:count], dtype=object)


def _zipf(rng: np.random.Generator, size: int, count: int) -> np.ndarray:
    weights = 1 / np.arange(3, size + 3) ** 0.85
    return np.searchsorted(np.cumsum(weights / weights.sum()), rng.random(count)).clip(0, size - 1)


def _typo(value: str | None, draw: list[int], *, is_number: bool) -> str | None:
    """One character changed, lost, doubled, or two exchanged."""
    if not value:
        return value
    place, kind = draw[0] % len(value), draw[1] % 4
    other = str(draw[2] % 10) if is_number else str(_LETTERS[draw[2] % 26])
    if kind == 0 or (is_number and kind in (1, 2)):
        return value[:place] + (value[place] if value[place] in "-+" else other) + value[place + 1 :]
    if kind == 1:
        return value[:place] + value[place + 1 :] if len(value) > 2 else value
    if kind == 2:
        return value[:place] + value[place] + value[place:]
    return value[:place] + value[place : place + 2][::-1] + value[place + 2 :]
