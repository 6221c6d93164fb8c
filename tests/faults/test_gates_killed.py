"""Engines killed with gates open: what waits is where the store says, is armed once, and ends once (R67, R70)."""

import asyncio
import json
import os
import signal
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from killed_engines import Engines

from engine.api import Answer, CreateGoal, Signal, TreeNode
from engine.client import RemoteEngine
from engine.errors import EngineUnavailable
from engine.events import EventType
from engine.model import AnswerKind, GateKind, GoalState
from engine.store import stamp

HOOK: dict[str, object] = {"kind": "webhook", "name": "deploy.done"}
PULL: dict[str, object] = {"repo": "o/r", "pr": 12}
EVERY: dict[GateKind, dict[str, object]] = {
    GateKind.HUMAN_APPROVAL: {"kind": "human_approval"},
    GateKind.CHOICE: {"kind": "choice", "options": ["here", "there"]},
    GateKind.FORM: {"kind": "form", "fields": [{"name": "version"}]},
    GateKind.GH_CI: {"kind": "gh_ci", **PULL},
    GateKind.GH_REVIEW: {"kind": "gh_review", **PULL},
    GateKind.PR_REVIEW: {"kind": "pr_review", **PULL},
    GateKind.WEBHOOK: HOOK,
    GateKind.TIMER: {"kind": "timer", "wait": "1h"},
    GateKind.ALL: {"kind": "all", "gates": [{**HOOK, "key": "all"}]},
    GateKind.ANY: {"kind": "any", "gates": [{**HOOK, "key": "any"}, {"kind": "timer", "wait": "1h"}]},
    GateKind.N_OF: {"kind": "n_of", "n": 1, "gates": [{**HOOK, "key": "n"}, {"kind": "human_approval"}]},
}


class Killed:
    """A project whose engines are killed and started again."""

    def __init__(self, engines: Engines, project: Path) -> None:
        self._engines, self._project = engines, project
        self.pid = 0

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[RemoteEngine]:
        """An engine in a process of its own; killed with -9 at the end."""
        self.pid = await asyncio.to_thread(self._engines.begin, self._project, "serve")
        remote = await self._connected()
        try:
            yield remote
        finally:
            await remote.close()
            with suppress(ProcessLookupError):  # the test may have done it
                os.kill(self.pid, signal.SIGKILL)
            await asyncio.to_thread(self._engines.ended)

    def time_has_come(self) -> None:
        """While no engine runs, the hour of the task `timer` is over."""
        with closing(sqlite3.connect(self._project / ".pilothouse" / "engine.db")) as store, store:
            row = "kind = 'timer' AND task = (SELECT id FROM tasks WHERE key = 'timer')"
            moved = store.execute(f"UPDATE gates SET deadline = ? WHERE {row}", (stamp(datetime.now(UTC)),))
            assert moved.rowcount == 1

    async def _connected(self) -> RemoteEngine:
        async with asyncio.timeout(30):
            while True:
                try:
                    return await RemoteEngine.connect(f"unix:{self._project}/.pilothouse/engine.sock")
                except EngineUnavailable:
                    await asyncio.sleep(0.02)


@pytest.fixture
def killed(engines: Engines, project: Path) -> Killed:
    return Killed(engines, project)


async def create(engine: RemoteEngine, tasks: list[dict[str, object]]) -> str:
    source = json.dumps({"goal": "g", "runtime": "process", "tasks": tasks})
    return (await engine.create_goal(CreateGoal(source=source, path="/g.yaml"))).id


async def until(engine: RemoteEngine, goal: str, holds: Callable[[dict[str, TreeNode]], bool]) -> dict[str, TreeNode]:
    async with asyncio.timeout(30):
        async for _ in engine.subscribe():
            found: dict[str, TreeNode] = {}
            stack = [await engine.tree(goal)]
            while stack:
                node = stack.pop()
                found[node.key] = node
                stack.extend(node.children)
            if holds(found):
                return found
    raise AssertionError("the stream ended")


async def send(engine: RemoteEngine, kind: str, **fields: object) -> tuple[str, ...]:
    return (await engine.signal(Signal.model_validate({"type": kind, "status": "pass", **fields}))).matched


async def test_r67_a_signal_before_its_gate_survives_kill_9_and_closes_the_gate_with_its_opening_once(
    killed: Killed,
) -> None:
    first = {"id": "first", "gate": {"kind": "human_approval"}}
    async with killed.engine() as engine:
        goal = await create(engine, [first, {"id": "hook", "gate": HOOK}, {"id": "after", "run": "exit 0"}])
        await until(engine, goal, lambda nodes: nodes["first"].state == "waiting")
        assert await send(engine, "webhook", name="deploy.done") == ()
    async with killed.engine() as engine:
        (asked,) = await engine.decisions()
        await engine.answer(asked.id, Answer(version=asked.version, answer=AnswerKind.APPROVE))
        await until(engine, goal, lambda nodes: nodes["hook"].state == "done")
    async with killed.engine() as engine:
        await until(engine, goal, lambda nodes: nodes["after"].state == "done")
        assert (await engine.status(goal)).goals[0].state is GoalState.DONE
        events = [event for event in await engine.events(0, 10_000) if event.data.get("kind") == "webhook"]
        seen = [event.type for event in events if event.type is not EventType.SIGNAL_QUEUED]
        kinds = [EventType.SIGNAL_RECEIVED, EventType.GATE_OPENED, EventType.SIGNAL_MATCHED, EventType.GATE_RESOLVED]
        assert seen == kinds


async def test_r70_kill_9_with_one_gate_of_every_kind_open_arms_each_of_them_once(killed: Killed) -> None:
    tasks = [{"id": str(kind), "gate": gate} for kind, gate in EVERY.items()]
    async with killed.engine() as engine:
        goal = await create(engine, [{"id": "all-kinds", "order": "parallel", "tasks": tasks}])
        await until(engine, goal, lambda nodes: all(nodes[kind].state == "waiting" for kind in EVERY))
        before = await engine.decisions()
        waits = {wait.id for wait in (await engine.status(goal)).goals[0].waiting_on}
    for _ in range(2):
        async with killed.engine() as engine:
            assert [(asked.id, asked.version) for asked in await engine.decisions()] == [
                (asked.id, asked.version) for asked in before
            ]
    killed.time_has_come()
    async with killed.engine() as engine:
        now = {wait.id for wait in (await engine.status(goal)).goals[0].waiting_on}
        assert now <= waits, "nothing opened anew"
        for kind in (GateKind.GH_CI, GateKind.GH_REVIEW, GateKind.PR_REVIEW):
            assert len(await send(engine, kind, **PULL)) == 1
        assert len(await send(engine, "webhook", name="deploy.done")) == 1
        for key in ("all", "any", "n"):
            assert len(await send(engine, "webhook", name="deploy.done", key=key)) == 1
        for asked in await engine.decisions():
            match asked.kind:
                case "choice":
                    answer = Answer(version=1, answer=AnswerKind.CHOOSE, option="there")
                case "form":
                    answer = Answer(version=1, answer=AnswerKind.FILL, fields={"version": "1"})
                case _:
                    answer = Answer(version=1, answer=AnswerKind.APPROVE)
            await engine.answer(asked.id, answer)
        nodes = await until(engine, goal, lambda nodes: nodes["timer"].state == "done")
        assert {nodes[kind].state for kind in EVERY} == {"done"}
        events = await engine.events(0, 10_000)
        resolved = [event.data["gate"] for event in events if event.type is EventType.GATE_RESOLVED]
        opened = [event for event in events if event.type is EventType.GATE_OPENED]
        assert len(opened) == len(EVERY)
        assert len(resolved) == len(set(resolved)) == len(EVERY) + 5, "each gate and each member once"


async def test_thirty_gates_resolved_while_engines_are_killed_keep_every_acknowledged_answer(killed: Killed) -> None:
    tasks = [{"id": f"g{n}", "gate": {**HOOK, "key": f"k{n}"}} for n in range(30)]
    async with killed.engine() as engine:
        goal = await create(engine, [{"id": "many", "order": "parallel", "tasks": tasks}])
        await until(engine, goal, lambda nodes: all(nodes[f"g{n}"].state == "waiting" for n in range(30)))
    acknowledged: list[int] = []
    left = list(range(30))
    while left:
        async with killed.engine() as engine:
            batch = left[:10]
            answers = [asyncio.ensure_future(send(engine, "webhook", name="deploy.done", key=f"k{n}")) for n in batch]
            await asyncio.wait(answers, return_when=asyncio.FIRST_COMPLETED)
            os.kill(killed.pid, signal.SIGKILL)
            done = await asyncio.gather(*answers, return_exceptions=True)
            acknowledged += [n for n, answer in zip(batch, done, strict=True) if isinstance(answer, tuple)]
        left = [n for n in left if n not in batch]
    async with killed.engine() as engine:
        nodes = await until(engine, goal, lambda nodes: True)
        assert acknowledged
        assert {str(nodes[f"g{n}"].state) for n in acknowledged} == {"done"}
        resolved = [e.data["gate"] for e in await engine.events(0, 10_000) if e.type is EventType.GATE_RESOLVED]
        assert len(resolved) == len(set(resolved))
