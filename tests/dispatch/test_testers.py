"""Testers beside workers: never more than their ratio or a cap, and gone with the work (R37)."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from beside import GATE, batches, begun, done, finish, group, outcomes, pass_of, peaks, running, worker
from scripted import Bench
from voices import seen

from engine.api import Answer, GoalOrder
from engine.model import AnswerKind

Open = Callable[..., Awaitable[Bench]]


def at_work(states: dict[str, str]) -> int:
    return sum(state == "running" for key, state in states.items() if ".tester-" in key)


async def all_tested(bench: Bench, *keys: str) -> int:
    """How many batches there were, once testers have had these tasks, and no others, and look no further."""
    async with asyncio.timeout(20):
        while True:
            await pass_of(bench)
            had = await batches(bench)
            if {key for batch in had for key in batch} == set(keys) and len(await outcomes(bench)) == len(had):
                await bench.heard()
                await pass_of(bench)
                if len(await batches(bench)) == len(had):
                    return len(had)
            await asyncio.sleep(0.01)


async def test_r37_a_tester_outlives_no_worker_and_no_worker_waits_for_one(bench: Bench) -> None:
    after = {"id": "after", "run": "exit 0", "needs": ["items"]}
    goal = await begun(bench, group(worker("a"), worker("b"), ratio=1), after)
    await finish(bench, goal, "a")
    await running(bench, goal, "items.tester-1")
    view = (await bench.engine.status(goal)).goals[0]
    assert (view.progress, sum(view.counts.values())) == ((1, 3), 3), "a tester counts in no progress"
    bench.driver.finish("hang b")
    assert (await bench.ended(goal)).state == "done"
    states = await bench.states(goal)
    assert (states["items"], states["after"], states["items.tester-1"]) == ("done", "done", "skipped")
    tester = next(
        event for event in await bench.events() if event.type == "run.ended" and event.data["cause"] != "exit"
    )
    run = await bench.engine.run(str(tester.run))
    assert (run.key, run.cause, run.failure_class) == ("items.tester-1", "cancelled", "operator")
    assert [event.data["outcome"] for event in await outcomes(bench)] == ["stopped"]
    assert len(await batches(bench)) == 1, "nothing is retried"


async def test_r37_slow_testers_stay_within_their_ratio_of_fast_workers(opened: Open) -> None:
    bench = await opened(max_parallel=16)
    ready = [done(key) for key in "uvw"]
    goal = await begun(bench, group(*ready, *map(worker, "abcd"), ratio=0.5, max=3, batch=1))
    await bench.until(goal, lambda _, states: at_work(states) == 2 and all(states[key] == "running" for key in "abcd"))
    await finish(bench, goal, "a")
    await bench.until(goal, lambda _, states: at_work(states) == 1)
    await finish(bench, goal, "b")
    assert at_work(await bench.states(goal)) == 1
    await finish(bench, goal, "c")
    await bench.until(goal, lambda _, states: at_work(states) == 0)
    await finish(bench, goal, "d")
    assert (await bench.ended(goal)).state == "done"
    found = await peaks(bench)
    assert all(testers <= workers // 2 for testers, workers in found)
    assert max(testers for testers, _ in found) >= 2


@pytest.mark.parametrize("cap", ["engine", "goal"])
async def test_r37_work_that_becomes_ready_takes_the_place_of_a_tester(opened: Open, cap: str) -> None:
    bench = await opened(max_parallel=2 if cap == "engine" else 8, undo_window=0)
    policy = {"max_parallel": 2} if cap == "goal" else {}
    goal = await begun(bench, group(done("a"), worker("b"), ratio=1), GATE, worker("c", needs=["go"]), **policy)
    await running(bench, goal, "b", "items.tester-1")
    [asked] = await bench.engine.decisions()
    answer = Answer(version=asked.version, answer=AnswerKind.APPROVE, by="me", via="test")
    await bench.engine.answer(asked.id, answer)
    await running(bench, goal, "c")
    assert (await bench.states(goal))["items.tester-1"] == "pending"
    most = bench.driver.peak if cap == "engine" else bench.driver.busiest  # what has ended takes no place of a goal
    assert most == 2, "it never was one too many"
    await finish(bench, goal, "c")
    await running(bench, goal, "items.tester-1")
    await finish(bench, goal, "b")
    assert (await bench.ended(goal)).state == "done"


async def test_r37_a_tester_goes_on_when_one_worker_hands_over_to_the_next(opened: Open) -> None:
    bench = await opened(max_parallel=2)
    items = group(done("a"), worker("b"), worker("c"), worker("d"), ratio=1) | {"order": "sequential"}
    goal = await begun(bench, items)
    await running(bench, goal, "b", "items.tester-1")
    for key in "bc":
        await finish(bench, goal, key)
    await running(bench, goal, "d", "items.tester-1")
    assert (len(await batches(bench)), await outcomes(bench)) == (1, [])
    await finish(bench, goal, "d")
    assert (await bench.ended(goal)).state == "done"


async def test_r37_no_tester_gives_way_to_what_waits_for_its_sandbox_as_well(opened: Open) -> None:
    bench = await opened(max_parallel=2)
    one = {"session": "reuse"}
    goal = await begun(bench, group(done("a"), worker("b", **one), worker("c", **one), ratio=1))
    await bench.until(goal, lambda _, states: "running" in (states["b"], states["c"]) and at_work(states) == 1)
    for _ in range(5):
        await pass_of(bench)
    assert (len(await batches(bench)), await outcomes(bench)) == (1, [])


@pytest.mark.parametrize("order", [GoalOrder.PAUSE, GoalOrder.DRAIN])
async def test_r37_a_goal_that_starts_nothing_more_keeps_no_tester(bench: Bench, order: GoalOrder) -> None:
    goal = await begun(bench, group(done("a"), worker("b"), ratio=1))
    await running(bench, goal, "b", "items.tester-1")
    await bench.engine.order_goal(goal, order, "me")
    await bench.until(goal, lambda _, states: states["items.tester-1"] == "pending")
    assert (await bench.states(goal))["b"] == "running"
    await bench.engine.order_goal(goal, GoalOrder.RESUME, "me")
    await running(bench, goal, "items.tester-1")
    await finish(bench, goal, "b")
    assert (await bench.ended(goal)).state == "done"


async def test_r37_a_cancelled_goal_ends_with_its_testers(bench: Bench) -> None:
    goal = await begun(bench, group(done("a"), worker("b"), ratio=1, max=2))
    await running(bench, goal, "b", "items.tester-1")
    await bench.engine.cancel(goal, "me")
    view = await bench.ended(goal)
    states = await bench.states(goal)
    testers = [states["items.tester-1"], states["items.tester-2"]]
    assert (view.state, states["b"], testers) == ("cancelled", "cancelled", ["cancelled"] * 2)


async def test_r37_testers_end_when_the_engine_drains(bench: Bench) -> None:
    from engine.api import StopMode

    goal = await begun(bench, group(done("a"), worker("b"), ratio=1))
    await running(bench, goal, "b", "items.tester-1")
    await bench.engine.stop(StopMode.DRAIN)
    await bench.until(goal, lambda _, states: states["items.tester-1"] == "pending")
    bench.driver.finish("hang b")
    await bench.engine.ended()
    assert not bench.driver.alive


async def test_r37_the_most_valuable_tasks_come_first_and_nothing_twice_for_nothing(bench: Bench) -> None:
    tasks = [done("a"), done("b", priority=5), done("c"), worker("d", needs=["c"]), worker("e")]
    goal = await begun(bench, group(*tasks, run="exit 0", ratio=1, batch=2))
    await running(bench, goal, "d", "e")
    before = await all_tested(bench, "a", "b", "c")
    await finish(bench, goal, "d")
    await seen(bench, "task.tested", before + 2)
    again = (await batches(bench))[before:]
    assert again[0][0] == "d", "what no tester has had comes before what one had long ago"
    await finish(bench, goal, "e")
    assert (await bench.ended(goal)).state == "done"


async def test_r91_testers_are_adopted_and_end_with_work_that_ended_meanwhile(opened: Open) -> None:
    first = await opened()
    goal = await begun(first, group(done("a"), worker("b"), worker("c"), ratio=0.5))
    await running(first, goal, "b", "c", "items.tester-1")
    await first.engine.close()
    second = await opened()
    await seen(second, "sandbox.adopted", 3)
    await running(second, goal, "items.tester-1")
    assert len(await batches(second)) == 1, "it goes on with its own batch"
    await second.engine.close()
    second.driver.finish("hang b")
    second.driver.finish("hang c")
    third = await opened()
    assert (await third.ended(goal)).state == "done"
    assert [event.data["outcome"] for event in await outcomes(third)] == ["stopped"]
