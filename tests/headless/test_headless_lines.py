"""What goes to stdout: JSON lines of CONTRACT section 1, and nothing of a screen is loaded for them (R128)."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import engine_samples as samples
import engine_stub
import goal_stage
import pytest

from engine.errors import ExitCode
from engine.events import Event, EventType
from engine.headless import event_line, final_line
from engine.model import GoalState

FIELDS = ["seq", "at", "type", "goal", "task", "run", "data"]
HOSTILE = samples.HARD + "\x1b]52;c;AAAA\x07\x9b31m\x7f\u202e\ud83d"


def test_an_event_is_one_line_with_exactly_the_agreed_fields() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    event = Event(seq=7, at=at, type=EventType.SANDBOX_CREATED, goal="g-1", data={"name": "ph-1", "container_id": "c"})
    line = event_line(event)
    assert list(json.loads(line)) == FIELDS
    assert json.loads(line) == {
        "seq": 7,
        "at": "2026-01-02T03:04:05Z",
        "type": "sandbox.created",
        "goal": "g-1",
        "task": None,
        "run": None,
        "data": {"name": "ph-1", "container_id": "c"},
    }
    assert Event.model_validate_json(line) == event


def test_foreign_text_in_a_line_is_inert_and_comes_back_whole() -> None:
    event = Event(seq=1, at=samples.NOON, type=EventType.TASK_FAILED, data={"last": HOSTILE, samples.HARD: 1})
    line = event_line(event)
    assert line.isascii()
    assert line.isprintable()
    assert len(line.splitlines()) == 1
    assert json.loads(line)["data"] == {"last": HOSTILE, samples.HARD: 1}


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (GoalState.DONE, ExitCode.DONE),
        (GoalState.FAILED, ExitCode.GATE_REJECTED),
        (GoalState.CANCELLED, ExitCode.INTERRUPTED),
    ],
)
def test_r128_the_last_line_names_goal_state_and_exit_code(state: GoalState, code: ExitCode) -> None:
    last = json.loads(final_line(samples.GOAL.model_copy(update={"state": state, "waiting_on": ()}), code))
    assert list(last)[:4] == ["type", "goal", "state", "exit_code"]
    assert (last["type"], last["goal"]) == ("goal.ended", samples.GOAL.id)
    assert (last["state"], last["exit_code"]) == (state, int(code))
    assert "waiting_on" not in last


def test_r129_the_last_line_of_a_waiting_goal_names_what_it_waits_for() -> None:
    last = json.loads(final_line(samples.GOAL, ExitCode.GATE_PENDING))
    assert (last["type"], last["state"], last["exit_code"]) == ("goal.ended", "active", 5)
    assert [item["id"] for item in last["waiting_on"]] == ["d-0000000001"]
    assert last["progress"] == [2, 3]


def test_r128_headless_loads_no_screen_and_no_server(run_python: Callable[[str], str]) -> None:
    code = """
import engine.headless, sys
heavy = ("textual", "rich", "engine.local", "engine.server", "engine.client", "engine.store", "engine.dispatch",
         "httpx", "fastapi", "uvicorn", "docker", "aiosqlite")
print([name for name in heavy if name in sys.modules])
"""
    assert run_python(code) == "[]"


def test_r128_following_puts_only_data_on_stdout(run_python: Callable[[str], str]) -> None:
    code = f"""
import asyncio, sys
sys.path[:0] = {_test_folders()!r}
from goal_stage import GOAL, GoalStage
from engine.headless import OnGate, event_line, final_line, follow_goal
from engine.model import GoalState

async def main():
    stage = GoalStage()
    stage.asks()
    code = await follow_goal(stage, GOAL, emit=lambda event: print(event_line(event)), on_gate=OnGate.FAIL)
    print(final_line(stage.goal, code))
    stage.ends(GoalState.DONE)
    await follow_goal(stage, GOAL, emit=lambda event: print(event_line(event)), on_gate=OnGate.FAIL, after=5)

asyncio.run(main())
assert not ({{"textual", "rich"}} & set(sys.modules))
"""
    rows = [json.loads(line) for line in run_python(code).splitlines()]
    assert [row["type"] for row in rows] == [
        "goal.created",
        "goal.started",
        "decision.opened",
        "goal.waiting",
        "goal.ended",
        "goal.ended",
    ]
    assert rows[4]["exit_code"] == 5


def _test_folders() -> list[str]:
    return [str(Path(module.__file__ or "").parent) for module in (engine_stub, goal_stage)]
