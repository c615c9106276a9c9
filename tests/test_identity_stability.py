"""Golden customers over time: what a day does to keys, and that looking at what changed is looking at everything.

Histories are random: people are created (late ones with an older date too), corrected, merged in chains and circles and
into contacts that never arrive, un-merged, deleted, given another id; events come and go.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from effort import EFFORT
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from test_identity import EMAILS, NAMES, OWN_ID, PHONES, SETTINGS, START, Company, Resolved, Row

from orchestration import identity_incremental
from orchestration.crash_points import CrashPoint
from orchestration.identity import Found, IdentityResult
from orchestration.identity_decisions import PAIR
from orchestration.settings import Settings
from orchestration.warehouse import DuckDBWarehouse

TABLES = ("contacts", "leads", "customers")
OUTPUT = tuple(field.name for field in dataclasses.fields(IdentityResult))
SECRET = b"a secret"
CONTACTS = [f"C{number}" for number in range(7)]


# Histories ----------------------------------------------------------------------------------------------------------


def _create(draw: st.DrawFn, company: Company, number: int) -> None:
    person: Row = {"email": draw(st.sampled_from(EMAILS)), "phone": draw(st.sampled_from(PHONES))}
    table, day = draw(st.sampled_from(TABLES)), draw(st.integers(-20, 40))
    if table != "leads":
        person |= {"first_name": draw(st.sampled_from(NAMES)), "country_code": "GB"}
    if table == "contacts":
        person["loyalty_id"] = draw(st.sampled_from([None, None, "L1", "L2"]))
    if table == "leads":
        person["contact_id"] = draw(st.sampled_from([None, *CONTACTS]))
    source = "crm" if table != "customers" else "ecommerce"
    is_address = table == "customers" and draw(st.booleans())  # some shops number their customers so
    own_id = f"{number}@shop.example" if is_address else f"{table[0].upper()}{number}"
    company._add(table, own_id, day, **{"source_system": source, **person})


def _row(draw: st.DrawFn, company: Company, *tables: str) -> Row | None:
    rows = [row for table in tables for row in company.rows[table]]
    return draw(st.sampled_from(rows)) if rows else None


def _correct(draw: st.DrawFn, company: Company, number: int) -> None:
    if row := _row(draw, company, *TABLES):
        row["email"] = draw(st.sampled_from(EMAILS))
        row["phone"] = draw(st.sampled_from(PHONES))


def _merge(draw: st.DrawFn, company: Company, number: int) -> None:
    if row := _row(draw, company, "contacts"):
        targets = [other["contact_id"] for other in company.rows["contacts"]]
        row |= {"is_deleted": True, "merged_into_contact_id": draw(st.sampled_from([*targets, "never"]))}


def _unmerge(draw: st.DrawFn, company: Company, number: int) -> None:
    if row := _row(draw, company, "contacts"):
        row |= {"is_deleted": False, "merged_into_contact_id": None}


def _delete(draw: st.DrawFn, company: Company, number: int) -> None:
    if row := _row(draw, company, *TABLES):
        row |= {"is_deleted": True}


def _vanish(draw: st.DrawFn, company: Company, number: int) -> None:
    table = draw(st.sampled_from(TABLES))
    if row := _row(draw, company, table):
        company.rows[table].remove(row)


def _change_id(draw: st.DrawFn, company: Company, number: int) -> None:
    table = draw(st.sampled_from(TABLES))
    if row := _row(draw, company, table):
        row[OWN_ID[table]] = f"{table[0].upper()}{number}"


def _event(draw: st.DrawFn, company: Company, number: int) -> None:
    kind = draw(st.sampled_from(["customer_id", "contact_id", "email", "phone", "email and phone"]))
    shoppers = [row["customer_id"] for row in company.rows["customers"]]
    values: Row = {
        "customer_id": draw(st.sampled_from(["S-unknown", *shoppers])),
        "contact_id": draw(st.sampled_from(CONTACTS)),
        "email": draw(st.sampled_from(EMAILS)),
        "phone": draw(st.sampled_from(PHONES)),
    }
    company.event(f"E{number}", draw(st.integers(-20, 40)), **{name: values[name] for name in kind.split(" and ")})


def _recall(draw: st.DrawFn, company: Company, number: int) -> None:
    if row := _row(draw, company, "events"):
        company.rows["events"].remove(row)


def _judge(draw: st.DrawFn, company: Company, number: int) -> None:
    left, right = _row(draw, company, *TABLES), _row(draw, company, *TABLES)
    if left and right:
        verdict = draw(st.sampled_from(["same", "different"]))
        pair = zip(PAIR, (*_name(company, left), *_name(company, right)), strict=True)
        company.rows["judged"].append({**dict(pair), "verdict": verdict, "rule": "decision"})


def _name(company: Company, row: Row) -> tuple[object, object, object]:
    table = next(
        table for table in TABLES if OWN_ID[table] in row and any(row is other for other in company.rows[table])
    )
    return row["source_system"], table, row[OWN_ID[table]]


def _withdraw(draw: st.DrawFn, company: Company, number: int) -> None:
    if row := _row(draw, company, "judged"):
        company.rows["judged"].remove(row)


STEPS = (_create, _create, _event, _event, _correct, _merge, _unmerge, _delete, _vanish, _change_id, _recall)
STEPS += (_judge, _withdraw)


@st.composite
def histories(draw: st.DrawFn) -> list[Company]:
    """The company as it stands at the end of each day."""
    company, days, number = Company(), [], 0
    company.rows["judged"] = []
    for day in range(draw(st.integers(2, 6))):
        for _ in range(draw(st.integers(4, 12)) if day == 0 else draw(st.integers(0, 4))):
            number += 1
            draw(st.sampled_from(STEPS[:4] if day == 0 else STEPS))(draw, company, number)
        days.append(_copy(company))
    return days


def _copy(company: Company) -> Company:
    other = Company()
    other.rows = {name: [dict(row) for row in rows] for name, rows in company.rows.items()}
    return other


def _pairs(company: Company) -> pa.Table:
    schema = pa.schema([*((name, pa.string()) for name in (*PAIR, "verdict", "rule")), ("since_date", pa.date32())])
    return pa.Table.from_pylist(company.rows.get("judged", []), schema=schema)


def _resolve(company: Company, **history: object) -> Resolved:
    return company.resolve(judged_pairs=_pairs(company), id_secret=SECRET, **history)


# A build database of its own ----------------------------------------------------------------------------------------


class Keys:
    """The ledger's part in this: retired keys, each as its last publish said."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, str]] = {}

    def secret(self, name: str) -> bytes:
        return SECRET

    def retire_customer_keys(self, snapshot_id: str, rows: list[dict[str, str]]) -> None:
        self.rows |= {row["old_customer_key"]: row for row in rows}

    def retired_customer_keys(self) -> list[dict[str, str]]:
        return list(self.rows.values())


class Build:
    """A build database that is refreshed day after day, and whose every day is published."""

    def __init__(self, folder: Path) -> None:
        self.settings, self.keys, self.day = dataclasses.replace(SETTINGS, home=folder, threads=1), Keys(), 0
        self.folder, self.published = folder, folder / "none"
        self.warehouse = DuckDBWarehouse(Path(":memory:"), self.settings, stays_open=True)

    def forget(self) -> None:
        self.keys.rows.clear()
        self.published = self.folder / "none"
        self.warehouse.execute("drop schema if exists identity_state cascade; create schema if not exists conformed")
        self.warehouse.execute("drop schema if exists identity_output cascade")

    def register(self, company: Company) -> None:
        for table in TABLES:
            self.warehouse.write("conformed", f"int_{table}__unioned", company.arrow(table))
        self.warehouse.write("conformed", "int_identity__mentions", company.mentions())
        self.judged = _pairs(company)

    def refresh(self, site: Settings | None = None) -> None:
        self.day += 1
        identity_incremental.refresh(
            site or self.settings, self.keys, self.warehouse, f"{self.day}", self.published, self.judged
        )

    def tables(self) -> dict[str, list[Row]]:
        return {name: sorted(self.warehouse.table("identity_output", name).to_pylist(), key=str) for name in OUTPUT}

    def state(self) -> dict[str, list[Row]]:
        """What the next day relies on, without the numbers of the parts, which may differ."""
        found = {}
        for name, value in (("rows", "fingerprint"), ("values", "value_hash"), ("customers", "customer_key")):
            groups: dict[int, list[str]] = {}
            for row in self.warehouse.table("identity_state", name).to_pylist():
                groups.setdefault(row["part"], []).append(str(row[value]))
            found[name] = sorted(sorted(group) for group in groups.values())
        return found

    def publish(self) -> None:
        self.published = self.folder / f"customer_identities-{self.day}.parquet"
        pq.write_table(self.warehouse.table("identity_output", "customer_identities"), self.published)


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Build]:
    made = Build(tmp_path_factory.mktemp("identity"))
    yield made
    made.warehouse.release()


@pytest.fixture
def only_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """However much is touched, the parts are looked at, and never everything."""
    monkeypatch.setattr(identity_incremental, "_MOST_TOUCHED", 1.0)


def _history_of(build: Build) -> dict[str, object]:
    published = pq.read_table(build.published) if build.published.exists() else None
    return {"published_identities": published, "retired_keys": build.keys.retired_customer_keys()}


def _tables(resolved: Resolved) -> dict[str, list[Row]]:
    return {name: sorted(getattr(resolved.result, name).to_pylist(), key=str) for name in OUTPUT}


# What a day costs is not what it says -------------------------------------------------------------------------------


# Not made smaller when it fails: that would refresh a database a thousand times.
IN_A_DATABASE = {"deadline": None, "phases": [Phase.explicit, Phase.reuse, Phase.generate]}


@given(histories())
@settings(max_examples=8 * EFFORT, suppress_health_check=[HealthCheck.function_scoped_fixture], **IN_A_DATABASE)
def test_a_days_refresh_is_the_full_run(build: Build, only_parts: None, days: list[Company]) -> None:
    build.forget()
    for number, company in enumerate(days):
        build.register(company)
        expected = _resolve(company, **_history_of(build), snapshot_id=f"{build.day + 1}")
        if number:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(identity_incremental, "_refresh_all", _must_not_be_called)
                build.refresh()
        else:
            build.refresh()
        assert build.tables() == _tables(expected)
        build.publish()
    known = build.state()
    build.warehouse.execute("drop schema identity_state cascade")
    build.refresh()
    assert build.state() == known, "the state is that of a full run too"


def _must_not_be_called(*_: object) -> None:
    raise AssertionError("everything was looked at")


def test_only_what_a_day_touches_is_looked_at(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    build.forget()
    company = Company()
    for number in range(40):
        company.contact(f"C{number}", number % 9, email=f"p{number}@x.example")
        company.event(f"E{number}", email=f"p{number}@x.example")
    build.register(company)
    build.refresh()
    looked_at: list[int] = []
    find = identity_incremental.identity.find

    def counted(records: pa.Table, mentions: pa.Table, *rest: object, **named: object) -> Found:
        looked_at.append(len(records) + len(mentions))
        return find(records, mentions, *rest, **named)

    with monkeypatch.context() as patch:
        patch.setattr(identity_incremental.identity, "find", counted)
        build.refresh()
        company.rows["contacts"][3]["email"] = "p7@x.example"
        build.register(company)
        build.refresh()
    # The corrected record, the person whose address it has now, and the two events.
    assert looked_at == [0, 4]
    assert build.tables() == _tables(company.resolve())


@pytest.mark.parametrize("other", [{"max_records_per_identifier": 1}, {"phone_region": "FR"}])
def test_other_settings_look_at_everything(build: Build, only_parts: None, other: dict[str, object]) -> None:
    build.forget()
    company = Company()
    for number, name in enumerate(("Anna", "Ben", "Carl")):
        company.contact(f"C{number}", email="a@x.example", phone=f"01 4{number} 68 53 00", first_name=name)
        company.event(f"E{number}", phone=f"+33 1 4{number} 68 53 00")
    build.register(company)
    build.refresh()
    site = dataclasses.replace(build.settings, **other)
    build.refresh(site)
    assert build.tables() == _tables(company.resolve(site)) != _tables(company.resolve())


def test_two_rows_that_look_the_same_are_looked_at_together(build: Build, only_parts: None) -> None:
    build.forget()
    company = Company().contact("C1", email="a@x.example").contact("C2", email="a@x.example")
    for _ in range(3):
        build.register(company)
        build.refresh()
        assert build.tables() == _tables(company.resolve())
        company.rows["contacts"].append(dict(company.rows["contacts"][0]))  # no contract lets that happen


def test_a_decision_alone_touches_both_of_its_records(
    build: Build, only_parts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it comes, goes, or waits for a record: nothing else of the two has changed."""
    build.forget()
    company = Company().contact("C1").contact("C2", 1).contact("C3", 2)
    company.rows["judged"] = []
    build.register(company)
    build.refresh()
    monkeypatch.setattr(identity_incremental, "_refresh_all", _must_not_be_called)

    def people_after(*pairs: tuple[str, str, str]) -> int:
        names = (("crm", "contacts", "C1", *other) for other in pairs)
        company.rows["judged"] = [
            {**dict(zip(PAIR, name, strict=True)), "verdict": "same", "rule": "decision"} for name in names
        ]
        build.register(company)
        build.refresh()
        assert build.tables() == _tables(_resolve(company))
        return len(build.tables()["customers"])

    late = ("ecommerce", "customers", "S9")
    assert people_after(("crm", "contacts", "C2")) == 2
    assert people_after(("crm", "contacts", "C3")) == 2
    assert people_after() == 3
    assert people_after(late) == 3
    company.shopper("S9", 5)
    assert people_after(late) == 3, "the record that it waited for is C1's"
    assert people_after() == 4
    assert people_after(late) == 3, "the first of its source is found again, days after it came"


def test_parts_are_numbered_anew_before_their_numbers_run_out(build: Build, only_parts: None) -> None:
    build.forget()
    company = Company().contact("C1", email="a@x.example")
    build.register(company)
    build.refresh()
    build.warehouse.execute("update identity_state.run set next_part = 2::bigint ** 31 - 1")
    company.rows["contacts"][0]["email"] = "b@x.example"
    build.register(company)
    build.refresh()
    assert build.tables() == _tables(company.resolve())
    assert max(row["part"] for row in build.warehouse.table("identity_state", "rows").to_pylist()) < 10


def test_tables_of_an_older_release_make_way_for_views(build: Build) -> None:
    build.forget()
    company = Company().contact("C1", email="a@x.example")
    build.register(company)
    build.warehouse.write("identity_output", "customers", pa.table({"customer_key": ["of another release"]}))
    for _ in range(2):
        build.refresh()
        assert build.tables() == _tables(company.resolve())
        build.warehouse.execute("drop schema identity_state cascade")


@pytest.mark.parametrize("nth", [1, 3, 5])
def test_a_crash_leaves_tables_and_state_of_one_run(
    build: Build, only_parts: None, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    build.forget()
    company = Company().contact("C1", 1, email="a@x.example").contact("C2", 2, email="b@x.example").event("E1")
    build.register(company)
    build.refresh()
    before, passed = (build.tables(), build.state()), []
    company.rows["contacts"][1]["email"] = "a@x.example"
    build.register(company)

    def die(point: CrashPoint) -> None:
        passed.append(point)
        if passed.count(CrashPoint.IDENTITY_WRITING) == nth:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(identity_incremental, "reach", die)
        with pytest.raises(KeyboardInterrupt):
            build.refresh()
    assert (build.tables(), build.state()) == before
    build.refresh()
    assert build.tables() == _tables(company.resolve())


# What a day may do to keys ------------------------------------------------------------------------------------------


@given(histories(), st.integers(0, 9))
@settings(max_examples=15 * EFFORT, deadline=None)
def test_order_and_repetition_never_matter(days: list[Company], seed: int) -> None:
    for company in days:
        again = company.shuffled(seed)
        again.rows["events"] += random.Random(seed).sample(company.rows["events"], len(company.rows["events"]) // 2)
        assert _tables(_resolve(again)) == _tables(_resolve(company))


@given(histories())
@settings(max_examples=15 * EFFORT, deadline=None)
def test_a_key_is_alive_where_its_member_is_the_oldest(days: list[Company]) -> None:
    """Two that join keep the older key, a split leaves it with the oldest part: the key follows its oldest member."""
    held = {}
    for company in days:
        resolved = _resolve(company)
        rows = resolved.result.customer_identities.to_pylist()
        seen = {row["customer_key"]: row["first_seen_at"] for row in resolved.result.customers.to_pylist()}
        member = {(row["source_system"], row["source_table"], row["source_id"]): row["customer_key"] for row in rows}
        for holder, (key, first_seen_at) in held.items():
            if member.get(holder) is None:
                assert key not in seen, "nobody else gets the key of somebody who left"
            elif member[holder] != key:  # an older member joined, or the holder itself is younger now
                assert seen[member[holder]] <= first_seen_at or _when(company, holder) > first_seen_at
        for key, first_seen_at in seen.items():
            (holder,) = [name for name, holds in member.items() if holds == key and _is_hash(name, key)]
            held[holder] = (key, first_seen_at)


def _is_hash(member: tuple[str, ...], key: str) -> bool:
    import hashlib

    return hashlib.md5("|".join(f"{len(part)}:{part}" for part in member).encode()).hexdigest() == key


def _when(company: Company, member: tuple[str, ...]) -> object:
    _, table, own_id = member
    if table in TABLES:
        return next(row["created_at"] for row in company.rows[table] if row[OWN_ID[table]] == own_id)
    return next(row["occurred_at"] for row in company.rows["events"] if row["id"] == own_id)


@given(histories())
@settings(max_examples=15 * EFFORT, deadline=None)
def test_a_replaced_key_leads_to_its_person(days: list[Company]) -> None:
    """Every key that was published once is alive or in the list, under the member that it is the hash of."""
    published: set[str] = set()
    served, retired = None, []
    for day, company in enumerate(days):
        resolved = _resolve(company, published_identities=served, retired_keys=retired, snapshot_id=f"{day}")
        served, retired = resolved.result.customer_identities, resolved.result.retired_customer_keys.to_pylist()
        published |= resolved.keys
        assert {row["old_customer_key"] for row in retired} == published - resolved.keys
        for row in retired:
            assert _is_hash((row["source_system"], row["source_table"], row["source_id"]), row["old_customer_key"])


@given(histories())
@settings(max_examples=15 * EFFORT, deadline=None)
def test_whatever_happens_every_amount_is_somebodys_or_anonymous(days: list[Company]) -> None:
    for company in days:
        resolved = company.resolve()
        amounts: dict[str | None, Decimal] = {}
        for number, event in enumerate(company.rows["events"]):
            key = resolved.attach(event["id"])
            amounts[key] = amounts.get(key, Decimal(0)) + Decimal(number)
            assert key is None or key in resolved.keys
            assert key or not (event.get("customer_id") or event.get("contact_id")), "an id always leads to somebody"
        assert sum(amounts.values()) == sum(range(len(company.rows["events"])))
        for table in TABLES:
            for row in company.rows[table]:
                key = resolved.id(OWN_ID[table], row[OWN_ID[table]])
                assert key or row["is_deleted"], "only a deleted record that no event names is nobody"
        members = [
            (row["source_system"], row["source_table"], row["source_id"])
            for row in resolved.result.customer_identities.to_pylist()
        ]
        assert len(members) == len(set(members)), "a record or guest is two customers"


@given(histories(), st.integers(0, 30))
@settings(max_examples=15 * EFFORT, deadline=None)
def test_younger_records_move_no_key(days: list[Company], later: int) -> None:
    """Unless they make a value shared, or a number two people's: both are switched off here."""
    roomy = dataclasses.replace(SETTINGS, max_records_per_identifier=1000, phone_region="")
    for company in days:
        for row in (row for table in TABLES for row in company.rows[table]):
            row["phone"] = None
        before, grown = company.resolve(roomy), _copy(company)
        for number, email in enumerate(EMAILS):
            grown.contact(f"new{number}", 100 + later, email=email, loyalty_id=f"L{number}")
            grown.lead(f"new{number}", 100 + later, email=email, contact_id=f"C{number}")
        after = grown.resolve(roomy)
        seen = {row["customer_key"]: row["first_seen_at"] for row in before.result.customers.to_pylist()}
        for identifier, key in before.key_of.items():
            new = after.key_of[identifier]
            assert new == key or seen[new] <= seen[key], "only an older one may take its place"
        assert all(seen_at <= START + timedelta(days=40) for seen_at in seen.values())
