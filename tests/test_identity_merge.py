"""Two customers turn out to be one between two deliveries: everything of theirs moves together, nothing is lost.

One home, two real cycles (`operations.run_cycle`). Ada (contact C-1, shop account 1001) is merged into a contact who is
older and has orders too, so that it is Ada's key that is replaced.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from orchestration import identity_incremental, operations
from orchestration.settings import Settings, load_settings

pytestmark = pytest.mark.pipeline
EXTRACTS = Path(__file__).parent / "extracts"
HEADER = "contact_id,email,phone,first_name,loyalty_id,created_at,updated_at,is_deleted,merged_into_contact_id\n"
LEA = "C-10,lea.moss@example.org,,Lea,,2019-05-01T10:00:00Z,2026-04-01T12:00:00Z,,\n"
ADA = "C-1,ada.berg@example.org,+49 30 901820,Ada,L-100,2026-03-20T09:00:00+01:00,2026-04-02T09:00:00+02:00,yes,C-10\n"
# Facts that name a customer, by the column that names the fact.
FACTS = {
    "fct_orders": "order_key",
    "fct_refunds": "refund_key",
    "fct_touches": "touch_key",
    "fct_interactions": "interaction_key",
    "fct_cases": "case_key",
    "fct_survey_responses": "response_key",
    "fct_sessions": "session_key",
    "fct_leads": "lead_key",
    "fct_opportunities": "opportunity_key",
}
BY_CUSTOMER = (
    *("order_count", "refund_count", "contact_count", "ordered_revenue_amount", "refund_amount", "net_revenue_amount"),
    *("gross_margin_amount", "cost_to_serve_amount", "agent_time_cost_amount"),
)
Rows = list[tuple]


class Snapshot:
    """A published snapshot, kept aside."""

    def __init__(self, settings: Settings) -> None:
        self.path = (settings.published / "current" / "cxw.duckdb").resolve()

    def ask(self, sql: str) -> Rows:
        with duckdb.connect(str(self.path), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def key(self, contact_id: str) -> str:
        query = f"select customer_key from core.customer_identities where source_id = '{contact_id}'"
        return self.ask(f"{query} and source_table = 'contacts'")[0][0]


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Snapshot, Snapshot]]:
    folder = tmp_path_factory.mktemp("home")
    shutil.copytree(EXTRACTS, folder / "landing", ignore=shutil.ignore_patterns("README.md", "cxw.toml"))
    (folder / "cxw.toml").write_text((EXTRACTS / "cxw.toml").read_text() + "settle_seconds = 0\n")
    settings = load_settings(folder, {})
    contacts = folder / "landing" / "crm" / "contacts"
    (contacts / "older_2026-04-01.csv").write_text(HEADER + LEA)
    assert operations.run_cycle(settings, lambda text: None).exit_code == 0
    before = Snapshot(settings)
    (contacts / "contacts_2026-04-02.csv").write_text(HEADER + ADA)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(identity_incremental, "_MOST_TOUCHED", 1.0)  # also the parts of a company this small
        patch.setattr(identity_incremental, "_refresh_all", None)  # must not be needed
        report = operations.run_cycle(settings, lambda text: None)
    assert report.exit_code in (0, 4), report.said
    yield before, Snapshot(settings)


def test_the_replaced_key_is_in_the_history(days: tuple[Snapshot, Snapshot]) -> None:
    before, after = days
    assert before.key("C-1") != before.key("C-10") == after.key("C-10") == after.key("C-1")
    history = dict(after.ask("select old_customer_key, new_customer_key from core.customer_key_history"))
    assert history == {before.key("C-1"): before.key("C-10")}


@pytest.mark.parametrize("fact", FACTS)
def test_every_fact_keeps_its_place_and_follows_its_person(days: tuple[Snapshot, Snapshot], fact: str) -> None:
    before, after = days
    old, new = before.key("C-1"), after.key("C-1")
    query = f"select {FACTS[fact]}, customer_key from core.{fact} order by all"
    expected = sorted((key, new if customer == old else customer) for key, customer in before.ask(query))
    assert sorted(after.ask(query)) == expected
    if fact in ("fct_orders", "fct_touches", "fct_cases", "fct_survey_responses", "fct_interactions"):
        assert old in {customer for _, customer in before.ask(query)}, "this fact is not tested"


def test_what_two_customers_were_worth_one_is_worth(days: tuple[Snapshot, Snapshot]) -> None:
    before, after = days
    sums = ", ".join(f"sum({name})" for name in BY_CUSTOMER)
    worth = f"select {sums} from marts.mart_customer_value__customer"
    both = f"{worth} where customer_key in ('{before.key('C-1')}', '{before.key('C-10')}')"
    assert before.ask(both) == after.ask(both)
    assert before.ask(worth) == after.ask(worth)
    (row,) = before.ask(
        f"select {sums} from marts.mart_customer_value__customer where customer_key = '{before.key('C-1')}'"
    )
    measured = dict(zip(BY_CUSTOMER, row, strict=True))
    assert measured["order_count"] > 0 and measured["net_revenue_amount"] and measured["cost_to_serve_amount"], measured


def test_no_mart_gains_or_loses_money(days: tuple[Snapshot, Snapshot]) -> None:
    """Totals of amounts. Left out is what speaks of how many people there are or when each of them came."""
    before, after = days
    columns = "select table_name, column_name from information_schema.columns where table_schema = 'marts'"
    totals = [
        (mart, column)
        for mart, column in sorted(before.ask(columns))
        if re.search(r"(revenue|refund|cost|spend|tax|shipping|discount|margin)\w*_amount$", column)
        and not re.search(r"new_customer|acquired|cohort|first_order|cumulative|expected|predicted|referral", column)
        and not re.search(r"retention|acquisition|roi", mart)
    ]
    assert len({mart for mart, _ in totals}) >= 4
    different = [
        (mart, column, was, now)
        for mart, column in totals
        if (was := before.ask(f"select sum({column}) from marts.{mart}"))
        != (now := after.ask(f"select sum({column}) from marts.{mart}"))
    ]
    assert different == []


def test_who_joined_whom_is_held_against_what_is_plausible(days: tuple[Snapshot, Snapshot]) -> None:
    for snapshot in days:
        said = (
            "select has_passed, observed from meta.check_results where check_name = 'assert_customers_grow_plausibly'"
        )
        assert snapshot.ask(said) == [(True, "0 grown customers")]
        assert snapshot.ask("select count(*) from meta.grown_customers") == [(0,)]
