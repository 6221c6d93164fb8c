"""A task whose start takes the engine down is stopped after a few, and the engine stays up (R94, case 22)."""

import subprocess
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from scripted import Bench, goal_file

from engine.api import Answer
from engine.dispatch.claims import Limits, claim
from engine.dispatch.recovery.deaths import take_hold
from engine.ids import random_id
from engine.model import AnswerKind, DecisionKind, GoalState, TaskState

HERE = Path(__file__).parent
Open = Callable[..., Awaitable[Bench]]

DEADLY = """
import asyncio, os, sys
from pathlib import Path
from scripted import Bench, ScriptedDriver, goal_file
from engine.local.opening import open_local
from engine.model import DriverName
from engine.settings import EngineSettings, Settings

class Deadly(ScriptedDriver):
    async def start(self, spec):
        if spec.argv[-1] == "deadly":
            os._exit(137)
        return await super().start(spec)

async def main():
    project = Path(sys.argv[1])
    settings = Settings(engine=EngineSettings(reconcile_interval=3600, start_deaths=3))
    engine = await open_local(project, settings, drivers={DriverName.PROCESS: Deadly(root=project)})
    bench = Bench(engine, None)
    goals = (await engine.status()).goals
    if goals:
        goal = goals[0]
    else:
        tasks = [{"id": "killer", "run": "deadly"}, {"id": "after", "run": "exit 0"}]
        goal = await bench.goal(goal_file(*tasks))
    await bench.waiting(goal.id)
    (decision,) = await engine.decisions()
    print(decision.kind, decision.task_key, decision.question, sep="|")
    await engine.close()

asyncio.run(main())
"""


def run_engine(project: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", DEADLY, str(project)], cwd=HERE, capture_output=True, text=True, timeout=60, check=False
    )


def test_case_22_a_task_that_kills_the_engine_is_blocked_after_three_deaths(project: Path) -> None:
    for _ in range(3):
        assert run_engine(project).returncode == 137
    fourth = run_engine(project)
    assert fourth.returncode == 0, fourth.stderr
    kind, task, question = fourth.stdout.strip().split("|")
    assert (kind, task) == ("spawn_failure", "killer")
    assert "the engine died 3 times while this was starting" in question
    assert run_engine(project).returncode == 0  # it is not started again by itself


async def claimed(bench: Bench) -> str:
    """A goal whose only task is claimed by an engine that gets no further."""
    goal = await bench.goal(goal_file({"id": "only", "run": "exit 0"}), start=False)
    context = bench.engine._parts.context
    await context.database.write(lambda tx: tx.run("UPDATE goals SET state = 'active' WHERE id = ?", (goal.id,)))
    task = (await bench.engine.task(f"{goal.id}/only")).id
    await context.database.write(partial(claim, task=task, limits=Limits(4), ids=random_id, engine=context.engine))
    return goal.id


async def died(bench: Bench) -> None:
    """Close it, and leave the store as kill -9 would have left it."""
    database = bench.engine._parts.context.database
    bench.engine._parts._told = True
    await database.write(take_hold)
    await bench.engine.close()


async def deaths(bench: Bench) -> list[int]:
    rows = await bench.engine._parts.context.database.all("SELECT engine_deaths FROM tasks WHERE kind = 'work'")
    return [row["engine_deaths"] for row in rows]


async def test_r94_an_engine_that_ends_in_good_order_is_no_death(opened: Open) -> None:
    first = await opened(start_deaths=1)
    goal = await claimed(first)
    await first.engine.close()
    second = await opened(start_deaths=1)
    assert (await second.ended(goal)).state is GoalState.DONE


async def test_r94_a_start_that_succeeds_sets_the_count_back(opened: Open) -> None:
    first = await opened(start_deaths=2)
    goal = await claimed(first)
    await died(first)
    second = await opened(start_deaths=2)
    assert (await second.ended(goal)).state is GoalState.DONE
    assert await deaths(second) == [0]


async def test_r94_at_the_limit_it_is_blocked_and_approve_gives_it_a_new_count(opened: Open) -> None:
    first = await opened(start_deaths=1)
    goal = await claimed(first)
    await died(first)
    second = await opened(start_deaths=1)
    await second.waiting(goal)
    task = await second.engine.task(f"{goal}/only")
    assert (task.state, task.failures) == (TaskState.BLOCKED, 0)
    (decision,) = await second.engine.decisions()
    assert decision.kind is DecisionKind.SPAWN_FAILURE
    assert second.driver.specs == []
    await second.engine.answer(decision.id, Answer(version=decision.version, answer=AnswerKind.APPROVE))
    assert (await second.ended(goal)).state is GoalState.DONE
    assert await deaths(second) == [0]
