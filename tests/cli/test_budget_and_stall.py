"""A budget that is spent and a run that has stalled, with the real command, engine and processes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_process import Pilothouse, eventually, heard
from goal_files import HELD, decoded, goal_file, let_go

from forked_program import ForkedProgram

Start = Callable[..., ForkedProgram]
SPENDS = f"""\
goal: Spend
policy: {{budget: {{wall: 3s}}}}
tasks:
  - {{id: first, run: "{HELD}"}}
  - {{id: second, run: echo second}}
"""
STALLS = """\
goal: Stall
tasks:
  - id: first
    run: "echo begun; exec sleep 600"
    stall: {quiet: 1s}
"""
SETTINGS = """\
[engine]
budget_interval = "100ms"
stall_interval = "200ms"
stall_action = "ask"
"""


def ready(project: Path, text: str) -> str:
    (project / "pilothouse.toml").write_text(SETTINGS, encoding="utf-8")
    return goal_file(project, text)


def spent(start: Start, project: Path, text: str) -> tuple[int, list[Any]]:
    """Run until the budget is asked about, and only then let the first task end; the exit code and all lines."""
    file = ready(project, text)
    running = start("run", file, "--no-ui", "--json", "--runtime", "process", "--on-gate", "fail")
    lines = heard(running, "goal.budget", level="asked")
    let_go(project, next(line["run"] for line in lines if line["type"] == "run.started"))
    out, _ = running.communicate(timeout=60)
    return running.wait(), lines + decoded(out)


def only(pilothouse: Pilothouse) -> dict[str, Any]:
    [decision] = pilothouse("decisions", "--json").json
    return dict(decision)


def choose(pilothouse: Pilothouse, decision: dict[str, Any], option: str) -> int:
    words = ("choose", "--option", option, "--version", str(decision["version"]))
    return pilothouse("decide", decision["id"], *words).code


def test_budget_that_is_spent_ends_a_run_with_5_and_finish_ends_it_with_8(
    start: Start, pilothouse: Pilothouse, project: Path
) -> None:
    code, lines = spent(start, project, SPENDS)
    assert (code, lines[-1]["state"]) == (5, "paused"), lines[-1]
    levels = [line["data"]["level"] for line in lines if line["type"] == "goal.budget"]
    assert levels == ["warned", "asked"]
    [goal] = pilothouse("status", "--json").json["goals"]
    [wall] = goal["budget"]
    assert (wall["kind"], wall["limit"], wall["state"]) == ("wall", 3.0, "asked")
    assert wall["used"] >= 3
    assert "spent: it waits for your answer" in pilothouse("status").out
    assert "budget of the goal, wall time: " in pilothouse("why", goal["id"]).out
    assert pilothouse("resume", goal["id"]).code == 4, "only the answer lets it go on"
    decision = only(pilothouse)
    assert (decision["kind"], decision["choices"]) == ("budget", ["more", "finish", "stop"])
    assert pilothouse("decide", decision["id"], "choose", "--version", "1").code == 2, "it needs an option"
    assert pilothouse("decide", decision["id"], "approve", "--option", "more", "--version", "1").code == 2
    assert choose(pilothouse, decision, "everything") == 2
    assert choose(pilothouse, decision, "finish") == 0
    [ended] = pilothouse("status", "--json").json["goals"]
    assert (ended["state"], ended["exit_code"]) == ("cancelled", 8)


def test_budget_that_ends_a_goal_ends_the_command_with_8(start: Start, inside: Pilothouse, project: Path) -> None:
    file = ready(project, SPENDS.replace(HELD, "exec sleep 600").replace("3s", "1s"))
    running = start("run", file, "--no-ui", "--json", "--runtime", "process", "--on-gate", "wait")
    [decision] = eventually(lambda: inside("status").code == 0 and inside("decisions", "--json").json)
    words = ("choose", "--option", "stop", "--version", str(decision["version"]))
    assert inside("decide", decision["id"], *words).code == 0
    out, _ = running.communicate(timeout=60)
    last = json.loads(out.splitlines()[-1])
    assert (running.returncode, last["exit_code"], last["state"]) == (8, 8, "cancelled")
    assert "its budget is spent: wall time" in last["cause"]


def test_budget_more_lets_the_goal_end_well(start: Start, pilothouse: Pilothouse, project: Path) -> None:
    code, lines = spent(start, project, SPENDS.replace("3s", "2s"))
    assert code == 5, lines[-1]
    assert choose(pilothouse, only(pilothouse), "more") == 0
    went_on = pilothouse("--no-ui", "--until", "idle")
    assert went_on.code == 0, went_on.err
    [goal] = pilothouse("status", "--json").json["goals"]
    assert (goal["state"], goal["budget"][0]["limit"]) == ("done", 4.0)


@pytest.mark.alone
def test_r50_a_real_process_that_stalls_is_asked_about_and_restarted(
    start: Start, inside: Pilothouse, project: Path
) -> None:
    file = ready(project, STALLS)
    engine = start("serve")
    eventually(lambda: inside("status", "--json").json["engine"]["state"] == "running")
    goal = inside("run", file, "--detach", "--json", "--runtime", "process").json["goal"]
    [decision] = eventually(lambda: inside("decisions", "--json").json)
    assert (decision["kind"], decision["choices"]) == ("stall", ["wait", "restart", "stop"])
    [box] = inside("sandboxes", "--json").json
    assert (box["activity"], box["stalled"]) == ("quiet", True)
    assert {sign["source"] for sign in box["activity_evidence"]} >= {"output", "cpu", "sandbox"}
    assert box["cpu"] < 0.05
    assert box["memory_used"] > 0
    assert "it has stalled: two signs say so" in inside("why", f"{goal}/first").out
    words = ("choose", "--option", "restart", "--version", str(decision["version"]))
    assert inside("decide", decision["id"], *words).code == 0
    eventually(lambda: [b["run"] for b in inside("sandboxes", "--json").json if b["run"] != box["run"]])
    events = [json.loads(line) for line in inside("events", "--json").out.splitlines()]
    [told] = [event for event in events if event["type"] == "agent.stalled" and event["run"] == box["run"]]
    assert len(told["data"]["signs"]) == 2
    inside("cancel", goal)
    inside("stop")
    engine.communicate(timeout=60)
