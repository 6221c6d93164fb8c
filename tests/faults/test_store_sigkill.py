"""An engine with twenty tasks is killed again and again: every acknowledged write is there (case 2, R91)."""

import asyncio
import json
import os
import signal
from contextlib import aclosing
from pathlib import Path
from random import Random

from killed_engines import Engines

from engine.api import CreateGoal
from engine.client import RemoteEngine
from engine.errors import EngineUnavailable

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "10"))  # 50 where there is time
TASKS = 20
PATH = "/goals/goal.yaml"


def goal_file() -> str:
    tasks = [{"id": f"t{n}", "run": "brief"} for n in range(TASKS)]
    group = {"id": "all", "order": "parallel", "tasks": tasks}
    return json.dumps({"goal": "twenty", "runtime": "process", "tasks": [group]})


DRAFT = CreateGoal(source=json.dumps({"goal": "draft", "run": "exit 0"}), path=PATH, start=False)


async def attached(project: Path) -> RemoteEngine:
    """A client, once the engine that was just forked answers."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await RemoteEngine.connect(f"unix:{project / '.pilothouse' / 'engine.sock'}")
            except EngineUnavailable:
                await asyncio.sleep(0.01)


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


async def test_case_2_r91_what_was_acknowledged_outlives_any_kill(engines: Engines, project: Path) -> None:
    chance = Random(2)
    kept: dict[str, str] = {}
    goal = ""
    for _ in range(ROUNDS):
        pid = await asyncio.to_thread(engines.begin, project, "serve")
        remote = await attached(project)
        if not goal:
            goal = (await remote.create_goal(CreateGoal(source=goal_file(), path=PATH))).id
        writing = asyncio.create_task(write_until_it_dies(remote, kept, chance))
        await asyncio.sleep(chance.uniform(0.0, 0.2))  # the instant of the kill is the case, not a wait
        os.kill(pid, signal.SIGKILL)
        await writing
        await remote.close()
        assert await asyncio.to_thread(engines.ended) == -signal.SIGKILL
    pid = await asyncio.to_thread(engines.begin, project, "serve")
    remote = await attached(project)
    try:
        await check_kept(remote, kept)
        await check_tasks(remote, goal)
    finally:
        await remote.close()
        os.kill(pid, signal.SIGKILL)
        await asyncio.to_thread(engines.ended)
    made = (project / "ledger").read_text().splitlines()
    assert len(set(made)) == len(made) <= TASKS  # each sandbox once, whatever died around it
    assert all(line.startswith("made ") for line in made)


async def check_kept(remote: RemoteEngine, kept: dict[str, str]) -> None:
    assert kept
    stored = {view.id: str(view.state) for view in (await remote.status()).goals}
    for goal, state in kept.items():
        assert stored.get(goal) in ({"draft", "cancelled"} if state == "either" else {state}), goal


async def check_tasks(remote: RemoteEngine, goal: str) -> None:
    async with asyncio.timeout(60), aclosing(remote.subscribe()) as updates:  # type: ignore[type-var]
        async for _ in updates:
            if (await remote.status(goal)).goals[0].ended_at is not None:
                break
    assert (await remote.status(goal)).goals[0].state == "done"
    for n in range(TASKS):
        (run,) = (await remote.task(f"{goal}/t{n}")).runs
        assert run.exit_code == 0
    seqs = [event.seq for event in await remote.events(0, 10_000)]
    assert seqs == list(range(1, len(seqs) + 1))
