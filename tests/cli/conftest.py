"""The command line as a process of its own, and as a call inside the test."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest
from cli_process import SCRIPT, Answered, Pilothouse, Terminal, environment

from forked_program import ForkedProgram, run_forked, start_forked


@pytest.fixture
def pilothouse(project: Path) -> Pilothouse:
    """Run `pilothouse …` in the project folder without a terminal; stdin is closed unless it is given."""

    def run(*args: str, stdin: str = "", timeout: float = 60, cwd: Path = project, **env: str) -> Answered:
        answer = Answered(*run_forked([str(SCRIPT), *args], cwd, environment(**env), stdin.encode(), timeout))
        assert "Traceback" not in answer.err + answer.out, answer.err
        return answer

    return run


@pytest.fixture
def start(project: Path) -> Iterator[Callable[..., ForkedProgram]]:
    """Start `pilothouse …` and go on; whatever still lives is killed when the test ends."""
    alive: list[ForkedProgram] = []

    def begin(*args: str, cwd: Path = project, stderr: int | IO[str] = subprocess.PIPE, **env: str) -> ForkedProgram:
        alive.append(start_forked([str(SCRIPT), *args], cwd, environment(**env), stderr=stderr))
        return alive[-1]

    yield begin
    for program in alive:
        program.kill()
        program.communicate()


@pytest.fixture
def inside(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, project: Path) -> Pilothouse:
    """The same without a process: for tables of many inputs."""
    from tui.cli.edge import answered
    from tui.cli.main import PROGRAM, cli

    monkeypatch.chdir(project)

    def run(*args: str, **env: str) -> Answered:
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        capsys.readouterr()
        code = answered(cli, PROGRAM, list(args))
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err, err
        return Answered(code, out, err)

    return run


@pytest.fixture
def terminal(project: Path) -> Iterator[Callable[..., Terminal]]:
    """Start `pilothouse …` on a terminal of its own."""
    opened: list[Terminal] = []

    def begin(*args: str, cwd: Path = project, **env: str) -> Terminal:
        opened.append(Terminal(*args, cwd=cwd, **env))
        return opened[-1]

    yield begin
    for screen in opened:
        screen.close()
