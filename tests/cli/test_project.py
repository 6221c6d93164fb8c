"""Folders with and without a project: looking makes nothing, making overwrites nothing."""

import json
import tomllib
from pathlib import Path

import pytest
from cli_process import Pilothouse

from engine.settings import load_settings

GOAL = """\
goal: Ship the {{ who }}
vars: {who: greeting}
tasks:
  - id: build
    run: echo {{ who }}
  - id: checks
    order: parallel
    needs: [build]
    tasks:
      - {id: one, run: "true"}
      - {id: two, run: "true"}
  - id: ship
    needs: [checks]
    gate: {kind: human_approval, question: Ship it?}
"""


def test_lists_are_empty_where_there_is_no_project(inside: Pilothouse, project: Path) -> None:
    for verb in ("status", "decisions", "sandboxes", "events"):
        answer = inside(verb)
        assert (answer.code, answer.out) == (0, ""), verb
        assert "no project" in answer.err, verb
    assert inside("status", "--json").json == {"engine": {"state": "none", "project": str(project)}, "goals": []}
    assert inside("decisions", "--json").json == []
    assert inside("--json", "sandboxes").json == []
    assert inside("--json", "events").out == ""
    assert list(project.iterdir()) == []


@pytest.mark.parametrize(
    "args",
    [
        ("status", "g-1"),
        ("tree", "g-1"),
        ("why", "t-1"),
        ("diff", "g-1"),
        ("logs", "t-1"),
        ("logs", "t-1", "-f"),
        ("events", "-f"),
        ("cancel", "g-1"),
        ("decide", "d-1", "approve", "--version", "1"),
        ("undo", "d-1"),
        ("stop",),
    ],
    ids=" ".join,
)
def test_what_names_something_is_not_found_where_there_is_no_project(
    args: tuple[str, ...], inside: Pilothouse, project: Path
) -> None:
    answer = inside(*args)
    assert answer.code == 3
    assert "pilothouse init" in answer.err
    assert inside("--json", *args).json["error"]["code"] == "no_project"
    assert list(project.iterdir()) == []


def test_the_project_may_be_named_before_and_after_the_verb(
    inside: Pilothouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    assert inside("--project", "one", "--json", "status").json["engine"]["project"] == str(tmp_path / "one")
    assert inside("status", "--json", "--project", "two").json["engine"]["project"] == str(tmp_path / "two")
    both = inside("--project", "one", "status", "--json", "--project", "two")
    assert both.json["engine"]["project"] == str(tmp_path / "two")


def test_the_nearest_folder_upwards_is_the_project(
    inside: Pilothouse, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert inside("init").code == 0
    (project / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(project / "deep" / "er")
    assert inside("status", "--json").json["engine"]["project"] == str(project)


def test_init_makes_a_project_whose_files_are_sound(inside: Pilothouse, project: Path) -> None:
    answer = inside("init", "--json")
    assert answer.json == {"project": str(project), "files": ["pilothouse.toml", "goal.yaml"]}
    assert sorted(path.name for path in project.iterdir()) == [".pilothouse", "goal.yaml", "pilothouse.toml"]
    assert (project / ".pilothouse").stat().st_mode & 0o777 == 0o700
    assert (project / ".pilothouse" / ".gitignore").read_text(encoding="utf-8").splitlines()[1] == "*"
    assert load_settings(project / "pilothouse.toml", environ={}) == load_settings(project / "none", environ={})
    assert inside("plan", "goal.yaml").code == 0


def test_the_first_goal_of_init_runs_to_its_gate_and_prints_no_error(inside: Pilothouse) -> None:
    inside("init")
    ran = inside("run", "goal.yaml", "--no-ui", "--runtime", "process", "--allow-unconfined", "--json")
    assert ran.code == 5
    goal = inside("status", "--json").json["goals"][0]["id"]
    for key in ("write", "shell", "limits"):
        lines = [json.loads(line) for line in inside("logs", f"{goal}/{key}", "--json").out.splitlines()]
        assert [line["text"] for line in lines if line["stream"] == "err"] == [], key


def test_every_commented_setting_of_init_shows_the_default(inside: Pilothouse, project: Path) -> None:
    inside("init")
    file = project / "pilothouse.toml"
    text = file.read_text(encoding="utf-8").replace("# max", "max").replace("\n# ", "\n")
    settings = "\n".join(line for line in text.splitlines() if "=" in line or line.startswith("["))
    assert list(tomllib.loads(settings)) == ["engine", "sandbox", "ui"]
    file.write_text(settings, encoding="utf-8")
    assert load_settings(file, environ={}) == load_settings(project / "none", environ={})


@pytest.mark.parametrize("taken", ["pilothouse.toml", "goal.yaml"])
def test_init_overwrites_nothing_and_writes_nothing_then(taken: str, inside: Pilothouse, project: Path) -> None:
    (project / taken).write_text("mine", encoding="utf-8")
    answer = inside("init")
    assert answer.code == 4
    assert f"{taken} in {project} exists already" in answer.err
    assert "a project as it is" not in answer.err, "there is none here"
    assert [path.name for path in project.iterdir()] == [taken]
    assert (project / taken).read_text(encoding="utf-8") == "mine"


def test_plan_shows_tree_order_limits_and_critical_path(inside: Pilothouse, project: Path) -> None:
    (project / "goal.yaml").write_text(GOAL, encoding="utf-8")
    view = inside("plan", "goal.yaml", "--json", "--set", "who=world").json
    assert view["title"] == "Ship the world"
    steps = {task["key"]: task["step"] for task in view["tasks"]}
    assert steps["one"] == steps["two"]
    assert view["critical_path"][-1] == "ship"
    shown = inside("plan", "goal.yaml").out
    for word in ("build", "parallel", "512", "critical path", "Ship the greeting"):
        assert word in shown, word
    assert "parallel, parallel" not in shown


def test_a_plan_fits_a_narrow_terminal(inside: Pilothouse, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "goal.yaml").write_text(GOAL, encoding="utf-8")
    wide = inside("plan", "goal.yaml").out
    monkeypatch.setattr("tui.cli.output.columns", lambda: 80)
    narrow = inside("plan", "goal.yaml").out
    assert max(map(len, wide.splitlines())) > 80, "into a pipe each task is one line"
    assert max(map(len, narrow.splitlines()[2:])) <= 80
    assert [path.name for path in project.iterdir()] == ["goal.yaml"]


@pytest.mark.parametrize("verb", ["plan", "run"])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("goal: x\ntasks: [{id: a, run: a, colour: red}]\n", "colour", id="unknown"),
        pytest.param(
            "goal: x\ntasks:\n  - {id: a, run: a, needs: [b]}\n  - {id: b, run: b, needs: [a]}\n", "cycle", id="cycle"
        ),
        pytest.param("goal: x\ntasks:\n  - {id: a, run: a}\n  - {id: a, run: b}\n", "goal.yaml:4", id="twice"),
        pytest.param("goal: [\n", "goal.yaml:", id="unclosed"),
        pytest.param("", "goal.yaml", id="empty"),
        pytest.param("\x00", "goal.yaml", id="nul"),
        pytest.param("- just\n- a list\n", "goal.yaml", id="list"),
        pytest.param("goal: x\nrun: echo {{ nobody }}\n", "nobody", id="variable"),
        pytest.param("goal: x\ntasks: [{id: a, run: a, needs: [zzz]}]\n", "zzz", id="needs"),
        pytest.param("a: &a [*a]\n", "goal.yaml", id="alias"),
        pytest.param("goal: " + "[" * 3000, "goal.yaml", id="deep"),
    ],
)
def test_a_bad_goal_file_is_exit_2_with_file_and_line_and_leaves_nothing(
    verb: str, text: str, words: str, inside: Pilothouse, project: Path
) -> None:
    (project / "goal.yaml").write_text(text, encoding="utf-8")
    answer = inside(verb, "goal.yaml")
    assert answer.code == 2, answer
    assert words in answer.err
    error = inside("--json", verb, "goal.yaml").json["error"]
    assert error["code"] == "invalid_goal_file"
    assert [path.name for path in project.iterdir()] == ["goal.yaml"]


def test_a_goal_file_that_is_no_text_is_exit_2(inside: Pilothouse, project: Path) -> None:
    (project / "goal.yaml").write_bytes(b"\xff\xfe\x00")
    assert "not UTF-8" in inside("plan", "goal.yaml").err
    with (project / "huge.yaml").open("wb") as file:
        file.truncate(3_000_000_000)
    assert "larger than" in inside("plan", "huge.yaml").err


def test_bad_settings_are_exit_2_and_name_the_key(inside: Pilothouse, project: Path) -> None:
    (project / ".pilothouse").mkdir()
    (project / "pilothouse.toml").write_text("[engine]\nmax_paralel = 3\n", encoding="utf-8")
    answer = inside("status")
    assert answer.code == 2
    assert "max_paralel" in answer.err
    assert list((project / ".pilothouse").iterdir()) == []
