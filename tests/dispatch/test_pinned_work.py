"""What a pinned sandbox hands on of a repository, and that no crash between two runs loses or doubles it (R31, R59)."""

from collections.abc import Callable
from pathlib import Path

import pytest
from scripted import goal_file
from yard import Open, Yard

from engine.api import Answer, GoalOrder, SandboxOrder
from engine.dispatch.claims import Claimed, Limits, claim, mark_starting
from engine.dispatch.runs.resting import rest_name
from engine.ids import random_id
from engine.model import AnswerKind, GoalState, RunState
from engine.store import Tx
from engine.workspace import repository
from engine.workspace.git_process import GitFailed

pytestmark = pytest.mark.allow_blocking("the operator's own git runs between the calls")


async def pinned_goal(yard: Yard, *tasks: dict[str, object], **policy: object) -> str:
    operator = str(yard.project / "operator")
    return (await yard.goal(goal_file(*tasks, repo=operator, policy={"session": "reuse"} | policy))).id


class Hands:
    """What each run in turn does to its work folder, and what it found there."""

    def __init__(self, *acts: Callable[[Path], None]) -> None:
        self._acts = iter(acts)
        self.found: list[dict[str, str]] = []

    def __call__(self, folder: Path) -> None:
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        self.found.append({str(path.relative_to(folder)): path.read_text() for path in files})
        next(self._acts)(folder)


def writes(**files: str) -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        for name, text in files.items():
            (folder / name.replace("_", ".")).write_text(text)

    return act


def nothing(folder: Path) -> None:
    return None


async def test_r31_the_branch_and_what_git_ignores_are_handed_on(yard: Yard) -> None:
    hands = Hands(writes(_gitignore="*.o\n", made_txt="1\n", built_o="big\n"), nothing)
    yard.driver.work = hands
    goal = await pinned_goal(yard, {"id": "make", "run": "exit 0"}, {"id": "use", "run": "exit 0"})
    assert (await yard.ended(goal)).state is GoalState.DONE
    assert hands.found[0] == {"a.txt": "one\n"}
    assert hands.found[1] == {"a.txt": "one\n", ".gitignore": "*.o\n", "made.txt": "1\n", "built.o": "big\n"}
    tip = yard.git(goal, "ls-tree", "--name-only", f"pilothouse/{goal}")
    assert tip.split() == [".gitignore", "a.txt", "made.txt"]


async def test_r31_what_other_tasks_brought_into_the_branch_is_there_too(yard: Yard) -> None:
    hands = Hands(writes(_gitignore="*.o\n", mine_o="kept\n"), writes(a_txt="two\n", own_txt="x\n"), nothing)
    yard.driver.work = hands
    own = {"id": "own", "run": "exit 0", "session": "spawn"}
    goal = await pinned_goal(yard, {"id": "first", "run": "exit 0"}, own, {"id": "last", "run": "exit 0"})
    await yard.ended(goal)
    assert hands.found[1] == {".gitignore": "*.o\n", "a.txt": "one\n"}, "its own sandbox has nothing of the pinned one"
    assert hands.found[2] == {".gitignore": "*.o\n", "a.txt": "two\n", "own.txt": "x\n", "mine.o": "kept\n"}


@pytest.mark.parametrize("how", ["fails", "waits for approval"])
async def test_r31_a_change_that_no_gate_let_through_is_not_handed_on_to_another_task(yard: Yard, how: str) -> None:
    hides = writes(bad_txt="no\n", a_txt="spoilt\n", _gitignore="*.x\n", evil_x="hidden\n")
    hands = Hands(hides, writes(good_txt="yes\n"))
    yard.driver.work = hands
    first: dict[str, object] = {"id": "first", "run": "exit 3" if how == "fails" else "exit 0", "priority": 1}
    first |= {"requires_approval": how != "fails"}
    goal = await pinned_goal(
        yard, first, {"id": "second", "run": "exit 0"}, order="parallel", on_failure="continue"
    )  # fmt: skip
    await yard.until(goal, lambda _, states: states["second"] == "done")
    assert hands.found[1] == {"a.txt": "one\n"}
    assert yard.git(goal, "ls-tree", "--name-only", f"pilothouse/{goal}").split() == ["a.txt", "good.txt"]
    if how == "fails":
        run = (await yard.engine.task(f"{goal}/first")).runs[0]
        assert yard.git(goal, "show", f"{run.salvage}:bad.txt") == "no"


async def test_r31_the_next_run_of_the_same_task_goes_on_with_its_own_change(yard: Yard) -> None:
    acts = iter((writes(half_txt="1\n"), writes(rest_txt="2\n")))
    hands = Hands(lambda folder: next(acts)(folder), lambda folder: next(acts)(folder))
    yard.driver.work = hands
    goal = await pinned_goal(yard, {"id": "make", "run": "hang", "retries": 1})
    await yard.until(goal, lambda _, states: states["make"] == "running")
    await yard.engine.order_sandbox(f"{goal}/make", SandboxOrder.KILL)
    await yard.until(goal, lambda _, states: states["make"] == "blocked")
    await yard.engine.retry(f"{goal}/make")
    await yard.until(goal, lambda _, states: states["make"] == "running" and len(yard.driver.specs) == 2)
    yard.driver.finish()
    assert (await yard.ended(goal)).state is GoalState.DONE
    assert hands.found[1] == {"a.txt": "one\n", "half.txt": "1\n"}
    assert yard.git(goal, "ls-tree", "--name-only", f"pilothouse/{goal}").split() == ["a.txt", "half.txt", "rest.txt"]


async def test_r31_a_link_in_what_was_left_leads_no_file_out_of_the_folder(yard: Yard) -> None:
    outside = yard.project / "outside"
    outside.mkdir()

    def plants(folder: Path) -> None:
        (folder / ".gitignore").write_text("dir\n")
        (folder / "dir").symlink_to(outside)

    def makes_dir(folder: Path) -> None:
        (folder / "dir").mkdir()
        (folder / "dir" / "evil").write_text("out\n")
        (folder / ".gitignore").write_text("nothing\n")

    hands = Hands(plants, makes_dir, nothing)
    yard.driver.work = hands
    own = {"id": "own", "run": "exit 0", "session": "spawn"}
    goal = await pinned_goal(yard, {"id": "first", "run": "exit 0"}, own, {"id": "last", "run": "exit 0"})
    assert (await yard.ended(goal)).state is GoalState.DONE
    assert hands.found[2]["dir/evil"] == "out\n"
    assert list(outside.iterdir()) == []


async def test_r31_what_is_to_be_done_again_on_the_newer_branch_starts_from_it(yard: Yard) -> None:
    hands = Hands(writes(a_txt="mine\n", _gitignore="*.o\n"), writes(a_txt="theirs\n"), nothing)
    yard.driver.work = hands
    own = {"id": "own", "run": "hang own", "session": "spawn"}
    goal = await pinned_goal(yard, {"id": "make", "run": "hang", "priority": 1}, own, order="parallel")
    await yard.until(goal, lambda _, states: states["make"] == states["own"] == "running")
    yard.driver.finish("hang own")
    await yard.until(goal, lambda _, states: states["own"] == "done")
    yard.driver.finish()
    await yard.until(goal, lambda _, states: states["make"] == "blocked")
    (asked,) = await yard.engine.decisions()
    await yard.engine.answer(asked.id, Answer(answer=AnswerKind.CHOOSE, option="again", version=asked.version))
    await yard.until(goal, lambda _, states: states["make"] == "running")
    yard.driver.finish()
    assert (await yard.ended(goal)).state is GoalState.DONE
    branch = f"pilothouse/{goal}"  # what `own` brought there, whichever of the two began first
    assert sorted(hands.found[2]) == yard.git(goal, "ls-tree", "--name-only", branch).split()
    assert hands.found[2]["a.txt"].strip() == yard.git(goal, "show", f"{branch}:a.txt") != "one"


async def test_r31_what_git_cannot_go_on_from_is_begun_anew(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuses(*_: object) -> None:
        raise GitFailed("git read-tree failed: no")

    monkeypatch.setattr(repository, "take_over", refuses)
    hands = Hands(writes(_gitignore="*.o\n", made_o="1\n"), nothing)
    yard.driver.work = hands
    goal = await pinned_goal(yard, {"id": "make", "run": "exit 0"}, {"id": "use", "run": "exit 0"})
    assert (await yard.ended(goal)).state is GoalState.DONE
    assert hands.found[1] == {".gitignore": "*.o\n", "a.txt": "one\n"}


async def test_r31_r91_a_crash_after_the_folder_was_laid_to_rest_loses_nothing(yards: Open) -> None:
    first = await yards()
    hands = Hands(writes(made_txt="1\n"), nothing)
    first.driver.work = hands
    goal = await pinned_goal(first, {"id": "make", "run": "hang"}, {"id": "use", "run": "exit 0"})
    await first.until(goal, lambda _, states: states["make"] == "running")
    (run,) = (await first.engine.task(f"{goal}/make")).runs
    await first.engine.close()
    first.driver.finish()
    first.folder(run.id).rename(first.folder(rest_name(goal, "root")))
    second = await yards()
    assert (await second.ended(goal)).state is GoalState.DONE
    assert hands.found[1] == {"a.txt": "one\n", "made.txt": "1\n"}
    assert second.git(goal, "show", f"pilothouse/{goal}:made.txt") == "1"


@pytest.mark.parametrize(
    ("reached", "taken"),
    [(RunState.CREATED, False), (RunState.CREATED, True), (RunState.STARTING, False)],
    ids=["before", "between", "laid to rest again"],
)
async def test_r31_r91_a_crash_while_it_is_taken_over_takes_it_over_once(
    yards: Open, reached: RunState, taken: bool
) -> None:
    first = await yards()
    hands = Hands(writes(_gitignore="*.o\n", made_o="1\n"), nothing)
    first.driver.work = hands
    goal = await pinned_goal(first, {"id": "make", "run": "hang"}, {"id": "use", "run": "exit 0"})
    await first.until(goal, lambda _, states: states["make"] == "running")
    await first.engine.order_goal(goal, GoalOrder.PAUSE)
    first.driver.finish()
    await first.until(goal, lambda _, states: states["make"] == "done")
    await first.sandboxes_gone()
    run = (await _claimed_by_hand(first, goal, reached)).run
    if taken:
        first.folder(rest_name(goal, "root")).rename(first.folder(run.id))
    await first.engine.close()
    second = await yards()
    assert (await second.ended(goal)).state is GoalState.DONE
    assert hands.found[1] == {".gitignore": "*.o\n", "made.o": "1\n", "a.txt": "one\n"}
    assert [each.id for each in (await second.engine.task(f"{goal}/use")).runs] == [run.id]


async def _claimed_by_hand(yard: Yard, goal: str, reached: RunState) -> Claimed:
    """The task `use` as an engine that dies leaves it."""
    context = yard.engine._parts.context
    task = (await yard.engine.task(f"{goal}/use")).id

    def unit(tx: Tx) -> Claimed:
        tx.run("UPDATE goals SET state = 'active' WHERE id = ?", (goal,))
        claimed = claim(tx, task, Limits(4), random_id, context.engine)
        if reached is RunState.STARTING:
            mark_starting(tx, claimed.run.id)
        return claimed

    return await context.database.write(unit)
