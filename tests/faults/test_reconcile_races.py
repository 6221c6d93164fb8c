"""A reconcile that reads while runs begin and end drives each run once (R19, R21, R24)."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from lasting_driver import LastingDriver

from engine.api import CreateGoal
from engine.dispatch.claims import Claimed
from engine.dispatch.recovery.reconcile import Reconciler
from engine.local.engine import LocalEngine
from engine.local.opening import open_local
from engine.model import DriverName, TaskState
from engine.settings import EngineSettings, Settings

SETTINGS = Settings(engine=EngineSettings(reconcile_interval=3600))


@pytest.fixture
async def engine(project: Path) -> AsyncIterator[LocalEngine]:
    drivers: Any = {DriverName.PROCESS: LastingDriver(project)}
    local = await open_local(project, SETTINGS, drivers=drivers)
    yield local
    await local.close()


async def begin(engine: LocalEngine, run: str) -> str:
    source = json.dumps({"goal": "test", "runtime": "process", "tasks": [{"id": "only", "run": run}]})
    return (await engine.create_goal(CreateGoal(source=source, path="/goals/goal.yaml"))).id


async def until(engine: LocalEngine, goal: str, state: TaskState) -> None:
    async with asyncio.timeout(30):
        async for _ in engine.subscribe():
            if (await engine.task(f"{goal}/only")).state is state:
                return


async def test_r19_r24_a_run_that_ended_while_the_rows_were_read_is_not_driven_again(
    engine: LocalEngine, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    goal = await begin(engine, "hang")
    await until(engine, goal, TaskState.RUNNING)
    database, live = engine._parts.context.database, engine._parts.live
    read = database.write

    async def read_and_be_late(unit: Any) -> Any:
        monkeypatch.setattr(database, "write", read)
        rows = await read(unit)
        await engine.cancel(goal)
        await live.ended()
        return rows

    reconciler = Reconciler(engine._parts.context, live)
    monkeypatch.setattr(database, "write", read_and_be_late)
    assert (await reconciler.recover()).continued == 0
    assert len(live) == 0
    assert len((project / "ledger").read_text().splitlines()) == 1


async def test_r21_a_claim_that_a_reconcile_met_first_is_driven_once(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    live, write_all = engine._parts.live, engine._parts.context.database.write_all

    async def met_first(units: Any) -> Any:
        results = await write_all(units)
        for won in results:
            if isinstance(won, Claimed):
                live.start(won)
        return results

    monkeypatch.setattr(engine._parts.context.database, "write_all", met_first)
    goal = await begin(engine, "exit 0")
    await until(engine, goal, TaskState.DONE)
    assert len((await engine.task(f"{goal}/only")).runs) == 1
    assert engine._parts.fatal is None
