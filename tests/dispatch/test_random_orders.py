"""Random retries and skips in random goals: nothing stays held for nothing, and every tree can be brought to an end."""

import random
import sqlite3
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
from scripted import Bench
from test_random_goals import check, compare_readiness, random_goal, stuck

from engine.api import Answer
from engine.dispatch.steps import DEAD
from engine.errors import Conflict
from engine.model import AnswerKind, GoalState, TaskState
from engine.store import named_queries

TASKS = named_queries("tasks")


def leaves_in(connection: sqlite3.Connection, goal: str, *states: str) -> list[str]:
    rows = connection.execute(TASKS["of_goal"], {"goal": goal}).fetchall()
    return [str(row["id"]) for row in rows if row["kind"] != "group" and row["state"] in states]


def held_for_something(connection: sqlite3.Connection, goal: str) -> None:
    """A task that others hold names one that is dead, or was when a skip freed nothing else of it."""
    rows = {row["id"]: row for row in connection.execute(TASKS["of_goal"], {"goal": goal}).fetchall()}
    held = [row for row in rows.values() if row["state"] == TaskState.BLOCKED and row["held_by"] is not None]
    if held:
        assert any(row["state"] in DEAD for row in rows.values())


@pytest.mark.parametrize("seed", range(100, 108))
async def test_r29_r38_random_retries_and_skips(opened: Callable[..., Awaitable[Bench]], seed: int) -> None:
    chance = random.Random(seed)
    bench = await opened(max_parallel=3, infra_retries=1, retry_backoff=0.01, breaker_losses=10_000)
    database = bench.engine._parts.context.database
    goal = (await bench.goal(random_goal(chance))).id
    for _ in range(80):
        view = await bench.until(
            goal, lambda view, _: view.ended_at is not None or stuck(view.waiting_on, view.waiting)
        )
        await database.read(partial(check, goal=goal))
        await database.read(partial(held_for_something, goal=goal))
        await compare_readiness(bench, goal)
        if view.state in (GoalState.DONE, GoalState.CANCELLED):
            return
        stopped = await database.read(lambda c: leaves_in(c, goal, "failed", "blocked", "waiting"))
        if not stopped and view.ended_at is not None:
            return  # a group that could not be satisfied any more by what was skipped in it
        if not stopped:
            await approve_one(bench, goal)
            continue
        subject = chance.choice(stopped)
        try:
            await (bench.engine.skip(subject) if chance.random() < 0.6 else bench.engine.retry(subject))
        except Conflict:
            await database.read(partial(check, goal=goal))  # refused: nothing was written
            if view.state is GoalState.FAILED and not await skipped_one(bench, goal):
                return  # what was cancelled with its group is final, and so is the goal's end


async def approve_one(bench: Bench, goal: str) -> None:
    """A result in review is for a decision only."""
    asked = next(decision for decision in await bench.engine.decisions() if decision.goal == goal)
    await bench.engine.answer(asked.id, Answer(version=asked.version, answer=AnswerKind.APPROVE))


async def skipped_one(bench: Bench, goal: str) -> bool:
    """Skip whatever failed; whether there was anything."""
    failed = await bench.engine._parts.context.database.read(lambda c: leaves_in(c, goal, "failed"))
    for task in failed:
        await bench.engine.skip(task)
    return bool(failed)
