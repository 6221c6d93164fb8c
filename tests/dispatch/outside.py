"""What tests of gates and signals say: goals with one gate, signals, and where a goal stands."""

from typing import Any

from scripted import Bench, goal_file

from engine.api import Signal, SignalOutcome
from engine.events import Event, EventType

AFTER: dict[str, object] = {"id": "after", "run": "exit 0"}
HEAD, OTHER = "a" * 40, "b" * 40
CI: dict[str, object] = {"kind": "gh_ci", "repo": "o/r", "pr": 12, "poll": False}


def task(gate: dict[str, object], key: str = "gate") -> dict[str, object]:
    return {"id": key, "gate": gate}


async def gated(bench: Bench, gate: dict[str, object], *before: dict[str, object]) -> str:
    """A goal that has come to its gate."""
    goal = await bench.goal(goal_file(*before, task(gate), AFTER))
    await bench.until(goal.id, lambda view, states: view.waiting and states["gate"] == "waiting")
    return goal.id


def said(kind: str, status: str = "pass", **fields: object) -> Signal:
    return Signal.model_validate({"type": kind, "status": status, **fields})


async def send(bench: Bench, kind: str, status: str = "pass", **fields: object) -> SignalOutcome:
    return await bench.engine.signal(said(kind, status, **fields))


async def open_gates(bench: Bench, goal: str) -> list[dict[str, Any]]:
    query = "SELECT * FROM gates WHERE goal = ? AND state = 'open' ORDER BY rowid"
    return [dict(row) for row in await bench.engine._parts.context.database.all(query, (goal,))]


async def gates(bench: Bench, goal: str) -> list[dict[str, Any]]:
    query = "SELECT * FROM gates WHERE goal = ? ORDER BY rowid"
    return [dict(row) for row in await bench.engine._parts.context.database.all(query, (goal,))]


async def told(bench: Bench, kind: EventType) -> list[Event]:
    return [event for event in await bench.events() if event.type is kind]
