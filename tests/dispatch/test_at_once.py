"""Claims, starts and ends of many runs in one stroke do what they do in turn (R3, R9, R18, R24, R25, R28, R36)."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

import pytest
from failing import Failing
from scripted import Bench, goal_file
from test_rules import dump

from engine.dispatch.claims import (
    Begun,
    CapReached,
    Claimed,
    Limits,
    Wanted,
    claim_all,
    mark_all_started,
    mark_all_starting,
)
from engine.dispatch.endings.ending import Ending, Policy
from engine.dispatch.endings.well import Ended, end_all
from engine.dispatch.limits.breaker import Breaker
from engine.dispatch.limits.outage import EVENTS, SUBJECT, DispatchPaused
from engine.dispatch.orders.cancel import cancel_task
from engine.dispatch.steps import briefs, change_all
from engine.errors import Conflict, StoreError
from engine.events import EventType
from engine.ids import random_id
from engine.model import BreakerState, ExitCause, GoalState, TaskState
from engine.store import Database, Share, Tx
from engine.store.rows import run_from

Open = Callable[..., Awaitable[Bench]]
WELL, BADLY = Ending(ExitCause.EXIT, "exited with 0", 0), Ending(ExitCause.EXIT, "exited with 1", 1)


class Held:
    """A goal of parallel tasks that dispatch leaves alone, so that a test claims, starts and ends their runs."""

    def __init__(self, bench: Bench, goal: str, tasks: dict[str, str]) -> None:
        self.bench, self.goal, self.tasks = bench, goal, tasks
        self.context = bench.engine._parts.context
        self.policy = Policy(self.context.settings.engine, random_id, self.context.random)

    @property
    def database(self) -> Database:
        return self.context.database

    async def claim(self, *keys: str, limits: Limits | None = None) -> list[Claimed | BaseException]:
        many = partial(claim_all, limits=limits or Limits(100), ids=random_id, engine=self.context.engine)
        return await self.database.write_all(Share(many, Wanted(self.tasks[key])) for key in keys)

    async def running(self, *keys: str) -> list[Claimed]:
        won = [each for each in await self.claim(*keys) if isinstance(each, Claimed)]
        await self.database.write_all(Share(mark_all_starting, each.run.id) for each in won)
        await self.database.write_all(Share(mark_all_started, Begun(each.run, None)) for each in won)
        return won

    async def end(self, *ended: tuple[Claimed, Ending], at_once: bool = True) -> list[bool | BaseException]:
        units = [Share(end_all, Ended(won.run, ending, self.policy)) for won, ending in ended]
        return await self.database.write_all(units) if at_once else [await self.database.write(unit) for unit in units]

    async def told(self) -> list[tuple[EventType, str | None]]:
        keys = {id: key for key, id in self.tasks.items()}
        return [(event.type, keys.get(event.task or "")) for event in await self.bench.events()]


@pytest.fixture
async def held(opened: Open) -> Callable[..., Awaitable[Held]]:
    """Such a goal of `number` tasks; `group` says more about their group."""
    bench = await opened()
    await bench.engine.switch_dispatch(False)

    async def make(number: int = 3, **group: object) -> Held:
        tasks = [{"id": f"t{n}", "run": "hang"} for n in range(number)]
        policy = {"max_parallel": group.pop("own")} if "own" in group else {}
        all_of_it = {"id": "all", "order": "parallel", "tasks": tasks, **group}
        goal = (await bench.goal(goal_file(all_of_it, policy=policy))).id
        await bench.engine._parts.context.database.write(
            lambda tx: tx.run(EVENTS["set_fact"], {"name": "dispatch", "value": "on"})  # in the store alone
        )
        rows = await bench.engine._parts.context.database.all("SELECT id, key FROM tasks WHERE goal = ?", (goal,))
        return Held(bench, goal, {row["key"]: row["id"] for row in rows})

    return make


Make = Callable[..., Awaitable[Held]]


@pytest.mark.parametrize("own", [None, 2])
async def test_r25_each_claim_of_a_group_counts_for_the_next(held: Make, own: int | None) -> None:
    goal = await held(4, **({} if own is None else {"own": own}))
    results = await goal.claim("t0", "t1", "t2", "t3", limits=Limits(2 if own is None else 100))
    assert [type(result) for result in results] == [Claimed, Claimed, CapReached, CapReached]
    assert list((await goal.bench.states(goal.goal)).values()).count("claimed") == 2


async def test_r18_a_task_wanted_twice_in_one_group_is_claimed_once(held: Make) -> None:
    goal = await held(3)
    results = await goal.claim("t0", "t1", "t0", "t2")
    assert [type(result) for result in results] == [Claimed, Claimed, Conflict, Claimed]
    runs = await goal.database.all("SELECT task, n FROM runs")
    assert sorted((row["task"], row["n"]) for row in runs) == sorted((goal.tasks[f"t{n}"], 1) for n in range(3))


async def test_r36_an_outage_that_is_probed_lets_one_of_a_group_start(held: Make) -> None:
    goal = await held(3)
    due = Breaker(state=BreakerState.OPEN, until=goal.context.clock.now() - timedelta(seconds=1), cause="lost")
    values = {"name": SUBJECT, "value": due.model_dump_json()}
    await goal.database.write(lambda tx: tx.run(EVENTS["set_fact"], values))
    results = await goal.claim("t0", "t1", "t2")
    assert [type(result) for result in results] == [Claimed, DispatchPaused, DispatchPaused]
    stored = await goal.database.one("SELECT value FROM facts WHERE name = ?", (SUBJECT,))
    assert stored is not None
    assert isinstance(results[0], Claimed)
    assert Breaker.model_validate_json(stored["value"]).probe == results[0].run.id


async def test_r18_a_claim_answers_what_is_stored(held: Make) -> None:
    goal = await held(3)
    for won in await goal.claim("t0", "t1", "t2"):
        assert isinstance(won, Claimed)
        row = await goal.database.one("SELECT * FROM runs WHERE id = ?", (won.run.id,))
        assert row is not None
        assert run_from(row) == won.run


async def test_r1_none_of_them_moves_when_one_moved_on_since_it_was_read(held: Make) -> None:
    goal = await held(3)

    def stale(tx: Tx) -> None:
        rows = briefs(tx, [goal.tasks[key] for key in ("t0", "t1", "t2")])
        tx.run("UPDATE tasks SET version = version + 1 WHERE id = ?", (goal.tasks["t1"],))
        change_all(tx, [(row, None) for row in rows.values()], TaskState.CANCELLED)

    with pytest.raises(Conflict, match="no longer pending"):
        await goal.database.write(stale)
    rows = await goal.database.all("SELECT state, version FROM tasks WHERE kind = 'work'")
    assert {(row["state"], row["version"]) for row in rows} == {("pending", 1)}


async def test_r24_a_run_that_ended_meanwhile_keeps_no_other_from_starting(held: Make) -> None:
    goal = await held(3)
    won = [each for each in await goal.claim("t0", "t1", "t2") if isinstance(each, Claimed)]
    assert await goal.end((won[1], Ending(ExitCause.CANCELLED, "cancelled before it started"))) == [True]
    starting = await goal.database.write_all(Share(mark_all_starting, each.run.id) for each in won)
    started = await goal.database.write_all(Share(mark_all_started, Begun(each.run, None)) for each in won)
    for results in (starting, started):
        assert [type(result) for result in results] == [type(None), Conflict, type(None)]
    states = await goal.bench.states(goal.goal)
    assert {key: states[key] for key in ("t0", "t1", "t2")} == {"t0": "running", "t1": "pending", "t2": "running"}


async def test_r9_r28_the_last_runs_of_a_goal_end_it_once_and_their_group_once(held: Make) -> None:
    goal = await held(5)
    won = await goal.running("t0", "t1", "t2", "t3", "t4")
    assert await goal.end(*((each, WELL) for each in won)) == [True] * 5
    assert (await goal.bench.ended(goal.goal)).state is GoalState.DONE
    told = [kind for kind, key in await goal.told() if key == "all" or kind is EventType.GOAL_ENDED]
    assert told == [EventType.TASK_STARTED, EventType.TASK_DONE, EventType.GOAL_ENDED]


@pytest.mark.parametrize("group", [{}, {"on_failure": "continue"}, {"require": 2}], ids=["all", "continue", "some"])
@pytest.mark.parametrize("how", ["wwwww", "wwbww", "bwwwb", "cwwcw"])
async def test_r9_ends_at_once_leave_what_ends_in_turn_leave(held: Make, group: dict[str, object], how: str) -> None:
    """w: it ends well; b: badly; c: its task was cancelled meanwhile."""
    left = []
    for at_once in (True, False):
        goal = await held(5, **group)
        won = await goal.running("t0", "t1", "t2", "t3", "t4")
        for each, letter in zip(won, how, strict=True):
            if letter == "c":
                await goal.database.write(lambda tx, task=each.task.id: cancel_task(tx, task, "enough"))
        endings = [(each, BADLY if letter == "b" else WELL) for each, letter in zip(won, how, strict=True)]
        assert await goal.end(*endings, at_once=at_once) == [True] * 5
        view = await goal.bench.ended(goal.goal)
        states = await goal.bench.states(goal.goal)
        if group.get("require") == 2 and set(how) == {"w"}:
            assert set(states.values()) <= {"done", "cancelled"}, "those that were not needed any more"
            states = {key: states[key] for key in ("all",)}
        left.append((view.state, states))
    assert left[0] == left[1]


async def test_r93_a_run_that_had_ended_is_told_so_and_the_others_end(held: Make) -> None:
    goal = await held(3)
    won = await goal.running("t0", "t1", "t2")
    assert await goal.end((won[0], WELL)) == [True]
    assert await goal.end(*((each, WELL) for each in won)) == [False, True, True]
    assert (await goal.bench.ended(goal.goal)).state is GoalState.DONE


async def test_r3_each_statement_of_many_lives_fails_in_turn_and_leaves_nothing(held: Make) -> None:
    goal = await held(3)
    wanted = [Wanted(goal.tasks[key]) for key in ("t0", "t1", "t2")]

    def lives(tx: Tx, nth: int) -> int:
        failing = Failing(tx.connection, nth)
        inner = Tx(failing, tx.now)  # type: ignore[arg-type]
        runs = [won.run for won in claim_all(inner, wanted, Limits(4), random_id, goal.context.engine)]
        mark_all_starting(inner, [run.id for run in runs])
        mark_all_started(inner, [Begun(run, None) for run in runs])
        end_all(inner, [Ended(run, WELL, goal.policy) for run in runs])
        return failing.seen

    def counted(tx: Tx) -> int:
        tx.connection.execute("SAVEPOINT trial")
        statements = lives(tx, 0)
        tx.connection.execute("ROLLBACK TO trial")
        return statements

    before, statements = await dump(goal.bench), await goal.database.write(counted)
    assert 30 < statements <= 45, "three lives cost less than three times one"
    for nth in range(1, statements + 1):
        with pytest.raises(StoreError, match="disk I/O error"):
            await goal.database.write(partial(lives, nth=nth))
        assert await dump(goal.bench) == before
    await goal.database.write(partial(lives, nth=statements + 1))
    assert (await goal.bench.engine.status(goal.goal)).goals[0].state is GoalState.DONE


async def test_r37_a_tester_claimed_and_ended_among_workers_is_nothing_to_their_group(held: Make) -> None:
    goal = await held(2, testers={"run": "hang test", "ratio": 1})
    tester, *workers = await goal.running("all.tester-1", "t0", "t1")
    assert (await goal.bench.states(goal.goal))["all"] == "running"
    assert await goal.end((tester, WELL), (workers[0], WELL)) == [True, True]
    states = await goal.bench.states(goal.goal)
    assert (states["all.tester-1"], states["t0"], states["t1"], states["all"]) == (
        "pending", "done", "running", "running",
    )  # fmt: skip
    assert await goal.end((workers[1], WELL)) == [True]
    assert (await goal.bench.ended(goal.goal)).state is GoalState.DONE
