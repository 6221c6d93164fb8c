"""What the model of the store is made of: goals at random, its clock, and what may become of a task."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from random import Random

from engine.api import GoalOrder
from engine.dispatch.endings.ending import Ending
from engine.model import ExitCause, GoalState, TaskState

S = TaskState
SATISFIED = (S.DONE, S.SKIPPED)
ENDINGS = {
    "ok": Ending(ExitCause.EXIT, "exit 0", 0),
    "fails": Ending(ExitCause.EXIT, "exit 1", 1),
    "lost": Ending(ExitCause.LOST, "gone"),
    "stopped": Ending(ExitCause.CANCELLED, "stopped by the operator"),
}
# Where a run's end may take its task, whatever its retries and its group's policy are.
AFTER = {
    "ok": {S.DONE, S.REVIEW},
    "fails": {S.PENDING, S.BLOCKED, S.FAILED},
    "lost": {S.PENDING, S.BLOCKED},
    "stopped": {S.PENDING},
}
ORDERED = {
    GoalOrder.PAUSE: GoalState.PAUSED,
    GoalOrder.RESUME: GoalState.ACTIVE,
    GoalOrder.DRAIN: GoalState.DRAINING,
}


class SteppedClock:
    """Time passes by its own step of the model alone; no two looks are the same."""

    def __init__(self) -> None:
        self.at = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        self.at += timedelta(microseconds=1)
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def goal_text(chance: Random) -> str:
    leaves: list[str] = []

    def task(depth: int) -> dict[str, object]:
        name = f"t{chance.getrandbits(40):x}"
        if depth < 2 and chance.random() < 0.5:
            inner = [task(depth + 1) for _ in range(chance.randint(1, 4))]
            return {
                "id": name,
                "tasks": inner,
                "order": chance.choice(["sequential", "parallel"]),
                "on_failure": chance.choice(["stop", "continue", "ask"]),
                "require": chance.choice(["all", "all", "any"]),
            }
        found: dict[str, object] = {"id": name, "run": "true", "retries": chance.randint(0, 1)}
        if chance.random() < 0.25:
            found = {"id": name, "gate": {"kind": "human_approval"}}
        elif chance.random() < 0.2:
            found["requires_approval"] = True
        if leaves and chance.random() < 0.3:
            found["needs"] = [chance.choice(leaves)]
        leaves.append(name)
        return found

    return json.dumps({"goal": "model", "runtime": "process", "tasks": [task(0) for _ in range(chance.randint(1, 4))]})


def consequences(states: set[TaskState]) -> set[TaskState]:
    """What a leaf may become because of another one: held, let go, ended with its group or its goal, reopened."""
    found: set[TaskState] = set()
    for state in states:
        match state:
            case S.PENDING | S.BLOCKED:
                found |= {S.PENDING, S.BLOCKED, S.SKIPPED, S.CANCELLED}
            case S.WAITING | S.REVIEW:
                found |= {S.CANCELLED, S.PENDING}
            case S.DONE | S.FAILED:
                found |= {S.PENDING, S.BLOCKED}
            case S.CLAIMED | S.RUNNING | S.CANCELLED | S.SKIPPED:
                continue
    return found
