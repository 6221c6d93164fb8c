"""Budgets (F146): 80 % is told once, 100 % pauses the goal and asks, and only the answer goes on."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from asked import event
from scripted import Bench, goal_file
from timed import FrozenClock

from engine.api import Answer, DecisionView, GoalOrder, GoalView
from engine.dispatch.limits.budget_rows import covered
from engine.dispatch.limits.budget_watch import look
from engine.dispatch.runs.usage import Usage, add_usage
from engine.errors import ExitCode, IllegalMove
from engine.events import Event, EventType
from engine.headless import OnGate, follow_goal, until_idle
from engine.model import AnswerKind, BudgetKind, BudgetState, DecisionKind, GoalState

Open = Callable[..., Awaitable[Bench]]
QUIET = 3600.0  # seconds between looks: tests look by themselves
TWO = [{"id": "first", "run": "hang"}, {"id": "second", "run": "exit 0"}]


def source(**budget: object) -> str:
    return goal_file(*TWO, policy={"budget": budget})


async def begun(opened: Open, text: str) -> tuple[Bench, str]:
    bench = await opened(budget_interval=QUIET)
    goal = await bench.goal(text)
    await bench.until(goal.id, lambda _, states: states["first"] == "running")
    return bench, goal.id


async def spend(bench: Bench, goal: str, usage: Usage, key: str = "first") -> GoalView:
    """Its run reports this, and budgets are looked at."""
    context = bench.engine._parts.context
    run = (await bench.engine.task(f"{goal}/{key}")).runs[-1].id
    await context.database.write(partial(add_usage, run=run, usage=usage))
    await look(context)
    return (await bench.engine.status(goal)).goals[0]


async def asked(bench: Bench) -> DecisionView:
    [decision] = [found for found in await bench.engine.decisions() if found.kind is DecisionKind.BUDGET]
    return decision


async def choose(bench: Bench, option: str) -> None:
    decision = await asked(bench)
    answer = Answer(version=decision.version, answer=AnswerKind.CHOOSE, option=option, by="me", via="test")
    await bench.engine.answer(decision.id, answer)


async def told(bench: Bench) -> list[tuple[object, object]]:
    return [(e.data["kind"], e.data["level"]) for e in await bench.events() if e.type is EventType.GOAL_BUDGET]


async def test_budget_warns_once_at_80_percent_and_again_never_after_a_restart(opened: Open) -> None:
    bench, goal = await begun(opened, source(cost_usd=5, tokens=1000))
    assert (await spend(bench, goal, Usage(3.99))).budget[0].state is BudgetState.WITHIN
    view = await spend(bench, goal, Usage(0.01, tokens_in=500, tokens_out=300))
    assert {budget.kind: budget.state for budget in view.budget} == {
        BudgetKind.COST_USD: BudgetState.WARNED,
        BudgetKind.TOKENS: BudgetState.WARNED,
    }
    assert view.state is GoalState.ACTIVE
    await bench.engine.close()
    again = await opened(budget_interval=QUIET)
    await again.until(goal, lambda _, states: states["first"] == "running")
    await spend(again, goal, Usage(0.1))
    assert sorted(await told(again)) == [("cost_usd", "warned"), ("tokens", "warned")]
    assert list(await again.engine.decisions()) == []


async def test_budget_that_is_spent_pauses_the_goal_and_asks_with_figures(opened: Open) -> None:
    bench, goal = await begun(opened, source(cost_usd=5))
    view = await spend(bench, goal, Usage(6.5))
    assert view.state is GoalState.PAUSED
    assert view.cause == "its budget is spent: cost: 6.50 US$ of 5.00 US$ used (130 %)"
    decision = await asked(bench)
    assert (decision.choices, decision.options) == (("more", "finish", "stop"), (AnswerKind.CHOOSE,))
    assert (decision.evidence["used"], decision.evidence["limit"], decision.evidence["more"]) == (6.5, 5.0, 10.0)
    assert decision.deadline is None
    assert bench.driver.stopped == set(), "what runs goes on"
    bench.driver.finish()
    await bench.until(goal, lambda _, states: states["first"] == "done")
    await look(bench.engine._parts.context)
    assert (await bench.states(goal))["second"] == "pending", "nothing new starts"
    assert await told(bench) == [("cost_usd", "asked")], "asked once"
    with pytest.raises(IllegalMove, match="budget"):
        await bench.engine.order_goal(goal, GoalOrder.RESUME)
    reasons = (await bench.engine.why(goal)).reasons
    assert any("budget of the goal, cost: 6.50 US$ of 5.00 US$" in reason for reason in reasons)


async def test_budget_question_survives_a_restart_and_more_goes_on(opened: Open) -> None:
    bench, goal = await begun(opened, source(cost_usd=5))
    await spend(bench, goal, Usage(5.0))
    bench.driver.finish()
    await bench.until(goal, lambda _, states: states["first"] == "done")
    await bench.engine.close()
    again = await opened(budget_interval=QUIET)
    await look(again.engine._parts.context)
    assert (await again.engine.status(goal)).goals[0].state is GoalState.PAUSED
    await choose(again, "more")
    ended = await again.ended(goal)
    assert (ended.state, ended.exit_code) == (GoalState.DONE, ExitCode.DONE)
    assert (ended.budget[0].limit, ended.budget[0].used, ended.budget[0].state) == (10.0, 5.0, BudgetState.WITHIN)


async def test_budget_finish_lets_what_runs_end_and_cancels_the_rest(opened: Open) -> None:
    bench, goal = await begun(opened, source(tokens=100))
    await spend(bench, goal, Usage(tokens_in=100))
    await choose(bench, "finish")
    assert (await bench.states(goal)) == {"first": "running", "second": "cancelled"}
    assert (await bench.engine.status(goal)).goals[0].state is GoalState.DRAINING
    bench.driver.finish()
    ended = await bench.ended(goal)
    assert (ended.state, ended.exit_code) == (GoalState.CANCELLED, ExitCode.BUDGET)
    assert (await bench.states(goal))["first"] == "done"
    assert str(ended.cause).endswith("finished by me via test")
    assert bench.driver.stopped == set()


async def test_budget_finish_starts_no_retry_of_what_fails(opened: Open) -> None:
    text = goal_file({"id": "first", "run": "hang", "retries": 5}, policy={"budget": {"cost_usd": 1}})
    bench, goal = await begun(opened, text)
    await spend(bench, goal, Usage(1.0))
    await choose(bench, "finish")
    for alive in bench.driver.alive.values():
        alive.set()  # it ends by a signal: a failure with retries left
    ended = await bench.ended(goal)
    assert (ended.state, ended.exit_code) == (GoalState.CANCELLED, ExitCode.BUDGET)
    assert len(bench.driver.specs) == 1


async def test_budget_stop_cancels_what_runs(opened: Open) -> None:
    bench, goal = await begun(opened, source(cost_usd=1))
    await spend(bench, goal, Usage(1.0))
    await choose(bench, "stop")
    ended = await bench.ended(goal)
    assert (ended.state, ended.exit_code) == (GoalState.CANCELLED, ExitCode.BUDGET)
    assert (await bench.states(goal)) == {"first": "cancelled", "second": "cancelled"}
    assert len(bench.driver.stopped) == 1


async def test_budget_of_two_kinds_goes_on_only_when_both_are_answered(opened: Open) -> None:
    bench, goal = await begun(opened, source(cost_usd=1, tokens=10))
    await spend(bench, goal, Usage(1.0, tokens_in=10))
    first, second = [d for d in await bench.engine.decisions() if d.kind is DecisionKind.BUDGET]
    for decision, state in ((first, GoalState.PAUSED), (second, GoalState.ACTIVE)):
        answer = Answer(version=decision.version, answer=AnswerKind.CHOOSE, option="more")
        await bench.engine.answer(decision.id, answer)
        assert (await bench.engine.status(goal)).goals[0].state is state


async def test_budget_of_a_task_is_its_own_and_the_rest_goes_on(opened: Open) -> None:
    tasks = [{**TWO[0], "budget": {"cost_usd": 1}}, TWO[1]]
    bench, goal = await begun(opened, goal_file(*tasks, policy={"on_failure": "continue", "order": "parallel"}))
    await spend(bench, goal, Usage(2.0))
    assert (await asked(bench)).task_key == "first"
    await choose(bench, "stop")
    ended = await bench.ended(goal)
    assert await bench.states(goal) == {"first": "cancelled", "second": "done"}
    assert (ended.state, ended.exit_code) == (GoalState.CANCELLED, ExitCode.BUDGET)


async def test_budget_question_of_a_task_that_ends_holds_nothing(opened: Open) -> None:
    bench, goal = await begun(opened, goal_file({**TWO[0], "budget": {"cost_usd": 1}}, TWO[1]))
    await spend(bench, goal, Usage(2.0))
    bench.driver.finish()
    await bench.until(goal, lambda _, states: states["first"] == "done")
    await look(bench.engine._parts.context)
    assert (await bench.ended(goal)).state is GoalState.DONE
    assert list(await bench.engine.decisions()) == []


async def test_budget_question_ends_with_its_goal(opened: Open) -> None:
    bench, goal = await begun(opened, source(cost_usd=1))
    await spend(bench, goal, Usage(1.0))
    await bench.engine.cancel(goal)
    ended = await bench.ended(goal)
    assert (ended.exit_code, list(await bench.engine.decisions())) == (ExitCode.TASK_FAILED, [])


async def test_budget_leaves_a_goal_paused_that_an_operator_had_paused(opened: Open) -> None:
    bench, goal = await begun(opened, source(cost_usd=1))
    await bench.engine.order_goal(goal, GoalOrder.PAUSE, "me")
    await spend(bench, goal, Usage(1.0))
    await choose(bench, "more")
    view = (await bench.engine.status(goal)).goals[0]
    assert (view.state, view.cause) == (GoalState.PAUSED, "paused by me")


async def test_budget_of_wall_time_is_looked_at_by_the_engine_itself(opened: Open) -> None:
    clock = FrozenClock()
    bench = await opened(budget_interval=0.05, clock=clock)
    goal = await bench.goal(source(wall="10s"))
    await bench.until(goal.id, lambda _, states: "running" in states.values())
    clock.at += timedelta(seconds=9)
    await event(bench, EventType.GOAL_BUDGET)
    clock.at += timedelta(seconds=2)
    paused = await bench.until(goal.id, lambda view, _: view.state is GoalState.PAUSED)
    assert paused.budget[0].used == 11.0
    assert await told(bench) == [("wall", "warned"), ("wall", "asked")]


async def test_budget_of_disk_counts_the_work_folders(opened: Open) -> None:
    bench, goal = await begun(opened, source(disk="6m"))
    folder = bench.driver.work_folder((await bench.engine.task(f"{goal}/first")).runs[0].id)
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    await asyncio.to_thread((folder / "large").write_bytes, b"x" * (5 * 1024**2))
    await look(bench.engine._parts.context)
    assert await told(bench) == [("disk", "warned")]
    await asyncio.to_thread((folder / "more").write_bytes, b"x" * (2 * 1024**2))
    await look(bench.engine._parts.context)
    assert (await asked(bench)).evidence["kind"] == "disk"


async def test_budget_question_ends_a_headless_run_with_5(opened: Open) -> None:
    bench, goal = await begun(opened, source(cost_usd=1))
    seen: list[Event] = []
    following = asyncio.create_task(follow_goal(bench.engine, goal, emit=seen.append, on_gate=OnGate.FAIL))
    await spend(bench, goal, Usage(1.0))
    bench.driver.finish()
    async with asyncio.timeout(20):
        assert await following is ExitCode.GATE_PENDING
        assert await until_idle(bench.engine, seen.append) is ExitCode.GATE_PENDING
    await choose(bench, "finish")
    async with asyncio.timeout(20):
        code = await follow_goal(bench.engine, goal, emit=seen.append, on_gate=OnGate.FAIL)
    assert code is ExitCode.BUDGET


def test_budget_of_wall_time_counts_each_moment_once() -> None:

    def at(second: int) -> str:
        return datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC).isoformat()

    spans = [(at(0), at(10)), (at(2), at(4)), (at(8), at(12)), (at(20), None)]
    assert covered(spans, datetime(2026, 1, 1, 0, 0, 25, tzinfo=UTC)) == 12 + 5
    assert covered([], datetime(2026, 1, 1, tzinfo=UTC)) == 0
