"""Pause, resume, drain and the kill switch (R2, R23, R98)."""

from collections.abc import Awaitable, Callable

import pytest
from beside import pass_of
from scripted import Bench, goal_file

from engine.api import GoalOrder
from engine.errors import IllegalMove, NotFound
from engine.events import EventType
from engine.model import GoalState
from engine.transitions import GOAL

Open = Callable[..., Awaitable[Bench]]
BOTH = goal_file({"id": "first", "run": "hang"}, {"id": "second", "run": "exit 0"})


async def running(bench: Bench, source: str = BOTH, key: str = "first") -> str:
    goal = await bench.goal(source)
    await bench.until(goal.id, lambda _, states: states[key] == "running")
    return goal.id


async def test_r23_a_paused_goal_starts_nothing_and_what_runs_goes_on(bench: Bench) -> None:
    goal = await running(bench)
    paused = await bench.engine.order_goal(goal, GoalOrder.PAUSE, "me")
    assert (paused.state, paused.cause) == (GoalState.PAUSED, "paused by me")
    assert bench.driver.stopped == set()
    bench.driver.finish()
    await bench.until(goal, lambda _, states: states["first"] == "done")
    other = await bench.goal(goal_file({"id": "free", "run": "exit 0"}))
    await bench.ended(other.id)
    assert (await bench.states(goal))["second"] == "pending"
    why = await bench.engine.why(f"{goal}/second")
    assert any("paused: nothing starts in it" in reason for reason in why.reasons)


async def test_r98_a_resume_takes_effect_at_once(bench: Bench) -> None:
    goal = await running(bench)
    await bench.engine.order_goal(goal, GoalOrder.PAUSE)
    bench.driver.finish()
    await bench.until(goal, lambda _, states: states["first"] == "done")
    resumed = await bench.engine.order_goal(goal, GoalOrder.RESUME)
    assert (resumed.state, resumed.cause) == (GoalState.ACTIVE, None)
    assert (await bench.ended(goal)).state is GoalState.DONE
    kinds = [event.type for event in await bench.events() if event.goal == goal]
    assert kinds.index(EventType.GOAL_PAUSED) < kinds.index(EventType.GOAL_RESUMED) < kinds.index(EventType.GOAL_ENDED)


async def test_r98_what_was_taken_up_while_its_goal_was_paused_is_not_forgotten(bench: Bench) -> None:
    """A claim or a gate that loses against the pause is queued anew by the resume."""
    goal = await bench.goal(goal_file({"id": "a", "run": "exit 0"}, {"id": "ok", "gate": {"kind": "human_approval"}}),
                            start=False)  # fmt: skip
    scheduler = bench.engine._parts.scheduler
    await bench.engine.start_goal(goal.id)
    graph = scheduler._graphs.get(goal.id)
    if graph is not None:  # as a pass does between its look and its claim
        graph.pop()
        graph.pop_gate()
    await bench.engine.order_goal(goal.id, GoalOrder.PAUSE)
    await bench.engine.order_goal(goal.id, GoalOrder.RESUME)
    await bench.until(goal.id, lambda _, states: states["a"] == "done" and states["ok"] == "waiting")


async def test_r98_a_drain_ends_by_itself_with_what_runs(bench: Bench) -> None:
    goal = await running(bench)
    assert (await bench.engine.order_goal(goal, GoalOrder.DRAIN, "me")).state is GoalState.DRAINING
    bench.driver.finish()
    drained = await bench.until(goal, lambda view, _: view.state is GoalState.PAUSED)
    assert drained.cause == "drained by me: nothing of it runs any more"
    assert (await bench.states(goal))["second"] == "pending"


async def test_r98_a_drain_of_what_does_not_run_ends_at_once(bench: Bench) -> None:
    goal = await bench.goal(goal_file({"id": "ok", "gate": {"kind": "human_approval"}}))
    await bench.waiting(goal.id)
    assert (await bench.engine.order_goal(goal.id, GoalOrder.DRAIN)).state is GoalState.PAUSED


async def test_r98_a_resume_ends_a_drain_at_once(bench: Bench) -> None:
    goal = await running(bench)
    await bench.engine.order_goal(goal, GoalOrder.DRAIN)
    assert (await bench.engine.order_goal(goal, GoalOrder.RESUME)).state is GoalState.ACTIVE
    bench.driver.finish()
    assert (await bench.ended(goal)).state is GoalState.DONE


async def test_a_goal_ends_out_of_a_pause_or_a_drain(bench: Bench) -> None:
    for order in (GoalOrder.PAUSE, GoalOrder.DRAIN):
        goal = await running(bench, goal_file({"id": "first", "run": "hang"}))
        await bench.engine.order_goal(goal, order)
        bench.driver.finish()
        assert (await bench.ended(goal)).state is GoalState.DONE


async def test_r98_a_drain_meets_the_next_engine_and_ends_there(opened: Open) -> None:
    bench = await opened()
    goal = await running(bench)
    await bench.engine.order_goal(goal, GoalOrder.DRAIN)
    await bench.engine.close()
    again = await opened()
    again.driver.finish()
    await again.until(goal, lambda view, _: view.state is GoalState.PAUSED)


@pytest.mark.parametrize("order", list(GoalOrder))
@pytest.mark.parametrize("state", list(GoalState))
async def test_r2_an_order_the_table_does_not_have_is_refused_and_names_the_state(
    bench: Bench, state: GoalState, order: GoalOrder
) -> None:
    goal = await bench.goal(goal_file({"id": "a", "run": "exit 0"}), start=False)
    await bench.engine._parts.context.database.write(
        lambda tx: tx.run("UPDATE goals SET state = ? WHERE id = ?", (state, goal.id))
    )
    wanted = {
        GoalOrder.PAUSE: GoalState.PAUSED,
        GoalOrder.DRAIN: GoalState.DRAINING,
        GoalOrder.RESUME: GoalState.ACTIVE,
    }
    legal = wanted[order] in GOAL[state]
    if order is GoalOrder.RESUME:  # start and retry have verbs of their own
        legal = state in (GoalState.PAUSED, GoalState.DRAINING)
    if legal:
        await bench.engine.order_goal(goal.id, order)
        return
    with pytest.raises(IllegalMove) as refused:
        await bench.engine.order_goal(goal.id, order)
    assert refused.value.details["state"] == state
    assert (await bench.engine.status(goal.id)).goals[0].state is state


async def test_r2_start_is_for_drafts_only(bench: Bench) -> None:
    goal = await running(bench)
    await bench.engine.order_goal(goal, GoalOrder.PAUSE)
    with pytest.raises(IllegalMove, match="is paused, not a draft"):
        await bench.engine.start_goal(goal)


async def test_r96_a_goal_that_is_being_cancelled_takes_no_orders(bench: Bench) -> None:
    goal = await running(bench)
    database = bench.engine._parts.context.database
    await database.write(lambda tx: tx.run("UPDATE goals SET cancelling = 1 WHERE id = ?", (goal,)))
    for order in GoalOrder:
        with pytest.raises(IllegalMove, match="being cancelled"):
            await bench.engine.order_goal(goal, order)
    with pytest.raises(IllegalMove, match="being cancelled"):
        await bench.engine.skip(f"{goal}/second")


async def test_r23_switched_off_nothing_starts_anywhere_and_what_runs_is_not_touched(opened: Open) -> None:
    bench = await opened()
    goal = await running(bench)
    info = await bench.engine.switch_dispatch(False, "me")
    assert info.dispatch is False
    assert any("dispatch is off" in notice for notice in info.notices)
    assert bench.driver.stopped == set()
    bench.driver.finish()
    await bench.until(goal, lambda _, states: states["first"] == "done")
    gate = await bench.goal(goal_file({"id": "ok", "gate": {"kind": "human_approval"}}))
    assert (await bench.states(gate.id))["ok"] == "pending"
    why = await bench.engine.why(f"{goal}/second")
    assert any("dispatch is off" in reason for reason in why.reasons)
    await bench.engine.close()

    again = await opened()  # it survives a restart
    assert (await again.engine.info()).dispatch is False
    await pass_of(again)
    assert (await again.states(goal))["second"] == "pending"
    assert (await again.engine.switch_dispatch(True)).dispatch is True
    assert (await again.ended(goal)).state is GoalState.DONE
    await again.until(gate.id, lambda _, states: states["ok"] == "waiting")


async def test_r23_the_switch_counts_inside_the_claim(bench: Bench) -> None:
    """A pass that looked before it was switched off starts nothing after it."""
    goal = await bench.goal(goal_file({"id": "a", "run": "exit 0"}), start=False)
    await bench.engine.switch_dispatch(False)
    bench.engine._parts.scheduler.dispatching = True
    await bench.engine.start_goal(goal.id)
    await pass_of(bench)
    assert (await bench.states(goal.id))["a"] == "pending"
    bench.engine._parts.scheduler.dispatching = False
    await bench.engine.switch_dispatch(True)
    assert (await bench.ended(goal.id)).state is GoalState.DONE


async def test_a_switch_that_stands_so_already_is_no_news(bench: Bench) -> None:
    await bench.engine.switch_dispatch(True)
    await bench.engine.switch_dispatch(False)
    await bench.engine.switch_dispatch(False)
    told = [event for event in await bench.events() if event.type is EventType.ENGINE_DISPATCH]
    assert [event.data["on"] for event in told] == [False]


async def test_a_goal_of_another_name_is_not_found(bench: Bench) -> None:
    with pytest.raises(NotFound, match="no goal g-nothing"):
        await bench.engine.order_goal("g-nothing", GoalOrder.PAUSE)
