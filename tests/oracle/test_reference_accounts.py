"""Worked examples of what survives of a customer's records, and of what companies are worth."""

from fractions import Fraction

from .cases import Case, at


def contact(case: Case, contact_id: str, updated: str, **columns: object) -> Case:
    return case.add(
        "crm.contacts", contact_id=contact_id, created_at=at("2024-01-01"), updated_at=at(updated), **columns
    )


def only_person(case: Case) -> dict[str, object]:
    reference = case.reference()
    (group,) = set(reference.identities().values())
    return reference.survivors.person(group)


def test_the_shop_speaks_before_the_crm_and_only_with_a_country_that_is_one():
    case = contact(Case("2024-01-31"), "K1", "2024-01-20", email="a@example.com", country_code=" fr")
    shop = {
        "customer_id": "C1",
        "email": "a@example.com",
        "created_at": at("2024-01-01"),
        "updated_at": at("2024-01-02"),
    }
    case.add("ecommerce.customers", **shop, country_code="UK", accepts_marketing=False)
    person = only_person(case)
    assert (person["country_code"], person["country_source"]) == ("FR", "crm.contacts")
    assert (person["has_marketing_consent"], person["marketing_consent_source"]) == (False, "ecommerce.customers")
    case.rows["ecommerce.customers"][0]["country_code"] = "gb"
    assert only_person(case)["country_code"] == "GB"


def test_a_merged_record_speaks_after_the_living_one_and_a_deleted_one_never():
    case = contact(Case("2024-01-31"), "K1", "2024-01-05", country_code="DE", email="a@example.com")
    contact(case, "K2", "2024-01-09", country_code="FR", merged_into_contact_id="K1", is_deleted=True)
    assert only_person(case)["country_code"] == "DE"
    case.rows["crm.contacts"][0]["country_code"] = None
    assert only_person(case)["country_code"] == "FR"
    case.rows["crm.contacts"][1]["merged_into_contact_id"] = None
    assert {
        case.reference().survivors.value(group, "country_code") for group in case.reference().identities().values()
    } == {None}


def company_with_trees() -> Case:
    """A3 is below A2 is below A1; B1 and B2 name each other; K1 is with A3, K2 with B2, K3 with nobody in force."""
    case = Case("2024-01-31")
    for account_id, parent in (("A1", None), ("A2", "A1"), ("A3", "A2"), ("B1", "B2"), ("B2", "B1"), ("C1", "gone")):
        case.add("crm.accounts", account_id=account_id, parent_account_id=parent)
    case.add("crm.accounts", account_id="D1", is_deleted=True)
    for number, account_id in (("1", "A3"), ("2", "B2"), ("3", "D1")):
        contact(case, f"K{number}", "2024-01-02", account_id=account_id, email=f"{number}@example.com")
        case.order(f"O{number}", None, "2024-01-10", 10 ** int(number), email=f"{number}@example.com")
    return case.order("O4", None, "2024-01-10", 5)


def test_rows_sum_to_everything_and_so_do_trees_at_the_top():
    rows = company_with_trees().mart("mart_customer_value__account")
    own = {grain[0]: row["net_revenue_amount"] for grain, row in rows.items()}
    trees = {grain[0]: row["net_revenue_amount_with_children"] for grain, row in rows.items()}
    assert own == {"A1": 0, "A2": 0, "A3": 10, "B1": 0, "B2": 100, "unassigned": Fraction(1005)}
    assert trees == {"A1": 10, "A2": 10, "A3": 10, "B1": 100, "B2": 100, "unassigned": Fraction(1005)}
    tops = [grain[0] for grain, row in rows.items() if row["is_top"]]
    assert tops == ["A1", "B1", "unassigned"] and sum(trees[top] for top in tops) == sum(own.values()) == 1115


def test_without_accounts_everything_is_unassigned():
    case = company_with_trees()
    del case.rows["crm.accounts"]
    rows = case.mart("mart_customer_value__account")
    assert {grain[0]: row["order_count"] for grain, row in rows.items()} == {"unassigned": 4}
