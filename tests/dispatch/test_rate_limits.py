"""A provider's rate limit: one cooldown for everything on it, kept over restarts, and no failure (R32 to R34)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from agents_at_work import AGENTS, AgentDriver, Open, agent, together
from scripted import Bench, goal_file

from engine.api import LogQuery
from engine.dispatch.limits.cooldowns import LONGEST, clamped, jittered
from engine.events import Event, EventType
from engine.local.opening import open_local
from engine.model import DriverName, ExitCause, FailureClass, GoalState, TaskState
from engine.settings import Settings

HOUR = 3600
LIMIT = {"type": "rate_limit", "retry_after": HOUR}


@pytest.fixture
def driver(project: Path) -> AgentDriver:
    return AgentDriver(root=project)


@pytest.fixture
async def opened(project: Path, driver: AgentDriver) -> AsyncIterator[Open]:
    async with AsyncExitStack() as stack:

        async def open_one(*, visiting: bool = False, agents: object = AGENTS, **engine: object) -> Bench:
            values = {"retry_backoff": 0.01, "reconcile_interval": 3600, "rate_limit_wait": 0.05, "max_parallel": 8}
            settings = Settings.model_validate({"engine": values | engine, "agents": agents})
            local = await open_local(
                project, settings, visiting=visiting, random=Random(7), drivers={DriverName.PROCESS: driver}
            )
            stack.push_async_callback(local.close)
            return Bench(local, driver)

        yield open_one


async def told(bench: Bench, kind: EventType) -> list[Event]:
    return [event for event in await bench.events() if event.type is kind and event.data.get("part") == "provider"]


async def test_r33_words_in_a_log_change_nothing(opened: Open) -> None:
    bench = await opened()
    lines = ("429 overloaded", 'error: {"type": "rate_limit"}', {"type": "message", "text": "429 rate_limit, wait 1h"})
    tasks = [agent("one", *lines), agent("talker", *lines, LIMIT, who="talker"), {"id": "run", "run": "exit 0"}]
    goal = await bench.goal(goal_file(*tasks))
    assert (await bench.ended(goal.id)).state is GoalState.DONE
    assert await told(bench, EventType.ENGINE_DEGRADED) == []
    assert (await bench.engine.info()).cooldowns == ()


async def test_r33_a_structured_limit_delays_every_start_on_its_provider_and_no_other(
    opened: Open, driver: AgentDriver
) -> None:
    bench = await opened()
    first = await bench.goal(goal_file(agent("met", LIMIT, end="hang", retries=0)))
    await bench.waiting(first.id, "timer")
    second = await bench.goal(
        goal_file(
            together(
                *(agent(f"held{n}", who=("one", "two")[n % 2]) for n in range(20)),
                agent("free", who="other"), {"id": "plain", "run": "exit 0"},
            )
        )
    )  # fmt: skip
    view = await bench.until(second.id, lambda _, states: states["free"] == states["plain"] == "done")
    view = await bench.until(second.id, lambda view, _: view.waiting)
    states = await bench.states(second.id)
    assert {states[f"held{n}"] for n in range(20)} == {"pending"}
    assert len(driver.specs) == 3
    assert [(wait.kind, wait.label) for wait in view.waiting_on] == [("timer", "provider acme cools down")]
    (cooldown,) = (await bench.engine.info()).cooldowns
    assert cooldown.provider == "acme"
    assert timedelta(seconds=HOUR - 60) < cooldown.until - datetime.now(UTC) <= timedelta(seconds=HOUR * 1.1)
    assert any("provider acme is at its rate limit" in notice for notice in (await bench.engine.info()).notices)
    why = await bench.engine.why(f"{second.id}/held1")
    assert "provider acme is at its rate limit and cools down until" in why.summary
    assert "no" not in (await bench.engine.why(f"{second.id}/free")).summary.split()
    (degraded,) = await told(bench, EventType.ENGINE_DEGRADED)
    assert degraded.data["provider"] == "acme"


async def test_r32_a_rate_limit_is_a_class_of_its_own_and_counts_as_no_failure(
    opened: Open, driver: AgentDriver
) -> None:
    bench = await opened()
    goal = await bench.goal(goal_file(agent("met", {"type": "rate_limit"}, end="exit 1", retries=0)))
    await bench.until(goal.id, lambda *_: len(driver.specs) >= 5)  # that the fourth has begun is stored, then
    task = await bench.engine.task(f"{goal.id}/met")
    for run in task.runs[:3]:
        assert (run.cause, run.failure_class) == (ExitCause.RATE_LIMIT, FailureClass.RATE_LIMIT)
        assert "rate limit" in (run.message or "")
        assert run.profile == "one"
    (row,) = await bench.engine._parts.context.database.all(
        "SELECT failures, infra_failures FROM tasks WHERE agent > ''"
    )
    assert (row["failures"], row["infra_failures"]) == (0, 0)
    assert await bench.engine.decisions() == []
    begun = [event.at for event in await bench.events() if event.type is EventType.RUN_STARTED]
    waits = [(after - before).total_seconds() for before, after in pairwise(begun)]
    assert waits[0] >= 0.05
    assert waits[1] >= 0.1
    assert waits[2] >= 0.2, "a provider that names no time is asked less and less often"


async def test_r33_it_goes_on_by_itself_when_the_time_has_come(opened: Open, driver: AgentDriver) -> None:
    bench = await opened()
    limit = {"type": "rate_limit", "retry_after": 0.4}
    goal = await bench.goal(
        goal_file(together(agent("met", limit, end="exit 1"), agent("next", end="exit 0", needs=[])))
    )
    await bench.until(goal.id, lambda _, states: states["next"] == "done" and len(driver.specs) >= 3)
    recovered = await told(bench, EventType.ENGINE_RECOVERED)
    assert recovered[0].data["provider"] == "acme"
    starts = [event for event in await bench.events() if event.type is EventType.RUN_CREATED]
    degraded = (await told(bench, EventType.ENGINE_DEGRADED))[0]
    cooled = [event for event in starts if degraded.seq < event.seq < recovered[0].seq]
    assert cooled == []


async def test_r33_an_agent_that_waits_by_itself_goes_on_and_others_do_not_start(
    opened: Open, driver: AgentDriver
) -> None:
    bench = await opened()
    soft = LIMIT | {"final": False}
    goal = await bench.goal(goal_file(together(agent("waits", soft, end="hang"))))
    await bench.until(goal.id, lambda _, states: states["waits"] == "running")
    await bench.until(goal.id, lambda *_: bool(bench.engine._parts.cooling))
    later = await bench.goal(goal_file(agent("later")))
    await bench.waiting(later.id, "timer")
    driver.finish("hang")
    for name in list(driver.alive):
        driver.finished.add(name)
        driver.alive[name].set()
    assert (await bench.ended(goal.id)).state is GoalState.DONE
    assert (await bench.states(later.id))["later"] == "pending"


async def test_r33_a_result_that_is_good_after_all_is_no_rate_limit(opened: Open) -> None:
    bench = await opened()
    goal = await bench.goal(
        goal_file(agent("done", {"type": "rate_limit", "final": False}, {"type": "result", "ok": True}))
    )
    assert (await bench.ended(goal.id)).state is GoalState.DONE
    (run,) = (await bench.engine.task(f"{goal.id}/done")).runs
    assert run.cause is ExitCause.EXIT


async def test_r33_r34_a_cooldown_survives_a_restart(opened: Open, driver: AgentDriver) -> None:
    bench = await opened()
    goal = await bench.goal(goal_file(agent("met", LIMIT, end="hang")))
    await bench.waiting(goal.id, "timer")
    until = (await bench.engine.info()).cooldowns[0].until
    await bench.engine.close()
    again = await opened()
    assert (await again.engine.info()).cooldowns[0].until == until
    later = await again.goal(goal_file(together(agent("later", who="two"), agent("free", who="other"))))
    await again.until(later.id, lambda view, states: states["free"] == "done" and view.waiting)
    assert (await again.states(later.id))["later"] == TaskState.PENDING
    assert len(driver.specs) == 2
    await again.engine.close()
    visitor = await opened(visiting=True)
    assert (await visitor.engine.info()).cooldowns[0].until == until


async def test_r33_a_limit_in_the_log_of_an_adopted_run_is_known_to_the_next_engine(
    opened: Open, driver: AgentDriver
) -> None:
    deaf = AGENTS | {"one": AGENTS["one"] | {"output": "text"}}
    bench = await opened(agents=deaf)
    goal = await bench.goal(goal_file(agent("met", LIMIT, end="hang")))
    await bench.until(goal.id, lambda _, states: states["met"] == "running")
    run = (await bench.engine.task(f"{goal.id}/met")).runs[0].id
    async with asyncio.timeout(20), aclosing(bench.engine.follow(run, LogQuery())) as lines:
        async for line in lines:
            assert "rate_limit" in line.text
            break
    await bench.engine.close()
    again = await opened()
    await again.waiting(goal.id, "timer")
    ended = await again.engine.run(run)
    assert (ended.cause, ended.failure_class) == (ExitCause.RATE_LIMIT, FailureClass.RATE_LIMIT)
    assert (await again.engine.task(f"{goal.id}/met")).not_before is not None


@pytest.mark.parametrize(
    ("named", "hits", "seconds"),
    [
        (None, 1, 30.0),
        (None, 3, 120.0),
        (None, 60, LONGEST),
        (0.0, 1, 30.0),
        (-5.0, 1, 30.0),
        (-1e300, 2, 60.0),
        (0.001, 1, 30.0),
        (29.0, 7, 30.0),
        (45.0, 7, 45.0),
        (86_400.0, 1, LONGEST),
        (1e300, 1, LONGEST),
    ],
)
def test_r34_waits_are_between_a_floor_and_a_day(named: float | None, hits: int, seconds: float) -> None:
    assert clamped(named, hits, 30.0) == seconds
    drawn = {jittered(seconds, Random(n)) for n in range(50)}
    assert all(seconds <= wait <= min(seconds * 1.1, LONGEST) for wait in drawn)
    assert seconds == LONGEST or len(drawn) > 40
