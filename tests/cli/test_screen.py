"""The bare `pilothouse` on a terminal: whose engine it is, and what becomes of it when the screen is left."""

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cli_process import Pilothouse, Terminal, eventually
from goal_files import HELD, goal_file, let_go, work_folders

Open = Callable[..., Terminal]
PROCESS = ("--runtime", "process", "--allow-unconfined")
ENTERED = "\x1b[?1049h"
LEFT = "\x1b[?1049l"  # the terminal is back on its own screen


def engine(inside: Pilothouse) -> dict[str, Any]:
    told: dict[str, Any] = inside("status", "--json").json["engine"]
    return told


@dataclass(frozen=True)
class Opened:
    """The screen with an engine of its own, on a goal that sleeps until it is woken."""

    screen: Terminal
    project: Path
    goal: str
    run: str

    def wake(self) -> None:
        let_go(self.project, self.run)


@pytest.fixture
def opened(terminal: Open, inside: Pilothouse, project: Path) -> Iterator[Opened]:
    goal_file(project, f"goal: Nap\ntasks:\n  - {{id: nap, run: 'echo awake; {HELD}; echo rested'}}\n")
    screen = terminal("run", "goal.yaml", *PROCESS)
    screen.expect("Nap")
    [box] = eventually(lambda: [s for s in inside("sandboxes", "--json").json if s["state"] == "running"])
    yield Opened(screen, project, box["goal"], box["run"])
    for folder in work_folders(project, box["run"]):
        (folder / "go").touch()


def leave(screen: Terminal, *keys: str) -> None:
    screen.send("q")
    screen.expect("Detach")
    for key in keys:
        screen.send(key)


def test_the_screen_owns_an_engine_that_others_attach_to(opened: Opened, inside: Pilothouse) -> None:
    assert engine(inside)["pid"] == opened.screen.process.pid
    opened.wake()
    assert inside("logs", f"{opened.goal}/nap", "-f").out == "awake\nrested\n"
    eventually(lambda: inside("status", opened.goal, "--json").json["goals"][0]["state"] == "done")


def test_detach_hands_the_project_to_an_engine_in_the_background(
    opened: Opened, inside: Pilothouse, pilothouse: Pilothouse
) -> None:
    try:
        leave(opened.screen, "\r")
        assert opened.screen.ended() == 0
        assert LEFT in opened.screen.out
        assert "goes on in the background" in opened.screen.out
        told = engine(inside)
        assert told["state"] == "running"
        assert os.getsid(told["pid"]) == told["pid"]
        opened.wake()
        eventually(lambda: inside("status", opened.goal, "--json").json["goals"][0]["state"] == "done")
        assert inside("logs", f"{opened.goal}/nap").out == "awake\nrested\n"
        assert inside("tree", opened.goal, "--json").json["children"][0]["runs"] == 1
    finally:
        assert inside("stop").code == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, None], ids=["sigterm", "drain"])
def test_r98_drain_lets_what_runs_end(number: signal.Signals | None, opened: Opened, inside: Pilothouse) -> None:
    if number is None:
        leave(opened.screen, "\t", "\r")
    else:
        opened.screen.process.send_signal(number)
    eventually(lambda: engine(inside)["state"] == "draining")
    opened.wake()
    assert opened.screen.ended() == 0
    assert LEFT in opened.screen.out
    assert engine(inside)["state"] == "visiting"
    assert inside("logs", f"{opened.goal}/nap").out == "awake\nrested\n"


def test_a_closed_terminal_leaves_the_work_going_on(opened: Opened, inside: Pilothouse, pilothouse: Pilothouse) -> None:
    pid = opened.screen.process.pid
    opened.screen.hang_up()
    try:
        told = eventually(lambda: (now := engine(inside))["state"] == "running" and now["pid"] != pid and now)
        assert os.getsid(told["pid"]) == told["pid"]
        opened.wake()
        eventually(lambda: inside("status", "--json").json["goals"][0]["state"] == "done")
    finally:
        assert inside("stop").code == 0


def test_a_screen_that_was_never_stopped_is_not_started_again_by_sigcont(opened: Opened) -> None:
    """A terminal that hangs up sends SIGCONT behind SIGHUP; a second start would write to a terminal that is gone."""
    opened.screen.process.send_signal(signal.SIGCONT)
    leave(opened.screen, "\t", "\r")
    opened.wake()
    assert opened.screen.ended() == 0
    assert opened.screen.out.count(ENTERED) == 1


def test_case_48_a_closed_terminal_leaves_no_engine_where_only_a_person_can_go_on(
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
    opened: Opened, terminal: Open, inside: Pilothouse
) -> None:
    second = terminal()
    second.expect("Nap")
    assert engine(inside)["pid"] == opened.screen.process.pid
    second.process.send_signal(signal.SIGTERM)
    assert second.ended() == 0
    assert LEFT in second.out
    assert engine(inside)["pid"] == opened.screen.process.pid
