"""Random trees that end in random order: under a sequential parent nothing starts early, and no gate opens (R26)."""

import random
from collections.abc import Awaitable, Callable

import pytest
from scripted import Bench, goal_file

from engine.api import Answer, TreeNode
from engine.events import Event, EventType
from engine.model import AnswerKind, GoalState, Order

Open = Callable[..., Awaitable[Bench]]
BEGINS = {EventType.TASK_STARTED, EventType.TASK_CLAIMED, EventType.GATE_OPENED}


def random_tree(chance: random.Random) -> str:
    names = iter(range(1000))

    def task(depth: int) -> dict[str, object]:
        name = f"t{next(names)}"
        if depth < 2 and chance.random() < 0.5:
            inner = [task(depth + 1) for _ in range(chance.randint(2, 3))]
            return {"id": name, "order": chance.choice(["sequential", "parallel"]), "tasks": inner}
        if chance.random() < 0.2:
            return {"id": name, "gate": {"kind": "human_approval"}}
        return {"id": name, "run": f"hang {name}"}

    return goal_file(*(task(0) for _ in range(chance.randint(2, 3))))


def earlier_siblings(root: TreeNode) -> dict[str, set[str]]:
    """For each task, the earlier siblings of it and of all above it under sequential parents."""
    found: dict[str, set[str]] = {root.id: set()}
    stack = [root]
    while stack:
        parent = stack.pop()
        before: set[str] = set()
        for child in parent.children:
            found[child.id] = found[parent.id] | (before if parent.order is Order.SEQUENTIAL else set())
            before = before | {child.id}
            stack.append(child)
    return found


def out_of_turn(events: list[Event], earlier: dict[str, set[str]]) -> list[str]:
    """What began before an earlier sibling was done or skipped."""
    over: set[str | None] = set()
    wrong = []
    for event in events:
        if event.type in (EventType.TASK_DONE, EventType.TASK_SKIPPED):
            over.add(event.task)
        elif event.type in BEGINS and not earlier.get(str(event.task), set()) <= over:  # the root has no siblings
            wrong.append(f"{event.type} {event.data.get('key')}")
    return wrong


async def one_step(bench: Bench, goal: str, chance: random.Random) -> None:
    """End one running task, answer one gate or skip what waits at it, by chance."""
    running = [spec.argv[-1] for spec in bench.driver.specs if spec.name in bench.driver.alive]
    running = [command for command in running if not bench.driver.alive[name_of(bench, command)].is_set()]
    asked = [decision for decision in await bench.engine.decisions() if decision.goal == goal]
    picked = chance.randrange(len(running) + len(asked))
    if picked < len(running):
        bench.driver.finish(running[picked])
    elif chance.random() < 0.3:
        await bench.engine.skip(asked[picked - len(running)].task)
    else:
        decision = asked[picked - len(running)]
        await bench.engine.answer(decision.id, Answer(version=decision.version, answer=AnswerKind.APPROVE))


def name_of(bench: Bench, command: str) -> str:
    return next(str(spec.name) for spec in bench.driver.specs if spec.argv[-1] == command)


def something_to_do(bench: Bench) -> Callable[[object, dict[str, str]], bool]:
    def holds(view: object, states: dict[str, str]) -> bool:
        hanging = any(not ended.is_set() for ended in bench.driver.alive.values())
        return view.ended_at is not None or hanging or "waiting" in states.values()  # type: ignore[attr-defined]

    return holds


@pytest.mark.parametrize("seed", range(6))
async def test_r26_random_trees_in_random_order(opened: Open, seed: int) -> None:
    chance = random.Random(seed)
    bench = await opened(max_parallel=chance.choice([2, 100]))
    goal = (await bench.goal(random_tree(chance))).id
    earlier = earlier_siblings(await bench.engine.tree(goal))
    while (view := await bench.until(goal, something_to_do(bench))).ended_at is None:
        await one_step(bench, goal, chance)
    assert view.state is GoalState.DONE
    events = await bench.events()
    assert out_of_turn(events, earlier) == []
    assert any(earlier.values()), "no task had to wait for another"
    assert len([event for event in events if event.type in BEGINS]) >= len(bench.driver.specs)
