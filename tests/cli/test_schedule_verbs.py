"""The verbs `schedule` and `template`, and `run --template` (F9, F16)."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_process import Pilothouse, eventually

GOAL = "goal: Say {{ what }}\nruntime: process\nvars: {what: hello}\nrun: echo {{ what }}\n"
ADD = ("schedule", "add", "nightly", "--goal", "goal.yaml")


@pytest.fixture
def made(inside: Pilothouse, project: Path) -> Path:
    assert inside("init").code == 0
    (project / "goal.yaml").write_text(GOAL)
    return project


def test_f16_a_schedule_is_added_shown_ordered_and_removed(inside: Pilothouse, made: Path) -> None:
    added = inside(*ADD, "--window", "mon-fri 22:00-06:00", "--zone", "Europe/Berlin", "--set", "what=good night")
    assert added.code == 0, added
    assert added.out.startswith("nightly starts; the next start is ")
    assert " 22:00 CE" in added.out
    [view] = inside("schedule", "list", "--json").json
    assert (view["name"], view["source"], view["paused"], view["last"]) == ("nightly", "added", False, None)
    assert view["terms"]["vars"] == {"what": "good night"}
    assert view["next_start"]
    shown = inside("schedule", "list")
    assert "no engine runs, so nothing starts" in shown.err
    assert shown.out.splitlines()[1].split()[:4] == ["nightly", "goal.yaml", "mon-fri", "22:00-06:00"]
    assert inside(*ADD, "--every", "1h").code == 4
    assert inside("schedule", "pause", "nightly").out == "nightly starts nothing until it is resumed\n"
    assert inside("schedule", "pause", "nightly").code == 4
    assert "paused" in inside("schedule", "list").out
    assert inside("schedule", "resume", "nightly").code == 0
    assert inside("schedule", "remove", "nightly", "--json").json["name"] == "nightly"
    assert inside("schedule", "list", "--json").json == []
    assert inside("schedule", "remove", "nightly").code == inside("schedule", "list", "nightly").code == 3


def test_a_schedule_of_nothing_is_never_made(inside: Pilothouse, made: Path) -> None:
    for wrong, words in (
        (("--every", "1h", "--set", "who=x"), "goal.yaml:3: --set `who`: the file declares no such variable"),
        (("--every", "1h", "--zone", "Europe/Atlantis"), "no time zone of this machine"),
        (("--cron", "0 0 31 2 *"), "is no cron expression"),
    ):
        answer = inside(*ADD, *wrong)
        assert answer.code == 2, answer
        assert words in answer.err
    assert inside("schedule", "list", "--json").json == []


def test_r40_a_schedule_of_the_settings_starts_its_goal_in_a_running_engine(
    inside: Pilothouse, start: Callable[..., "subprocess.Popen[str]"], project: Path
) -> None:
    (project / "goal.yaml").write_text(GOAL)
    (project / "pilothouse.toml").write_text('[schedules.often]\ngoal = "goal.yaml"\nevery = "1h"\n')
    engine = start("serve", "--json")
    assert engine.stdout is not None
    eventually((project / ".pilothouse" / "engine.sock").exists)
    assert inside("schedule", "remove", "often").code == 4
    assert inside("schedule", "start", "often").out.startswith("often starts now; the next start is ")
    assert any('"type":"goal.ended"' in line.replace(": ", ":") for line in engine.stdout)
    shown = inside("schedule", "list")
    assert "started g-" in shown.out
    assert "done" in shown.out
    assert "no engine runs" not in shown.err
    assert len(inside("status", "--json").json["goals"]) == 1


def test_f9_templates_are_listed_and_shown(inside: Pilothouse, project: Path) -> None:
    folder = project / ".pilothouse" / "templates"
    folder.mkdir(parents=True)
    (folder / "hello.yaml").write_text("# Says it.\n" + GOAL)
    (folder / "bad.yaml").write_text("goal: [")
    found = {one["name"]: one for one in inside("template", "list", "--json").json}
    assert set(found) == {
        "bad",
        "features",
        "hello",
        "parallel-docs",
        "pr-deployment",
        "pr-lifecycle",
        "repository-report",
        "sdlc",
        "self-healing",
    }
    assert found["hello"]["variables"] == [{"name": "what", "default": "hello", "required": False, "about": ""}]
    listed = inside("template", "list").out
    assert "hello" in listed
    assert "unreadable" in listed
    assert inside("template", "show", "hello").out == "# Says it.\n" + GOAL
    assert inside("template", "show", "features", "--json").json["source"].startswith("# Works a backlog down")
    missing = inside("template", "show", "no-such")
    assert (missing.code, "parallel-docs" in missing.err) == (3, True)
    assert inside("plan", "--template", "hello", "--set", "what=x").out.count("Say x") >= 1


def test_f9_a_template_runs_by_its_name(pilothouse: Pilothouse, inside: Pilothouse, project: Path) -> None:
    folder = project / ".pilothouse" / "templates"
    folder.mkdir(parents=True)
    (folder / "hello.yaml").write_text(GOAL)
    answer = pilothouse("run", "--template", "hello", "--set", "what=good morning", "--no-ui", "--json")
    assert answer.code == 0, answer
    assert answer.lines[0]["data"]["title"] == "Say good morning"
    wrong = inside("run", "--template", "hello", "--set", "waht=x", "--no-ui")
    assert wrong.code == 2
    assert f"{folder}/hello.yaml:3: --set `waht`: the file declares no such variable; did you mean `what`?" in wrong.err


def test_templates_can_be_committed_and_nothing_else_of_the_state(inside: Pilothouse, made: Path) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=made, check=True)
    (made / ".pilothouse" / "templates").mkdir()
    (made / ".pilothouse" / "templates" / "hello.yaml").write_text(GOAL)
    (made / ".pilothouse" / "templates" / "notes.txt").write_text("mine")
    assert inside("status").code == 0
    shown = subprocess.run(
        ["git", "status", "--porcelain", "-uall"], cwd=made, check=True, capture_output=True, text=True
    )
    names = sorted(line[3:] for line in shown.stdout.splitlines())
    assert names == [".pilothouse/templates/hello.yaml", "goal.yaml", "pilothouse.toml"]
