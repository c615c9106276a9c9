"""State-driven starting: what the schedule and the sensors find, say and request. No file is read, no model built."""

from datetime import date

import dagster as dg
import pytest

from orchestration import operations, snapshots
from orchestration.automation import BUILD_JOB, CYCLE_JOB
from orchestration.definitions import build_definitions
from orchestration.errors import CxwError
from orchestration.landing import ingest
from orchestration.ledger import Ledger
from orchestration.ledger_rows import Publish
from orchestration.settings import load_settings


@pytest.fixture
def site(tiny_home, site_at):
    return site_at(tiny_home)


@pytest.fixture
def repository(site):
    return build_definitions(site.settings, site.manifest).get_repository_def()


@pytest.fixture
def ask(repository):
    """The answer of a schedule or sensor on an instance of its own: its run requests, or why there are none."""

    def answer(name, instance):
        if name.endswith("_daily"):
            with dg.build_schedule_context(instance=instance, repository_def=repository) as context:
                return repository.get_schedule_def(name).evaluate_tick(context)
        with dg.build_sensor_context(instance=instance, repository_def=repository) as context:
            return repository.get_sensor_def(name).evaluate_tick(context)

    with dg.instance_for_test() as instance:
        yield lambda name, on=instance: answer(name, on)


def take_in(site):
    with Ledger(site.settings.ledger_path) as ledger:
        for contract in site.contracts.values():
            ingest(contract, site.settings, ledger)


def publish(site):
    """What a publish leaves in the ledger."""
    with Ledger(site.settings.ledger_path) as ledger:
        snapshot_id = snapshots.new_snapshot_id(site.settings, site.sources, ledger)
        version = snapshot_id.partition("-")[2]
        ledger.record_publish(Publish(snapshot_id, version, "2026-04-02T06:00:00+00:00", "", "published"))


@pytest.mark.parametrize("name", ["run_cycle_daily", "landing_sensor"])
def test_new_files_start_a_cycle_of_their_tables_and_everything_behind(name, ask, site):
    (site.settings.landing / "survey").rename(site.settings.home / "aside")
    (request,) = ask(name).run_requests
    keys = {key.to_user_string() for key in request.asset_selection}
    assert {"crm/contacts", "ecommerce/orders", "core/fct_orders", "published/mart_orders__day"} <= keys
    assert "survey/responses" not in keys


def test_the_same_work_has_the_same_run_key_so_two_ticks_start_it_once(ask):
    first, again = ask("landing_sensor").run_requests[0], ask("run_cycle_daily").run_requests[0]
    assert first.run_key == again.run_key


def test_accepted_but_unpublished_deliveries_start_a_build(ask, site, repository):
    take_in(site)
    assert ask("landing_sensor").skip_message == "the published snapshot is not made of what is accepted now"
    (request,) = ask("unpublished_data_sensor").run_requests
    assert repository.get_sensor_def("unpublished_data_sensor").job_name == BUILD_JOB
    assert request.asset_selection is None
    (request,) = ask("run_cycle_daily").run_requests
    assert not any(key.path[0] in site.sources for key in request.asset_selection)


@pytest.mark.parametrize("name", ["run_cycle_daily", "landing_sensor", "unpublished_data_sensor"])
def test_a_current_home_skips_with_the_reason(name, ask, site):
    take_in(site)
    publish(site)
    tick = ask(name)
    assert not tick.run_requests
    assert tick.skip_message == "nothing to take in, nothing to build"


@pytest.mark.parametrize("name", ["run_cycle_daily", "landing_sensor", "unpublished_data_sensor"])
def test_nothing_is_started_beside_a_run(name, ask, repository):
    with dg.instance_for_test() as instance:
        job = repository.get_job(CYCLE_JOB)
        run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
        assert ask(name, instance).skip_message == f"run {run.run_id[:8]} is under way"


def test_an_accepted_gap_makes_the_published_snapshot_stale(ask, site):
    take_in(site)
    publish(site)
    with Ledger(site.settings.ledger_path) as ledger:
        ledger.accept_gap("crm", "leads", date(2026, 4, 2), why="holiday", accepted_by="tests")
    assert ask("unpublished_data_sensor").run_requests


def test_a_rolled_back_snapshot_stays_until_something_is_new(ask, site):
    take_in(site)
    publish(site)
    assert snapshots.current_snapshot(site.settings) is None  # as after a rollback: the pointer is elsewhere
    assert not ask("unpublished_data_sensor").run_requests


def test_a_home_without_any_source_says_what_to_do(tmp_path):
    with pytest.raises(CxwError, match=r"E-CFG-003.*<source>/<table>"):
        operations.run_cycle(load_settings(tmp_path, {}), lambda text: None)
