"""Worked examples of rows in force and of who is the same customer."""

import dataclasses

from .cases import Case, at, day
from .company import Company
from .in_force import as_of, rows_in_force
from .reference import Reference


def contact(case: Case, contact_id: str, **columns: object) -> Case:
    return case.add("crm.contacts", contact_id=contact_id, created_at=at("2024-01-01"), **columns)


def groups(case: Case) -> set[frozenset[str]]:
    found: dict[str, set[str]] = {}
    for (_, record_id), group in case.reference().identities().items():
        found.setdefault(group, set()).add(record_id)
    return {frozenset(members) for members in found.values()}


def test_email_links_in_its_normal_form_only():
    case = Case("2024-01-31")
    contact(case, "K1", email=" A@Example.com ").add(
        "ecommerce.customers", customer_id="C1", email="\uff41@example.com", created_at=at("2024-01-01")
    )
    contact(case, "K2", email="a+x@example.com")
    contact(contact(case, "K3", email="nobody"), "K4", email="nobody")
    assert groups(case) == {frozenset({"K1", "C1"}), frozenset({"K2"}), frozenset({"K3"}), frozenset({"K4"})}


def test_merge_chain_links_and_a_deleted_record_stands_alone():
    case = Case("2024-01-31")
    contact(case, "K1", merged_into_contact_id="K2", is_deleted=True, email="a@example.com")
    contact(case, "K2", merged_into_contact_id="K3")
    contact(case, "K3")
    contact(case, "K4", email="a@example.com")
    contact(case, "K5", email="a@example.com", is_deleted=True)
    assert groups(case) == {frozenset({"K1", "K2", "K3", "K4"}), frozenset({"K5"})}


def test_household_number_links_equal_names_only():
    case = Case("2024-01-31")
    for contact_id, name in (("K1", "Anna"), ("K2", "anna Maria"), ("K3", "Ben"), ("K4", None), ("K5", "B.")):
        contact(case, contact_id, phone="+442079460101", first_name=name)
    assert groups(case) == {frozenset({"K1", "K2"}), frozenset({"K3"}), frozenset({"K4"}), frozenset({"K5"})}
    case.rows["crm.contacts"][2]["first_name"] = None
    assert groups(case) == {frozenset({"K1", "K2", "K3", "K4", "K5"})}


def test_shared_address_links_nothing_and_attaches_nothing():
    case = Case("2024-01-31", max_records_per_identifier=2).order("O1", None, "2024-01-05", email="info@example.com")
    for contact_id, name in (("K1", "Anna"), ("K2", "Ben"), ("K3", "Dora")):
        contact(case, contact_id, email="info@example.com", first_name=name)
    assert len(groups(case)) == 3
    assert case.reference().facts.orders[0].customer is None
    case.rows["crm.contacts"][2]["first_name"] = "Ben"  # two names are a couple, not an office
    assert len(groups(case)) == 1


def test_lead_links_to_its_contact_and_phone_needs_a_region():
    case = Case("2024-01-31")
    contact(case, "K1", phone="020 7946 0101", country_code="GB")
    case.add("crm.leads", lead_id="E1", status="new", created_at=at("2024-01-01"), phone="+44 20 7946 0101")
    case.add("crm.leads", lead_id="E2", status="new", created_at=at("2024-01-01"), phone="020 7946 0101")
    case.add("crm.leads", lead_id="E3", status="new", created_at=at("2024-01-01"), converted_contact_id="K1")
    assert groups(case) == {frozenset({"K1", "E1", "E3"}), frozenset({"E2"})}


def test_first_usable_identifier_attaches_an_event():
    case = Case("2024-01-31")
    contact(case, "K1", email="a@example.com")
    case.add("ecommerce.customers", customer_id="C1", email="b@example.com", created_at=at("2024-01-01"))
    case.order("O1", "C1", "2024-01-05", email="a@example.com")
    case.order("O2", None, "2024-01-06", email="A@example.com")
    case.order("O3", None, "2024-01-07", email="guest@example.com")
    case.order("O4", "C9", "2024-01-08", email="a@example.com")
    case.order("O5", None, "2024-01-09", email="not an address")
    customers = [order.customer for order in case.reference().facts.orders]
    assert customers == [
        "ecommerce.customers:C1", "crm.contacts:K1", "guest:email:guest@example.com", "guest:customer_id:C9", None,
    ]  # fmt: skip


def test_merged_customer_whose_first_order_moves():
    case = Case("2024-03-31").order("O1", "C1", "2024-01-05").order("O2", "C2", "2024-02-05")
    for customer_id, email in (("C1", "a@example.com"), ("C2", "b@example.com")):
        case.add("ecommerce.customers", customer_id=customer_id, email=email, created_at=at("2024-01-01"))
    assert case.mart("mart_retention__month")["2024-02-01",]["new_customer_count"] == 1
    contact(case, "K1", email="a@example.com", merged_into_contact_id="K2")
    contact(case, "K2", email="b@example.com")
    assert case.mart("mart_retention__month")["2024-02-01",]["new_customer_count"] == 0
    assert [len(customer.orders) for customer in case.reference().facts.customers.values()] == [2]


def test_interaction_by_phone_case_and_nobody():
    case = Case("2024-01-31")
    contact(case, "K1", phone="+442079460101")
    case.add("contact_center.cases", case_id="Q1", contact_id="K1", status="open", opened_at=at("2024-01-01"))
    call = {"channel": "voice", "direction": "inbound", "started_at": at("2024-01-02")}
    case.add("contact_center.interactions", interaction_id="I1", customer_phone="+44 20 7946 0101", **call)
    case.add("contact_center.interactions", interaction_id="I2", case_id="Q1", customer_phone="12", **call)
    case.add("contact_center.interactions", interaction_id="I3", customer_phone="+442079460909", **call)
    found = [interaction.customer for interaction in case.reference().service.interactions]
    assert found == ["crm.contacts:K1", "crm.contacts:K1", None]


def versions(*rows: tuple[str, str | None, str]) -> Company:
    """An order delivered several times: (extract date, updated at, status)."""
    case = Case("2024-01-01").order("O1", "C1", "2024-01-01")
    (orders, lines) = case.company().deliveries
    deliveries = [lines]
    for extract_date, updated_at, status in rows:
        row = orders.rows[0] | {"updated_at": at(updated_at) if updated_at else None, "status": status}
        deliveries.append(dataclasses.replace(orders, extract_date=day(extract_date), rows=(row,)))
    return dataclasses.replace(case.company(), deliveries=tuple(deliveries))


def test_version_beats_extract_date_and_unknown_versions_lose():
    late_but_old = versions(("2024-01-02", "2024-01-02", "paid"), ("2024-01-03", "2024-01-01", "pending"))
    assert rows_in_force(late_but_old)["ecommerce.orders"][0]["status"] == "paid"
    equal = versions(("2024-01-03", "2024-01-01", "refunded"), ("2024-01-02", "2024-01-01", "paid"))
    assert rows_in_force(equal)["ecommerce.orders"][0]["status"] == "refunded"
    unknown = versions(("2024-01-02", "2024-01-01", "paid"), ("2024-01-03", None, "pending"))
    assert rows_in_force(unknown)["ecommerce.orders"][0]["status"] == "paid"


def test_as_of_stops_before_a_missing_day_and_absent_tables_have_no_say():
    company = versions(("2024-01-02", "2024-01-02", "paid"), ("2024-01-04", "2024-01-02", "paid"))
    assert as_of(company, ["orders", "refunds"]) == day("2024-01-02")
    assert as_of(company, ["refunds"]) is None
    assert Reference(company).mart("mart_retention__month").as_of == day("2024-01-01")  # lines came once
