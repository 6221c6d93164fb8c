"""What testers find: told, shown, and run again by the one loop of rework (R37, R87, R89)."""

from collections.abc import Awaitable, Callable

import pytest
from beside import batches, begun, done, finish, group, inputs_of, outcomes, running, voice_of_tester, worker
from scripted import Bench, goal_file
from voices import Voice, seen, voice_of
from yard import Open as OpenYard
from yard import write

from engine.api import Answer
from engine.dispatch.testers.batches import asked_to_test
from engine.errors import Invalid, PilothouseError
from engine.model import AnswerKind

Open = Callable[..., Awaitable[Bench]]


async def report(bench: Bench, voice: Voice, **broken: str) -> None:
    """The tester says what is broken, and its process ends."""
    checks = [{"name": key, "passed": False, "output": words} for key, words in broken.items()]
    await voice.post("complete", all_passed=not checks, checks=[*checks, {"name": "other", "passed": True}])
    bench.driver.finish("hang test")


async def test_r89_what_is_broken_runs_again_with_the_words_and_so_does_what_rests_on_it(bench: Bench) -> None:
    goal = await begun(bench, group(worker("a"), worker("b", needs=["a"]), worker("c"), worker("d"), ratio=1))
    for key in "abd":
        await finish(bench, goal, key)
    await running(bench, goal, "c", "items.tester-1")
    voice = voice_of_tester(bench)
    given = inputs_of(voice)
    assert given["batch"][0]["key"] == "a", "what others need comes first"
    assert set(given["dependencies"]) == {task["key"] for task in given["batch"]}
    await report(bench, voice, a="it says two", nobody="of another batch")
    await running(bench, goal, "a")
    states = await bench.states(goal)
    assert (states["b"], states["d"]) == ("pending", "done")
    [asked] = inputs_of(voice_of(bench, "a"))["feedback"]
    words = {"text": "it says two", "decision": None, "task": "items.tester-1", "run": voice.env["PILOTHOUSE_RUN"]}
    assert asked == {**words, "at": asked["at"]}
    [sent] = [event.data for event in await bench.events() if event.type == "task.rework"]
    assert (sent["key"], sent["target"], sent["round"]) == ("items.tester-1", "a", 1)
    [told] = [event for event in await outcomes(bench) if event.data["outcome"] == "regressed"]
    assert (told.data["regressed"], told.data["group"]) == ({"a": "it says two"}, "items")
    why = await bench.engine.why(f"{goal}/items")
    assert "items.tester-1 (run 1) found broken a: it says two" in why.reasons
    record = await bench.engine.task(f"{goal}/a")
    assert (record.failures, record.cause) == (0, None)
    for key in "abc":
        await finish(bench, goal, key)
    assert (await bench.ended(goal)).state == "done"


async def test_r89_work_that_runs_on_what_is_broken_runs_again_when_it_has_ended(bench: Bench) -> None:
    goal = await begun(bench, group(worker("a"), worker("b", needs=["a"]), ratio=1))
    await finish(bench, goal, "a")
    await running(bench, goal, "b", "items.tester-1")
    await report(bench, voice_of_tester(bench), a="it says two")
    await running(bench, goal, "a")
    assert (await bench.states(goal))["b"] == "running", "nobody is stopped for it"
    bench.driver.finish("hang b")
    await bench.until(goal, lambda _, states: states["b"] == "pending")
    await finish(bench, goal, "a")
    await finish(bench, goal, "b")
    assert (await bench.ended(goal)).state == "done"
    assert [len((await bench.engine.task(f"{goal}/{key}")).runs) for key in "ab"] == [2, 2]


async def test_r90_a_tester_is_told_at_once_that_what_it_says_is_no_finding(bench: Bench) -> None:
    goal = await begun(bench, group(done("a"), worker("b"), ratio=1))
    await running(bench, goal, "b", "items.tester-1")
    voice = voice_of_tester(bench)
    broken = [{"name": "a", "passed": False, "output": "it says two"}]
    for said in ({"verdict": "approved"}, {"all_passed": True, "checks": broken}, {"all_passed": True}):
        status, _ = await voice.refused("complete", **said)
        assert status == 400
    bench.driver.finish("hang test")
    await seen(bench, "task.tested")
    assert [event.data["outcome"] for event in await outcomes(bench)] == ["passed"]


async def test_r87_after_max_cycles_a_person_is_asked(opened: Open) -> None:
    bench = await opened(undo_window=0)
    goal = await begun(bench, group(worker("a"), worker("b"), ratio=1, max_cycles=1))
    for round_ in range(2):
        await finish(bench, goal, "a")
        await running(bench, goal, "b", "items.tester-1")
        await report(bench, voice_of_tester(bench), a=f"wrong in round {round_}")
    await bench.until(goal, lambda _, states: states["a"] == "blocked")
    [asked] = await bench.engine.decisions()
    assert (asked.kind, asked.task_key) == ("failure", "a")
    assert "wrong in round 1" in asked.question
    bench.driver.finish("hang b")
    assert (await bench.waiting(goal)).state == "active", "nothing goes on over it"
    await bench.engine.answer(asked.id, Answer(version=asked.version, answer=AnswerKind.APPROVE, by="me", via="test"))
    await finish(bench, goal, "a")
    assert (await bench.ended(goal)).state == "done"


@pytest.mark.parametrize(("retries", "runs"), [(0, 1), (2, 3)])
async def test_r37_a_test_that_fails_and_names_nothing_is_told_and_counts_nowhere(
    bench: Bench, retries: int, runs: int
) -> None:
    goal = await begun(bench, group(done("a"), worker("b"), run="exit 3", ratio=1, retries=retries))
    await seen(bench, "task.tested", runs)
    await running(bench, goal, "b")
    assert [event.data["outcome"] for event in await outcomes(bench)] == ["failed"] * runs
    why = await bench.engine.why(f"{goal}/items")
    assert any(reason.startswith("items.tester-1 (run 1) could not test a: ") for reason in why.reasons)
    idle = await bench.engine.why(f"{goal}/items.tester-1")
    assert any("was tested since something" in reason for reason in idle.reasons)
    await finish(bench, goal, "b")
    view = await bench.ended(goal)
    assert (view.state, view.exit_code, len(await batches(bench))) == ("done", 0, runs)


async def test_f26_a_goal_goes_on_without_a_tester_that_is_skipped(bench: Bench) -> None:
    goal = await begun(bench, group(worker("a"), worker("b"), ratio=1))
    await bench.engine.skip(f"{goal}/items.tester-1", "me")
    await finish(bench, goal, "a")
    await finish(bench, goal, "b")
    assert (await bench.ended(goal)).state == "done"
    task = await bench.engine.task(f"{goal}/items.tester-1")
    assert (task.state, task.cause, task.runs, task.tests) == ("skipped", "skipped by me", (), "items")


async def test_f26_a_goal_starts_without_what_it_was_told_to_skip(bench: Bench) -> None:
    items = group(done("a"), worker("b"), ratio=1, max=2)
    with pytest.raises(Invalid, match="no task 'c' to skip"):
        await bench.goal(goal_file(items), skip=["c"])
    goal = (await bench.goal(goal_file(items, done("c")), skip=["items.testers", "c"])).id
    await finish(bench, goal, "b")
    assert (await bench.ended(goal)).state == "done"
    states = await bench.states(goal)
    assert [states[key] for key in ("items.tester-1", "items.tester-2", "c")] == ["skipped"] * 3
    told = [event for event in await bench.events() if event.type == "task.skipped"]
    assert sorted(event.data["cause"] for event in told) == [
        "operator runs this goal without c (--skip)",
        "operator runs this goal without items.testers, which items.tester-1 is in (--skip)",
        "operator runs this goal without items.testers, which items.tester-2 is in (--skip)",
    ]
    assert await batches(bench) == []


async def test_r10_nothing_needs_a_tester_and_none_is_moved_or_edited(bench: Bench) -> None:
    from engine.api.edits import Place, TaskEdit

    goal = await begun(bench, group(worker("a"), worker("b"), ratio=1), worker("c", needs=["items"]))
    tester = f"{goal}/items.tester-1"
    refused = [
        (f"{goal}/c", TaskEdit(by="me", needs=("items.tester-1",))),
        (tester, TaskEdit(by="me", title="other")),
        (tester, TaskEdit(by="me", place=Place(parent="items"))),
    ]
    for ref, edit in refused:
        with pytest.raises(PilothouseError, match="is a tester"):
            await bench.engine.edit_task(ref, edit)


async def test_r96_the_batch_of_a_tester_that_is_cancelled_is_for_the_others(bench: Bench) -> None:
    goal = await begun(bench, group(done("a"), worker("b"), worker("c"), ratio=1, max=2))
    await bench.until(goal, lambda _, states: "running" in (states["items.tester-1"], states["items.tester-2"]))
    first = next(key for key, state in (await bench.states(goal)).items() if ".tester-" in key and state == "running")
    await bench.engine.cancel(f"{goal}/{first}", "me")
    await seen(bench, "agent.registered", 5)
    assert ((await bench.states(goal))[first], await batches(bench)) == ("cancelled", [["a"], ["a"]])
    assert voice_of_tester(bench).env["PILOTHOUSE_ROLE"] == "test"


def test_the_prompt_of_a_testers_agent_lists_its_batch_and_how_to_answer() -> None:
    told = asked_to_test("Look closely.\n", [{"key": "a", "title": "Log in"}, {"key": "b", "title": "Search"}])
    assert told.startswith("Look closely.\n\nTest whether")
    assert "\n- a: Log in\n- b: Search\n" in told
    assert "ph complete --broken KEY=" in told


async def test_r59_what_a_tester_changes_is_scratch(yards: OpenYard) -> None:
    yard = await yards()
    items = group(done("a"), worker("b"), run="exit 0", ratio=1)
    yard.driver.work = write
    goal = await yard.goal_of(items)
    await seen(yard, "task.tested")
    yard.driver.finish("hang b")
    assert (await yard.ended(goal)).state == "done"
    runs = [await yard.engine.run(str(event.run)) for event in await yard.events() if event.type == "run.ended"]
    testers = [run for run in runs if run.key == "items.tester-1"]
    assert testers
    assert all((run.commit, run.salvage) == (None, None) for run in testers)
    assert "tester" not in yard.git(goal, "log", "--format=%s", f"pilothouse/{goal}")
