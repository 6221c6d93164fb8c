"""Random goals with random ends and answers: what is stored is always what it should be (R9, R11, R28, R29)."""

import random
import sqlite3
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial

import pytest
from scripted import Bench, goal_file

from engine.api import Answer
from engine.dispatch.tree.loading import load_graph
from engine.dispatch.tree.rollup import derive
from engine.model import AnswerKind, GoalState
from engine.store import Tx, named_queries

TASKS = named_queries("tasks")
COMMANDS = ["exit 0"] * 8 + ["exit 1", "lost", "oom", "refuse"]


def random_goal(chance: random.Random) -> str:
    names = iter(range(1000))
    leaves: list[str] = []

    def task(depth: int) -> dict[str, object]:
        name = f"t{next(names)}"
        if depth < 3 and chance.random() < 0.4:
            policy = chance.choice(["stop", "continue", "ask"])
            inner = [task(depth + 1) for _ in range(chance.randint(1, 4))]
            require = chance.choice(["all", "all", "any"])
            return {"id": name, "order": chance.choice(["sequential", "parallel"]), "require": require,
                    "on_failure": policy, "tasks": inner}  # fmt: skip
        found: dict[str, object] = {"id": name, "run": chance.choice(COMMANDS), "retries": chance.randint(0, 1)}
        if chance.random() < 0.15:
            found = {"id": name, "gate": {"kind": "human_approval"}}
        elif chance.random() < 0.1:
            found["requires_approval"] = True
        if leaves and chance.random() < 0.2:
            found["needs"] = [chance.choice(leaves)]
        leaves.append(name)
        return found

    return goal_file(*(task(0) for _ in range(chance.randint(1, 4))))


def check(connection: sqlite3.Connection, goal: str) -> None:
    """R9 and R11 on one snapshot."""
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    tx = Tx(connection, datetime.now(UTC))
    for row in connection.execute(TASKS["of_goal"], {"goal": goal}).fetchall():
        if row["kind"] == "group":
            assert row["state"] == derive(tx, row), row["key"]


async def compare_readiness(bench: Bench, goal: str) -> None:
    """R28: the graph that followed every commit equals one built in the writer's turn, once that turn was quiet."""
    database, graphs = bench.engine._parts.context.database, bench.engine._parts.scheduler._graphs
    while goal in graphs:
        seq = database.last_seq
        rebuilt = await database.write(lambda tx: load_graph(tx.connection, goal))
        if database.last_seq == seq:
            assert goal not in graphs or graphs[goal].ready_ids() == rebuilt.ready_ids()
            return


@pytest.mark.parametrize("seed", range(25))
async def test_r9_r11_r28_r29_random_goals(opened: Callable[..., Awaitable[Bench]], seed: int) -> None:
    chance = random.Random(seed)
    bench = await opened(max_parallel=3, infra_retries=1, retry_backoff=0.01)
    goal = (await bench.goal(random_goal(chance))).id
    for _ in range(60):
        view = await bench.until(
            goal, lambda view, _: view.ended_at is not None or stuck(view.waiting_on, view.waiting)
        )
        await bench.engine._parts.context.database.read(partial(check, goal=goal))
        await compare_readiness(bench, goal)
        if view.ended_at is not None:
            break
        decision = chance.choice([d for d in await bench.engine.decisions() if d.goal == goal])
        kind = chance.choice(decision.options)
        # A task that always fails and is always tried again never ends: after a while the answer is no.
        kind = AnswerKind.APPROVE if kind is AnswerKind.CHANGES and chance.random() < 0.7 else kind
        await bench.engine.answer(decision.id, Answer(version=decision.version, answer=kind, feedback="because"))
    states = await bench.states(goal)
    if view.state is GoalState.DONE:
        assert not {"pending", "claimed", "running", "waiting", "review"} & set(states.values())
    assert view.ended_at is not None or view.waiting_on
    assert bench.driver.peak <= 3


def stuck(waiting_on: object, waiting: bool) -> bool:
    return waiting and any(w.kind == "decision" for w in waiting_on)  # type: ignore[attr-defined]
