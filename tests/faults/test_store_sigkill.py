"""An engine with twenty tasks is killed again and again: every acknowledged write is there (case 2, R91)."""

import asyncio
import json
import os
import signal
import socket
import sqlite3
from contextlib import aclosing, closing
from pathlib import Path
from random import Random

import pytest
from killed_engines import Engines

from engine.api import CreateGoal
from engine.client import RemoteEngine
from engine.errors import EngineUnavailable

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "50"))
TASKS = 20
PATH = "/goals/goal.yaml"


def goal_file() -> str:
    tasks = [{"id": f"t{n}", "run": "brief"} for n in range(TASKS)]
    group = {"id": "all", "order": "parallel", "tasks": tasks}
    return json.dumps({"goal": "twenty", "runtime": "process", "tasks": [group]})


DRAFT = CreateGoal(source=json.dumps({"goal": "draft", "run": "exit 0"}), path=PATH, start=False)


async def attached(project: Path) -> RemoteEngine:
    """A client, once the engine that was just forked listens."""
    path = project / ".pilothouse" / "engine.sock"
    async with asyncio.timeout(30):
        while not listens(path):  # noqa: ASYNC110  # another process has no event of ours
            await asyncio.sleep(0.01)
        return await RemoteEngine.connect(f"unix:{path}")


def listens(path: Path) -> bool:
    """Whether somebody is behind the socket; the file alone may be left of one that was killed."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


async def write_until_it_dies(remote: RemoteEngine, kept: dict[str, str], chance: Random) -> None:
    """Create drafts and cancel some; `kept` holds what was acknowledged, and what was asked for without an answer."""
    while True:
        try:
            goal = (await remote.create_goal(DRAFT)).id
            kept[goal] = "draft"
            if chance.random() < 0.5:
                kept[goal] = "either"
                await remote.cancel(goal)
                kept[goal] = "cancelled"
        except EngineUnavailable:
            return


async def with_tasks(remote: RemoteEngine, goals: list[str]) -> None:
    """Another goal with twenty tasks where all of them have ended, so that each kill finds some at work."""
    if not goals or (await remote.status(goals[-1])).goals[0].ended_at is not None:
        goals.append((await remote.create_goal(CreateGoal(source=goal_file(), path=PATH, max_parallel=2))).id)


async def test_case_2_r91_what_was_acknowledged_outlives_any_kill(
    engines: Engines, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.client.wire.PAUSE", 0.01)  # an order to a dead engine is soon known to be lost
    chance = Random(2)
    kept: dict[str, str] = {}
    goals: list[str] = []
    for _ in range(ROUNDS):
        pid = await asyncio.to_thread(engines.begin, project, "serve")
        remote = await attached(project)
        await with_tasks(remote, goals)
        writing = asyncio.create_task(write_until_it_dies(remote, kept, chance))
        await asyncio.sleep(chance.uniform(0.0, 0.15))  # the instant of the kill is the case, not a wait
        os.kill(pid, signal.SIGKILL)
        await writing
        await remote.close()
        assert await asyncio.to_thread(engines.ended) == -signal.SIGKILL
    pid = await asyncio.to_thread(engines.begin, project, "serve")
    remote = await attached(project)
    try:
        await check_kept(remote, kept)
        await until_done(remote, goals)
    finally:
        await remote.close()
        os.kill(pid, signal.SIGKILL)
        await asyncio.to_thread(engines.ended)
    check_tasks(project, len(goals))
    made = (project / "ledger").read_text().splitlines()
    assert len(set(made)) == len(made) <= TASKS * len(goals)  # each sandbox once, whatever died around it
    assert all(line.startswith("made ") for line in made)


async def check_kept(remote: RemoteEngine, kept: dict[str, str]) -> None:
    assert kept
    stored = {view.id: str(view.state) for view in (await remote.status()).goals}
    for goal, state in kept.items():
        assert stored.get(goal) in ({"draft", "cancelled"} if state == "either" else {state}), goal


async def until_done(remote: RemoteEngine, goals: list[str]) -> None:
    async with asyncio.timeout(60), aclosing(remote.subscribe()) as updates:  # type: ignore[type-var]
        async for _ in updates:
            if (await remote.status(goals[-1])).goals[0].ended_at is not None:
                break
    stored = {view.id: view.state for view in (await remote.status()).goals}
    assert {stored[goal] for goal in goals} == {"done"}
    seqs = [event.seq for event in await remote.events(0, 10_000)]
    assert seqs == list(range(1, len(seqs) + 1))


def check_tasks(project: Path, goals: int) -> None:
    """Each task was run once, to its good end."""
    with closing(sqlite3.connect(project / ".pilothouse" / "engine.db")) as store:
        runs = store.execute("SELECT count(*), count(DISTINCT task), sum(exit_code = 0) FROM runs").fetchone()
    assert runs == (TASKS * goals,) * 3
