"""An agent in a pinned sandbox goes on with its own session, and with nobody else's (R31)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest
from agents_at_work import AGENTS, AgentDriver, agent
from scripted import Bench, goal_file

from engine.local.opening import open_local
from engine.model import DriverName, GoalState
from engine.settings import Settings

RESUMING = {"argv": ["new", "{session}", "{prompt}"], "resume": ["again", "{session}", "{prompt}"], "output": "jsonl"}


@pytest.fixture
async def bench(project: Path) -> AsyncIterator[Bench]:
    driver = AgentDriver(root=project)
    settings = Settings.model_validate(
        {
            "engine": {"retry_backoff": 0.01, "spawn_rate": 100_000, "reconcile_interval": 3600},
            "agents": {**AGENTS, "who": RESUMING, "else": RESUMING},
        }
    )
    local = await open_local(project, settings, random=Random(7), drivers={DriverName.PROCESS: driver})
    yield Bench(local, driver)
    await local.close()


def told(name: str) -> dict[str, str]:
    return {"type": "session", "id": name}


def launched(bench: Bench) -> list[tuple[str, ...]]:
    return [spec.argv[:2] for spec in bench.driver.specs]


async def ran(bench: Bench, *tasks: dict[str, object], session: str = "reuse") -> list[tuple[str, ...]]:
    goal = (await bench.goal(goal_file(*tasks, policy={"session": session}))).id
    async with asyncio.timeout(30):
        assert (await bench.ended(goal)).state is GoalState.DONE
    return launched(bench)


async def test_r31_the_same_agent_resumes_what_it_called_its_session(bench: Bench) -> None:
    three = [agent(key, told(f"s-{key}"), who="who") for key in ("a", "b", "c")]
    assert await ran(bench, *three) == [("new", "{session}"), ("again", "s-a"), ("again", "s-b")]


async def test_r31_after_another_agent_or_without_a_session_it_begins_anew(bench: Bench) -> None:
    tasks = [
        agent("a", told("s-a"), who="who"), agent("b", told("s-b"), who="else"), agent("c", who="else"),
        agent("d", told("s-d"), who="else"), {"id": "e", "run": "exit 0"}, agent("f", who="else"),
    ]  # fmt: skip
    assert await ran(bench, *tasks) == [
        ("new", "{session}"), ("new", "{session}"), ("again", "s-b"), ("new", "{session}"), ("sh", "-c"),
        ("new", "{session}"),
    ]  # fmt: skip


async def test_r31_in_sandboxes_of_their_own_nothing_is_resumed(bench: Bench) -> None:
    two = [agent(key, told("s"), who="who") for key in ("a", "b")]
    assert await ran(bench, *two, session="spawn") == [("new", "{session}")] * 2


@pytest.mark.parametrize("name", ["--dangerous", "a b", "", "x" * 200, "-", "../x"])
async def test_r31_what_could_be_an_option_is_no_session(bench: Bench, name: str) -> None:
    two = [agent(key, told(name), who="who") for key in ("a", "b")]
    assert await ran(bench, *two) == [("new", "{session}")] * 2
