"""R99 at the command line: a project has one engine; everything else attaches to it."""

import json
from pathlib import Path

from commands import pilothouse, watched, write_goal

GOAL = "goal: quick\nrepo: null\ntasks:\n  - {id: one, run: 'true'}\n"


def test_r99_a_second_engine_is_refused_and_told_who_has_the_project(project: Path) -> None:
    with watched(project, "--no-ui", "--json") as first:
        first.until_type("engine.started")
        second = pilothouse(project, "--no-ui", "--json")
        assert second.code == 4
        assert json.loads(second.out)["error"]["code"] == "engine_running"
        assert f"pid {first.process.pid}" in second.out
        plain = pilothouse(project, "--no-ui")
        assert plain.code == 4
        assert f"pid {first.process.pid}" in plain.err
        assert "Traceback" not in plain.err
        assert pilothouse(project, "status", "--json").json()["engine"]["pid"] == first.process.pid


def test_r99_run_attaches_and_its_goal_belongs_to_the_first(project: Path) -> None:
    goal = write_goal(project, "goal: quick\ntasks:\n  - {id: one, run: 'true'}\n")
    with watched(project, "--no-ui", "--json") as first:
        first.until_type("engine.started")
        done = pilothouse(project, "run", goal, "--no-ui", "--json", "--runtime", "process")
        assert done.code == 0, done.err
        assert json.loads(done.out.splitlines()[-1])["type"] == "goal.ended"
        assert first.until_type("goal.ended")["data"]["state"] == "done"


def test_r97_sigterm_leaves_no_lock_and_no_socket(project: Path) -> None:
    with watched(project, "--no-ui", "--json") as first:
        first.until_type("engine.started")
        first.process.terminate()
        assert first.finish() in (0, 130)
    assert not (project / ".pilothouse" / "engine.lock").exists()
    assert not (project / ".pilothouse" / "engine.sock").exists()
