"""Golden customers: the deterministic rule against the second opinion, and what must hold whatever arrives."""

from __future__ import annotations

import dataclasses
import hashlib
import random
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.golden import Golden

from orchestration.identity import IdentityResult, resolve
from orchestration.settings import Settings

SETTINGS = Settings(home=Path(), max_records_per_identifier=3, phone_region="GB")
START = datetime(2024, 1, 1)
TEXTS = ("source_system", "id_namespace", "email", "phone", "first_name", "country_code")
OWN_ID = {"contacts": "contact_id", "leads": "lead_id", "customers": "customer_id"}
TABLES = {
    "contacts": (*TEXTS, "contact_id", "loyalty_id", "merged_into_contact_id"),
    "leads": (*TEXTS[:4], "lead_id", "contact_id", "converted_contact_id"),
    "customers": (*TEXTS, "customer_id"),
}
MENTIONS = (
    *("identifier_kind", "id_namespace", "identifier_value"),
    *("source_system", "source_table", "event_id", "event_namespace"),
)
Row = dict[str, object]


class Company:
    """Records and events of one tiny company, row by row."""

    def __init__(self) -> None:
        self.rows: dict[str, list[Row]] = {name: [] for name in (*TABLES, "events")}

    def _add(self, table: str, row_id: str, day: int, **columns: object) -> Company:
        row = {"source_system": "crm", "id_namespace": "generic", "created_at": START + timedelta(days=day), **columns}
        self.rows[table].append({**row, OWN_ID[table]: row_id, "is_deleted": columns.get("is_deleted", False)})
        return self

    def contact(self, contact_id: str, day: int = 0, **columns: object) -> Company:
        return self._add("contacts", contact_id, day, **columns)

    def lead(self, lead_id: str, day: int = 0, **columns: object) -> Company:
        return self._add("leads", lead_id, day, **columns)

    def shopper(self, customer_id: str, day: int = 0, **columns: object) -> Company:
        return self._add("customers", customer_id, day, source_system="ecommerce", **columns)

    def event(self, event_id: str, day: int = 0, table: str = "orders", **identifiers: object) -> Company:
        row = {"id": event_id, "table": table, "occurred_at": START + timedelta(days=day), "id_namespace": "generic"}
        self.rows["events"].append({**row, **identifiers})
        return self

    def shuffled(self, seed: int) -> Company:
        other = Company()
        for name, rows in self.rows.items():
            other.rows[name] = random.Random(seed).sample(rows, len(rows))
        return other

    def arrow(self, table: str) -> pa.Table:
        fields = [(name, pa.string()) for name in TABLES[table]]
        fields += [("created_at", pa.timestamp("us")), ("is_deleted", pa.bool_())]
        return pa.Table.from_pylist(self.rows[table], schema=pa.schema(fields))

    def mentions(self) -> pa.Table:
        """What the model int_identity__mentions makes of the events."""
        first: dict[tuple[str, str, str], Row] = {}
        for event in self.rows["events"]:
            place = (event["occurred_at"], "shop", event["table"], event["id"])
            ids = [kind for kind in ("customer_id", "contact_id", "lead_id") if event.get(kind)]
            kinds = ids[:1] or [kind for kind in ("email", "phone") if event.get(kind)]
            for kind in kinds:
                namespace = event["id_namespace"] if ids else ""
                key = (kind, str(namespace), str(event[kind]))
                mention = dict(zip(MENTIONS, (*key, *place[1:], event["id_namespace"]), strict=True))
                if key not in first or place < first[key]["place"]:
                    first[key] = {**mention, "occurred_at": place[0], "place": place}
        fields = [*((name, pa.string()) for name in MENTIONS), ("occurred_at", pa.timestamp("us"))]
        return pa.Table.from_pylist(list(first.values()), schema=pa.schema(fields))

    def resolve(self, site: Settings = SETTINGS, **history: object) -> Resolved:
        tables = (self.arrow(name) for name in TABLES)
        return Resolved(self, resolve(*tables, self.mentions(), site, **history))


@dataclasses.dataclass
class Resolved:
    """A result, asked the way that SQL asks it."""

    company: Company
    result: IdentityResult

    def __post_init__(self) -> None:
        rows = self.result.identifiers.to_pylist()
        self.key_of = {
            (r["identifier_kind"], r["id_namespace"], r["identifier_value"]): r["customer_key"] for r in rows
        }
        assert len(self.key_of) == len(rows), "an identifier leads to two rows"
        keys = [row["customer_key"] for row in self.result.customers.to_pylist()]
        assert len(set(keys)) == len(keys)
        assert set(self.key_of.values()) <= set(keys)
        assert {row["customer_key"] for row in self.result.customer_identities.to_pylist()} == set(keys)
        self.keys = set(keys)

    def id(self, kind: str, value: str) -> str | None:
        return self.key_of.get((kind, "generic", value))

    def contact(self, value: str) -> str | None:
        return self.id("contact_id", value)

    def attach(self, event_id: str) -> str | None:
        event = next(row for row in self.company.rows["events"] if row["id"] == event_id)
        for kind in ("customer_id", "contact_id", "lead_id", "email", "phone"):
            namespace = event["id_namespace"] if kind.endswith("_id") else ""
            if event.get(kind) and (key := self.key_of.get((kind, namespace, event[kind]))):
                return key
        return None

    def groups(self) -> set[frozenset[str]]:
        """Source ids by customer, records and guests."""
        found: dict[str, set[str]] = {}
        for row in self.result.customer_identities.to_pylist():
            if row["match_rule"] != "first_event":
                found.setdefault(row["customer_key"], set()).add(row["source_id"])
        return {frozenset(ids) for ids in found.values()}

    def sorted_tables(self) -> dict[str, list[Row]]:
        return {name: sorted(table.to_pylist(), key=str) for name, table in self.result.tables().items()}


# Few values, so that they meet; each in several spellings.
EMAILS = (
    None,
    "",
    "a@x.example",
    " A@X.example",
    "\uff41@x.example",
    "b@x.example",
    "c@x.example",
    "none",
    "a@b",
    "a@b..c",
)
PHONES = (None, "+442079460101", "020 7946 0101", "+442079460202", "(020) 79460202", "n/a", "12")
NAMES = (None, "Anna", "anna Maria", "ANNA", "Ben", "\u00c9mile", "\u00e9mile", "J.", "j")
EVENT_TABLES = ("orders", "sessions", "interactions")


@st.composite
def companies(draw: st.DrawFn, *, with_phones: bool = True) -> Company:
    company = Company()
    days = st.integers(0, 30)
    contact_ids = ["C0", "C1", "C2", "C3", "C4", None, None]
    phones = st.sampled_from(PHONES if with_phones else (None,))

    def person() -> Row:
        columns = {"email": draw(st.sampled_from(EMAILS)), "phone": draw(phones)}
        return columns | {"is_deleted": draw(st.sampled_from([False, False, False, True]))}

    def described() -> Row:
        country = draw(st.sampled_from([None, "GB", "FR"])) if with_phones else None
        return person() | {"first_name": draw(st.sampled_from(NAMES)), "country_code": country}

    for number in range(draw(st.integers(0, 5))):
        loyalty, target = draw(st.sampled_from([None, None, "L1", "L2"])), draw(st.sampled_from(contact_ids))
        company.contact(f"C{number}", draw(days), loyalty_id=loyalty, merged_into_contact_id=target, **described())
    for number in range(draw(st.integers(0, 3))):
        contact, converted = draw(st.sampled_from(contact_ids)), draw(st.sampled_from(contact_ids))
        company.lead(f"D{number}", draw(days), contact_id=contact, converted_contact_id=converted, **person())
    for number in range(draw(st.integers(0, 6))):
        company.shopper(f"S{number}", draw(days), **described())
    for number in range(draw(st.integers(0, 8))):
        identifiers = {
            "customer_id": draw(st.sampled_from([None, None, "S0", "S1", "S9"])),
            "contact_id": draw(st.sampled_from(contact_ids)),
            "email": draw(st.sampled_from(EMAILS)),
            "phone": draw(phones),
        }
        company.event(f"E{number}", draw(days), draw(st.sampled_from(EVENT_TABLES)), **identifiers)
    return company


@given(companies())
@settings(max_examples=150, deadline=None)
def test_agrees_with_the_second_opinion(company: Company) -> None:
    names = {"contacts": "crm.contacts", "leads": "crm.leads", "customers": "ecommerce.customers"}
    rows = {names[name]: [_blank_is_null(row) for row in company.rows[name]] for name in names}
    golden, resolved = Golden(rows, SETTINGS), company.resolve()
    pairs = set()
    for name, full_name in names.items():
        for row in rows[full_name]:
            key = resolved.id(OWN_ID[name], row[OWN_ID[name]])
            # A record that was deleted has no customer unless an event names it.
            assert key is not None or row["is_deleted"]
            if key is not None:
                pairs.add((key, golden.group_of_record(full_name, row[OWN_ID[name]])))
    for event in company.rows["events"]:
        row = _blank_is_null(event)
        pairs.add((resolved.attach(event["id"]), golden.attach(row | {"customer_phone": row["phone"]})))
    assert len({ours for ours, _ in pairs}) == len({theirs for _, theirs in pairs}) == len(pairs)
    assert all((ours is None) == (theirs is None) for ours, theirs in pairs)


def _blank_is_null(row: Row) -> Row:
    return {name: None if value == "" else value for name, value in row.items()}


@given(companies(), st.integers(0, 9))
@settings(max_examples=40, deadline=None)
def test_order_of_rows_never_matters(company: Company, seed: int) -> None:
    assert company.resolve().sorted_tables() == company.shuffled(seed).resolve().sorted_tables()


@given(companies(with_phones=False), companies(with_phones=False))
@settings(max_examples=50, deadline=None)
def test_a_later_record_moves_no_key(company: Company, more: Company) -> None:
    roomy = dataclasses.replace(SETTINGS, max_records_per_identifier=100)
    before = company.resolve(roomy)
    for table, added in (("contacts", "contact"), ("customers", "shopper")):
        for row in more.rows[table]:
            columns = {name: row.get(name) for name in ("email", "loyalty_id", "first_name") if row.get(name)}
            getattr(company, added)(f"later-{row[OWN_ID[table]]}", 40, **columns)
    after = company.resolve(roomy)
    seen = {row["customer_key"]: row["first_seen_at"] for row in before.result.customers.to_pylist()}
    for identifier, key in before.key_of.items():
        new = after.key_of[identifier]  # the same key, or that of an older customer that turned out to be the same
        assert new == key or seen[new] <= seen[key]


def test_the_key_is_the_hash_of_the_oldest_member() -> None:
    company = Company().contact("C1", 5, email="a@x.example").event("O1", 3, email="A@x.example ")
    key = hashlib.md5(b"4:shop|6:orders|2:O1").hexdigest()
    assert company.resolve().contact("C1") == key, "the guest's first event is older than the record"
    assert company.event("O0", 4, email="a@x.example").resolve().contact("C1") == key
    older = company.shopper("S1", 1, email="a@x.example").resolve()
    assert older.contact("C1") == hashlib.md5(b"9:ecommerce|9:customers|2:S1").hexdigest()


def test_equal_instants_go_by_source_table_and_id() -> None:
    company = Company().contact("C2", loyalty_id="L").contact("C1", loyalty_id="L").lead("A", contact_id="C1")
    assert company.resolve().contact("C2") == hashlib.md5(b"3:crm|8:contacts|2:C1").hexdigest()


def test_a_guest_keeps_the_key_when_its_record_arrives() -> None:
    company = Company().event("O1", 3, customer_id="S1").event("O2", 4, customer_id="S1", email="other@x.example")
    guest = company.resolve()
    assert guest.groups() == {frozenset({"O1"})}, "the e-mail beside an id is nobody's"
    assert guest.result.customers.to_pylist()[0]["is_identified"] is False
    known = company.shopper("S1", 8, email="a@x.example").resolve()
    assert known.keys == guest.keys
    assert known.result.customers.to_pylist()[0]["is_identified"] is True
    rules = {row["source_id"]: row["match_rule"] for row in known.result.customer_identities.to_pylist()}
    assert rules == {"S1": "single_record", "O1": "first_event"}


def test_merging_keeps_the_older_key_and_splitting_leaves_it_with_the_oldest_part() -> None:
    company = Company().contact("C1", 1, email="a@x.example").contact("C2", 2, email="b@x.example")
    apart = company.resolve()
    company.rows["contacts"][1]["email"] = "a@x.example"
    together = company.resolve()
    assert together.keys == {apart.contact("C1")}
    company.rows["contacts"][1]["email"] = "b@x.example"  # the correction un-links
    assert company.resolve().sorted_tables() == apart.sorted_tables()


def test_merge_chains_cycles_and_a_target_that_never_arrives() -> None:
    company = Company().contact("C1", merged_into_contact_id="C2", is_deleted=True, email="a@x.example")
    company.contact("C2", merged_into_contact_id="C3").contact("C3", merged_into_contact_id="C1")
    company.contact("C4", merged_into_contact_id="C4").contact("C5", email="a@x.example")
    company.contact("C6", merged_into_contact_id="gone").contact("C7", merged_into_contact_id="gone")
    company.event("I1", contact_id="gone").event("I2", contact_id="C1")
    resolved = company.resolve()
    assert resolved.groups() == {
        frozenset({"C1", "C2", "C3", "C5"}),
        frozenset({"C4"}),
        frozenset({"C6", "C7", "I1"}),
    }
    assert resolved.attach("I1") == resolved.contact("C7")
    assert resolved.attach("I2") == resolved.contact("C5")


def test_a_record_deleted_without_a_target_keeps_its_id_and_nothing_else() -> None:
    company = Company().contact("C1", is_deleted=True, email="a@x.example", loyalty_id="L", phone="+442079460101")
    company.contact("C2", email="a@x.example", loyalty_id="L").contact("C3", merged_into_contact_id="C1")
    company.lead("D1", contact_id="C1").contact("C4", is_deleted=True)
    company.event("I1", contact_id="C1").event("O1", email="b@x.example").event("I2", phone="+442079460101")
    resolved = company.resolve()
    assert resolved.groups() == {frozenset(ids) for ids in (["C1"], ["C2"], ["C3"], ["D1"], ["O1"])}
    assert resolved.attach("I1") == resolved.contact("C1")
    assert resolved.attach("I2") is None
    assert resolved.contact("C4") is None, "nothing names it: it left with its delete"


def test_a_value_on_many_records_under_three_names_is_shared() -> None:
    company = Company()
    for number, name in enumerate(("Anna", "Ben", "Carl", "anna")):
        company.contact(f"C{number}", number, email="info@x.example", first_name=name)
    company.shopper("S1", email="info@x.example", phone="+442079460101")
    company.event("O1", email="info@x.example").event("O2", email="info@x.example", phone="+442079460101")
    resolved = company.resolve()
    assert len(resolved.groups()) == 5
    assert (resolved.attach("O1"), resolved.attach("O2")) == (None, resolved.id("customer_id", "S1"))
    (shared,) = resolved.result.shared_identifiers.to_pylist()
    assert (shared["identifier_kind"], shared["record_count"], shared["given_name_count"]) == ("email", 5, 3)
    assert "info" not in str(resolved.result.shared_identifiers.to_pylist())
    company.rows["contacts"][2]["first_name"] = "B."  # an initial names nobody: two names are no office
    assert len(company.resolve().groups()) == 1
    company.rows["contacts"][2]["first_name"] = "Carl"
    company.rows["contacts"][3]["is_deleted"] = True  # three contacts, and a shopper of another table
    assert company.resolve().groups() == {frozenset({"C0", "C1", "C2", "S1"})}


def test_a_household_is_not_a_person() -> None:
    company = Company().event("I1", phone="+44 20 7946 0101")
    for number, name in enumerate(("Anna", "anna Maria", None, "A.")):
        company.contact(f"C{number}", phone="020 7946 0101", country_code="GB", first_name=name)
    company.lead("D1", phone="+442079460101")
    # One name: whoever has the number is that person. An event attached by phone is no member.
    assert company.resolve().groups() == {frozenset({"C0", "C1", "C2", "C3", "D1"})}
    assert company.resolve().attach("I1") is not None
    home = company.contact("C9", phone="+442079460101", first_name="Ben").resolve()
    assert home.groups() == {frozenset(ids) for ids in (["C0", "C1"], ["C2"], ["C3"], ["C9"], ["D1"])}
    assert home.attach("I1") is None, "a number behind two people names nobody"


def test_bad_values_link_nobody() -> None:
    company = Company()
    junk = [("", ""), ("none@none", "000000"), ("test", "test"), ("@", "+"), ("a@b", "0"), ("x y@z.w", "n/a")]
    for number in range(60):
        email, phone = junk[number % len(junk)]
        company.contact(f"C{number}", email=email, phone=phone, loyalty_id="", merged_into_contact_id=" ")
        company.event(f"O{number}", email=email, phone=phone)
    company.contact("C60", email="\u0430nna@x.example").contact("C61", email="anna@x.example")  # Cyrillic, Latin
    company.lead("D1", phone="030 1234567")
    nowhere = dataclasses.replace(SETTINGS, phone_region="")
    assert len(company.resolve(nowhere).groups()) == 63
    assert {company.resolve(nowhere).attach(f"O{number}") for number in range(60)} == {None}


def test_a_placeholder_is_never_one_giant_customer() -> None:
    """Whatever stands in a column on many differently named records links nobody, is listed, and is counted."""
    company, names = Company(), ("Anna", "Ben", "Carl", "Dora")
    for number in range(40):
        name, other = names[number % 4], f"p{number}@x.example"
        company.contact(f"E{number}", email=("none@none.com", " NONE@none.com")[number % 2], first_name=name)
        company.contact(f"L{number}", loyalty_id="000000", first_name=name)
        company.contact(f"P{number}", phone="+44 20 7946 0999", first_name=name)
        company.contact(f"M{number}", merged_into_contact_id="n/a", is_deleted=True, email=other, first_name=name)
        company.lead(f"D{number}", contact_id="0", email=f"lead.{other}")
        company.lead(f"T{number}", converted_contact_id="test", email=f"late.{other}")
    company.event("O1", email="none@none.com").event("O2", phone="+442079460999").event("O3", contact_id="n/a")
    resolved = company.resolve()
    assert max(row["record_count"] for row in resolved.result.customers.to_pylist()) == 1
    assert (resolved.attach("O1"), resolved.attach("O2")) == (None, None)
    assert resolved.attach("O3") is not None, "an id that no record carries is somebody all the same"
    listed = [
        (row["identifier_kind"], row["record_count"], row["given_name_count"])
        for row in resolved.result.shared_identifiers.to_pylist()
    ]
    by_mail = ("contact_id", 40, 40)  # leads have no given names: their addresses tell them apart
    expected = [(kind, 40, 4) for kind in ("contact_id", "email", "loyalty_id", "phone")]
    assert sorted(listed) == sorted([*expected, by_mail, by_mail])
    hashes = [row["identifier_hash"] for row in resolved.result.shared_identifiers.to_pylist()]
    assert len(set(hashes)) == len(hashes)


def test_a_guard_leaves_alone_what_is_one_persons() -> None:
    company = Company()
    for number in range(12):
        company.contact(f"C{number}", loyalty_id="FAMILY", first_name=("Anna", "Ben")[number % 2])
        company.lead(f"D{number}", contact_id="late", email="one@x.example")
    assert company.resolve().groups() == {
        frozenset(f"C{number}" for number in range(12)),
        frozenset(f"D{number}" for number in range(12)),
    }, "two names on a card are a family, and one address is one person"
    for number in range(12):
        company.contact(f"M{number}", merged_into_contact_id="C0", first_name=f"Name{number}", is_deleted=True)
    largest = max(len(group) for group in company.resolve().groups())
    assert largest == 24, "what names a record that exists is the source's own word"


def test_a_record_that_changes_its_id_leaves_its_events_with_the_old_one() -> None:
    """The old id is a guest's from then on, unless evidence brings the two together."""
    company = Company().contact("C1", 1, email="a@x.example").event("I1", 2, contact_id="C1")
    before = company.resolve()
    company.rows["contacts"][0]["contact_id"] = "C1-new"
    after = company.resolve()
    assert after.attach("I1") is not None and after.attach("I1") != after.contact("C1-new")
    company.rows["contacts"][0]["merged_into_contact_id"] = "C1"
    together = company.resolve()
    assert together.attach("I1") == together.contact("C1-new") != before.contact("C1")
    assert together.result.customers.to_pylist()[0]["first_seen_at"] == START + timedelta(days=1)


def test_an_id_of_two_deleted_records_is_the_older_ones() -> None:
    for days in ((3, 1), (1, 3)):
        company = Company().event("I1", 5, contact_id="C1")
        for source, day in zip(("crm", "hub"), days, strict=True):
            company.contact("C1", day, is_deleted=True, source_system=source)
        older = hashlib.md5(f"3:{'hub' if days[1] == 1 else 'crm'}|8:contacts|2:C1".encode()).hexdigest()
        assert company.resolve().attach("I1") == company.shuffled(1).resolve().attach("I1") == older


def test_ids_mean_something_in_their_namespace_only() -> None:
    company = Company().contact("C1").contact("C1", 1, source_system="hub", id_namespace="hub")
    company.lead("D1", contact_id="C1", source_system="hub", id_namespace="hub").event("I1", contact_id="C1")
    resolved = company.resolve()
    assert len(resolved.keys) == 2
    assert resolved.key_of["contact_id", "hub", "C1"] == resolved.key_of["lead_id", "hub", "D1"]
    assert resolved.attach("I1") == resolved.key_of["contact_id", "generic", "C1"]


def test_evidence_is_named_by_its_strongest_kind_and_never_by_value() -> None:
    secrets = ("canary@x.example", "+442079460101", "CANARY-CARD")
    company = Company().contact("C1", email=secrets[0], loyalty_id=secrets[2], country_code="de ", first_name="Canary")
    company.contact("C2", 1, loyalty_id=secrets[2], phone=secrets[1], country_code="FR").lead("D1", 2, contact_id="C1")
    company.shopper("S1", 3, phone=secrets[1]).shopper("S2", 3).event("O1", 9, email="guest-canary@x.example")
    result = company.resolve().result
    kinds = {row["source_id"]: row["evidence_kind"] for row in result.customer_identities.to_pylist()}
    assert kinds == {
        "C1": "lead_contact",
        "C2": "loyalty_id",
        "D1": "lead_contact",
        "S1": "phone",
        "S2": "none",
        "O1": "email",
    }
    (person,) = (row for row in result.customers.to_pylist() if row["record_count"] == 4)
    assert person["evidence_kinds"] == "lead_contact,loyalty_id,phone"
    assert (person["contact_record_count"], person["shop_record_count"]) == (2, 1)
    for name, table in result.tables().items():
        if name != "identifiers":
            assert "canary" not in str(table.to_pylist()).lower()
            assert "7946" not in str(table.to_pylist())


def test_retired_keys_name_the_member_that_they_stood_for() -> None:
    company = Company().contact("C1", 1, email="a@x.example").contact("C2", 2, email="b@x.example")
    first = company.resolve()
    assert first.result.retired_customer_keys.num_rows == 0
    company.rows["contacts"][1]["email"] = "a@x.example"
    served = first.result.customer_identities
    second = company.resolve(published_identities=served, snapshot_id="s2").result
    expected = {"old_customer_key": first.contact("C2"), "source_system": "crm", "source_table": "contacts"}
    assert second.retired_customer_keys.to_pylist() == [expected | {"source_id": "C2", "since_snapshot_id": "s2"}]
    # The ledger alone gives the same, with or without the published snapshot.
    for served in (None, second.customer_identities):
        again = company.resolve(
            published_identities=served, retired_keys=second.retired_customer_keys.to_pylist(), snapshot_id="s3"
        )
        assert again.result.retired_customer_keys == second.retired_customer_keys
    company.rows["contacts"][1]["email"] = "b@x.example"
    alive = company.resolve(retired_keys=second.retired_customer_keys.to_pylist()).result
    assert alive.retired_customer_keys.num_rows == 0, "the key lives again"


@pytest.mark.parametrize("table", ["contacts", "leads", "customers"])
def test_tables_that_nobody_delivers_are_empty(table: str) -> None:
    assert Company().event("O1", email="nobody").resolve().keys == set(), "a mention of nothing, and no records"
    company = Company()
    company._add(table, "1", email="a@x.example", day=0)
    assert len(company.resolve().keys) == 1
    assert Company().resolve().keys == set()
    assert len(Company().event("O1", email="a@x.example").resolve().keys) == 1
