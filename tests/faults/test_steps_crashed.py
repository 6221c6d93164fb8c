"""An engine killed between any two steps of a run, a cancel or a stop: nothing lost, nothing twice (R59, R91, R95)."""

import json
import os
import sqlite3
import subprocess
import threading
from pathlib import Path

import pytest
from killed_engines import KILLED, Engines
from test_store_crash_points import check_nothing_is_left, check_one_sandbox_per_run, check_store, points_of, sample

# In the order of a run; each engine that follows goes on where the one before it was killed.
STEPS = [
    *("before checkout 1", "after checkout 1", "after start 1", "before collect 1", "after collect 1"),
    *("before snapshot 1", "after snapshot 1", "before integrate 1", "after integrate 1", "after seal 1"),
    *("before clean_up 1", "after clean_up 1", "after remove 1"),
    *("before merge_into 1", "after merge_into 1", "before salvage 1", "after salvage 1"),
]
ENDING = [
    *("before stop 1", "after stop 1", "before seal 1", "after seal 1", "before kill 1", "before clean_up 1"),
    *("after clean_up 1", "before remove 1", "after remove 1"),
]
CLASH = ["before merge_into 1", "after merge_into 1", "after seal 1", "after rehearse_into 1"]
GIT_SAMPLE = 3  # of the git processes of a scene; FAULT_POINTS=all walks every one


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=O", "-c", "user.email=o@localhost")
    done = subprocess.run(["git", *identity, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def new_project(folder: Path) -> Path:
    operator = folder / "operator"
    operator.mkdir(parents=True)
    git(operator, "init", "--quiet", "--initial-branch=main")
    (operator / "first.txt").write_text("first\n")
    git(operator, "add", ".")
    git(operator, "commit", "--quiet", "-m", "first")
    return folder


def work_of(project: Path) -> dict[str, object]:
    """All that the runs have left: names only, as what they wrote holds ids."""
    (repository,) = (project / ".pilothouse" / "git").iterdir()
    branches = git(repository, "for-each-ref", "--format=%(refname)", "refs/heads").split()
    named = [("salvage" if "/salvage/" in branch else "goal", branch) for branch in branches]
    kept = (project / ".pilothouse" / "artifacts").glob("*/*")
    return {
        "branches": sorted((name, git(repository, "ls-tree", "-r", "--name-only", branch)) for name, branch in named),
        "operator": git(project / "operator", "ls-tree", "-r", "--name-only", "main"),
        "clean": git(project / "operator", "status", "--porcelain"),
        "files": sorted(path.name for path in (project / "operator").glob("*.txt")),
        "artifacts": sorted(path.name for path in kept),
        "patches": len(list((project / ".pilothouse" / "salvage").iterdir())),
        "half": [
            path.name for path in repository.iterdir() if path.suffix in (".index", ".import", ".filling", ".lock")
        ],
    }


def cat_file(git_dir: Path) -> subprocess.Popen[bytes]:
    """A git that is at work until its input ends."""
    return subprocess.Popen(["git", f"--git-dir={git_dir}", "cat-file", "--batch"], stdin=subprocess.PIPE)


def branch_of(project: Path) -> Path:
    """The file of the goal's branch in its own repository."""
    (repository,) = (project / ".pilothouse" / "git").iterdir()
    return repository / git(repository, "symbolic-ref", "HEAD")


def check(project: Path) -> None:
    check_store(project)
    check_one_sandbox_per_run(project)
    check_nothing_is_left(project)


@pytest.fixture(scope="module")
def undisturbed(engines: Engines, tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = new_project(tmp_path_factory.mktemp("undisturbed"))
    assert engines.run(project, "repo") == 0
    assert work_of(project)["files"] == ["a.txt", "b.txt", "first.txt"]
    return project


def test_r59_r61_r91_killed_at_every_step_in_turn_the_work_is_all_there(
    engines: Engines, tmp_path: Path, undisturbed: Path
) -> None:
    project = new_project(tmp_path)
    died = [point for point in STEPS if engines.run(project, "repo", armed=point) == KILLED]
    assert died == STEPS
    assert engines.run(project, "repo") == 0
    check(project)
    assert (project / "report").read_text() == (undisturbed / "report").read_text()
    assert work_of(project) == work_of(undisturbed)


def test_r91_r41_what_git_left_of_a_dead_engine_holds_nobody_and_other_git_goes_on(
    engines: Engines, tmp_path: Path, undisturbed: Path
) -> None:
    project = new_project(tmp_path)
    assert engines.run(project, "repo", armed="before integrate 1") == KILLED
    branch = branch_of(project)
    branch.with_name(branch.name + ".lock").touch()
    (repository,) = (project / ".pilothouse" / "git").iterdir()
    orphan = cat_file(repository)
    threading.Thread(target=orphan.wait, daemon=True).start()  # gone as soon as it is killed, as it has no other parent
    stranger = cat_file(project / "operator" / ".git")
    assert engines.run(project, "repo") == 0
    assert (orphan.wait(5), stranger.poll()) == (-9, None)
    for process in (orphan, stranger):
        process.kill()
        process.communicate()
    check(project)
    assert (project / "report").read_text() == (undisturbed / "report").read_text()
    assert work_of(project) == work_of(undisturbed)


def test_r91_killed_around_any_git_process_the_work_is_all_there(
    engines: Engines, tmp_path: Path, undisturbed: Path
) -> None:
    points = [point for point in points_of(undisturbed) if " git " in point]
    expected = (undisturbed / "report").read_text()
    for point in sample(points, GIT_SAMPLE):
        project = new_project(tmp_path / point.replace(" ", "-"))
        assert engines.run(project, "repo", armed=point) in (KILLED, 0), point
        assert engines.run(project, "repo") == 0, point
        check(project)
        assert (project / "report").read_text() == expected, point
        assert work_of(project) == work_of(undisturbed), point


def with_other_side(folder: Path) -> Path:
    """A project whose branch `side`, checked out beside main, has another `a.txt` than the goal makes."""
    side = new_project(folder) / "side"
    git(folder / "operator", "worktree", "add", "--quiet", "-b", "side", str(side))
    (side / "a.txt").write_text("of the operator\n")
    git(side, "add", ".")
    git(side, "commit", "--quiet", "-m", "side")
    return folder


def operators(project: Path) -> list[str]:
    """Every ref, what is checked out where, all that is not committed, and whether a merge is under way."""
    places = (project / "operator", project / "side")
    words = (("for-each-ref",), ("rev-parse", "HEAD"), ("status", "--porcelain"), ("stash", "list"))
    found = [git(place, *each) for place in places for each in words]
    return found + sorted(path.name for path in (project / "operator" / ".git").rglob("*_HEAD"))


def test_f94_r91_killed_around_a_merge_that_does_not_fit_it_is_asked_once_and_touches_nothing(
    engines: Engines, tmp_path: Path
) -> None:
    project = with_other_side(tmp_path)
    before = operators(project)
    for point in CLASH:
        assert engines.run(project, "clash", armed=point) == KILLED, point
        assert operators(project) == before, point
    assert engines.run(project, "clash") == 0
    check(project)
    assert operators(project) == before
    expected = {"a": ["done", "exit 0"], "land": ["skipped", "exit 0"], "last": ["done", "exit 0"], "root": ["done"]}
    assert json.loads((project / "report").read_text()) == expected | {"goal": "done"}
    store = sqlite3.connect(project / ".pilothouse" / "engine.db")
    try:
        asked = store.execute("SELECT kind, state, chosen FROM decisions").fetchall()
    finally:
        store.close()
    assert asked == [("conflict", "answered", "without")]


@pytest.mark.parametrize("scene", ["cancel", "stop"])
def test_r95_killed_between_any_two_steps_of_an_end_by_order_it_ends_the_same(
    engines: Engines, tmp_path: Path, scene: str
) -> None:
    died = [point for point in ENDING if engines.run(tmp_path, scene, armed=point) == KILLED]
    assert died[:4] == ENDING[:4]
    assert engines.run(tmp_path, scene) == 0
    check(tmp_path)
    state, goal = ("pending", "active") if scene == "stop" else ("cancelled", "cancelled")
    ended = [state, "cancelled 137"]
    expected = {"a": ended, "b": ended, "pair": [state], "goal": goal, "root": [goal]}
    assert json.loads((tmp_path / "report").read_text()) == expected
    if scene == "stop":
        check_nothing_lives(tmp_path)


def check_nothing_lives(project: Path) -> None:
    store = sqlite3.connect(project / ".pilothouse" / "engine.db")
    try:
        live = "SELECT count(*) FROM runs WHERE state <> 'ended'"
        assert store.execute(live).fetchone()[0] == 0
        assert {row[0] for row in store.execute("SELECT failure_class FROM runs")} == {"operator"}
    finally:
        store.close()
    assert not os.path.lexists(project / ".pilothouse" / "engine.lock")
