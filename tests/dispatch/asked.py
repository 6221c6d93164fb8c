"""Words for tests of decisions: a clock that was set, goals that wait, runs that ask."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from scripted import Bench, goal_file

from engine.api import Answer, DecisionView
from engine.api.asking import AskRequest
from engine.clock import SystemClock
from engine.errors import PilothouseError
from engine.events import Event, EventType
from engine.model import AnswerKind, DecisionKind, RunRecord
from engine.store import named_queries
from engine.store.rows import run_from


@dataclass
class SetClock(SystemClock):
    """The machine's clock, put forward."""

    ahead: timedelta = field(default_factory=timedelta)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def put_forward(bench: Bench, by: timedelta) -> None:
    """The engine's clock; what it is time for then is done at once."""
    clock = bench.engine._parts.context.clock
    assert isinstance(clock, SetClock)
    clock.ahead += by
    bench.engine._parts.scheduler.look_again()


async def gate(bench: Bench, **gate: object) -> DecisionView:
    """A goal that waits at one human gate."""
    goal = await bench.goal(goal_file({"id": "ok", "gate": {"kind": "human_approval", **gate}}))
    await bench.waiting(goal.id)
    return next(d for d in await bench.engine.decisions() if d.goal == goal.id)


async def running(bench: Bench, *tasks: dict[str, object], title: str = "test") -> RunRecord:
    """The live run of a goal whose task `work` hangs; more tasks may stand beside it."""
    source = goal_file({"id": "all", "order": "parallel", "tasks": [{"id": "work", "run": "hang"}, *tasks]}, goal=title)
    goal = await bench.goal(source)
    await bench.until(goal.id, lambda _, states: states["work"] == "running")
    task = await bench.engine.task(f"{goal.id}/work")
    row = await bench.engine._parts.context.database.one(named_queries("runs")["newest"], {"task": task.id})
    assert row is not None
    return run_from(row)


async def ask(bench: Bench, run: RunRecord, **request: object) -> str:
    return await bench.engine._parts.answers.ask(run, AskRequest.model_validate(request))


def bash(command: str, **more: object) -> dict[str, object]:
    """A permission for one command."""
    return {"kind": DecisionKind.PERMISSION, "tool": "Bash", "arguments": {"command": command}, **more}


def answer(decision: DecisionView, kind: AnswerKind = AnswerKind.APPROVE, **more: object) -> Answer:
    return Answer.model_validate({"version": decision.version, "answer": kind, "by": "ann", "via": "test", **more})


async def view(bench: Bench, decision: str) -> DecisionView:
    return (await bench.engine.decision(decision)).decision


async def event(bench: Bench, kind: EventType) -> Event:
    """The first event of a kind, awaited."""
    async with asyncio.timeout(20):
        async for update in bench.engine.subscribe(0):
            if isinstance(update, Event) and update.type is kind:
                await bench.heard()
                return update
    raise AssertionError("the stream ended")


async def told(bench: Bench, kind: EventType) -> list[Event]:
    return [e for e in await bench.events() if e.type is kind]


async def outcome(work: object) -> str:
    """The code of the error a call was refused with; empty when it was taken."""
    try:
        await work  # type: ignore[misc]
    except PilothouseError as error:
        return error.code
    return ""
