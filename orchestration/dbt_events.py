"""Events of dbt: only those that somebody listens to become messages.

Lives here: dbt's event manager with that rule, put in place by dbt's own door. Does not live here: who listens
(`project.py`). dbt makes a protobuf message of every statement and connection before it asks whether a log wants it:
2.0 of the 20 s of a small cycle, 0.4 s now.
"""

from __future__ import annotations

from typing import Any

from dbt_common.events.base_types import BaseEvent, EventLevel
from dbt_common.events.event_manager import EventManager
from dbt_common.events.event_manager_client import ctx_set_event_manager, get_event_manager

NODE_FINISHED = "NodeFinished"


class ListenedEvents(EventManager):
    """Leaves out what is for debugging, except the end of a node, unless a log of that level is open."""

    def fire_event(
        self,
        e: BaseEvent,
        level: EventLevel | None = None,
        node: Any = None,
        force_warn_or_error_handling: bool = False,
    ) -> None:
        is_for_debugging = (level or e.level_tag()) == EventLevel.DEBUG and not force_warn_or_error_handling
        is_debugging = any(logger.level == EventLevel.DEBUG for logger in self.loggers)
        if is_debugging or not is_for_debugging or type(e).__name__ == NODE_FINISHED:
            super().fire_event(e, level, node, force_warn_or_error_handling)


def put_in_place() -> None:
    """From here on dbt tells what is listened to; dbt keeps its manager for the life of the process."""
    if not isinstance(get_event_manager(), ListenedEvents):
        ctx_set_event_manager(ListenedEvents())
