"""The verb that speaks for the outside: what it takes, what it answers, and where it ends (R63, R67)."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_process import Pilothouse, eventually
from goal_files import goal_file

from forked_program import ForkedProgram

Start = Callable[..., ForkedProgram]
GATES = """\
goal: Wait for the outside
tasks:
  - id: gates
    order: parallel
    tasks:
      - {id: hook, gate: {kind: webhook, name: deploy.done, key: k1}}
      - {id: ci, gate: {kind: gh_ci, repo: o/r, pr: 12, poll: off}}
      - {id: human, gate: {kind: human_approval}}
      - {id: where, gate: {kind: choice, options: [here, there]}}
"""


@pytest.fixture
def serving(start: Start, inside: Pilothouse) -> Iterator[None]:
    process = start("serve")
    eventually(lambda: inside("status", "--json").json["engine"]["state"] == "running")
    yield
    inside("stop")
    process.communicate(timeout=60)


@pytest.fixture
def goal(serving: None, inside: Pilothouse, project: Path) -> str:
    goal_file(project, GATES)
    command = ("run", "goal.yaml", "--detach", "--json", "--runtime", "process", "--allow-unconfined")
    found = str(inside(*command).json["goal"])
    eventually(lambda: len(waiting(inside, found)) == 4)
    return found


def waiting(inside: Pilothouse, goal: str) -> dict[str, Any]:
    (view,) = inside("status", goal, "--json").json["goals"]
    return {wait["label"]: wait for wait in view["waiting_on"]}


def test_a_signal_prints_the_gates_it_resolved_or_queued(inside: Pilothouse, goal: str) -> None:
    waits = waiting(inside, goal)
    hook, ci = waits["webhook deploy.done with key k1"], waits["CI of o/r#12"]
    assert (hook["kind"], ci["kind"]) == ("gate", "gate")
    assert inside("signal", "webhook", "name=deploy.done", "--json").json == {"matched": [], "queued": True}
    assert inside("signal", "webhook", "name=deploy.done", "--key", "k1").out == f"{hook['id']}\n"
    assert inside("signal", "webhook", "name=deploy.done", "--key", "k1").out == "queued\n"
    answer = inside("signal", "gh_ci", "pr_url=https://github.com/o/r/pull/12", "--status", "fail", "--json").json
    assert answer == {"matched": [ci["id"]], "queued": False}
    assert "gh_ci failed" in inside("why", f"{goal}/ci", "--json").json["summary"]
    assert inside("signal", "webhook", "--gate", hook["id"]).code == 4


def test_a_human_gate_is_named_by_id_or_task(inside: Pilothouse, goal: str) -> None:
    assert inside("signal", "human_approval").code == 2
    done = inside("signal", "human_approval", "--gate", f"{goal}/human", "--json")
    assert len(done.json["matched"]) == 1
    assert inside("signal", "human_approval", "--gate", f"{goal}/human").code == 4
    assert inside("signal", "choice", "--gate", f"{goal}/where").code == 2, "nothing was chosen"
    assert inside("signal", "choice", "option=nowhere", "--gate", f"{goal}/where").code == 2
    assert inside("signal", "choice", "option=there", "--gate", f"{goal}/where").code == 0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("nonsense",), 2),
        ((), 2),
        (("webhook", "name"), 2),
        (("gh_ci", "repo=o/r", "pr=twelve"), 2),
        (("gh_ci", "pr_url=https://x"), 2),
        (("webhook", "name=x", "--status", "maybe"), 2),
        (("webhook", "--gate", "x-0000000000"), 3),
        (("webhook", "--gate", "../x"), 2),
        (("webhook", "--callback", "x-0000000000"), 2),
        (("--callback", "x-0000000000"), 3),
    ],
    ids=str,
)
def test_case_21_r63_what_is_no_signal_has_its_exit_code(inside: Pilothouse, words: tuple[str, ...], code: int) -> None:
    answer = inside("signal", *words, "--json")
    assert answer.code == code
    assert answer.json["error"]["message"]


def test_r68_a_callback_token_is_printed_once_and_works_over_the_socket(inside: Pilothouse, goal: str) -> None:
    made = inside("signal", "--callback", f"{goal}/hook", "--json").json
    assert made["path"] == f"/v1/callbacks/{made['gate']}"
    assert inside("signal", "--callback", f"{goal}/human").code == 2
    socket = ".pilothouse/engine.sock"
    command = ["curl", "-s", "--unix-socket", socket, f"http://localhost{made['path']}", "--json", '{"status": "pass"}']
    done = subprocess.run([*command, "-H", f"Authorization: Bearer {made['token']}"], capture_output=True, check=True)
    assert json.loads(done.stdout) == {"matched": [made["gate"]], "queued": False}


def test_without_an_engine_a_signal_is_stored_and_the_next_engine_goes_on(
    pilothouse: Pilothouse, inside: Pilothouse, start: Start, project: Path
) -> None:
    process = start("serve")
    eventually(lambda: inside("status", "--json").json["engine"]["state"] == "running")
    goal_file(project, "goal: g\ntasks:\n- {id: hook, gate: {kind: webhook, name: x}}\n")
    goal = inside("run", "goal.yaml", "--detach", "--json", "--runtime", "process", "--allow-unconfined").json["goal"]
    eventually(lambda: waiting(inside, goal))
    inside("stop")
    process.communicate(timeout=60)
    assert len(inside("signal", "webhook", "name=x", "--json").json["matched"]) == 1
    assert pilothouse("--no-ui", "--until", "idle").code == 0
    assert inside("status", goal, "--json").json["goals"][0]["state"] == "done"
