"""A task plans a group (R38): what is pending is replaced, and nothing else."""

from scripted import Bench, goal_file
from voices import Voice, seen, voice_of

PLANNED = {"id": "parts", "planned_by": "planner", "order": "parallel"}


def subtask(key: str, **more: object) -> dict[str, object]:
    return {"id": key, "run": f"hang {key}", **more}


async def planner(bench: Bench, *more: dict[str, object], **policy: object) -> tuple[str, Voice]:
    goal = await bench.goal(
        goal_file({"id": "planner", "run": "hang planner"}, PLANNED, *more, policy={"order": "parallel", **policy})
    )
    await bench.until(goal.id, lambda _, states: states["planner"] == "running")
    return goal.id, voice_of(bench, "planner")


async def test_r38_a_new_plan_replaces_the_pending_and_leaves_what_ran_and_runs(bench: Bench) -> None:
    goal, voice = await planner(bench, {"id": "after", "run": "true", "needs": ["parts"]}, max_parallel=3)
    first = [subtask("a"), subtask("b"), subtask("c", needs=["b"]), subtask("d", needs=["a", "b"])]
    planned = await voice.post("subtasks", tasks=first)
    assert (planned["group"], sorted(planned["added"]), planned["replaced"]) == ("parts", list("abcd"), [])
    await bench.until(goal, lambda _, states: states["a"] == states["b"] == "running")
    bench.driver.finish("hang a")
    await bench.until(goal, lambda _, states: states["a"] == "done")
    again = await voice.post("subtasks", tasks=[subtask("c"), subtask("e", needs=["a"])])
    assert sorted(again["replaced"]) == ["c", "d"]
    states = await bench.states(goal)
    assert (states["a"], states["b"]) == ("done", "running")
    replaced = {key: state for key, state in states.items() if ".replaced-" in key}
    assert sorted(replaced.values()) == ["skipped", "skipped"]
    await bench.until(goal, lambda _, states: states["c"] == "running" or states["e"] == "running")
    for key in ("b", "c", "e"):
        await bench.until(goal, lambda _, states, key=key: states[key] == "running")  # type: ignore[misc]
        bench.driver.finish(f"hang {key}")
    await bench.until(goal, lambda _, states: states["e"] == "done")
    assert (await bench.states(goal))["parts"] not in ("done", "failed"), "its planner may still add to it"
    bench.driver.finish("hang planner")
    view = await bench.ended(goal)
    assert (view.state, (await bench.states(goal))["after"]) == ("done", "done")
    assert len(await seen(bench, "task.planned", 2)) == 2


async def test_r38_an_empty_group_has_ended_once_its_planner_has(bench: Bench) -> None:
    goal, _ = await planner(bench, {"id": "after", "run": "true", "needs": ["parts"]})
    assert (await bench.states(goal))["parts"] == "pending"
    bench.driver.finish("hang planner")
    assert (await bench.ended(goal)).state == "done"


async def test_r111_what_is_planned_reaches_no_further_than_who_plans(bench: Bench) -> None:
    _, voice = await planner(bench)
    for foreign in ({"sandbox": {"network": "open"}}, {"merge": {"into": "main"}}, {"env": {"A": "b"}}, {"tasks": []}):
        refused = await voice.refused("subtasks", tasks=[subtask("a", **foreign)])
        assert refused[0] == 400, foreign
    await voice.post("subtasks", tasks=[subtask("a")])
    await seen(bench, "run.started", 2)
    voice = voice_of(bench, "a")
    assert (await voice.refused("subtasks", tasks=[]))[1] == "a plans no group"


async def test_r38_a_plan_that_cannot_be_is_refused_whole(bench: Bench) -> None:
    goal, voice = await planner(bench)
    bad = {
        "twice": [subtask("a"), subtask("a")],
        "cycle": [subtask("a", needs=["b"]), subtask("b", needs=["a"])],
        "nothing": [subtask("a", needs=["nobody"])],
        "taken": [subtask("planner")],
        "no run": [{"id": "a"}],
    }
    for what, tasks in bad.items():
        assert (await voice.refused("subtasks", tasks=tasks))[0] in (400, 409), what
    assert set(await bench.states(goal)) == {"planner", "parts"}
