"""The bare `pilothouse` on a terminal: whose engine it is, and what becomes of it when the screen is left."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_process import Pilothouse, Terminal, eventually
from goal_files import goal_file

Open = Callable[..., Terminal]
PROCESS = ("--runtime", "process", "--allow-unconfined")
ENTERED = "\x1b[?1049h"
LEFT = "\x1b[?1049l"  # the terminal is back on its own screen


def engine(inside: Pilothouse) -> dict[str, Any]:
    told: dict[str, Any] = inside("status", "--json").json["engine"]
    return told


@pytest.fixture
def opened(terminal: Open, inside: Pilothouse, project: Path) -> Terminal:
    """The screen with an engine of its own, on a goal that sleeps."""
    goal_file(project, "goal: Nap\ntasks:\n  - {id: nap, run: 'echo awake; sleep 2; echo rested'}\n")
    screen = terminal("run", "goal.yaml", *PROCESS)
    screen.expect("Nap")
    eventually(lambda: [s for s in inside("sandboxes", "--json").json if s["state"] == "running"])
    return screen


def leave(screen: Terminal, *keys: str) -> int:
    screen.send("q")
    screen.expect("Detach")
    for key in keys:
        screen.send(key)
    return screen.ended()


def test_the_screen_owns_an_engine_that_others_attach_to(opened: Terminal, inside: Pilothouse) -> None:
    assert engine(inside)["pid"] == opened.process.pid
    goal = inside("status", "--json").json["goals"][0]["id"]
    assert inside("logs", f"{goal}/nap", "-f").out == "awake\nrested\n"
    eventually(lambda: inside("status", goal, "--json").json["goals"][0]["state"] == "done")


def test_detach_hands_the_project_to_an_engine_in_the_background(
    opened: Terminal, inside: Pilothouse, pilothouse: Pilothouse
) -> None:
    [sandbox] = inside("sandboxes", "--json").json
    try:
        assert leave(opened, "\r") == 0
        assert LEFT in opened.out
        assert "goes on in the background" in opened.out
        told = engine(inside)
        assert told["state"] == "running"
        assert os.getsid(told["pid"]) == told["pid"]
        goal = sandbox["goal"]
        eventually(lambda: inside("status", goal, "--json").json["goals"][0]["state"] == "done")
        assert inside("logs", f"{goal}/nap").out == "awake\nrested\n"
        assert inside("tree", goal, "--json").json["children"][0]["runs"] == 1
    finally:
        assert inside("stop").code == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, None], ids=["sigterm", "drain"])
def test_r98_drain_lets_what_runs_end(number: signal.Signals | None, opened: Terminal, inside: Pilothouse) -> None:
    if number is None:
        assert leave(opened, "\t", "\r") == 0
    else:
        opened.process.send_signal(number)
        assert opened.ended() == 0
    assert LEFT in opened.out
    status = inside("status", "--json").json
    assert status["engine"]["state"] == "visiting"
    assert inside("logs", f"{status['goals'][0]['id']}/nap").out == "awake\nrested\n"


def test_a_closed_terminal_leaves_the_work_going_on(
    opened: Terminal, inside: Pilothouse, pilothouse: Pilothouse
) -> None:
    pid = opened.process.pid
    opened.hang_up()
    try:
        told = eventually(lambda: (now := engine(inside))["state"] == "running" and now["pid"] != pid and now)
        assert os.getsid(told["pid"]) == told["pid"]
        eventually(lambda: inside("status", "--json").json["goals"][0]["state"] == "done")
    finally:
        assert inside("stop").code == 0


def test_a_screen_that_was_never_stopped_is_not_started_again_by_sigcont(opened: Terminal) -> None:
    """A terminal that hangs up sends SIGCONT behind SIGHUP; a second start would write to a terminal that is gone."""
    opened.process.send_signal(signal.SIGCONT)
    assert leave(opened, "\t", "\r") == 0
    assert opened.out.count(ENTERED) == 1


def test_a_closed_terminal_leaves_no_engine_where_only_a_person_can_go_on(
    terminal: Open, inside: Pilothouse, project: Path
) -> None:
    goal_file(project, "goal: Ask\ntasks:\n  - {id: ship, gate: {kind: human_approval, question: Ship it?}}\n")
    screen = terminal("run", "goal.yaml", *PROCESS)
    screen.expect("waits")
    [asked] = eventually(lambda: inside("decisions", "--json").json)
    screen.hang_up()
    assert screen.process.wait(20) == 0
    assert engine(inside)["state"] == "visiting"
    assert inside("decisions", "--json").json == [asked]


def test_a_second_screen_attaches_and_leaves_the_engine_alone(
    opened: Terminal, terminal: Open, inside: Pilothouse
) -> None:
    second = terminal()
    second.expect("Nap")
    assert engine(inside)["pid"] == opened.process.pid
    second.process.send_signal(signal.SIGTERM)
    assert second.ended() == 0
    assert LEFT in second.out
    assert engine(inside)["pid"] == opened.process.pid
