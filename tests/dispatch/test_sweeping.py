"""What `gc` removes, and above all what it leaves (R41, R42, R59)."""

import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from yard import Open, WorkingDriver, Yard, write

from engine.api import LeftoverKind, SweepOrder
from engine.errors import DaemonUnavailable
from engine.ids import SafeName
from engine.model import GoalState
from engine.sandbox.driver import OwnedSandbox

pytestmark = pytest.mark.allow_blocking("the operator's own git runs between the calls")


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


async def ended_run(yard: Yard) -> tuple[str, str]:
    """A goal that has failed, and its run."""
    goal = await yard.goal_of({"id": "make", "run": "exit 3"})
    await yard.ended(goal)
    await yard.sandboxes_gone()
    (run,) = (await yard.engine.task(f"{goal}/make")).runs
    return goal, run.id


def leave(yard: Yard, run: str) -> Path:
    """The work folder of an ended run as a killed engine leaves it, with work in it."""
    folder = yard.folder(run)
    folder.mkdir(parents=True)
    (folder / "a.txt").write_text("one\n")
    write(folder)
    return folder


async def test_r59_gc_over_a_dirty_work_folder_salvages_before_it_removes(yard: Yard) -> None:
    goal, run = await ended_run(yard)
    folder = leave(yard, run)
    (leftover,) = (await yard.engine.gc(SweepOrder(dry_run=True))).leftovers
    assert (leftover.kind, leftover.name, leftover.removed) == (LeftoverKind.WORK, str(folder), False)
    assert leftover.size is not None
    assert folder.exists()
    assert (await yard.engine.run(run)).salvage is None
    (leftover,) = (await yard.engine.gc(SweepOrder())).leftovers
    assert leftover.removed
    assert not folder.exists()
    salvage = (await yard.engine.run(run)).salvage
    assert yard.git(goal, "show", f"{salvage}:new.txt") == "made"
    assert (await yard.engine.gc(SweepOrder())).leftovers == ()
    assert yard.git(goal, "show", f"{salvage}:new.txt") == "made"  # a sweep never deletes a branch


async def test_r59_a_later_leftover_of_the_same_run_gets_a_branch_of_its_own(yard: Yard) -> None:
    goal, run = await ended_run(yard)
    leave(yard, run)
    await yard.engine.gc(SweepOrder())
    (leave(yard, run) / "new.txt").write_text("other\n")
    await yard.engine.gc(SweepOrder())
    branches = yard.git(goal, "branch", "--list", "--format=%(refname:short)", "pilothouse/salvage/*").split()
    assert sorted(yard.git(goal, "show", f"{branch}:new.txt") for branch in branches) == ["made", "other"]
    assert len(list((yard.project / ".pilothouse" / "salvage").iterdir())) == 2


async def test_r61_what_cannot_be_salvaged_stays_with_the_cause(yard: Yard) -> None:
    _, run = await ended_run(yard)
    os.mkfifo(leave(yard, run) / ".gitignore")
    (leftover,) = (await yard.engine.gc(SweepOrder())).leftovers
    assert not leftover.removed
    assert ".gitignore" in leftover.note
    assert (yard.folder(run) / "new.txt").exists()


async def test_r41_gc_leaves_what_lives_and_every_foreign_twin(yard: Yard) -> None:
    _, run = await ended_run(yard)
    leave(yard, run)
    live = await yard.goal_of({"id": "long", "run": "hang"})
    await yard.until(live, lambda _, states: states["long"] == "running")
    (running,) = (await yard.engine.task(f"{live}/long")).runs
    place = yard.folder(run).parent
    for twin in ("r-0000000000", f"{run}x", "notes", ".hidden"):
        (place / twin).mkdir()
        (place / twin / "theirs").write_text("theirs")
    outside = yard.project / "outside"
    outside.mkdir()
    (place / "r-link").symlink_to(outside)
    before = listing(place)
    yard.driver.left = [OwnedSandbox(SafeName("ph-orphan"), None, True, {"pilothouse.run": "r-0000000000"})]
    swept = await yard.engine.gc(SweepOrder())
    assert {(found.kind, found.name) for found in swept.leftovers} == {
        (LeftoverKind.SANDBOX, "ph-orphan"),
        (LeftoverKind.WORK, str(place / run)),
    }
    assert all(found.removed for found in swept.leftovers)
    assert listing(place) == [path for path in before if path.split("/")[0] != run]
    assert list(yard.driver.alive) == [running.sandbox]
    yard.driver.finish()
    assert (await yard.ended(live)).state is GoalState.DONE


async def test_r42_under_a_driver_that_does_not_answer_nothing_goes(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, run = await ended_run(yard)
    folder = leave(yard, run)

    async def silent(_: WorkingDriver) -> Sequence[OwnedSandbox]:
        raise DaemonUnavailable("no answer")

    monkeypatch.setattr(WorkingDriver, "list_owned", silent)
    swept = await yard.engine.gc(SweepOrder())
    assert swept.leftovers == ()
    assert "no answer" in swept.unknown[0]
    assert folder.exists()


async def test_gc_takes_old_logs_of_ended_goals_only_when_asked(yard: Yard) -> None:
    _, run = await ended_run(yard)
    live = await yard.goal_of({"id": "first", "run": "exit 0"}, {"id": "long", "run": "hang"})
    await yard.until(live, lambda _, states: states["long"] == "running")
    logs = yard.project / ".pilothouse" / "logs"
    kept = {path.name for path in logs.iterdir()}
    assert (await yard.engine.gc(SweepOrder())).leftovers == ()
    hour = timedelta(hours=1).total_seconds()
    assert (await yard.engine.gc(SweepOrder(logs_older_than=hour))).leftovers == ()
    (leftover,) = (await yard.engine.gc(SweepOrder(logs_older_than=0))).leftovers
    assert (leftover.kind, leftover.run, leftover.removed) == (LeftoverKind.LOG, run, True)
    assert {path.name for path in logs.iterdir()} == kept - {run}
    assert (await yard.engine.run(run)).exit_code == 3


async def test_a_visiting_engine_sweeps_too(yards: Open) -> None:
    first = await yards()
    _, run = await ended_run(first)
    folder = leave(first, run)
    await first.engine.close()
    visitor = await yards(visiting=True)
    (leftover,) = (await visitor.engine.gc(SweepOrder())).leftovers
    assert leftover.removed
    assert not folder.exists()
