"""Work that no branch holds is kept before its folder goes, and a folder that cannot be kept stays (R59, R61)."""

import errno
import os
from pathlib import Path

import pytest
from yard import Open, Yard, git, write

from engine.dispatch.claims import Limits, claim, mark_starting
from engine.ids import SafeName, random_id
from engine.model import ExitCause, GoalState
from engine.sandbox.driver import OwnedSandbox
from engine.workspace import repository as storing

pytestmark = pytest.mark.allow_blocking("the operator's own git runs between the calls")


@pytest.mark.parametrize(
    ("command", "cause"),
    [("exit 3", ExitCause.EXIT), ("oom", ExitCause.OOM), ("lost", ExitCause.LOST), ("hang", ExitCause.CANCELLED)],
)
async def test_r59_what_a_run_leaves_in_no_branch_is_a_branch_and_a_patch(
    yard: Yard, command: str, cause: ExitCause
) -> None:
    yard.driver.work = write
    goal = await yard.goal_of({"id": "make", "run": command})
    if command == "hang":
        await yard.until(goal, lambda _, states: states["make"] == "running")
        await yard.engine.cancel(goal)
    await yard.until(goal, lambda _, states: states["make"] in ("failed", "cancelled", "blocked"))
    run = (await yard.engine.task(f"{goal}/make")).runs[0]
    assert run.cause is cause
    assert run.salvage == f"pilothouse/salvage/{run.id}"
    assert yard.git(goal, "show", f"{run.salvage}:new.txt") == "made"
    patch = yard.project / ".pilothouse" / "salvage" / f"{run.id}.patch"
    git(yard.project / "operator", "apply", str(patch))
    assert (yard.project / "operator" / "new.txt").read_text() == "made\n"
    await yard.sandboxes_gone()
    assert not yard.folder(run.id).exists()
    assert "kept in the branch pilothouse/salvage/r-" in " ".join((await yard.engine.why(run.id)).reasons)


async def test_r59_what_is_in_the_branch_needs_no_salvage(yard: Yard) -> None:
    yard.driver.work = write
    goal = await yard.goal_of({"id": "make", "run": "exit 0"}, {"id": "look", "run": "exit 0"})
    assert (await yard.ended(goal)).state is GoalState.DONE
    for key in ("make", "look"):
        assert (await yard.engine.task(f"{goal}/{key}")).runs[0].salvage is None
    assert "salvage" not in yard.git(goal, "branch", "--list")
    assert not (yard.project / ".pilothouse" / "salvage").exists()


async def test_r59_a_result_that_conflicts_is_kept_apart(yard: Yard) -> None:
    texts = iter(("left\n", "right\n"))

    def change(folder: Path) -> None:
        (folder / "a.txt").write_text(next(texts))

    yard.driver.work = change
    both = [{"id": "left", "run": "hang left"}, {"id": "right", "run": "hang right"}]
    goal = await yard.goal_of({"id": "all", "order": "parallel", "tasks": both})
    await yard.until(goal, lambda _, states: states["left"] == states["right"] == "running")
    yard.driver.finish("hang left")
    await yard.until(goal, lambda _, states: states["left"] == "done")
    yard.driver.finish("hang right")
    await yard.until(goal, lambda _, states: states["right"] == "blocked")
    run = (await yard.engine.task(f"{goal}/right")).runs[0]
    assert run.salvage is not None
    assert yard.git(goal, "show", f"{run.salvage}:a.txt") in ("left", "right")


def broken_rules(folder: Path) -> None:
    write(folder)
    os.mkfifo(folder / ".gitignore")


@pytest.mark.parametrize("command", ["exit 0", "exit 3"])
async def test_r61_a_snapshot_that_fails_blocks_and_loses_neither_record_nor_folder(yard: Yard, command: str) -> None:
    yard.driver.work = broken_rules
    goal = await yard.goal_of({"id": "make", "run": command, "retries": 3})
    await yard.until(goal, lambda _, states: states["make"] == "blocked")
    task = await yard.engine.task(f"{goal}/make")
    (run,) = task.runs
    assert (run.cause, run.exit_code) == (ExitCause.EXIT, int(command[-1]))
    assert ".gitignore" in (task.cause or "")
    assert task.decision is not None
    await yard.sandboxes_gone()
    assert yard.driver.alive == {}
    assert (yard.folder(run.id) / "new.txt").read_text() == "made\n"


async def test_r61_a_full_disk_at_the_snapshot_loses_nothing(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    yard.driver.work = write
    monkeypatch.setattr(storing, "write_changes", full)
    goal = await yard.goal_of({"id": "make", "run": "exit 0"})
    await yard.until(goal, lambda _, states: states["make"] == "blocked")
    task = await yard.engine.task(f"{goal}/make")
    assert "No space left" in (task.cause or "")
    await yard.sandboxes_gone()
    assert (yard.folder(task.runs[0].id) / "new.txt").exists()


async def test_r61_a_success_without_its_work_tree_is_none(yard: Yard) -> None:
    def vanish(folder: Path) -> None:
        (folder / "a.txt").unlink()
        folder.rmdir()

    yard.driver.work = vanish
    goal = await yard.goal_of({"id": "make", "run": "exit 0"})
    await yard.until(goal, lambda _, states: states["make"] == "blocked")
    assert "gone" in ((await yard.engine.task(f"{goal}/make")).cause or "")


async def test_r59_a_leftover_is_salvaged_before_it_goes(yards: Open) -> None:
    first = await yards()
    goal = await first.goal_of({"id": "make", "run": "exit 3"})
    await first.ended(goal)
    (run,) = (await first.engine.task(f"{goal}/make")).runs
    assert run.salvage is None
    await first.engine.close()
    # What an engine leaves that is killed between a late write of its sandbox and the removal.
    (first.folder(run.id)).mkdir(parents=True)
    (first.folder(run.id) / "a.txt").write_text("one\n")
    write(first.folder(run.id))
    labels = {"pilothouse.run": run.id}
    first.driver.left = [OwnedSandbox(SafeName(run.sandbox), None, False, labels)]
    second = await yards()
    (after,) = (await second.engine.task(f"{goal}/make")).runs
    assert after.salvage is not None
    assert second.git(goal, "show", f"{after.salvage}:new.txt") == "made"
    assert not second.folder(run.id).exists()


async def test_r59_a_work_tree_that_is_missing_is_made_again(yards: Open) -> None:
    first = await yards()
    goal = await first.goal_of({"id": "make", "run": "exit 0"}, start=False)
    engine, context = first.engine, first.engine._parts.context
    task = (await engine.task(f"{goal}/make")).id
    await context.database.write(lambda tx: tx.run("UPDATE goals SET state = 'active' WHERE id = ?", (goal,)))
    limits = Limits(4)
    claimed = await context.database.write(
        lambda tx: claim(tx, task=task, limits=limits, ids=random_id, engine=context.engine)
    )
    await context.database.write(lambda tx: mark_starting(tx, claimed.run.id))
    await engine.close()
    assert not first.folder(claimed.run.id).exists()
    seen: list[str] = []
    first.driver.work = lambda folder: seen.extend(path.name for path in folder.iterdir())
    second = await yards()
    assert (await second.ended(goal)).state is GoalState.DONE
    assert seen == ["a.txt"]
