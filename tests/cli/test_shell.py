"""`shell`: a terminal inside a live sandbox, or one command there."""

import fcntl
import os
import struct
import termios
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_process import Answered, Pilothouse, Terminal, eventually
from goal_files import SLEEPING, goal_file

Open = Callable[..., Terminal]
RUNTIMES = ("process", pytest.param("docker", marks=pytest.mark.docker))


@pytest.fixture
def nap(
    request: pytest.FixtureRequest, pilothouse: Pilothouse, project: Path, start: Callable[..., Any]
) -> Callable[[str], str]:
    """Start a sandbox that sleeps; its run. The engine is stopped when the test ends."""

    def begin(runtime: str) -> str:
        if runtime == "docker":
            request.getfixturevalue("sandbox_image")
        goal_file(project, SLEEPING)
        start("run", "goal.yaml", "--no-ui", "--runtime", runtime, "--allow-unconfined")
        request.addfinalizer(lambda: pilothouse("stop"))
        [live] = eventually(lambda: running(pilothouse), 60)
        return str(live["run"])

    return begin


def running(pilothouse: Pilothouse) -> list[Any]:
    return [row for row in pilothouse("sandboxes", "--json").json if row["state"] == "running"]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_one_command_passes_on_its_output_and_its_exit_code(
    nap: Callable[[str], str], pilothouse: Pilothouse, runtime: str
) -> None:
    run = nap(runtime)
    done = pilothouse("shell", run, "--", "sh", "-c", "echo $PILOTHOUSE_TASK; echo aside >&2; read x; exit 7")
    assert done.code == 7
    assert done.out.startswith("t-")
    assert done.err == "aside\n"
    [name] = [row["name"] for row in running(pilothouse)]
    told = pilothouse("shell", name[:-3], "--json", "--", "sh", "-c", "echo in; echo by >&2; kill -9 $$")
    assert (told.json["run"], told.json["exit_code"], told.code) == (run, 137, 137)
    assert (told.json["out"], told.json["err"]) == ("in\n", "by\n")


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_shell_has_a_terminal_of_its_own_and_gives_ours_back(
    nap: Callable[[str], str], terminal: Open, runtime: str
) -> None:
    run = nap(runtime)
    screen = terminal("shell", run)
    screen.expect("$ ")
    screen.send("PS1='re''ady> '\r")
    screen.expect("ready> ")
    assert "24 80" in typed(screen, "stty size")
    assert "term-xterm-256color" in typed(screen, "echo term-$TERM; id -u")
    assert "\r\n0\r\n" not in screen.out, "never as root"
    fcntl.ioctl(screen._screen, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 101, 0, 0))
    typed(screen, "until [ \"$(stty size)\" = '30 101' ]; do sleep 0.1; done")
    screen.send("sh -c 'echo asl\"eep\"; exec sleep 600'\r")
    screen.expect("asleep")
    screen.out = ""
    screen.send("\x03")  # an interrupt inside: it ends the program there and neither the shell nor the verb
    screen.expect("ready> ")
    screen.send("exit 5\r")
    assert screen.ended() == 5
    assert "\x1b[?2004l" in screen.out[-80:], "what a program may have left on is off"
    assert termios.tcgetattr(screen._screen) == screen.before


def typed(screen: Terminal, line: str) -> str:
    """What a line and its answer painted, up to the next prompt."""
    screen.out = ""
    screen.send(f"{line}\r")
    return screen.expect("ready> ")


def test_r49_an_end_from_outside_gives_the_terminal_back_and_leaves_no_shell(
    nap: Callable[[str], str], terminal: Open, pilothouse: Pilothouse
) -> None:
    run = nap("process")
    screen = terminal("shell", run)
    screen.expect("$ ")
    assert not termios.tcgetattr(screen._screen)[3] & termios.ECHO
    screen.process.terminate()
    assert screen.ended() == 130
    assert termios.tcgetattr(screen._screen)[3] & termios.ECHO
    eventually(lambda: len(shells(pilothouse, run)) == 1)


def shells(pilothouse: Pilothouse, run: str) -> list[str]:
    """Shells beside the one that looks."""
    listed = pilothouse("shell", run, "--", "sh", "-c", "for d in /proc/[0-9]*; do readlink $d/cwd; done; true").out
    mine = [line for line in listed.splitlines() if line.endswith(run)]
    return mine[2:]  # the sandbox's own shell and its sleep; what is left is who looks


def test_a_sandbox_that_is_gone_is_a_conflict_that_says_where_to_look(inside: Pilothouse, project: Path) -> None:
    goal_file(project, "goal: Short\ntasks:\n  - {id: one, run: 'true'}\n")
    assert inside("run", "goal.yaml", "--no-ui", "--runtime", "process", "--allow-unconfined").code == 0
    [goal] = inside("status", "--json").json["goals"]

    def refused(answer: Answered, code: int) -> str:
        assert answer.code == code, answer
        return answer.err

    err = refused(inside("shell", f"{goal['id']}/one", "--", "true"), 4)
    assert "logs" in err
    assert "diff" in err
    refused(inside("shell", "ph-nonesuch", "--", "true"), 4)
    refused(inside("shell", "r-0000000000", "--", "true"), 3)
    refused(inside("shell", "../volumes/x", "--", "true"), 2)
    assert "terminal" in refused(inside("shell", "r-0000000000"), 2)


def test_the_terminal_is_given_back_from_the_second_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    from tui.cli import own_terminal

    outer, inner = os.openpty()
    written: list[bytes] = []
    monkeypatch.setattr(own_terminal, "_write_all", lambda _, data: written.append(data))
    with own_terminal._raw(inner) as painted:
        painted(b"text \x1b[?10")
        painted(b"49h more")
    with own_terminal._raw(inner) as painted:
        painted(b"\x1b[?1049h\x1b[?1049l")
    os.close(outer)
    os.close(inner)
    assert [data.startswith(own_terminal.SECOND_OFF) for data in written] == [True, False]
