"""What comes first in the inbox, at every door (F75, F140)."""

from pathlib import Path

from scripted import Bench, goal_file

from engine.api import Snapshot
from engine.client import RemoteEngine
from engine.dispatch.tree.graph import Graph
from engine.dispatch.tree.node_rows import NodeRow
from engine.local.blocking import held_up_by
from engine.model import OnFailure, Order, TaskKind, TaskState
from engine.server import serve


def gate(key: str, risk: str = "normal", **more: object) -> dict[str, object]:
    return {"id": key, "gate": {"kind": "human_approval", "question": f"{key}?", "risk": risk}, **more}


def task(key: str, *needs: str) -> dict[str, object]:
    return {"id": key, "run": "exit 0", "needs": list(needs)}


async def test_f75_a_gate_that_holds_up_a_long_chain_comes_first_at_every_door(bench: Bench, project: Path) -> None:
    goal = await bench.goal(
        goal_file(
            gate("alone", "high"),
            gate("wide"),
            task("a", "wide"),
            task("b", "wide"),
            task("c", "wide"),
            gate("deep"),
            task("d", "deep"),
            task("e", "d"),
            task("f", "e"),
            task("g", "f"),
            gate("low", "low"),
            policy={"order": "parallel"},
        )
    )
    await bench.until(goal.id, lambda view, states: len(view.waiting_on) == 4)
    here = await bench.engine.decisions()
    assert [(one.task_key, one.blocks, one.chain) for one in here] == [
        ("deep", 4, 4), ("alone", 0, 0), ("wide", 3, 1), ("low", 0, 0),
    ]  # fmt: skip
    path = project / "far.sock"
    async with serve(bench.engine, path):
        far = await RemoteEngine.connect(f"unix:{path}")
        assert [one.id for one in await far.decisions()] == [one.id for one in here]
        await far.close()
    updates = bench.engine.subscribe()
    snapshot = await anext(updates)
    await updates.aclose()  # type: ignore[attr-defined]  # an async generator
    assert isinstance(snapshot, Snapshot)
    assert [one.id for one in snapshot.decisions] == [one.id for one in here]


def rows(*tasks: tuple[str, str | None, TaskKind, Order]) -> list[NodeRow]:
    counted: dict[str | None, int] = {}
    found = []
    for key, parent, kind, order in tasks:
        position = counted[parent] = counted.get(parent, -1) + 1
        found.append(
            NodeRow(key, parent, key, kind, TaskState.PENDING, order, OnFailure.STOP, 0, position, None, None, None)
        )
    return found


def test_the_chain_goes_through_groups_and_a_cycle_that_is_stored_costs_one_pass() -> None:
    work, group, parallel, sequence = TaskKind.WORK, TaskKind.GROUP, Order.PARALLEL, Order.SEQUENTIAL
    tree = rows(
        ("root", None, group, sequence),
        ("first", "root", group, parallel),
        ("a", "first", work, sequence),
        ("b", "first", work, sequence),
        ("second", "root", group, sequence),
        ("c", "second", work, sequence),
        ("d", "second", work, sequence),
        ("e", "root", work, sequence),
    )
    held = held_up_by(Graph("g", tree, [("b", "a")]), "a")
    assert ([node.key for node in held.leaves], held.chain) == (["b", "c", "d", "e"], 4)
    planted = held_up_by(Graph("g", tree, [("a", "e"), ("b", "a")]), "a")
    assert ([node.key for node in planted.leaves], planted.chain) == (["b", "c", "d", "e"], 0)
