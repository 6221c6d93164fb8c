"""JSON lines of CONTRACT section 1. ASCII, so that no foreign text reaches a terminal as control characters."""

import json

from engine.api import GoalView
from engine.errors import ExitCode
from engine.events import Event, EventType
from engine.model import FINAL_GOAL_STATES

FIELDS = {"seq", "at", "type", "goal", "task", "run", "data"}


def event_line(event: Event) -> str:
    """One event: `{"seq", "at", "type", "goal", "task", "run", "data"}`, no line end."""
    return _line(event.model_dump(mode="json", include=FIELDS))


def final_line(goal: GoalView, exit_code: ExitCode) -> str:
    """The last line of `run`. A goal that has not ended is told with its present state and `waiting_on`."""
    view = goal.model_dump(mode="json", include={"title", "cause", "counts", "progress", "branch", "waiting_on"})
    if goal.state in FINAL_GOAL_STATES:
        view.pop("waiting_on")
    head = {"type": EventType.GOAL_ENDED, "goal": goal.id, "state": goal.state, "exit_code": int(exit_code)}
    return _line(head | view)


def _line(document: dict[str, object]) -> str:
    return json.dumps(document)
