"""The ring of the faults: every test says which faults it injects, what it does and what must be seen.

`@pytest.mark.fault("F31", "M14", done="gzip cut at two thirds", seen="E-LND-009, the whole file refused")`; `done` and
`seen` may name parameters of the test in braces. The fixture `seen` adds what only the run knows. A few quick tests
are marked `faults_reduced` and run with `make test`; everything here runs with `make test-faults`, which writes the
table. Faults that this machine or product cannot have are named in `table.py` with the reason.
"""

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from .table import Shown, write_table

HERE = Path(__file__).parent
PROPERTY = "fault shown"
# Files whose tests take minutes begin first: what is left for the end is short, and no worker waits for the other.
LONGEST_FIRST = (
    "test_converge_slow.py", "test_behind.py", "test_crash_late.py", "test_crash_early.py", "test_people.py",
    "test_disk_faults.py", "test_converge_fast.py", "test_value_history.py", "test_recorded_walk.py", "test_readers.py",
)  # fmt: skip
_shown: list[Shown] = []
_texts: dict[str, list[str]] = {}
_started: dict[str, float] = {}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-fault-table", action="store_true", help="write tests/faults/README.md from this run")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.faults)
            if item.get_closest_marker("fault") is None:
                raise pytest.UsageError(f"{item.nodeid} does not say which fault it injects (pytest.mark.fault)")
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    is_long = HERE in item.path.parents and item.path.name in LONGEST_FIRST
    return LONGEST_FIRST.index(item.path.name) if is_long else len(LONGEST_FIRST)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A home to be killed in, of one file's own."""
    from .crashes import Bench

    return Bench(tmp_path_factory.mktemp("crash"))


@pytest.fixture
def seen(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Adds to the table what only the run knows: a figure, a message."""
    return _texts.setdefault(request.node.nodeid, []).append


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> object:
    report = yield
    _started.setdefault(item.nodeid, call.start)
    declared = item.get_closest_marker("fault")
    is_outcome = report.when == "call" or not report.passed
    if declared is not None and is_outcome and HERE in item.path.parents:
        params = getattr(item, "callspec", None).params if hasattr(item, "callspec") else {}
        ids = tuple(fault for marker in item.iter_markers("fault") for fault in marker.args)
        said = [declared.kwargs["seen"].format(**params), *_texts.get(item.nodeid, [])]
        why = str(call.excinfo.value) if report.skipped and call.excinfo else ""
        shown = Shown(
            ids,
            declared.kwargs["done"].format(**params),
            f"not shown here: {why}" if report.skipped else "; ".join(said),
            "skipped" if report.skipped else "pass" if report.passed else "FAIL",
            time.time() - _started[item.nodeid],
        )
        report.user_properties.append((PROPERTY, asdict(shown)))  # travels from a worker to the one that writes
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _shown.extend(Shown(**{**shown, "ids": tuple(shown["ids"])}) for name, shown in report.user_properties
                  if name == PROPERTY)  # fmt: skip


def pytest_sessionfinish(session: pytest.Session) -> None:
    is_worker = hasattr(session.config, "workerinput")
    if session.config.getoption("--write-fault-table", default=False) and not is_worker:
        write_table(HERE / "README.md", _shown)
