"""What a person should look at: households, cards of two people, merges in a circle; by a record, never a value."""

from __future__ import annotations

from test_identity import Company


def found(company: Company) -> set[tuple[str, str, int, int | None]]:
    rows = company.resolve(id_secret=b"1" * 32).result.identity_findings.to_pylist()
    return {(row["finding_type"], row["source_id"], row["record_count"], row["given_name_count"]) for row in rows}


def test_a_number_behind_two_given_names_is_a_household() -> None:
    company = Company().contact("C2", 2, phone="+442079460101", first_name="Ben").lead("D1", 3, phone="+442079460101")
    company.shopper("S1", 1, phone="+442079460101", first_name="ben maria").contact("C3", 4, phone="+442079460202")
    assert found(company) == set(), "one name"
    company.contact("C4", 5, phone="+442079460101", first_name="Ann")
    assert found(company) == {("household", "S1", 4, 2)}, "named by its oldest record"


def test_a_card_of_two_names_is_a_conflict_and_still_links() -> None:
    company = (
        Company().contact("C1", 1, loyalty_id="L", first_name="Ann").contact("C2", 2, loyalty_id="L", first_name="B.")
    )
    assert found(company) == set(), "an initial names nobody"
    company.contact("C3", 3, loyalty_id="L", first_name="Ben").contact("C4", 4, loyalty_id="M", first_name="Ben")
    assert found(company) == {("loyalty_conflict", "C1", 3, 2)}
    assert len(company.resolve().groups()) == 2


def test_merges_in_a_circle_are_found_and_chains_are_not() -> None:
    company = Company().contact("C1", merged_into_contact_id="C2").contact("C2", merged_into_contact_id="C3")
    company.contact("C3", merged_into_contact_id="C2").contact("C4", merged_into_contact_id="C4")
    for number in range(10, 40):
        company.contact(f"C{number}", merged_into_contact_id=f"C{number + 1}")
    assert found(company) == {("merge_cycle", name, 1, None) for name in ("C2", "C3", "C4")}


def test_a_finding_shows_no_id_that_is_an_address() -> None:
    company = Company().shopper("canary@x.example", 1, phone="+442079460101", first_name="Ann")
    company.shopper("S2", 2, phone="+442079460101", first_name="Ben")
    result = company.resolve(id_secret=b"1" * 32).result
    assert "canary" not in str(result.identity_findings.to_pylist()) + str(result.customer_links.to_pylist())
    assert len(result.identity_findings) == 1
