"""What dbt tells of its steps is put into words for those who listen, and for nobody else."""

from __future__ import annotations

import pytest
from dbt.adapters.events.types import SQLQuery
from dbt.events.types import MainReportVersion, NodeFinished, SkippingDetails
from dbt_common.events import event_manager
from dbt_common.events.base_types import EventLevel
from dbt_common.events.logger import LineFormat, LoggerConfig

from orchestration.dbt_events import ListenedEvents


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the events that became messages."""
    names: list[str] = []
    make = event_manager.msg_from_base_event

    def noted(event: object, level: EventLevel | None = None) -> object:
        names.append(type(event).__name__)
        return make(event, level)

    monkeypatch.setattr(event_manager, "msg_from_base_event", noted)
    return names


def test_what_is_for_debugging_is_left_out_but_the_end_of_a_node_is_not(told: list[str]) -> None:
    heard: list[str] = []
    events = ListenedEvents()
    events.add_callback(lambda message: heard.append(message.info.name))
    for event in (SQLQuery(sql=""), NodeFinished(), SkippingDetails(), MainReportVersion(version="1", log_version=3)):
        events.fire_event(event)
    assert told == heard == ["NodeFinished", "SkippingDetails", "MainReportVersion"]


def test_a_log_for_debugging_gets_everything(told: list[str], tmp_path) -> None:
    events = ListenedEvents()
    log = LoggerConfig(
        name="file", level=EventLevel.DEBUG, line_format=LineFormat.PlainText, output_file_name=str(tmp_path / "log")
    )
    events.add_logger(log)
    events.fire_event(SQLQuery(sql="select 1"))
    events.flush()
    assert told == ["SQLQuery"]
    assert "select 1" in (tmp_path / "log").read_text()


def test_an_event_whose_level_is_raised_is_told(told: list[str]) -> None:
    ListenedEvents().fire_event(SQLQuery(sql=""), level=EventLevel.WARN)
    assert told == ["SQLQuery"]
