"""Incremental readiness equals a rebuild; a group's state equals what its children derive (R9, R10, R28)."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.dispatch.tree.graph import Graph
from engine.dispatch.tree.node_rows import NodeRow
from engine.dispatch.tree.rollup import derive_from
from engine.model import OnFailure, Order, TaskKind, TaskState

LEAF_STATES = [TaskState.PENDING, TaskState.CLAIMED, TaskState.RUNNING, TaskState.DONE, TaskState.FAILED,
               TaskState.SKIPPED, TaskState.BLOCKED]  # fmt: skip

GROUP_STATES = [TaskState.PENDING, TaskState.RUNNING, TaskState.DONE, TaskState.FAILED]


def tree(seed: int, size: int) -> tuple[list[NodeRow], list[tuple[str, str]]]:
    """A random tree with needs that point backwards in tree order."""
    chance = random.Random(seed)
    rows = [row("n0", None, TaskKind.GROUP, chance, 0)]
    groups, counts = ["n0"], {"n0": 0}
    for number in range(1, size):
        parent = chance.choice(groups)
        kind = TaskKind.GROUP if chance.random() < 0.3 else TaskKind.WORK
        rows.append(row(f"n{number}", parent, kind, chance, counts[parent]))
        counts[parent] += 1
        if kind is TaskKind.GROUP:
            groups.append(f"n{number}")
            counts[f"n{number}"] = 0
    leaves = [r.id for r in rows if r.kind is TaskKind.WORK]
    needs = {tuple(sorted(chance.sample(leaves, 2), key=leaves.index)) for _ in range(size // 4) if len(leaves) > 1}
    return rows, [(later, earlier) for earlier, later in needs]


def row(name: str, parent: str | None, kind: TaskKind, chance: random.Random, position: int) -> NodeRow:
    order = chance.choice([Order.SEQUENTIAL, Order.PARALLEL])
    return NodeRow(name, parent, name, kind, TaskState.PENDING, order, OnFailure.STOP, 0, position)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.integers(2, 40), moves=st.integers(1, 60))
def test_r28_incremental_readiness_equals_a_rebuild(seed: int, size: int, moves: int) -> None:
    rows, needs = tree(seed, size)
    graph = Graph("g", rows, needs)
    chance = random.Random(seed + 1)
    states = {r.id: r.state for r in rows}
    for _ in range(moves):
        task = chance.choice(rows).id
        kind = graph.nodes[task].kind
        states[task] = chance.choice(GROUP_STATES if kind is TaskKind.GROUP else LEAF_STATES)
        graph.apply(task, states[task])
        rebuilt = Graph("g", [replaced(r, states[r.id]) for r in rows], needs)
        assert graph.ready_ids() == rebuilt.ready_ids()
        assert graph.live == rebuilt.live


def replaced(old: NodeRow, state: TaskState) -> NodeRow:
    return NodeRow(old.id, old.parent, old.key, old.kind, state, old.order, old.on_failure, old.priority, old.position)


def test_r10_a_planted_cycle_costs_one_bounded_pass() -> None:
    names = [f"n{n}" for n in range(200)]
    rows = [NodeRow("root", None, "root", TaskKind.GROUP, TaskState.PENDING, Order.PARALLEL, OnFailure.STOP, 0, 0)]
    rows += [
        NodeRow(name, "root", name, TaskKind.WORK, TaskState.PENDING, Order.PARALLEL, OnFailure.STOP, 0, position)
        for position, name in enumerate(names)
    ]
    needs = [(names[n], names[(n + 1) % 200]) for n in range(200)]
    graph = Graph("g", rows, needs)
    assert graph.ready_ids() == frozenset()
    assert all(node.rank <= 201 for node in graph.nodes.values())


def test_a_wide_tree_pops_in_constant_steps() -> None:
    rows = [NodeRow("root", None, "root", TaskKind.GROUP, TaskState.RUNNING, Order.PARALLEL, OnFailure.STOP, 0, 0)]
    rows += [
        NodeRow(f"n{n}", "root", f"n{n}", TaskKind.WORK, TaskState.PENDING, Order.PARALLEL, OnFailure.STOP, 0, n)
        for n in range(5_000)
    ]
    graph = Graph("g", rows, [])
    popped = 0
    while (node := graph.pop()) is not None:
        graph.apply(node.id, TaskState.DONE)
        popped += 1
    assert popped == 5_000


COUNTS = st.dictionaries(st.sampled_from(list(TaskState)), st.integers(1, 3), min_size=1)


@settings(deadline=None)  # a busy machine is no failure
@given(counts=COUNTS, require=st.sampled_from(["all", "any", "2"]), policy=st.sampled_from(list(OnFailure)))
def test_r9_nothing_is_done_by_having_nothing_done(
    counts: dict[TaskState, int], require: str, policy: OnFailure
) -> None:
    lives = bool(counts.get(TaskState.RUNNING) or counts.get(TaskState.CLAIMED))
    derived = derive_from(counts, 0, require, policy, lambda: lives)
    total, done = sum(counts.values()), counts.get(TaskState.DONE, 0)
    wanted = {"all": total - counts.get(TaskState.SKIPPED, 0), "any": 1, "2": 2}[require]
    assert (derived is TaskState.DONE) == (done >= wanted)
    if lives:
        assert derived not in (TaskState.FAILED, TaskState.CANCELLED)


def test_derive_table() -> None:
    t = TaskState

    def derive(require: str = "all", policy: OnFailure = OnFailure.STOP, held: int = 0, **counts: int) -> TaskState:
        named = {TaskState(name): n for name, n in counts.items()}
        live = counts.get("running", 0) + counts.get("claimed", 0) > 0
        return derive_from(named, held, require, policy, lambda: live)

    assert derive(done=2, skipped=1) is t.DONE
    assert derive(pending=1, done=1) is t.PENDING
    assert derive(running=1, failed=1) is t.RUNNING
    assert derive(blocked=1, held=1, failed=1) is t.FAILED
    assert derive(blocked=1, running=1) is t.BLOCKED
    assert derive(failed=1, pending=1, policy=OnFailure.CONTINUE) is t.PENDING
    assert derive(cancelled=2) is t.CANCELLED
    assert derive(require="any", done=1, running=3) is t.DONE
    assert derive(require="any", failed=1, running=1) is t.RUNNING
    assert derive(require="any", failed=2) is t.FAILED
    assert derive(require="2", done=1, failed=2, pending=1) is t.PENDING
    assert derive(require="2", done=1, failed=2) is t.FAILED
    assert derive(review=1, waiting=1) is t.REVIEW
    assert derive(waiting=1, pending=2) is t.WAITING
