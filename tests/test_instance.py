"""Dagster's home: safe settings, and runs whose process is gone."""

import os
import subprocess
import sys

import dagster as dg
import pytest
import yaml

from orchestration.event_log import CycleEventLogStorage
from orchestration.instance import PROCESS_TAG, dagster_environment, fail_dead_runs, open_instance, process_tag
from orchestration.settings import load_settings


@pytest.fixture
def settings(tmp_path):
    return load_settings(tmp_path, {})


@pytest.fixture
def instance(settings, monkeypatch):
    for name in dagster_environment(settings):
        monkeypatch.setenv(name, "")
    with open_instance(settings) as instance:
        yield instance


@dg.job
def nothing():
    pass


def run_of(instance, process):
    return instance.create_run_for_job(nothing, status=dg.DagsterRunStatus.STARTED, tags={PROCESS_TAG: process})


def test_telemetry_is_off_and_one_run_writes(instance, settings):
    written = yaml.safe_load((settings.dagster_home / "dagster.yaml").read_text())
    assert written["telemetry"] == {"enabled": False}
    assert not instance.telemetry_enabled
    assert isinstance(instance.event_log_storage, CycleEventLogStorage)
    pools = instance.get_concurrency_config().pool_config
    assert (pools.default_pool_limit, pools.pool_granularity.value) == (1, "run")
    assert instance.run_monitoring_enabled


def test_a_run_whose_process_is_gone_is_failed(instance):
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    host, _, boot, _ = process_tag()[PROCESS_TAG].split(":")
    child.wait()
    dead = run_of(instance, f"{host}:{child.pid}:{boot}:123")
    before_the_reboot = run_of(instance, f"{host}:{os.getpid()}:another-boot:1")
    assert set(fail_dead_runs(instance)) == {dead.run_id, before_the_reboot.run_id}
    assert instance.get_run_by_id(dead.run_id).status == dg.DagsterRunStatus.FAILURE


def test_a_living_run_and_one_of_another_host_are_left_alone(instance):
    run_of(instance, process_tag()[PROCESS_TAG])
    run_of(instance, "another-host:1:boot:1")
    instance.create_run_for_job(nothing, status=dg.DagsterRunStatus.STARTED)
    assert fail_dead_runs(instance) == []


def test_a_run_killed_before_its_first_event_does_not_stay_for_ever(instance):
    host, _, boot, _ = process_tag()[PROCESS_TAG].split(":")
    tags = {PROCESS_TAG: f"{host}:{os.getpid()}:{boot}:1"}
    run = instance.create_run_for_job(nothing, status=dg.DagsterRunStatus.NOT_STARTED, tags=tags)
    assert fail_dead_runs(instance) == [run.run_id]


def test_before_a_daemon_starts_every_run_without_a_process_is_dead(instance):
    unnamed = instance.create_run_for_job(nothing, status=dg.DagsterRunStatus.STARTED)
    alive = run_of(instance, process_tag()[PROCESS_TAG])
    assert fail_dead_runs(instance) == []
    assert fail_dead_runs(instance, no_daemon_is_alive=True) == [unnamed.run_id]
    assert instance.get_run_by_id(alive.run_id).status == dg.DagsterRunStatus.STARTED
