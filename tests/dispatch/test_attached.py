"""What a client that attached late shows: what has ended leaves it, and nothing of another project is in it (R120)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from scripted import Bench, ScriptedDriver, goal_file

from engine.api import LogQuery
from engine.client import RemoteEngine
from engine.errors import NotFound
from engine.local.opening import open_local
from engine.model import DriverName, GoalState
from engine.server import serve
from engine.settings import EngineSettings, Settings
from tui.bridge.feed import Feed
from tui.messages import Overview

HANG = goal_file({"id": "work", "run": "hang"})
GATED = goal_file({"id": "say", "run": "print of {name}"}, {"id": "ok", "gate": {"kind": "human_approval"}})


class Watching:
    """A screen's feed over a real socket."""

    def __init__(self, remote: RemoteEngine) -> None:
        self.heard = asyncio.Event()
        self.feed = Feed(remote, self._hear, lambda: datetime.now(UTC))

    def _hear(self, _: Overview) -> None:
        self.heard.set()

    async def until(self, holds: Callable[[Overview], object]) -> Overview:
        async with asyncio.timeout(30):
            while not holds(self.feed.overview):
                self.heard.clear()
                await self.heard.wait()
        return self.feed.overview


class Projects:
    """Engines of several projects, each with a store, a socket and a driver of its own."""

    def __init__(self, root: Path, stack: AsyncExitStack) -> None:
        self._root, self._stack = root, stack

    async def open(self, folder: str) -> tuple[Bench, RemoteEngine]:
        project = self._root / folder
        driver = ScriptedDriver(root=project)
        settings = Settings(engine=EngineSettings(reconcile_interval=3600))
        engine = await open_local(project, settings, drivers={DriverName.PROCESS: driver})
        self._stack.push_async_callback(engine.close)
        socket = engine._parts.context.paths.socket
        await self._stack.enter_async_context(serve(engine, socket))
        remote = await RemoteEngine.connect(f"unix:{socket}")
        self._stack.push_async_callback(remote.close)
        return Bench(engine, driver), remote

    async def watch(self, remote: RemoteEngine, *goals: str) -> Watching:
        watching = Watching(remote)
        watching.feed.open_goals("goals", goals)
        running = asyncio.create_task(watching.feed.run())
        self._stack.callback(running.cancel)
        await watching.until(lambda overview: set(overview.trees) == set(goals))
        return watching


@pytest.fixture
async def projects(tmp_path: Path) -> AsyncIterator[Projects]:
    async with AsyncExitStack() as stack:
        yield Projects(tmp_path, stack)


async def test_r120_what_ended_leaves_a_view_that_never_saw_it_start(projects: Projects) -> None:
    bench, remote = await projects.open("shop")
    goal = (await bench.goal(HANG)).id
    await bench.until(goal, lambda _, states: states["work"] == "running")
    began = (await bench.events())[-1].seq
    screen = await projects.watch(remote, goal)
    seen = screen.feed.overview
    assert [box.task_key for box in seen.sandboxes] == ["work"]
    assert seen.status is not None
    assert (seen.status.engine.live_runs, seen.status.goals[0].counts) == (1, {"running": 1})
    bench.driver.finish()
    ended = await screen.until(
        lambda o: o.status and o.status.goals[0].ended_at and not o.sandboxes and not o.status.engine.live_runs
    )
    assert all(event.seq > began for event in ended.news), "it attached between start and end"
    assert ended.status is not None
    assert (ended.status.engine.live_runs, ended.status.goals[0].counts) == (0, {"done": 1})
    await screen.until(lambda o: [node.state for node in o.trees[goal].children] == ["done"])


async def test_r120_two_projects_of_one_name_never_show_each_others_data(projects: Projects) -> None:
    opened = [await projects.open(f"{place}/shop") for place in ("here", "there")]
    goals, screens = [], []
    for place, (bench, remote) in zip(("here", "there"), opened, strict=True):
        goal = await bench.goal(GATED.replace("{name}", place))
        await bench.waiting(goal.id)
        goals.append(goal.id)
        screens.append(await projects.watch(remote, goal.id))
    for mine, other, screen, place in ((0, 1, screens[0], "here"), (1, 0, screens[1], "there")):
        seen, remote = screen.feed.overview, opened[mine][1]
        assert seen.status is not None
        assert seen.status.engine.project.endswith(f"{place}/shop")
        assert [goal.id for goal in seen.status.goals] == [goals[mine]]
        assert {decision.goal for decision in seen.decisions} == {goals[mine]}
        assert {event.goal for event in await remote.events(0, 1000)} <= {goals[mine], None}
        page = await remote.logs(f"{goals[mine]}/say", LogQuery())
        assert [line.text for line in page.lines if line.stream == "out"] == [f"of {place}"]
        with pytest.raises(NotFound):
            await remote.tree(goals[other])
    await opened[0][0].engine.cancel(goals[0])
    gone = await screens[0].until(lambda o: o.status and o.status.goals[0].ended_at and not o.decisions)
    assert gone.status is not None
    assert gone.status.goals[0].state is GoalState.CANCELLED
    [other] = (await opened[1][1].status()).goals
    assert (other.state, len(screens[1].feed.overview.decisions)) == (GoalState.ACTIVE, 1)
