"""Once stops at a safe point, twice ends where it stands."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestration.stopping import SAME_SECONDS, STOPPED, stoppable

ROOT = Path(__file__).parent.parent
STUBBORN = """
import time
from orchestration.stopping import stoppable
try:
    with stoppable():
        while True:
            try:
                print("ready", flush=True)
                time.sleep(60)
            except KeyboardInterrupt:
                print("stopping", flush=True)  # and never comes to an end
finally:
    print("cleaned up", flush=True)
"""


@pytest.fixture(autouse=True)
def is_heard():
    """What a shell starts in the background ignores Ctrl-C, and so would everything that it starts in turn."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_interrupts_the_body(number):
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), stoppable():
        os.kill(os.getpid(), number)
        time.sleep(5)
    assert signal.getsignal(signal.SIGTERM) is before
    assert signal.set_wakeup_fd(-1) == -1


@pytest.mark.parametrize("numbers", [(signal.SIGINT, signal.SIGINT), (signal.SIGTERM, signal.SIGINT)])
def test_the_second_signal_ends_the_process_whoever_minds_the_first(numbers):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    try:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(numbers[0])
        assert process.stdout.readline() == "stopping\n"
        time.sleep(SAME_SECONDS + 0.1)
        process.send_signal(numbers[1])
        said, told = process.communicate(timeout=10)
    finally:
        process.kill()
    assert process.returncode == STOPPED and "cleaned up" not in said
    assert told == "stopped at once; nothing is half done, run again when you like\n"
