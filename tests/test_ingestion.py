"""The ingestion assets in a real run: an event per extract date that arrived, none for a missing one."""

import gzip
from datetime import date

import dagster as dg
import pytest

from orchestration import check_results, quality
from orchestration.errors import CxwError
from orchestration.ingestion import build_ingestion_assets
from orchestration.ledger import Ledger
from orchestration.rules import load_suites
from orchestration.warehouse import DuckDBWarehouse
from orchestration.writer import Writer, build_writer

CONTACTS = dg.AssetKey(["crm", "contacts"])
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dg.asset(deps=[CONTACTS], name="behind")
def asset_behind():
    """What runs behind ingestion, also when nothing arrived."""


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def run(tiny_home, site_at, instance):
    """Run the ingestion of `crm.contacts` and what is behind it."""

    def start(**options):
        site = site_at(tiny_home)
        assets = [*build_ingestion_assets(site, load_suites()), asset_behind]
        return dg.materialize(
            assets,
            selection=[CONTACTS] if "tags" in options else [CONTACTS, dg.AssetKey("behind")],
            instance=instance,
            resources={"writer": build_writer(site)},
            run_config=QUIET,
            **options,
        )

    return start


def test_a_run_without_partition_reports_each_date_that_arrived(run, instance, tiny_home):
    (tiny_home.landing / "crm" / "contacts" / "contacts_2026-03-31.csv.gz").unlink()
    result = run()
    assert instance.get_materialized_partitions(CONTACTS) == {"2026-03-30", "2026-04-01"}
    newest = instance.get_latest_materialization_event(CONTACTS).asset_materialization
    counts = {name: newest.metadata[name].value for name in ("rows_in", "accepted", "rejected", "duplicates", "files")}
    assert counts == {"rows_in": 2, "accepted": 2, "rejected": 0, "duplicates": 0, "files": 1}
    assert result.success
    checks = {check.check_name: check.passed for check in result.get_asset_check_evaluations()}
    assert {rule.name for rule in load_suites()["crm.contacts"].rules} < set(checks)
    assert checks["rows_in_are_accounted_for"]


def test_nothing_new_reports_nothing_and_lets_the_rest_run(run, instance):
    run()
    before = instance.get_event_records(dg.EventRecordsFilter(dg.DagsterEventType.ASSET_MATERIALIZATION, CONTACTS))
    result = run()
    after = instance.get_event_records(dg.EventRecordsFilter(dg.DagsterEventType.ASSET_MATERIALIZATION, CONTACTS))
    assert len(before) == len(after)
    assert [event.step_key for event in result.get_step_success_events()] == ["crm__contacts", "behind"]


def test_a_backfill_reads_its_dates_in_one_run_and_leaves_the_missing_one_open(run, instance, tiny_home):
    (tiny_home.landing / "crm" / "contacts" / "contacts_2026-03-31.csv.gz").unlink()
    run()
    ends = {"dagster/asset_partition_range_start": "2026-03-30", "dagster/asset_partition_range_end": "2026-04-01"}
    result = run(tags=ends)
    assert result.success
    assert instance.get_materialized_partitions(CONTACTS) == {"2026-03-30", "2026-04-01"}
    records = instance.get_event_records(dg.EventRecordsFilter(dg.DagsterEventType.ASSET_MATERIALIZATION, CONTACTS))
    again = [record.partition_key for record in records if record.run_id == result.run_id]
    assert sorted(again) == ["2026-03-30", "2026-04-01"]


def test_a_refused_file_is_a_failed_check_and_no_materialization(run, instance, tiny_home):
    folder = tiny_home.landing / "crm" / "contacts"
    whole = gzip.compress(b"contact_id,created_at,updated_at\n" * 40)
    (folder / "contacts_2026-04-02.csv.gz").write_bytes(whole[:-10])
    result = run()
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert not checks["no_delivery_is_refused"].passed
    assert checks["no_delivery_is_refused"].metadata["observed"].value == "1 refused or held"
    assert "2026-04-02" not in instance.get_materialized_partitions(CONTACTS)


def test_a_critical_rule_at_the_door_holds_until_its_rows_are_corrected(tiny_home, site_at, instance):
    site = site_at(tiny_home)
    (contract,) = [c for c in site.contracts.values() if c.name == "ecommerce.orders"]
    suite = load_suites()[contract.name]
    header = "order_id,ordered_at,status,currency_code,total_amount,updated_at\n"

    def deliver(day, sign):
        rows = [f"9{n:03},{day}T08:00:00Z,paid,EUR,{sign}10.00,{day}T09:00:00Z\n" for n in range(60)]
        path = site.settings.landing / "ecommerce" / "orders" / f"orders_{day}.csv"
        path.write_text(header + "".join(rows))

    def take_in(writer):
        taken = writer.ingest(contract, None, None, is_forced=False)
        writer.register(contract)
        return quality.judge_table(writer, contract, suite, {d.extract_date for d in taken.in_state("accepted")})

    with Ledger(site.settings.ledger_path) as ledger:
        writer = Writer(site, ledger, DuckDBWarehouse(site.settings.warehouse_path, site.settings))
        deliver("2026-04-02", "-")
        failed = check_results.failures(take_in(writer))
        assert "order_totals_are_delivered_as_positive_numbers" in [check.check_name for check in failed]
        assert max(ledger.held_dates("ecommerce", "orders")) == date(2026, 4, 2)
        with pytest.raises(CxwError, match=r"E-CHK-001 ecommerce.orders .door.*rows fail.*previous snapshot stays"):
            quality.refuse_held_tables(writer)
        deliver("2026-04-03", "")  # the same orders, newer and right
        assert check_results.failures(take_in(writer)) == []
        quality.refuse_held_tables(writer)
