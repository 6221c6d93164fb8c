"""A follower that knows a snapshot and the events above it knows what a fresh read says (R5)."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

import pytest
from scripted import Bench
from test_random_goals import random_goal

from engine.api import Answer, GoalOrder, Snapshot, TreeNode
from engine.errors import PilothouseError
from engine.events import Event, EventType
from engine.local.engine import LocalEngine
from engine.model import FINAL_GOAL_STATES, AnswerKind

Open = Callable[..., Awaitable[Bench]]
ANSWERS = [AnswerKind.APPROVE, AnswerKind.REJECT]
CLOSED = (EventType.DECISION_ANSWERED, EventType.DECISION_EXPIRED, EventType.DECISION_CANCELLED)


@dataclass
class Follower:
    """What it was told, folded: states of goals, states and versions of tasks, open decisions, live runs."""

    seqs: list[int] = field(default_factory=list)
    goals: dict[str, str] = field(default_factory=dict)
    tasks: dict[str, tuple[str, int]] = field(default_factory=dict)
    decisions: set[str] = field(default_factory=set)
    runs: set[str] = field(default_factory=set)
    told: asyncio.Event = field(default_factory=asyncio.Event)

    async def follow(self, engine: LocalEngine) -> None:
        async with aclosing(engine.subscribe()) as updates:  # type: ignore[type-var]
            async for update in updates:
                if isinstance(update, Snapshot):
                    self.begin(update)
                elif isinstance(update, Event):
                    self.fold(update)
                self.told.set()

    def begin(self, snapshot: Snapshot) -> None:
        self.seqs = [snapshot.seq]
        self.goals = {goal.id: str(goal.state) for goal in snapshot.status.goals}
        self.decisions = {decision.id for decision in snapshot.decisions}
        self.runs = {sandbox.run for sandbox in snapshot.sandboxes}

    def fold(self, event: Event) -> None:
        self.seqs.append(event.seq)
        match event.type.split("."):
            case ["goal", _] if "state" in event.data:
                self.goals[str(event.goal)] = str(event.data["state"])
            case ["task", _] if "version" in event.data:
                self.tasks[str(event.task)] = (str(event.data["state"]), int(str(event.data["version"])))
            case ["decision", "opened"]:
                self.decisions.add(str(event.data["decision"]))
            case ["decision", _] if event.type in CLOSED:
                self.decisions.discard(str(event.data["decision"]))
            case ["run", "started"]:
                self.runs.add(str(event.run))
            case ["run", "ended"]:
                self.runs.discard(str(event.run))

    async def has(self, seq: int) -> None:
        async with asyncio.timeout(20):
            while not self.seqs or self.seqs[-1] < seq:
                self.told.clear()
                await self.told.wait()


async def any_order(bench: Bench, goal: str, chance: random.Random) -> None:
    """One order of any kind at something of this goal; what is refused has changed nothing."""
    engine, tree = bench.engine, await leaves_of(bench, goal)
    leaf = chance.choice(tree).id
    asked = [decision for decision in await engine.decisions() if decision.goal == goal]
    orders: list[Callable[[], Awaitable[object]]] = [
        lambda: engine.order_goal(goal, chance.choice(list(GoalOrder))),
        lambda: engine.order_goal(goal, GoalOrder.RESUME),
        lambda: engine.retry(leaf),
        lambda: engine.skip(leaf),
        lambda: engine.cancel(leaf),
    ]
    for decision in asked:
        answer = Answer(version=decision.version, answer=chance.choice(ANSWERS), feedback="because")
        orders += [lambda decision=decision, answer=answer: engine.answer(decision.id, answer)] * 2  # type: ignore[misc]
    try:
        await chance.choice(orders)()
    except PilothouseError:
        return


async def leaves_of(bench: Bench, goal: str) -> Sequence[TreeNode]:
    found: list[TreeNode] = []
    stack = [await bench.engine.tree(goal)]
    while stack:
        node = stack.pop()
        stack.extend(node.children)
        if not node.children and node.kind != "goal":
            found.append(node)
    return found


async def compare(bench: Bench, follower: Follower) -> None:
    """Nothing moves any more: what was folded against the rows."""
    database = bench.engine._parts.context.database
    await follower.has(database.last_seq)
    assert follower.seqs == list(range(follower.seqs[0], database.last_seq + 1))
    assert follower.goals == {goal.id: str(goal.state) for goal in (await bench.engine.status()).goals}
    assert follower.decisions == {decision.id for decision in await bench.engine.decisions()}
    assert follower.runs == {row["id"] for row in await database.all("SELECT id FROM runs WHERE state <> 'ended'")}
    rows = await database.all("SELECT id, state, version FROM tasks")
    stored = {row["id"]: (row["state"], row["version"]) for row in rows}
    assert follower.tasks == {task: stored[task] for task in follower.tasks}
    silent = {state for task, (state, _) in stored.items() if task not in follower.tasks}
    assert silent <= {"pending"}  # nothing moves without a word


@pytest.mark.parametrize("seed", range(200, 206))
async def test_r5_snapshot_and_events_equal_a_fresh_read_after_random_orders(opened: Open, seed: int) -> None:
    chance = random.Random(seed)
    bench = await opened(max_parallel=3, infra_retries=1, breaker_losses=10_000)
    early, late = Follower(), Follower()
    async with asyncio.TaskGroup() as group:
        following = [group.create_task(early.follow(bench.engine))]
        await early.has(0)
        goals = [(await bench.goal(random_goal(chance))).id for _ in range(2)]
        for n in range(30):
            if n == 15:
                following.append(group.create_task(late.follow(bench.engine)))
                await late.has(0)
            await any_order(bench, chance.choice(goals), chance)
        for goal in goals:
            if (await bench.engine.status(goal)).goals[0].state not in FINAL_GOAL_STATES:
                await bench.engine.cancel(goal)
                await bench.ended(goal)
        await bench.engine._parts.live.ended()
        await compare(bench, early)
        late.tasks = early.tasks | late.tasks  # a snapshot shows goals, not their trees
        await compare(bench, late)
        for task in following:
            task.cancel()
