"""The verbs that hold work back, let it go on, and act on one sandbox; each on the real command and real processes."""

import asyncio
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_process import Pilothouse, eventually
from goal_files import HELD, decoded, goal_file, let_go, types

from engine.api import CreateGoal
from engine.local.opening import open_local
from engine.model import Runtime
from engine.settings import Settings
from forked_program import ForkedProgram

Start = Callable[..., ForkedProgram]
TWO = f"""\
goal: Two steps
tasks:
  - {{id: first, run: "echo awake; {HELD}"}}
  - {{id: second, run: echo done}}
"""
FAILING = """\
goal: Break
tasks:
  - {id: broken, run: exit 3}
  - {id: after, run: echo after}
"""


@pytest.fixture
def serving(start: Start, inside: Pilothouse) -> Iterator[ForkedProgram]:
    """An engine in a process of its own."""
    process = start("serve")
    eventually(lambda: inside("status", "--json").json["engine"]["state"] == "running")
    yield process
    inside("stop")
    process.communicate(timeout=60)


def begun(inside: Pilothouse, project: Path, text: str, state: str = "running") -> str:
    """A goal, once its first task is in this state."""
    goal_file(project, text)
    goal = inside("run", "goal.yaml", "--detach", "--json", "--runtime", "process").json["goal"]
    first = "broken" if text is FAILING else "first"
    assert inside("wait", f"{goal}/{first}", "--for", state, "--timeout", "30s").code == 0
    return str(goal)


def task(inside: Pilothouse, goal: str, key: str) -> dict[str, Any]:
    nodes = inside("tree", goal, "--json").json["children"]
    return next(node for node in nodes if node["key"] == key)


def let_first_go(inside: Pilothouse, project: Path, goal: str) -> None:
    """Let the first task of TWO end."""
    [box] = [box for box in inside("sandboxes", "--json").json if box["goal"] == goal]
    let_go(project, box["run"])


@pytest.mark.usefixtures("serving")
def test_pause_drain_and_resume(inside: Pilothouse, project: Path) -> None:
    goal = begun(inside, project, TWO)
    paused = inside("pause", goal, "--json")
    assert (paused.code, paused.json["state"]) == (0, "paused")
    again = inside("pause", "--json")  # the only goal that has not ended
    assert (again.code, again.json["error"]["code"], again.json["error"]["details"]["state"]) == (
        4,
        "illegal_move",
        "paused",
    )
    assert inside("resume", goal).code == 0
    assert inside("drain", goal, "--json").json["state"] == "draining"
    let_first_go(inside, project, goal)
    assert inside("wait", goal, "--for", "paused", "--timeout", "30s").code == 0
    assert task(inside, goal, "second")["state"] == "pending"
    assert "pilothouse resume" in inside("why", f"{goal}/second").out
    assert inside("resume", goal).code == 0
    done = inside("wait", goal, "--for", "done", "--timeout", "30s", "--json")
    assert (done.code, done.json) == (0, {"id": goal, "state": "done"})
    ended = inside("wait", goal, "--for", "failed", "--json")
    assert (ended.code, ended.json["error"]["details"]["state"]) == (4, "done")
    assert inside("pause").code == 2, "every goal has ended"


@pytest.mark.usefixtures("serving")
def test_retry_and_skip(inside: Pilothouse, project: Path) -> None:
    goal = begun(inside, project, FAILING, "failed")
    inside("wait", goal, "--for", "failed", "--timeout", "30s")
    assert inside("retry", f"{goal}/broken", "--json").json["state"] == "active"
    assert inside("wait", goal, "--for", "failed", "--timeout", "30s").code == 0
    assert task(inside, goal, "broken")["runs"] == 2
    assert inside("retry", goal, "--fresh").code == 0
    assert inside("wait", goal, "--for", "failed", "--timeout", "30s").code == 0
    refused = inside("retry", f"{goal}/after", "--json")
    assert (refused.code, refused.json["error"]["hint"]) == (4, "retry or skip broken")
    assert inside("skip", f"{goal}/broken").code == 0
    assert inside("wait", goal, "--for", "done", "--timeout", "30s").code == 0
    assert task(inside, goal, "broken")["state"] == "skipped"


@pytest.mark.usefixtures("serving")
def test_freeze_thaw_kill_and_rm(inside: Pilothouse, project: Path) -> None:
    goal = begun(inside, project, TWO)
    [box] = inside("sandboxes", "--json").json
    frozen = inside("freeze", box["name"], "--json")
    assert (frozen.code, frozen.json["state"], frozen.json["run"]) == (0, "frozen", box["run"])
    assert inside("sandboxes", "--json").json[0]["frozen"] is True
    assert "frozen" in inside("sandboxes").out
    assert "pilothouse thaw" in inside("why", f"{goal}/first").out
    alive = inside("rm", box["name"], "--json")
    assert (alive.code, alive.json["error"]["code"]) == (4, "illegal_move")
    assert inside("thaw", f"{goal}/first", "--json").json["state"] == "running"
    assert inside("freeze", box["run"]).code == 0
    killed = inside("kill", box["name"], "--json")  # without its cooperation: it stands still
    assert (killed.code, killed.json["state"]) == (0, "ended")
    first = task(inside, goal, "first")
    assert (first["state"], first["runs"]) == ("blocked", 1)
    assert "killed by" in first["cause"]
    assert inside("rm", box["name"]).code == 3, "it has been removed already"
    assert inside("retry", f"{goal}/first").code == 0
    assert inside("wait", f"{goal}/first", "--for", "running", "--timeout", "30s").code == 0
    let_first_go(inside, project, goal)
    assert inside("wait", goal, "--for", "done", "--timeout", "30s").code == 0


def test_the_kill_switch_holds_over_engines(inside: Pilothouse, start: Start, project: Path) -> None:
    inside("init")
    off = inside("dispatch", "off", "--json")
    assert (off.code, off.json["dispatch"]) == (0, False)
    assert "dispatch is off" in inside("status").out
    goal_file(project, FAILING, "held.yaml")
    idle = start("run", "held.yaml", "--no-ui", "--json", "--runtime", "process")
    eventually(lambda: inside("status", "--json").json["goals"])
    goal = inside("status", "--json").json["goals"][0]["id"]
    assert "dispatch is off" in inside("why", f"{goal}/broken").out
    timed = inside("wait", f"{goal}/broken", "--for", "running", "--timeout", "0.5")
    assert (timed.code, timed.out) == (7, "")
    assert task(inside, goal, "broken")["runs"] == 0
    assert inside("dispatch", "on").code == 0
    out, _ = idle.communicate(timeout=60)
    assert json.loads(out.splitlines()[-1])["state"] == "failed"
    assert "engine.dispatch" not in types(decoded(out)), "it is about no goal"


@pytest.mark.usefixtures("serving")
def test_until_idle_waits_for_what_runs_in_a_paused_goal_and_for_nothing_while_dispatch_is_off(
    inside: Pilothouse, start: Start, project: Path
) -> None:
    goal = begun(inside, project, TWO)
    inside("pause", goal)
    idle = start("--no-ui", "--until", "idle")
    with pytest.raises(subprocess.TimeoutExpired):
        idle.wait(timeout=1.5)
    let_first_go(inside, project, goal)
    assert idle.wait(timeout=30) == 0, "what is paused is no gate"
    inside("dispatch", "off")
    inside("resume", goal)
    assert start("--no-ui", "--until", "idle").wait(timeout=30) == 5, "a human is waited for"
    assert task(inside, goal, "second")["state"] == "pending"


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("wait", "g-nothing", "--for", "done"), 3),
        (("wait", "t-nothing", "--for", "paused"), 2),
        (("wait", "g-nothing", "--for", "done", "--timeout", "soon"), 2),
        (("wait", "g-nothing"), 2),
        (("pause", "g-nothing"), 3),
        (("pause",), 2),
        (("retry", "t-nothing"), 3),
        (("skip", "t-nothing"), 3),
        (("dispatch", "perhaps"), 2),
        (("freeze", "ph-nothing"), 69),
        (("kill", "../x"), 2),
    ],
)
def test_what_cannot_be_ordered_is_refused_with_its_code(inside: Pilothouse, args: tuple[str, ...], code: int) -> None:
    inside("init")
    assert inside(*args).code == code


def test_a_draft_is_started_by_its_own_verb_and_no_other(inside: Pilothouse, project: Path) -> None:
    async def propose() -> str:
        engine = await open_local(project, Settings(), visiting=True)
        try:
            return (await engine.create_goal(CreateGoal(source=TWO, runtime=Runtime.PROCESS, start=False))).id
        finally:
            await engine.close()

    goal = asyncio.run(propose())
    resumed = inside("resume", goal)
    assert resumed.code == 4
    assert f"pilothouse start {goal}" in resumed.err
    assert inside("start", goal, "--json").json["state"] == "active"
    again = inside("start", goal)
    assert again.code == 4
    assert "not a draft" in again.err


@pytest.mark.usefixtures("serving")
def test_interrupt_ends_no_sandbox_by_force_and_counts_as_no_failure(inside: Pilothouse, project: Path) -> None:
    goal = begun(inside, project, TWO)
    run = inside("interrupt", f"{goal}/first", "--json")
    assert (run.code, run.json["key"], bool(run.json["interrupted_by"])) == (0, "first", True)
    assert inside("wait", f"{goal}/first", "--for", "blocked", "--timeout", "30s").code == 0
    first = task(inside, goal, "first")
    assert first["cause"].splitlines()[0].startswith("interrupted by ")
    ended = inside("interrupt", run.json["id"], "--json")
    assert (ended.code, ended.json["error"]["code"]) == (4, "illegal_move")
    assert inside("retry", f"{goal}/first").code == 0
