"""Which delivered tables stand behind a table: what a page says of a demo hangs on it."""

from orchestration.lineage import delivered_tables


def behind(site, model: str) -> set[str]:
    return delivered_tables(site.manifest, f"model.cx_warehouse.{model}")


def test_what_records_say_of_people_stands_behind_the_tables_that_tell_it(tiny_site) -> None:
    for teller in ("dim_customers", "customer_email_hashes"):
        assert {"crm.contacts", "crm.leads", "ecommerce.customers"} <= behind(tiny_site, teller)


def test_a_mart_that_counts_customers_does_not_stand_on_what_records_say(tiny_site) -> None:
    assert not {"crm.contacts", "ecommerce.customers"} & behind(tiny_site, "mart_retention__month")
    assert "crm.accounts" in behind(tiny_site, "mart_customer_value__account")
