"""`cxw explain customer`: every link, and what the customer would be without it; ids and hashes, no value."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
from effort import EFFORT
from hypothesis import given, settings
from hypothesis import strategies as st
from test_identity import OWN_ID, SETTINGS, Company, Resolved, companies
from test_identity_decisions import judged

from orchestration import cli
from orchestration.explanation import Link, links_of
from orchestration.settings import Settings, load_settings

ROOMY = dataclasses.replace(SETTINGS, max_records_per_identifier=100)
COLUMN = {"email": "email", "loyalty_id": "loyalty_id", "merge_target": "merged_into_contact_id"}
COLUMN |= {"lead_contact": "contact_id", "phone": "phone"}
TABLE_OF = {"contacts": "contacts", "leads": "leads", "customers": "customers"}
SECRETS = ("canary@x.example", "+442079460101", "CANARY-CARD", "Canaria")


def links_by_customer(resolved: Resolved) -> dict[str, tuple[Link, ...]]:
    """What `explain` makes of every customer, out of the table as it is published."""
    with duckdb.connect() as connection:
        _publish(connection, resolved)
        keys = [
            key for (key,) in connection.execute("select distinct customer_key from core.customer_links").fetchall()
        ]
        from orchestration.explanation import _LINKS

        return {key: links_of(connection.execute(_LINKS, [key]).fetchall()) for key in keys}


def _publish(connection: duckdb.DuckDBPyConnection, resolved: Resolved) -> None:
    connection.execute("set TimeZone = 'UTC'; create schema core")
    for name in ("customer_identities", "customer_links"):
        rows = getattr(resolved.result, name)
        connection.register("incoming", rows)
        connection.execute(f"create table core.{name} as select * from incoming")
    connection.execute("create table core.customer_key_history (old_customer_key text, new_customer_key text,"
                       " since_snapshot_id text)")  # fmt: skip


def parts_of(resolved: Resolved, records: set[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in resolved.result.customer_identities.to_pylist():
        if row["source_id"] in records and row["source_table"] in TABLE_OF:
            found.setdefault(row["customer_key"], set()).add(row["source_id"])
    return found


def _records(members: tuple[str, ...]) -> set[str]:
    return {name.split(".")[2] for name in members if name.split(".")[1] in TABLE_OF}


@given(companies(with_phones=False), st.data())
@settings(max_examples=50 * EFFORT, deadline=None)
def test_without_a_link_the_customer_is_what_the_rule_makes_without_that_evidence(
    company: Company, data: st.DataObject
) -> None:
    for row in company.rows["contacts"]:
        row["is_deleted"] = False  # without its target a deleted record would lose its other links too
    for row in company.rows["leads"]:
        row["converted_contact_id"] = None  # one contact per lead: the evidence says which column to blank
    ids = [row[OWN_ID[table]] for table in OWN_ID for row in company.rows[table]]
    pairs = []
    if len(ids) > 1:
        pairs = data.draw(st.lists(st.permutations(ids).map(lambda two: (*two[:2], "same")), max_size=2))
    resolved = company.resolve(ROOMY, judged_pairs=judged(*pairs))
    for key, links in links_by_customer(resolved).items():
        everybody = parts_of(resolved, set(ids)).get(key, set())
        for link in links:
            _, table, source_id = link.member.split(".")
            if link.is_target or link.match_rule == "first_event" or table not in TABLE_OF:
                continue
            if link.evidence_kind == "same_id":
                continue
            again = _without(company, pairs, link, links, table, source_id)
            told = {part.customer_key: _records(part.members) for part in link.without}
            assert {k: v for k, v in told.items() if v} == parts_of(again, everybody), link


def _without(
    company: Company, pairs: list, link: Link, links: tuple[Link, ...], table: str, source_id: str
) -> Resolved:
    """The rule once more, on rows in which the record does not carry the evidence."""
    if link.evidence_kind == "decision":
        both = {other.member.split(".")[2] for other in links if other.evidence_key == link.evidence_key}
        kept = [pair for pair in pairs if set(pair[:2]) != both]
        return company.resolve(ROOMY, judged_pairs=judged(*kept))
    other = Company()
    other.rows = {name: [dict(row) for row in rows] for name, rows in company.rows.items()}
    row = next(row for row in other.rows[table] if row[OWN_ID[table]] == source_id)
    row[COLUMN[link.evidence_kind]] = None
    return other.resolve(ROOMY, judged_pairs=judged(*pairs))


@given(companies())
@settings(max_examples=25 * EFFORT, deadline=None)
def test_links_hold_every_customer_of_two_records_together_and_name_each_evidence_once(company: Company) -> None:
    resolved = company.resolve()
    explained = links_by_customer(resolved)
    for key, records in parts_of(resolved, {row[OWN_ID[t]] for t in OWN_ID for row in company.rows[t]}).items():
        if len(records) > 1:
            linking = [link for link in explained[key] if not link.is_guarded]
            assert records <= {link.member.split(".")[2] for link in linking}
    rows = resolved.result.customer_links.to_pylist()
    names = [(row["evidence_key"], row["source_system"], row["source_table"], row["source_id"]) for row in rows]
    assert len(names) == len(set(names))


def test_a_chain_a_ring_and_an_older_order() -> None:
    company = Company().contact("C1", 2, email="a@x.example", loyalty_id="L").contact("C2", 3, email="a@x.example")
    company.shopper("S1", 4, email="b@x.example").contact("C3", 5, email="b@x.example", loyalty_id="L")
    company.event("O1", 1, customer_id="S1")
    (links,) = links_by_customer(company.resolve()).values()
    told = {(link.member, link.evidence_kind): [set(part.members) for part in link.without] for link in links}
    everybody = {"crm.contacts.C1", "crm.contacts.C2", "crm.contacts.C3", "ecommerce.customers.S1", "shop.orders.O1"}
    assert told["crm.contacts.C2", "email"] == [everybody - {"crm.contacts.C2"}, {"crm.contacts.C2"}]
    older = {"shop.orders.O1", "ecommerce.customers.S1"}
    assert told["ecommerce.customers.S1", "email"] == [older, everybody - older], "the order's key stays with S1"
    assert told["crm.contacts.C1", "loyalty_id"] == [
        older | {"crm.contacts.C3"},
        {"crm.contacts.C1", "crm.contacts.C2"},
    ]
    ring = company.contact("C4", 6, email="b@x.example").lead("D1", 7, contact_id="C4", email="a@x.example").resolve()
    (links,) = links_by_customer(ring).values()
    assert all(len(link.without) == 1 for link in links if link.evidence_kind == "loyalty_id"), "another way round"


def test_cut_and_guarded_evidence_is_shown_as_such() -> None:
    company = Company().contact("C1", 1, email="a@x.example").contact("C2", 2, email="a@x.example")
    company.contact("C3", 3, email="a@x.example")
    for number, name in enumerate(("Anna", "Ben", "Carl", "Dora")):
        company.shopper(f"S{number}", number, email="info@x.example", first_name=name)
    resolved = company.resolve(judged_pairs=judged(("C1", "C2", "different")))
    rows = {row["source_id"]: row for row in resolved.result.customer_links.to_pylist()}
    assert {name: row["is_cut"] for name, row in rows.items() if name[0] == "C"} == dict.fromkeys(
        ("C1", "C2", "C3"), True
    )
    assert {row["match_rule"] for name, row in rows.items() if name[0] == "S"} == {"guarded"}
    assert len({row["evidence_key"] for name, row in rows.items() if name[0] == "S"}) == 1
    explained = links_by_customer(resolved)
    assert {len(link.without) for link in explained[resolved.contact("C2")]} == {1}
    assert {len(link.without) for link in explained[resolved.contact("C3")]} == {2}


def test_placeholders_that_leads_name_twice_are_listed_once() -> None:
    company = Company()
    for number in range(6):
        company.lead(f"D{number}", number, contact_id="0", converted_contact_id="0", email=f"a{number}@x.example")
        company.contact(f"C{number}", number, merged_into_contact_id="0", first_name=f"Name{number}")
        company.event(f"O{number}", -1, contact_id=f"C{number}")
    rows = company.resolve().result.customer_links.to_pylist()
    names = [(row["evidence_key"], row["source_table"], row["source_id"]) for row in rows]
    assert len(names) == len(set(names)) and any(row["is_guarded"] for row in rows)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Settings]:
    """A home that has published four people, one of them twice over, and has a private build."""
    company = Company().contact("7", 1, email=SECRETS[0], first_name=SECRETS[3], phone=SECRETS[1])
    company.shopper("7", 2, loyalty_id=SECRETS[2]).contact("8", 3, email=SECRETS[0], loyalty_id=SECRETS[2])
    resolved = company.resolve()
    folder = load_settings(tmp_path, {}).published / "000001-abc"
    folder.mkdir(parents=True)
    with duckdb.connect(str(folder / "cxw.duckdb")) as connection:
        _publish(connection, resolved)
        row = ["f" * 32, resolved.contact("7"), "000001-abc"]
        connection.execute("insert into core.customer_key_history values (?, ?, ?)", row)
    (folder.parent / "current").symlink_to("000001-abc")
    home = load_settings(tmp_path, {})
    home.warehouse_path.parent.mkdir(parents=True)
    with duckdb.connect(str(home.warehouse_path)) as connection:
        connection.execute("create schema conformed")
        for name in OWN_ID:
            rows = company.arrow(name)
            rows = rows.append_column("last_name", rows.column("email").combine_chunks().slice(0))
            connection.register("incoming", rows)
            connection.execute(f"create table conformed.int_{name}__unioned as select * from incoming")
    yield home
    os.environ.pop("CXW_HOME", None)


@pytest.fixture
def cxw(home: Settings, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            cli.main(["--home", str(home.home), *arguments])
        said = capsys.readouterr()
        return end.value.code or 0, said.out, said.err

    return run


def test_a_customer_is_found_by_key_retired_key_and_id_and_no_value_is_told(
    cxw: Callable[..., tuple[int, str, str]],
) -> None:
    code, by_id, _ = cxw("explain", "customer", "8")
    assert code == 0 and "would be" in by_id
    key = by_id.split()[1]
    assert cxw("explain", "customer", "crm.contacts.8")[1] == cxw("explain", "customer", key)[1] == by_id
    retired = cxw("explain", "customer", "f" * 32)[1]
    assert "is retired since snapshot 000001-abc" in retired and retired.endswith(by_id)
    told = json.loads(cxw("explain", "customer", key, "--json")[1])
    assert told["customer_key"] == key and len(told["links"]) == 2
    assert not any(secret in by_id + retired + str(told) for secret in SECRETS)


def test_an_id_of_nobody_and_one_of_several_are_said(cxw: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = cxw("explain", "customer", SECRETS[0])
    assert (code, out) == (2, "") and "E-EXP-001" in err and SECRETS[0] not in err
    code, out, err = cxw("explain", "customer", "7")
    assert code == 2 and "E-EXP-002" in err
    assert "crm.contacts.7" in out and "ecommerce.customers.7" in out
    assert cxw("explain", "customer", "ecommerce.customers.7")[0] == 0


def test_values_are_shown_when_asked_for_and_on_the_terminal_only(
    cxw: Callable[..., tuple[int, str, str]], home: Settings
) -> None:
    code, out, err = cxw("explain", "customer", "8", "--show-values")
    assert code == 0 and SECRETS[0] in out and SECRETS[2] in out and SECRETS[1] in out
    assert cxw("explain", "customer", "8", "--show-values", "--json")[0] == 2
    outside = [path for path in home.home.rglob("*") if path.is_file() and home.build not in path.parents]
    assert outside and not any(secret.encode() in path.read_bytes() for path in outside for secret in SECRETS)
    home.warehouse_path.unlink()
    code, _, err = cxw("explain", "customer", "8", "--show-values")
    assert code == 3 and "E-EXP-004" in err


def test_a_snapshot_of_before_says_what_to_do(cxw: Callable[..., tuple[int, str, str]], home: Settings) -> None:
    with duckdb.connect(str((home.published / "current").resolve() / "cxw.duckdb")) as connection:
        connection.execute("drop table core.customer_links")
    assert "E-EXP-003" in cxw("explain", "customer", "8")[2]
