"""`s` in the TUI: the terminal is lent to a shell in the sandbox, and the screen comes back as it was."""

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
"""


def test_s_lends_the_terminal_to_a_shell_and_takes_it_back(project: Path) -> None:
    goal = write_goal(project, GOAL)
    with terminal(project, "run", goal, "--runtime", "process", "--allow-unconfined") as screen:
        screen.until("Sleep", "▶ nap", "runs 1/")
        screen.keys("5")
        screen.until("▶ nap", "512M")
        screen.keys("s")
        screen.until("work/r-", gone="5 Sandboxes")
        screen.keys("echo in-$PILOTHOUSE_SANDBOX", "Enter")
        screen.until("in-ph-")
        screen.keys("exit 3", "Enter")
        screen.until("5 Sandboxes", "512M", gone="exit 3")
        screen.keys("1")
        screen.until("▶ nap", gone="512M")
        screen.keys("q")
        screen.until("Leave Pilothouse?", "Detach")
        screen.keys("Right", "Right", "Enter")
        screen.until("ended with 0", gone="Leave Pilothouse?")
    assert pilothouse(project, "sandboxes", "--json").json() == []
