"""Fifty runs that each fill their work folder leave none of it behind (R47)."""

import asyncio
import json
from contextlib import aclosing
from pathlib import Path

from engine.api import CreateGoal, StopMode
from engine.local.opening import open_local
from engine.model import GoalState
from engine.settings import EngineSettings, Settings

RUNS = 50
FILLED = 1_000_000  # bytes per run
KEPT = 40_000  # bytes a run may leave: its log, its rows and events


def used(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())


def left_of(folders: list[Path]) -> list[Path]:
    return [folder for folder in folders if folder.exists()]


async def test_r47_disk_use_after_fifty_runs_half_of_which_failed(project: Path) -> None:
    settings = Settings(engine=EngineSettings(spawn_rate=1000, max_parallel=8, breaker_losses=1000))
    engine = await open_local(project, settings, memory=lambda: None)
    fill = f"head -c {FILLED} /dev/zero > filled; mkdir -p deep/er; cp filled deep/er; exit "
    tasks = [{"id": f"t{n}", "run": f"{fill}{n % 2}"} for n in range(RUNS)]
    group = {"id": "all", "order": "parallel", "on_failure": "continue", "tasks": tasks}
    source = json.dumps({"goal": "test", "runtime": "process", "tasks": [group]})
    try:
        before = used(project)
        goal = (await engine.create_goal(CreateGoal(source=source, path="/goals/goal.yaml"))).id
        async with asyncio.timeout(150), aclosing(engine.subscribe()) as updates:  # type: ignore[type-var]
            async for _ in updates:
                view = (await engine.status(goal)).goals[0]
                if view.ended_at is not None:
                    break
        assert view.state is GoalState.FAILED
        context = engine._parts.context
        rows = await context.database.all("SELECT id, driver FROM runs")
        folders = [context.drivers[row["driver"]].work_folder(row["id"]) for row in rows]
        await engine.stop(StopMode.DRAIN)
        await engine.wait_stopped()
    finally:
        await engine.close()
    assert len(folders) == RUNS
    assert left_of(folders) == []
    assert used(project) - before < RUNS * KEPT
