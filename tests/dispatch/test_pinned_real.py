"""A pinned sandbox with real containers and processes: files go on, processes do not, kill and cancel free it (R31)."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.api import CreateGoal, LogQuery, SandboxOrder
from engine.local.engine import LocalEngine
from engine.local.opening import open_local
from engine.model import Stream
from engine.settings import Settings


@pytest.fixture
async def engine(runtime: str, project: Path) -> AsyncIterator[LocalEngine]:
    settings = Settings.model_validate({"sandbox": {"runtime": runtime}, "engine": {"reconcile_interval": 600}})
    engine = await open_local(project, settings)
    yield engine
    await engine._parts.live.ended()
    await engine.close()


async def started(engine: LocalEngine, *tasks: dict[str, object], **policy: object) -> str:
    source = json.dumps({"goal": "shared", "policy": {"session": "reuse"} | policy, "tasks": list(tasks)})
    return (await engine.create_goal(CreateGoal(source=source, path="/goals/goal.yaml"))).id


async def until(engine: LocalEngine, goal: str, key: str, *states: str) -> str:
    async with asyncio.timeout(60):
        async for _ in engine.subscribe():
            state = str((await engine.task(f"{goal}/{key}")).state)
            if state in states:
                return state
    raise AssertionError("the stream ended")


async def test_r31_files_go_on_from_container_to_container_and_processes_do_not(engine: LocalEngine) -> None:
    beats = "(while echo .; do sleep 0.05; done) > beat 2> beats.err & until [ -s beat ]; do sleep 0.02; done"
    leaves = f"echo kept > note; mkdir -m 700 deep; echo x > deep/x; {beats}"
    finds = "cat note deep/x && echo more >> note && cp beat before && sleep 0.3 && cmp before beat"
    tasks = [{"id": "leaves", "run": leaves}, {"id": "finds", "run": finds}, {"id": "last", "run": "grep more note"}]
    goal = await started(engine, *tasks)
    await until(engine, goal, "last", "done", "failed", "skipped", "blocked")
    assert (await engine.why(f"{goal}/last")).state == "done", (await engine.why(f"{goal}/finds")).reasons
    runs = [(await engine.task(f"{goal}/{key}")).runs[0] for key in ("leaves", "finds", "last")]
    assert len({run.sandbox for run in runs}) == 3
    assert runs[1].last_lines == ("kept", "x")


async def test_r31_a_killed_occupant_frees_it_and_a_failed_start_beside_it_does_not(engine: LocalEngine) -> None:
    refused = {"id": "refused", "run": "true", "session": "spawn", "sandbox": {"network": "no-such-network"}}
    goal = await started(
        engine,
        {"id": "works", "run": "echo 1 > note; echo noted; sleep 300", "priority": 1},
        refused,
        {"id": "next", "run": "cat note"},
        order="parallel",
        on_failure="continue",
    )
    await until(engine, goal, "works", "running")
    async with asyncio.timeout(60):
        while not (await engine.logs(f"{goal}/works", LogQuery(stream=Stream.OUT))).lines:  # noqa: ASYNC110 - a log rings no bell
            await asyncio.sleep(0.02)
    if engine._parts.driver == "docker":
        assert await until(engine, goal, "refused", "blocked") == "blocked"
    (pinned,) = (await engine.status(goal)).goals[0].pinned
    assert pinned.task_key == "works"
    assert "occupied by works" in (await engine.why(f"{goal}/next")).summary
    await engine.order_sandbox(pinned.sandbox, SandboxOrder.KILL)
    await until(engine, goal, "next", "done")
    await engine.cancel(goal)
