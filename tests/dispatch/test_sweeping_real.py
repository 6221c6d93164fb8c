"""`gc` over real sandboxes: ours go, their work is kept, another project's twins live on (R41, R59)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from yard import git

from engine.api import CreateGoal, LeftoverKind, LogQuery, RunView, StopMode, SweepOrder
from engine.local.engine import LocalEngine
from engine.local.opening import open_local
from engine.settings import Settings

OpenAt = Callable[..., Awaitable[LocalEngine]]
GOAL = """\
goal: Stay
repo: .
tasks:
  - {id: stay, run: "echo made > new.txt; echo written; sleep 300"}
"""


@pytest.fixture
async def open_at(runtime: str, tmp_path: Path) -> AsyncIterator[OpenAt]:
    """Open an engine on a project of its own with a repository; what it runs ends with the test."""
    used: set[Path] = set()
    async with AsyncExitStack() as stack:

        async def open_one(name: str, *, visiting: bool = False) -> LocalEngine:
            folder = tmp_path / name
            if folder not in used:
                used.add(folder)
                await asyncio.to_thread(make, folder)
            settings = Settings.model_validate({"sandbox": {"runtime": runtime}, "engine": {"reconcile_interval": 600}})
            engine = await open_local(folder, settings, visiting=visiting)
            stack.push_async_callback(engine.close)
            return engine

        yield open_one
    for folder in used:
        engine = await open_local(folder, Settings())
        await engine.stop(StopMode.STOP)
        await engine.wait_stopped()
        await engine.close()


def make(folder: Path) -> None:
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    (folder / "a.txt").write_text("one\n")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "first")


async def at_work(engine: LocalEngine) -> RunView:
    """A run whose sandbox has written its file and goes on."""
    root = Path(engine._parts.context.paths.root)
    goal = await engine.create_goal(CreateGoal(source=GOAL, path=str(root / "goal.yaml")))
    async with asyncio.timeout(60):
        async for _ in engine.subscribe():
            runs = (await engine.task(f"{goal.id}/stay")).runs
            if runs and runs[0].state == "running":
                break
        async for line in engine.follow(runs[0].id, LogQuery()):
            if line.text == "written":
                break
    return runs[0]


async def names(engine: LocalEngine, run: RunView) -> list[str]:
    driver = engine._parts.context.drivers[run.driver]
    return [sandbox.name for sandbox in await driver.list_owned() if sandbox.running]


async def test_r41_r59_ours_goes_with_its_work_kept_and_the_twin_lives_on(open_at: OpenAt) -> None:
    ours, twin = await open_at("ours"), await open_at("twin")
    run, foreign = await at_work(ours), await at_work(twin)
    await ours.close()  # its sandbox goes on, and now its run is ended behind its back
    visitor = await open_at("ours", visiting=True)
    end = "UPDATE runs SET state = 'ended', cause = 'lost', ended_at = created_at WHERE id = ?"
    await visitor._parts.context.database.write(lambda tx: tx.run(end, (run.id,)))
    folder = visitor._parts.context.drivers[run.driver].work_folder(run.id)
    swept = await visitor.gc(SweepOrder())
    (leftover,) = swept.leftovers
    assert (leftover.kind, leftover.name, leftover.removed) == (LeftoverKind.SANDBOX, run.sandbox, True)
    assert not folder.exists()
    assert await names(visitor, run) == []
    salvage = (await visitor.run(run.id)).salvage
    repository = visitor._parts.context.paths.goal_repository(run.goal)
    assert await asyncio.to_thread(git, repository, "show", f"{salvage}:new.txt") == "made"
    assert await names(twin, foreign) == [foreign.sandbox]
    assert (twin._parts.context.drivers[foreign.driver].work_folder(foreign.id) / "new.txt").exists()
    await visitor._parts.context.database.write(
        lambda tx: tx.run("UPDATE tasks SET state = 'failed' WHERE id = ?", (run.task,))
    )
    await visitor.close()
