"""However the screen ends, the terminal is the operator's again and the store is closed (case 48)."""

import signal
import sqlite3
import termios
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from cli_process import Pilothouse, Terminal
from goal_files import goal_file

Open = Callable[..., Terminal]
PROCESS = ("--runtime", "process", "--allow-unconfined")
ASKS = "goal: Ask\ntasks:\n  - {id: ship, gate: {kind: human_approval, question: Ship it?}}\n"
LEFT = "\x1b[?1049l"  # the terminal is back on its own screen
LEAVING = "\x1b[?2004l"  # among the first words to a terminal that is given back
DYING = Path(__file__).with_name("dying_worker.py")


@pytest.fixture
def shown(terminal: Open, project: Path) -> Terminal:
    """The screen with an engine of its own, on a goal that only a person can move."""
    screen = terminal("run", goal_file(project, ASKS), *PROCESS)
    screen.expect("waits")
    return screen


def given_back(screen: Terminal) -> None:
    assert LEFT in screen.out
    assert termios.tcgetattr(screen._screen) == screen.before


def closed(project: Path) -> None:
    """Nobody has the store, and nothing of it is still to be written into its file."""
    state = project / ".pilothouse"
    assert not {"engine.lock", "engine.sock", "engine.db-wal"} & {path.name for path in state.iterdir()}
    with closing(sqlite3.connect(state / "engine.db")) as store:
        assert store.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT], ids=lambda number: number.name)
def test_case_48_a_signal_gives_the_terminal_back_and_closes_the_store(
    number: signal.Signals, shown: Terminal, project: Path
) -> None:
    shown.process.send_signal(number)
    assert shown.ended() == 0
    given_back(shown)
    closed(project)


def test_case_48_a_second_interrupt_cuts_nothing_off(shown: Terminal, project: Path) -> None:
    shown.process.send_signal(signal.SIGINT)
    shown.expect(LEAVING)
    shown.process.send_signal(signal.SIGINT)
    assert shown.ended() == 0
    given_back(shown)
    closed(project)


def test_case_48_ctrl_c_pressed_twice_ends_nothing_and_the_way_out_is_as_ever(
    shown: Terminal, inside: Pilothouse, project: Path
) -> None:
    shown.send("\x03\x03q")
    shown.expect("Detach")
    assert inside("status", "--json").json["engine"]["pid"] == shown.process.pid
    shown.send("\t\t\r")
    assert shown.ended() == 0
    given_back(shown)
    closed(project)


def test_case_48_a_worker_that_dies_gives_the_terminal_back_and_says_why(
    terminal: Open, inside: Pilothouse, project: Path
) -> None:
    screen = terminal("run", goal_file(project, ASKS), *PROCESS, script=DYING)
    assert screen.ended() == 1
    given_back(screen)
    assert "ZeroDivisionError" in screen.out.rpartition(LEFT)[2]
    closed(project)
    [goal] = inside("status", "--json").json["goals"]
    assert goal["state"] == "active", "it goes on with the next engine"
