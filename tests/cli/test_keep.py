"""export, backup and gc as commands, with and without an engine beside them (HARDENING case 4)."""

import json
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_process import Answered, Pilothouse, eventually
from goal_files import FAILING, GATED, goal_file

from forked_program import ForkedProgram

Start = Callable[..., ForkedProgram]
STAYING = "goal: Stay\nrun: echo awake; exec sleep 3000\n"


def dump(database: Path) -> list[str]:
    """Everything in a store at rest, whatever the order it was written in."""
    connection = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        return sorted(connection.iterdump())
    finally:
        connection.close()


def ran(pilothouse: Pilothouse, project: Path, text: str) -> str:
    """The id of a goal that was run without a screen."""
    done = pilothouse(
        "run", goal_file(project, text), "--no-ui", "--json", "--runtime", "process", "--allow-unconfined"
    )
    return str(done.lines[-1]["goal"])


def test_case_4_a_backup_equals_the_live_store(pilothouse: Pilothouse, inside: Pilothouse, project: Path) -> None:
    ran(pilothouse, project, FAILING)
    made = inside("backup", "copy.db", "--json")
    assert made.code == 0, made
    assert dump(project / "copy.db") == dump(project / ".pilothouse" / "engine.db")
    assert (project / "copy.db").stat().st_mode & 0o777 == 0o600
    assert made.json["seq"] == inside("events", "--json").lines[-1]["seq"]
    again = inside("backup", "copy.db")
    assert (again.code, "exists already" in again.err) == (4, True)
    assert dump(project / "copy.db") == dump(project / ".pilothouse" / "engine.db")


def test_case_4_a_backup_beside_a_writing_engine_is_one_moment_of_it(
    pilothouse: Pilothouse, start: Start, project: Path
) -> None:
    many = {"goal": "Many", "tasks": [{"id": f"t{n}", "run": "true"} for n in range(12)]}
    engine = start("run", goal_file(project, json.dumps(many)), "--no-ui", "--json", "--runtime", "process")
    answered: list[Answered] = []
    eventually(lambda: (project / ".pilothouse" / "engine.sock").is_socket())
    backups = [threading.Thread(target=lambda: answered.append(pilothouse("backup"))) for _ in range(2)]
    for thread in backups:
        thread.start()
        thread.join()
    engine.communicate(timeout=60)
    assert engine.returncode == 0
    assert [answer.code for answer in answered] == [0, 0], answered
    live = sqlite3.connect(project / ".pilothouse" / "engine.db")
    events = live.execute("SELECT * FROM events ORDER BY seq").fetchall()
    live.close()
    for answer in answered:
        copy = sqlite3.connect(answer.out.strip())
        copied = copy.execute("SELECT * FROM events ORDER BY seq").fetchall()
        assert copied == events[: len(copied)]
        assert copy.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert copy.execute("PRAGMA foreign_key_check").fetchall() == []
        copy.close()


def test_a_backup_is_a_store_by_itself(
    pilothouse: Pilothouse, inside: Pilothouse, project: Path, tmp_path: Path
) -> None:
    goal = ran(pilothouse, project, FAILING)
    other = tmp_path / "other"
    (other / ".pilothouse").mkdir(parents=True)
    assert inside("backup", str(other / ".pilothouse" / "engine.db")).code == 0
    shown = inside("tree", goal, "--json", "--project", str(other)).json
    assert shown["children"][0]["state"] == "failed"


def test_an_export_holds_everything_about_a_goal(pilothouse: Pilothouse, inside: Pilothouse, project: Path) -> None:
    goal = ran(pilothouse, project, GATED)
    (decision,) = inside("decisions", "--json").json
    inside("decide", decision["id"], "reject", "--feedback", "not yet", "--version", str(decision["version"]))
    found = inside("export", goal).json
    assert found["goal"]["id"] == goal
    assert [node["key"] for node in found["tree"]["children"]] == ["write", "ship", "after"]
    assert {task["key"]: task["state"] for task in found["tasks"]}["ship"] == "failed"
    (run,) = found["runs"]
    assert (run["key"], run["cause"], run["exit_code"], run["last_lines"]) == ("write", "exit", 0, ["hello", "world"])
    assert Path(run["log"]).is_dir()
    assert run["patch"] is None
    assert [(d["id"], d["answer"], d["feedback"]) for d in found["decisions"]] == [
        (decision["id"], "reject", "not yet")
    ]
    assert {event["goal"] for event in found["events"]} == {goal}
    assert found["events"][-1]["type"] == "goal.ended"
    assert found["diff"] is None
    answer = inside("export", goal, "--output", "goal.json", "--json")
    assert answer.json == {"file": "goal.json"}
    assert json.loads((project / "goal.json").read_text())["goal"]["id"] == goal
    assert inside("export", goal, "--output", "goal.json").code == 4
    assert inside("export", "g-0").code == 3


def test_gc_goes_through_the_engine_that_runs(
    pilothouse: Pilothouse, inside: Pilothouse, start: Start, project: Path
) -> None:
    ran(pilothouse, project, FAILING)
    (run,) = [path.name for path in (project / ".pilothouse" / "logs").iterdir()]
    engine = start("run", goal_file(project, STAYING), "--no-ui", "--runtime", "process", "--json")
    assert engine.stdout is not None
    assert any(json.loads(line)["type"] == "run.started" for line in engine.stdout)
    try:
        looked = inside("gc", "--dry-run", "--logs-older-than", "0s")
        assert run in looked.out
        assert "would go" in looked.err
        swept = inside("gc", "--logs-older-than", "0s", "--json").json
        assert [(found["kind"], found["run"], found["removed"]) for found in swept["leftovers"]] == [("log", run, True)]
        assert [box["state"] for box in inside("sandboxes", "--json").json] == ["running"]
    finally:
        inside("stop")


@pytest.mark.parametrize("args", [("export", "g-1"), ("backup",), ("gc",)], ids=" ".join)
def test_keeping_needs_a_project(args: tuple[str, ...], inside: Pilothouse, project: Path) -> None:
    assert inside(*args).code == 3
    assert list(project.iterdir()) == []
