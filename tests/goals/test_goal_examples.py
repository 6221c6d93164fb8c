"""The demo and the examples are real: their commands fail before and pass after, outside of any sandbox too."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import Invalid
from engine.goals import parse_goal, plan, write_demo
from engine.model import GoalSpec, TaskSpec

EXAMPLES = Path(__file__).parents[2] / "examples"


def load(file: Path, **variables: str) -> GoalSpec:
    return parse_goal(file.read_text(encoding="utf-8"), str(file), variables)


def leaves(task: TaskSpec) -> list[TaskSpec]:
    return [leaf for child in task.tasks for leaf in leaves(child)] if task.tasks else [task]


def run(task: TaskSpec, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """The command of a task as a driver would start it: own environment, no stdin, work folder as the place."""
    assert task.run is not None
    command = ["sh", "-c", task.run] if isinstance(task.run, str) else list(task.run)
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.defpath}", "HOME": "/nonexistent"}
    environment |= dict(task.sandbox.env) | more
    return subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True, timeout=60)
    return done.stdout


def test_the_demo_is_a_committed_repository_and_nothing_else_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = tmp_path / "template"
    (template / "hooks").mkdir(parents=True)
    (template / "hooks" / "pre-commit").write_text("#!/bin/sh\nexit 1\n")
    (template / "hooks" / "pre-commit").chmod(0o755)
    config = tmp_path / "config"
    config.write_text(f"[init]\n\ttemplateDir = {template}\n\tdefaultBranch = other\n[commit]\n\tgpgSign = true\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    goal = write_demo(tmp_path / "deep" / "demo")
    assert goal == tmp_path / "deep" / "demo" / "goal.yaml"
    assert git(goal.parent, "status", "--porcelain", "--branch").strip() == "## main"
    assert git(goal.parent, "rev-list", "--count", "HEAD").strip() == "1"
    assert not (goal.parent / ".git" / "hooks").exists()
    assert git(goal.parent, "check-ignore", ".pilothouse/engine.db", "a/__pycache__/b.pyc").count("\n") == 2
    assert not list(goal.parent.rglob("__pycache__"))


def test_the_demo_never_writes_into_a_folder_that_holds_anything(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(Invalid, match="is not empty"):
        write_demo(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(Invalid, match="is not a folder"):
        write_demo(tmp_path / "mine.txt")


def test_an_earlier_demo_is_recognised_and_says_how_to_go_on(tmp_path: Path) -> None:
    write_demo(tmp_path / "demo")
    with pytest.raises(Invalid, match="holds a demo already") as refused:
        write_demo(tmp_path / "demo")
    assert f"cd {tmp_path / 'demo'}" in refused.value.hint


def test_the_demo_finds_the_bug_mends_it_and_proves_it(tmp_path: Path) -> None:
    goal = write_demo(tmp_path / "demo")
    spec = load(goal, pace="0")
    tasks = {task.id: task for task in leaves(spec.root)}
    assert spec.repo == str(goal.parent)
    for key in ("names", "greeting", "command", "daytime"):
        done = run(tasks[key], goal.parent)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "recorded: tests.test_daytime.PartOfDay.test_noon_is_afternoon fails" in done.stdout
    assert run(tasks["verify"], goal.parent).returncode == 1
    fixed = run(tasks["fix"], goal.parent)
    assert fixed.returncode == 0
    assert fixed.stdout.startswith("scripted fixer: no model is asked")
    assert run(tasks["verify"], goal.parent).returncode == 0
    assert git(goal.parent, "status", "--porcelain").split() == ["M", "CHANGES.md", "M", "greeter/daytime.py"]
    assert run(tasks["daytime"], goal.parent).returncode == 1  # there is no failure left to record


def test_r79_the_demos_fixer_takes_up_what_was_asked_for(tmp_path: Path) -> None:
    goal = write_demo(tmp_path / "demo")
    fix = {task.id: task for task in leaves(load(goal, pace="0").root)}["fix"]
    inputs = tmp_path / "inputs.json"
    inputs.write_text('{"feedback": [{"text": "name the\\nhour", "at": "x"}, {"text": ""}, 7]}', encoding="utf-8")
    for _ in range(2):
        assert run(fix, goal.parent, PILOTHOUSE_INPUTS=str(inputs)).returncode == 0
    changes = (goal.parent / "CHANGES.md").read_text(encoding="utf-8")
    assert changes.count("- Asked for in review: name the hour\n") == 1
    assert changes.count("Noon counts as afternoon") == 1
    inputs.write_text("not json", encoding="utf-8")
    assert run(fix, goal.parent, PILOTHOUSE_INPUTS=str(inputs)).returncode == 0


def test_the_demo_has_parallel_work_a_gate_and_a_merge(tmp_path: Path) -> None:
    view = plan(load(write_demo(tmp_path / "demo")))
    assert [row.key for row in view.tasks if row.step == 1 and row.depth == 1] == [
        "names",
        "greeting",
        "command",
        "daytime",
    ]
    rows = {row.key: row for row in view.tasks}
    assert rows["merge"].does == "merge into main"
    assert "changes go to fix" in rows["approve"].limits
    assert all("no network" in row.limits for row in view.tasks if row.key in ("names", "fix", "verify"))


def test_the_second_example_reports_on_any_repository(tmp_path: Path) -> None:
    repository = tmp_path / "code"
    (repository / "sub").mkdir(parents=True)
    (repository / "a.py").write_text("one\ntwo\n")
    (repository / "sub" / "b.py").write_text("three\n")
    (repository / "README").write_text("no suffix\n")
    (repository / "odd | name.md").write_text("x\n")
    (repository / "link.py").symlink_to("/etc/passwd")
    spec = load(EXAMPLES / "any-repo" / "goal.yaml", repo=str(repository))
    assert spec.repo == str(repository)
    for task in leaves(spec.root):
        if task.run is not None:
            for _ in range(2):  # a second round, after changes were asked for, gives the same
                done = run(task, repository)
                assert done.returncode == 0, done.stderr
    report = (repository / "repository-report" / "README.md").read_text(encoding="utf-8")
    assert "| .py | 3 |" in report
    assert "| Python | 3 |" in report
    assert "`odd \\| name.md`" in report
    assert "root:" not in report


def test_the_examples_folder_is_the_one_that_ships() -> None:
    assert not [path for path in EXAMPLES.resolve().rglob(".*") if path.is_file()]  # a wheel would leave them out
    assert EXAMPLES.is_symlink()
    assert EXAMPLES.resolve() == Path(__file__).parents[2] / "src" / "engine" / "goals" / "examples"
