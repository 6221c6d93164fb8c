"""A question and its answer outlive kill -9 and a year of sweeps (R79, R81)."""

import asyncio
import json
import os
import signal
from collections.abc import Callable
from contextlib import aclosing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from killed_engines import Engines
from lasting_driver import LastingDriver
from test_store_sigkill import attached

from engine.api import Answer, CreateGoal, DecisionView, Engine, GoalView, SweepOrder
from engine.clock import SystemClock
from engine.dispatch.runs.preparation import INPUTS, IO_SUFFIX
from engine.ids import SafeName
from engine.local.engine import LocalEngine
from engine.local.opening import open_local
from engine.model import AnswerKind, DecisionState, DriverName, GoalState
from engine.settings import Settings

GATE = {"id": "ok", "gate": {"kind": "human_approval", "question": "Right?"}}


class NextYear(SystemClock):
    """A year and a day on."""

    def now(self) -> datetime:
        return super().now() + timedelta(days=366)


def goal_of(run: str) -> CreateGoal:
    tasks = [{"id": "work", "run": run}, GATE]
    source = json.dumps({"goal": "ask", "runtime": "process", "tasks": tasks})
    return CreateGoal(source=source, path="/goals/goal.yaml")


async def until(engine: Engine, goal: str, holds: Callable[[GoalView], bool]) -> None:
    async with asyncio.timeout(30), aclosing(engine.subscribe()) as updates:  # type: ignore[type-var]
        async for _ in updates:
            if holds((await engine.status(goal)).goals[0]):
                return


async def question(engine: Engine) -> DecisionView:
    [goal] = (await engine.status()).goals
    await until(engine, goal.id, lambda view: view.waiting)
    [decision] = await engine.decisions()
    return decision


async def kill(engines: Engines, pid: int, remote: Engine) -> None:
    os.kill(pid, signal.SIGKILL)
    await remote.close()
    assert await asyncio.to_thread(engines.ended) == -signal.SIGKILL


async def opened(project: Path) -> LocalEngine:
    drivers = {DriverName.PROCESS: LastingDriver(project)}
    return await open_local(project, Settings(), clock=NextYear(), drivers=drivers)  # type: ignore[arg-type]


async def test_r81_a_question_outlives_kill_9_and_a_year_of_sweeps(engines: Engines, project: Path) -> None:
    pid = await asyncio.to_thread(engines.begin, project, "serve")
    remote = await attached(project)
    await remote.create_goal(goal_of("exit 0"))
    asked = await question(remote)
    await kill(engines, pid, remote)
    later = await opened(project)
    try:
        await later.gc(SweepOrder(logs_older_than=1.0))
        [work] = (await later.task(f"{asked.goal}/work")).runs
        assert (project / ".pilothouse" / "logs" / work.id).is_dir(), "its goal has not ended"
        [still] = await later.decisions()
        assert (still.id, still.version, still.state) == (asked.id, asked.version, DecisionState.PENDING)
        assert (await later.status(still.goal)).goals[0].state is GoalState.ACTIVE
        await later.answer(asked.id, Answer(version=asked.version, answer=AnswerKind.APPROVE))
        await until(later, asked.goal, lambda view: view.state is GoalState.DONE)
    finally:
        await later.close()


@pytest.mark.allow_blocking("the stand-in for a sandbox is ended by hand")
async def test_r79_words_acknowledged_before_kill_9_stand_in_the_next_inputs(engines: Engines, project: Path) -> None:
    pid = await asyncio.to_thread(engines.begin, project, "serve")
    remote = await attached(project)
    goal = (await remote.create_goal(goal_of("hang"))).id
    await until(remote, goal, lambda view: view.counts.get("running") == 1)
    [first] = (await remote.task(f"{goal}/work")).runs
    LastingDriver(project)._end(SafeName(first.sandbox), 0)
    asked = await question(remote)
    words = Answer(version=asked.version, answer=AnswerKind.CHANGES, feedback="say it louder")
    await remote.answer(asked.id, words)
    await kill(engines, pid, remote)
    later = await opened(project)
    try:
        await until(later, goal, lambda view: view.counts.get("running") == 1)
        [_, second] = (await later.task(f"{goal}/work")).runs
        inputs = project / "work" / f"{second.id}{IO_SUFFIX}" / INPUTS
        assert [said["text"] for said in json.loads(inputs.read_text())["feedback"]] == ["say it louder"]
        await later.cancel(goal)
        await until(later, goal, lambda view: view.ended_at is not None)
    finally:
        await later.close()
