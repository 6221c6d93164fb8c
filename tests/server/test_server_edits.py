"""Changing what is under way, over a real socket and a real store (R2, R10, R11)."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
import pytest_asyncio

from engine.api import CreateGoal
from engine.api.edits import AddTasks, ChangeSettings, Place, TaskEdit
from engine.client import RemoteEngine
from engine.errors import IllegalMove, Invalid, InvalidGoalFile, StaleVersion
from engine.events import Event, EventType
from engine.headless import OnGate, follow_goal
from engine.local.engine import LocalEngine
from engine.local.opening import open_local
from engine.model import TaskState
from engine.server import serve
from engine.settings import load_settings

GOAL = """
goal: Three
policy: {order: parallel}
tasks:
  - {id: a, run: "true"}
  - {id: b, run: "true"}
  - id: c
    needs: [b]
    run: "true"
  - id: group
    tasks:
      - {id: d, run: "true"}
      - {id: e, run: "true"}
"""


@pytest_asyncio.fixture
async def local(project: Path) -> AsyncIterator[LocalEngine]:
    settings = load_settings(project / "pilothouse.toml", environ={}, flags={"sandbox.runtime": "process"})
    engine = await open_local(project, settings)
    yield engine
    await engine.close()


@pytest_asyncio.fixture
async def far(local: LocalEngine, project: Path) -> AsyncIterator[RemoteEngine]:
    path = project / ".pilothouse" / "engine.sock"
    async with serve(local, path):
        remote = await RemoteEngine.connect(f"unix:{path}")
        yield remote
        await remote.close()


async def held(far: RemoteEngine) -> str:
    """A goal of which nothing starts yet."""
    await far.switch_dispatch(False)
    return (await far.create_goal(CreateGoal(source=GOAL))).id


async def let_go(far: RemoteEngine, goal: str) -> list[Event]:
    await far.switch_dispatch(True)
    await follow_goal(far, goal, emit=lambda _event: None, on_gate=OnGate.FAIL)
    return list(await far.events(0, 1000))


async def test_r11_new_needs_hold_a_task_and_what_has_ended_is_read_only(far: RemoteEngine) -> None:
    goal = await held(far)
    edited = await far.edit_task(f"{goal}/a", TaskEdit(needs=("c", "e"), title="First no more", priority=5))
    assert {key for key, _ in edited.needs} == {"c", "e"}
    assert (edited.title, edited.priority) == ("First no more", 5)
    with pytest.raises(StaleVersion):
        await far.edit_task(f"{goal}/a", TaskEdit(priority=1, version=edited.version - 1))
    events = await let_go(far, goal)
    started = [event.data["key"] for event in events if event.type is EventType.TASK_STARTED and "key" in event.data]
    assert started.index("a") > max(started.index("c"), started.index("e"))
    [told] = [event for event in events if event.type is EventType.TASK_EDITED]
    assert told.data["needs"] == ["c", "e"]
    with pytest.raises(IllegalMove, match="a is done"):
        await far.edit_task(f"{goal}/a", TaskEdit(title="Too late"))


@pytest.mark.parametrize(
    ("task", "needs", "words"),
    [
        ("b", ("c",), "cycle: (b -> c -> b|c -> b -> c)"),
        ("b", ("b",), "itself"),
        ("b", ("nothing",), "no task 'nothing'"),
        ("b", ("a", "a"), "twice"),
        ("d", ("group",), "cycle"),
        ("d", ("e",), "cycle"),  # the group is sequential: e waits for d
    ],
)
async def test_r10_needs_that_would_be_a_cycle_are_refused_and_nothing_is_written(
    task: str, needs: tuple[str, ...], words: str, far: RemoteEngine
) -> None:
    goal = await held(far)
    before = await far.task(f"{goal}/{task}")
    with pytest.raises(Invalid, match=words):
        await far.edit_task(f"{goal}/{task}", TaskEdit(needs=needs))
    assert await far.task(f"{goal}/{task}") == before


async def test_r11_random_edits_leave_no_dangling_need(far: RemoteEngine, project: Path) -> None:
    goal, random = await held(far), Random(11)
    keys, accepted = ["a", "b", "c", "group", "d", "e"], 0
    for _ in range(60):
        needs = tuple(random.sample(keys, random.randint(0, 2)))
        try:
            await far.edit_task(f"{goal}/{random.choice(keys)}", TaskEdit(needs=needs))
            accepted += 1
        except Invalid:
            continue
    assert accepted > 5
    with sqlite3.connect(f"file:{project / '.pilothouse' / 'engine.db'}?mode=ro", uri=True) as store:
        assert store.execute("PRAGMA foreign_key_check").fetchall() == []
    store.close()
    events = await let_go(far, goal)
    assert sum(event.type is EventType.TASK_DONE for event in events) >= 5


async def test_r2_an_edit_never_names_a_state(far: RemoteEngine, project: Path) -> None:
    goal = await held(far)
    transport = httpx.AsyncHTTPTransport(uds=str(project / ".pilothouse" / "engine.sock"))
    bodies: list[dict[str, Any]] = [{"state": state} for state in TaskState] + [{"title": "x", "state": "done"}, {}]
    bodies += [{"place": {"state": "done"}}, {"place": {"before": "b", "after": "c"}}]
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost/v1") as http:
        for body in bodies:
            answer = await http.patch(f"/tasks/{goal}%2Fa", json=body)
            assert answer.status_code == 422, body
    assert (await far.task(f"{goal}/a")).state is TaskState.PENDING


async def test_f8_tasks_are_added_and_moved_from_afar(far: RemoteEngine) -> None:
    goal = await held(far)
    added = await far.add_tasks(goal, AddTasks(source="- {id: x, run: 'true', needs: [e]}", parent="group", after="e"))
    assert (added.group, added.tasks[0].key) == ("group", "x")
    moved = await far.edit_task(f"{goal}/x", TaskEdit(place=Place(parent="root"), description="Told in more words"))
    assert (moved.group, moved.description) == ("root", "Told in more words")
    source = "\n- {id: y, run: 'true', needs: [z]}\n- {id: z, run: 'true', needs: [y]}"
    with pytest.raises(InvalidGoalFile, match=r"new\.yaml:2: cycle: y -> z -> y"):
        await far.add_tasks(goal, AddTasks(source=source, path="new.yaml"))
    events = await let_go(far, goal)
    started = [event.data["key"] for event in events if event.type is EventType.TASK_STARTED and "key" in event.data]
    assert started.index("x") > started.index("e")
    with pytest.raises(IllegalMove, match="done: nothing is added"):
        await far.add_tasks(goal, AddTasks(source="{id: late, run: 'true'}"))


async def test_live_caps_change_at_once_and_the_rest_says_why_not(far: RemoteEngine) -> None:
    info = await far.change_settings(ChangeSettings(changes={"engine.max_parallel": "1"}))
    assert info.max_parallel == (await far.info()).max_parallel == 1
    for changes, words in (
        ({"engine.max_parallel": 0}, "max_parallel"),
        ({"engine.max_parallel": 2, "engine.shutdown_grace": "1s"}, "restart"),
        ({"sandbox.runtime": "docker"}, "pilothouse.toml"),
        ({"github.api_url": "http://x"}, "restart"),
        ({"engine.nonsense": 1}, "no setting"),
    ):
        with pytest.raises(Invalid, match=words):
            await far.change_settings(ChangeSettings.model_validate({"changes": changes}))
    assert (await far.info()).max_parallel == 1
    goal = await held(far)
    events = await let_go(far, goal)
    running = most = 0
    for event in events:
        running += (event.type is EventType.RUN_STARTED) - (event.type is EventType.RUN_ENDED)
        most = max(most, running)
    assert most == 1
