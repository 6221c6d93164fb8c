"""Tasks are added to a goal under way and put elsewhere in it (R10, R11, R26, R28)."""

import json
from random import Random

import pytest
from scripted import Bench, goal_file

from engine.api.edits import AddTasks, Place, TaskEdit
from engine.dispatch.tree.loading import load_graph
from engine.errors import IllegalMove, Invalid, InvalidGoalFile, StaleVersion
from engine.events import EventType

A, B = {"id": "a", "run": "hang a"}, {"id": "b", "run": "hang b"}


def tasks(*new: dict[str, object], **place: object) -> AddTasks:
    return AddTasks.model_validate({"source": json.dumps(list(new)), "path": "new.yaml", **place})


def task(key: str, *needs: str, **more: object) -> dict[str, object]:
    return {"id": key, "run": f"hang {key}", "needs": list(needs), **more}


async def begun(bench: Bench, *more: dict[str, object], **policy: object) -> str:
    """A sequence of which the first task, `a`, runs."""
    goal = (await bench.goal(goal_file(A, *more, policy=policy))).id
    await bench.until(goal, lambda _, states: states["a"] == "running")
    return goal


async def finish(bench: Bench, goal: str, *keys: str) -> None:
    for key in keys:
        await bench.until(goal, lambda _, states, key=key: states[key] == "running")  # type: ignore[misc]
        bench.driver.finish(f"hang {key}")


async def same_as_rebuilt(bench: Bench, goal: str) -> None:
    """R28: what dispatch holds in memory equals what the store says."""
    parts = bench.engine._parts
    await parts.scheduler.add_goal(goal)
    fresh = await parts.context.database.read(lambda connection: load_graph(connection, goal))
    assert parts.scheduler._graphs[goal].ready_ids() == fresh.ready_ids()


async def test_f8_a_task_that_is_added_runs_in_its_place(bench: Bench) -> None:
    goal = await begun(bench, B)
    added = await bench.engine.add_tasks(goal, tasks(task("x", description="More words"), task("y", "x"), before="b"))
    assert (added.group, [row.key for row in added.tasks]) == ("root", ["x", "y"])
    assert (await bench.engine.task(f"{goal}/x")).description == "More words"
    assert [node.key for node in (await bench.engine.tree(goal)).children] == ["a", "x", "y", "b"]
    for key, held in (("a", "x"), ("x", "y"), ("y", "b")):
        assert (await bench.states(goal))[held] == "pending"
        await finish(bench, goal, key)
    await finish(bench, goal, "b")
    assert (await bench.ended(goal)).state == "done"
    [told] = [event for event in await bench.events() if event.type is EventType.TASK_ADDED]
    assert (told.data["added"], told.data["group"]) == (["x", "y"], "root")


async def test_f20_a_bulk_with_groups_needs_and_gates_joins_a_group(bench: Bench) -> None:
    goal = await begun(bench, {"id": "group", "order": "parallel", "tasks": [B]})
    inner = {"id": "inner", "tasks": [task("p"), task("q", "b")]}
    gate = {"id": "ok", "gate": {"kind": "human_approval", "question": "Well?"}, "needs": ["q"]}
    added = await bench.engine.add_tasks(goal, tasks(inner, gate, parent="group"))
    assert sorted(row.key for row in added.tasks) == ["inner", "ok", "p", "q"]
    await finish(bench, goal, "a", "b", "p", "q")
    await bench.waiting(goal)
    assert (await bench.engine.decisions())[0].question == "Well?"
    assert (await bench.engine.task(f"{goal}/ok")).needs == (("q", "done"),)


async def test_the_variables_and_defaults_of_the_goal_hold_for_what_is_added(bench: Bench) -> None:
    source = goal_file(A, vars={"who": "world"}, defaults={"sandbox": {"memory": "64m"}})
    goal = (await bench.goal(source, variables={"who": "you"})).id
    await bench.engine.add_tasks(goal, tasks({"id": "x", "run": "echo {{ who }}"}))
    added = await bench.engine.task(f"{goal}/x")
    assert (added.command, added.memory) == ("echo you", 64 * 1024**2)


@pytest.mark.parametrize(
    ("new", "words"),
    [
        ([task("x", "y"), task("y", "x")], "new.yaml:1: cycle: x -> y -> x"),
        ([task("x", "b")], "new.yaml:1: cycle: x -> b -> x"),  # it would stand before b in the sequence
        ([task("x", "x")], "new.yaml:1: `x` needs itself"),
        ([task("x", "nobody")], "new.yaml:1: `x` needs `nobody`, which is no task"),
        ([task("b")], "new.yaml:1: the id `b` is taken by another task of the goal"),
        ([task("x"), task("x")], "new.yaml:1: the id `x` is taken by line 1"),
        ([task("x"), {"id": "z", "planned_by": "nobody"}], "`planned_by: nobody` names no task with `run` or `agent`"),
        ([task("x"), {"id": "y", "rnu": "true"}], "a task has no key `rnu`; did you mean `run`?"),
        ([{"id": "m", "merge": {"into": "main"}}], "`m` merges, and the goal has no `repo`"),
    ],
)
async def test_r10_a_bulk_that_does_not_fit_the_tree_is_refused_whole(
    bench: Bench, new: list[dict[str, object]], words: str
) -> None:
    goal = await begun(bench, B)
    before, seen = await bench.engine.tree(goal), len(await bench.events())
    with pytest.raises(InvalidGoalFile) as refused:
        await bench.engine.add_tasks(goal, tasks(*new, before="b"))
    assert words in refused.value.message
    assert (await bench.engine.tree(goal), len(await bench.events())) == (before, seen)


@pytest.mark.parametrize(
    "source", ["", "just words", "[]", "tasks: []", "{goal: x, tasks: [{id: x, run: y}]}", "- 3", "}"]
)
async def test_what_is_no_task_is_refused_with_its_line(bench: Bench, source: str) -> None:
    goal = await begun(bench)
    with pytest.raises(InvalidGoalFile, match=r"new\.yaml:1: "):
        await bench.engine.add_tasks(goal, AddTasks(source=source or " ", path="new.yaml"))


async def test_r26_nothing_is_put_before_what_has_begun_nor_into_what_has_ended(bench: Bench) -> None:
    goal = await begun(
        bench, {"id": "group", "tasks": [{"id": "done", "run": "exit 0"}], "needs": []}, order="parallel"
    )
    await bench.until(goal, lambda _, states: states["group"] == "done")
    with pytest.raises(IllegalMove, match="group is done: nothing is put into it"):
        await bench.engine.add_tasks(goal, tasks(task("x"), parent="group"))
    with pytest.raises(Invalid, match="a is a single task"):
        await bench.engine.add_tasks(goal, tasks(task("x"), parent="a"))
    with pytest.raises(Invalid, match="done is not in root"):
        await bench.engine.add_tasks(goal, tasks(task("x"), after="done"))
    with pytest.raises(StaleVersion):
        await bench.engine.add_tasks(goal, tasks(task("x"), version=999))
    sequence = await begun(bench, B)
    with pytest.raises(IllegalMove, match="a has begun: nothing is put before it"):
        await bench.engine.add_tasks(sequence, tasks(task("x"), before="a"))
    with pytest.raises(IllegalMove, match="a has begun"):
        await bench.engine.edit_task(f"{sequence}/b", TaskEdit(place=Place(before="a")))
    with pytest.raises(IllegalMove, match="its place is settled"):
        await bench.engine.edit_task(f"{sequence}/a", TaskEdit(place=Place(after="b")))
    await bench.engine.cancel(sequence)
    await bench.ended(sequence)
    with pytest.raises(IllegalMove, match="cancelled: nothing is added"):
        await bench.engine.add_tasks(sequence, tasks(task("x")))


async def test_f8_a_task_is_moved_among_its_siblings_and_into_another_group(bench: Bench) -> None:
    goal = await begun(bench, B, {"id": "group", "order": "parallel", "tasks": [task("g")]}, task("last"))
    moved = await bench.engine.edit_task(f"{goal}/last", TaskEdit(place=Place(after="a")))
    assert [node.key for node in (await bench.engine.tree(goal)).children] == ["a", "last", "b", "group"]
    with pytest.raises(StaleVersion):
        await bench.engine.edit_task(f"{goal}/last", TaskEdit(place=Place(), version=moved.version - 1))
    await bench.engine.edit_task(f"{goal}/b", TaskEdit(place=Place(parent="group", before="g")))
    tree = await bench.engine.tree(goal)
    assert [[node.key for node in top.children] for top in tree.children] == [[], [], ["b", "g"]]
    await same_as_rebuilt(bench, goal)
    await finish(bench, goal, "a", "last")
    await bench.until(goal, lambda _, states: states["b"] == states["g"] == "running")
    bench.driver.finish("hang b")
    bench.driver.finish("hang g")
    assert (await bench.ended(goal)).state == "done"


async def test_r9_a_group_that_loses_what_held_it_back_is_done_at_once(bench: Bench) -> None:
    goal = (
        await bench.goal(
            goal_file(
                {"id": "first", "tasks": [{"id": "quick", "run": "exit 0"}, task("slow", "other")]},
                task("other"),
                task("after", "first"),
                policy={"order": "parallel"},
            )
        )
    ).id
    await bench.until(goal, lambda _, states: states["quick"] == "done" and states["other"] == "running")
    await bench.engine.edit_task(f"{goal}/slow", TaskEdit(place=Place(parent="root")))
    assert (await bench.states(goal))["first"] == "done"
    await bench.until(goal, lambda _, states: states["after"] == "running")
    with pytest.raises(Invalid, match="the goal itself"):
        await bench.engine.edit_task(f"{goal}/root", TaskEdit(place=Place()))


async def test_r10_a_place_that_would_be_a_cycle_is_refused_and_named(bench: Bench) -> None:
    outer = {"id": "outer", "tasks": [{"id": "inner", "tasks": [task("g")]}, task("h")]}
    goal = await begun(bench, outer, task("last", "h"), {"id": "pair", "require": 2, "tasks": [task("m"), task("n")]})
    before = await bench.engine.tree(goal)
    for what, place, words in (
        ("outer", Place(parent="inner"), "outer would be in itself"),
        ("last", Place(parent="inner"), "cycle: last -> h -> inner -> last"),
        ("m", Place(parent="root"), "pair would keep 1 tasks and needs 2"),
        ("g", Place(parent="root"), "inner would keep 0 tasks and needs 1"),
        ("g", Place(parent="nobody"), "no task 'nobody' to move into"),
    ):
        with pytest.raises(Invalid) as refused:
            await bench.engine.edit_task(f"{goal}/{what}", TaskEdit(place=place))
        assert words in refused.value.message, what
    assert await bench.engine.tree(goal) == before


async def test_r29_what_stands_behind_something_dead_is_blocked_and_goes_on_without_it(bench: Bench) -> None:
    goal = await begun(bench, {"id": "bad", "run": "exit 1"}, task("other"), order="parallel", on_failure="continue")
    await bench.until(goal, lambda _, states: states["bad"] == "failed")
    await bench.engine.add_tasks(goal, tasks(task("x", "bad")))
    assert (await bench.engine.task(f"{goal}/x")).cause == "bad is failed"
    await bench.engine.edit_task(f"{goal}/x", TaskEdit(needs=()))
    await bench.until(goal, lambda _, states: states["x"] == "running")
    await bench.engine.add_tasks(goal, tasks(task("y", "x")))
    await bench.engine.edit_task(f"{goal}/y", TaskEdit(needs=("bad",)))
    assert (await bench.states(goal))["y"] == "blocked"


async def test_r9_r28_random_additions_and_moves_leave_a_tree_that_runs_to_its_end(bench: Bench) -> None:
    random = Random(20)
    source = goal_file(
        {"id": "g0", "order": "parallel", "tasks": [task("t0")]}, task("t1"), policy={"order": "parallel"}
    )
    await bench.engine.switch_dispatch(False)
    goal, done = (await bench.goal(source)).id, 0
    for n in range(2, 40):
        keys = [key for key in await bench.states(goal) if key != "root"]
        place = random.choice([{}, {"parent": "g0"}, {"after": random.choice(keys)}])
        new = {"id": f"g{n}", "tasks": [task(f"t{n}")]} if random.random() < 0.2 else task(f"t{n}", random.choice(keys))
        try:
            if random.random() < 0.5:
                await bench.engine.add_tasks(goal, tasks(new, **place))
            else:
                group = random.choice([None, "root", *(key for key in keys if key.startswith("g"))])
                await bench.engine.edit_task(f"{goal}/{random.choice(keys)}", TaskEdit(place=Place(parent=group)))
            done += 1
        except Invalid:
            continue
        finally:
            await same_as_rebuilt(bench, goal)
    assert done > 15
    await bench.engine.switch_dispatch(True)
    while (await bench.engine.status(goal)).goals[0].ended_at is None:
        await bench.until(goal, lambda view, states: "running" in states.values() or view.ended_at is not None)
        for key in await bench.states(goal):
            bench.driver.finish(f"hang {key}")
    view = (await bench.engine.status(goal)).goals[0]
    assert (view.state, view.progress[0]) == ("done", view.progress[1])
