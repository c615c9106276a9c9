"""One writer per home: who waits, who is refused, who takes over from the dead."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestration import lease
from orchestration.errors import CxwError
from orchestration.settings import load_settings

ROOT = Path(__file__).parent.parent
HOLD = """
import sys, time
from pathlib import Path
from orchestration import lease
from orchestration.settings import load_settings
with lease.hold(load_settings(Path(sys.argv[1]), {}), "the other one"):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def settings(tmp_path):
    return load_settings(tmp_path, {})


@pytest.fixture
def other(tmp_path):
    """Another process that holds the lease; ended with the test."""
    started = []

    def start(seconds):
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", HOLD, str(tmp_path), str(seconds)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_second_writer_is_refused_with_the_name_of_the_first(settings, other):
    first = other(60)
    with pytest.raises(CxwError, match=f"the other one .process {first.pid} on .*is writing") as refusal:
        lease.hold(settings, "me").__enter__()
    assert (refusal.value.code, refusal.value.exit_code) == ("E-RUN-001", 3)
    assert lease.current_holder(settings).pid == first.pid


def test_a_second_writer_waits_and_says_for_whom(settings, other):
    other(0.7)
    waited_for = []
    with lease.hold(settings, "me", wait_seconds=30, on_wait=waited_for.append):
        assert lease.current_holder(settings).what == "me"
    assert [holder.what for holder in waited_for] == ["the other one"]


def test_a_killed_writer_leaves_nothing_behind(settings, other):
    first = other(60)
    first.kill()
    first.wait()
    assert lease.current_holder(settings) is None
    with lease.hold(settings, "me"):
        assert lease.current_holder(settings).pid == os.getpid()


def test_one_process_may_take_it_again(settings):
    with lease.hold(settings, "cxw run"):
        started = time.monotonic()
        with lease.hold(settings, "the Dagster run inside"):
            assert time.monotonic() - started < lease.GRACE_SECONDS
        assert lease.current_holder(settings).what == "cxw run"
    assert lease.current_holder(settings) is None


def test_nobody_holds_a_home_that_never_wrote(settings):
    assert lease.current_holder(settings) is None
