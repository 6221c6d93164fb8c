"""agents, leases, lease, message and checkpoints as commands beside a real engine, with real `ph` in its sandbox."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_process import Pilothouse, eventually
from goal_files import goal_file

from forked_program import ForkedProgram

Start = Callable[..., ForkedProgram]
SPEAKS = """
goal: Speak
tasks:
  - id: one
    run: |
      echo '{"n": 1}' > a.json
      echo '{"n": 2}' > b.json
      ph checkpoint first a.json && ph checkpoint second b.json
      ph lease acquire db --ttl 600
      ph messages --wait 30
      ph messages --wait 30
"""


@pytest.fixture
def goal(start: Start, pilothouse: Pilothouse, project: Path) -> str:
    """A goal whose agent holds a lease and waits for a word."""
    arguments = ("--no-ui", "--json", "--runtime", "process", "--allow-unconfined")
    engine = start("run", goal_file(project, SPEAKS), *arguments)
    assert engine.stdout is not None
    for line in engine.stdout:
        event = json.loads(line)
        if event["type"] == "lease.acquired":
            return str(event["goal"])
    raise AssertionError(engine.communicate())


def test_f99_f102_an_operator_sees_and_steers_an_agent(goal: str, pilothouse: Pilothouse, inside: Pilothouse) -> None:
    (agent,) = inside("agents", "--json").json
    assert (agent["name"], agent["role"], agent["state"]) == ("one", "work", "busy")
    assert "one" in inside("agents", goal).out
    (lease,) = inside("leases", "--json").json
    assert (lease["name"], lease["task_key"], lease["fence"]) == ("db", "one", 1)
    assert inside("lease", "release", "db", "--reason", "stuck").code == 2, "not without --force"
    assert inside("lease", "release", "db", "--force").code == 2, "not without a reason"
    assert inside("lease", "release", "none", "--force", "--reason", "x").code == 3
    assert inside("lease", "release", "db", "--force", "--reason", "stuck", "--json").json["run"] is None
    assert inside("leases").out == "nothing is held\n"

    first, second = inside("checkpoints", "list", f"{goal}/one", "--json").json
    assert [(one["name"], one["version"], one["current"]) for one in (first, second)] == [
        ("first", 1, 2),
        ("second", 2, 2),
    ]
    assert inside("checkpoints", "show", str(first["id"])).json["data"] == {"n": 1}
    assert inside("checkpoints", "restore", str(first["id"]), "--version", "1").code == 4
    assert inside("checkpoints", "restore", str(first["id"])).code == 2
    assert inside("checkpoints", "restore", str(first["id"]), "--version", "2", "--json").json["current"] == 3
    assert inside("checkpoints", "show", "999").code == 3
    assert inside("checkpoints", "show", "x").code == 2

    assert inside("message", f"{goal}/one", "look at the tests").code == 0
    eventually(lambda: "look at the tests" in pilothouse("logs", f"{goal}/one").out)
    log = pilothouse("logs", f"{goal}/one").out
    assert '"reason": "stuck"' in log


def test_a_message_to_nobody_is_not_found(goal: str, inside: Pilothouse) -> None:
    assert inside("message", "t-0000000000", "hello").code == 3
    assert inside("message", "../x", "hello").code == 2
