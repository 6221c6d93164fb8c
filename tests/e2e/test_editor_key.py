"""`e` in the TUI: the terminal is lent to the operator's editor, and what it saved is the task's."""

import shutil
from pathlib import Path

import pytest
from commands import pilothouse, write_goal
from tmux_terminal import terminal

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux (apt-get install tmux)")

GOAL = """
goal: Sleep
tasks:
  - {id: nap, run: "sleep 300"}
  - {id: tea, run: "true"}
"""
EDITOR = """#!/bin/sh
echo "lent to an editor"; read answer
sed -i "s/^title = .*/title = \\"Tea with $answer\\"/" "$1"
"""


def test_e_lends_the_terminal_to_the_editor_and_changes_what_it_saved(project: Path) -> None:
    goal = write_goal(project, GOAL)
    editor = project / "editor"
    editor.write_text(EDITOR)
    editor.chmod(0o755)
    environ = {"EDITOR": f"sh {editor}"}
    with terminal(project, "run", goal, "--runtime", "process", "--allow-unconfined", environ=environ) as screen:
        screen.until("Sleep", "▶ nap", "tea")
        screen.keys("G", "e")
        screen.until("lent to an editor", gone="1 Goals")
        screen.keys("milk", "Enter")
        screen.until("Tea with milk", "1 Goals")
        goal_id = pilothouse(project, "status", "--json").json()["goals"][0]["id"]
        tea = pilothouse(project, "task", "edit", f"{goal_id}/tea", "--description", "Hot", "--json").json()
        assert (tea["title"], tea["description"], tea["version"]) == ("Tea with milk", "Hot", 3)
        pilothouse(project, "stop")
        screen.until("ended with")
