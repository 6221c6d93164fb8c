"""A pinned sandbox through the real command: every verb names its occupant, also after the engine was killed (R31)."""

import signal
from collections.abc import Callable
from pathlib import Path

from cli_process import Pilothouse, eventually
from goal_files import goal_file

from forked_program import ForkedProgram

Start = Callable[..., ForkedProgram]
SHARED = """\
goal: Share
policy: {session: reuse, order: parallel}
tasks:
  - {id: first, run: "echo kept > note; until [ -e go ]; do sleep 0.05; done", priority: 1}
  - {id: second, run: cat note}
"""
OCCUPIED = "waits for the goal's sandbox, occupied by first (run 1)"


def test_r31_r91_the_occupant_is_named_before_and_after_a_kill_9(
    start: Start, inside: Pilothouse, project: Path
) -> None:
    file = goal_file(project, SHARED)
    engine = start("serve")
    eventually(lambda: inside("status", "--json").json["engine"]["state"] == "running")
    goal = inside("run", file, "--detach", "--json", "--runtime", "process").json["goal"]
    eventually(lambda: [box for box in inside("sandboxes", "--json").json if box["state"] == "running"])
    engine.send_signal(signal.SIGKILL)
    engine.communicate()
    assert OCCUPIED in inside("why", f"{goal}/second").out
    again = start("serve")
    eventually(lambda: inside("status", "--json").json["engine"]["state"] == "running")
    [pinned] = inside("status", "--json").json["goals"][0]["pinned"]
    assert (pinned["pin"], pinned["task_key"], pinned["n"]) == ("root", "first", 1)
    assert "first occupies the goal's sandbox (run 1)" in inside("status").out
    [box] = inside("sandboxes", "--json").json
    assert (box["task"], box["pin"], box["run"]) == (pinned["task"], "root", pinned["run"])
    assert "first (pinned)" in inside("sandboxes").out
    assert OCCUPIED in inside("why", f"{goal}/second").out
    inside("shell", f"{goal}/first", "--", "touch", "go")
    assert inside("wait", goal, "--for", "done", "--timeout", "30").code == 0
    assert "kept" in inside("logs", f"{goal}/second").out
    inside("stop")
    again.communicate(timeout=60)
