"""A goal started over, without some of its tasks, or from a checkpoint: always a new goal (R17, R109)."""

from pathlib import Path

import pytest
from scripted import Bench, goal_file
from voices import voice_of, voices
from yard import Open

from engine.api import CreateGoal
from engine.api.edits import AddTasks
from engine.errors import Conflict, Invalid, NotFound
from engine.events import EventType
from engine.model import GoalState, Runtime

GREETING = goal_file({"id": "a", "run": "print {{ who }}"}, vars={"who": "world", "size": "1"})


async def test_a_goal_is_started_over_with_its_source_variables_and_options(bench: Bench) -> None:
    before = await bench.goal(GREETING, path="/goals/hello.yaml", variables={"who": "you"}, max_parallel=3)
    await bench.ended(before.id)
    again = await bench.engine.create_goal(CreateGoal(again=before.id[:6], variables={"size": "2"}, by="me"))
    assert (await bench.ended(again.id)).state is GoalState.DONE
    assert (again.id != before.id, again.title, again.continues) == (True, before.title, before.id)
    assert [spec.argv[-1] for spec in bench.driver.specs] == ["print you", "print you"]
    rows = await bench.engine._parts.context.database.all("SELECT * FROM goals ORDER BY rowid")
    same = ("source", "path", "runtime", "allow_unconfined", "policy", "repo")
    assert [tuple(row[name] for name in same) for row in rows[:1]] == [
        tuple(row[name] for name in same) for row in rows[1:]
    ]
    assert '"size":"2"' in rows[1]["variables"].replace(" ", "")
    told = [event for event in await bench.events() if event.type is EventType.GOAL_CREATED]
    assert [event.data.get("continues") for event in told] == [None, before.id]
    assert (await bench.engine.status(before.id)).goals[0].state is GoalState.DONE, "history stays"


async def test_r17_one_that_is_about_something_is_started_over_once_it_has_ended(bench: Bench) -> None:
    before = await bench.goal(goal_file({"id": "a", "run": "hang"}), external_ref="o/r#1")
    with pytest.raises(Conflict, match="under way"):
        await bench.engine.create_goal(CreateGoal(again=before.id))
    assert len((await bench.engine.status()).goals) == 1
    await bench.engine.cancel(before.id)
    await bench.ended(before.id)
    again = await bench.engine.create_goal(CreateGoal(again=before.id))
    assert again.external_ref == "o/r#1"


async def test_what_is_not_there_is_not_started_over(bench: Bench) -> None:
    with pytest.raises(NotFound):
        await bench.engine.create_goal(CreateGoal(again="g-nothing"))


async def test_a_goal_is_started_over_on_the_repository_it_had(yards: Open, project: Path) -> None:
    yard = await yards()
    source = goal_file({"id": "a", "run": "exit 0"}, repo="operator")
    request = CreateGoal(source=source, path="/elsewhere/goal.yaml", folder=str(project), start=False)
    before = await yard.engine.create_goal(request)
    again = await yard.engine.create_goal(CreateGoal(again=before.id, start=False))
    assert (again.repo, again.branch) == (str(project / "operator"), f"pilothouse/{again.id}")


@pytest.mark.parametrize("values", [{}, {"again": "g-1", "source": "goal: x"}, {"again": "g-1", "folder": "/tmp"}])
def test_r112_a_goal_has_one_source(values: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="source"):
        CreateGoal.model_validate(values)
    assert CreateGoal(again="g-1", runtime=Runtime.PROCESS).source == ""


SDLC = goal_file(
    {"id": "work", "run": "print work"},
    {"id": "tests", "order": "parallel", "tasks": [{"id": "unit", "run": "exit 1"}, {"id": "ui", "run": "exit 1"}]},
    {"id": "gate", "gate": {"kind": "human_approval"}, "needs": ["tests"]},
    {"id": "ship", "run": "print ship", "needs": ["gate"]},
)


async def test_what_is_skipped_by_choice_does_not_run_and_says_who_chose_so(bench: Bench) -> None:
    goal = await bench.goal(SDLC, skip=["gate", "tests"], by="me")
    assert (await bench.ended(goal.id)).state is GoalState.DONE
    states = await bench.states(goal.id)
    assert {key: states[key] for key in ("work", "unit", "ui", "gate", "ship")} == {
        "work": "done", "unit": "skipped", "ui": "skipped", "gate": "skipped", "ship": "done",
    }  # fmt: skip
    assert sorted(spec.argv[-1] for spec in bench.driver.specs) == ["print ship", "print work"]
    assert list(await bench.engine.decisions()) == []
    why = await bench.engine.why(f"{goal.id}/gate")
    assert why.reasons[0] == "me runs this goal without gate (--skip)"
    inside = await bench.engine.why(f"{goal.id}/ui")
    assert inside.reasons[0] == "me runs this goal without tests, which ui is in (--skip)"
    told = [event.data["key"] for event in await bench.events() if event.type is EventType.TASK_SKIPPED]
    assert sorted(told) == ["gate", "ui", "unit"]


async def test_what_was_skipped_once_is_not_skipped_when_the_goal_starts_over(bench: Bench) -> None:
    first = await bench.goal(SDLC, skip=["gate", "tests"])
    await bench.ended(first.id)
    again = await bench.engine.create_goal(CreateGoal(again=first.id, skip=("tests",)))
    await bench.waiting(again.id)
    assert (await bench.states(again.id))["ship"] == "pending"


@pytest.mark.parametrize(
    ("skip", "words"),
    [
        (["gate", "gaet"], "no task 'gaet'"), (["root"], "no task 'root'"), ([""], "no task ''"),
        (["work", "tests", "gate", "ship"], "nothing to do"), (["more"], "no tasks yet"),
    ],
)  # fmt: skip
async def test_r112_what_cannot_be_skipped_is_refused_before_anything_is_created(
    bench: Bench, skip: list[str], words: str
) -> None:
    source = SDLC
    if "more" in skip:
        source = goal_file({"id": "plan", "run": "exit 0"}, {"id": "more", "planned_by": "plan"})
    with pytest.raises(Invalid, match=words):
        await bench.goal(source, skip=skip)
    assert (await bench.engine.status()).goals == ()
    assert [event for event in await bench.events() if event.goal] == []


async def test_f24_a_fork_begins_with_the_state_of_the_checkpoint_and_the_old_goal_keeps_its_own(bench: Bench) -> None:
    old, (one, _) = await voices(bench, "one", "two")
    first = await one.post("checkpoint", name="half", data={"step": 1})
    await one.post("checkpoint", name="later", data={"step": 2}, version=first["version"])
    bench.driver.finish("hang one")
    bench.driver.finish("hang two")
    await bench.ended(old)
    fork = await bench.engine.create_goal(CreateGoal(again=old, checkpoint=first["checkpoint"], by="me"))
    assert fork.continues == old
    await bench.until(fork.id, lambda _, states: states["one"] == states["two"] == "running")
    assert (await voice_of(bench, "one").get("inputs"))["state"] == {"version": 1, "state": {"step": 1}}
    assert (await voice_of(bench, "two").get("inputs"))["state"] == {"version": 0, "state": {}}
    (event,) = [event for event in await bench.events() if event.type is EventType.CHECKPOINT_RESTORED]
    assert (event.goal, event.data["forked"], event.data["by"]) == (fork.id, old, "me")
    row = await bench.engine._parts.context.database.one(
        "SELECT s.data, s.version FROM task_states s JOIN tasks t ON t.id = s.task WHERE t.goal = :goal", {"goal": old}
    )
    assert row is not None
    assert tuple(row) == ('{"step": 2}', 2)


async def test_f24_what_cannot_be_forked_is_refused_before_anything_is_created(bench: Bench) -> None:
    old, (one, _) = await voices(bench, "one", "two")
    other, (three,) = await voices(bench, "three")
    mine = (await one.post("checkpoint", name="a", data={}))["checkpoint"]
    foreign = (await three.post("checkpoint", name="b", data={}))["checkpoint"]
    for checkpoint, skip, error, words in (
        (99, (), NotFound, "no checkpoint 99"), (foreign, (), Conflict, f"is of {other}"),
        (mine, ("one",), Invalid, "it is not skipped"),
    ):  # fmt: skip
        with pytest.raises(error, match=words):
            await bench.engine.create_goal(CreateGoal(again=old, checkpoint=checkpoint, skip=skip))
    with pytest.raises(ValueError, match="forked"):
        CreateGoal(source="goal: x", checkpoint=mine)
    assert len((await bench.engine.status()).goals) == 2


async def test_f24_a_task_that_came_while_the_goal_ran_is_not_forked(bench: Bench) -> None:
    old, _ = await voices(bench, "one")
    added = AddTasks(source="tasks: [{id: late, run: hang late}]")
    await bench.engine.add_tasks(old, added)
    bench.driver.finish("hang one")
    await bench.until(old, lambda _, states: states["late"] == "running")
    kept = (await voice_of(bench, "late").post("checkpoint", name="a", data={}))["checkpoint"]
    with pytest.raises(Invalid, match="late is not in the goal file"):
        await bench.engine.create_goal(CreateGoal(again=old, checkpoint=kept))
    assert len((await bench.engine.status()).goals) == 1
