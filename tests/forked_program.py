"""The `pilothouse` program in a process of its own, without the half second that loading it takes.

A process that has loaded the program once forks for each start: the arguments, folder, environment, streams, signals
and exit code of the child are its own, as those of an installed command are. What is to be seen of the loading itself
needs a real start.
"""

import fcntl
import multiprocessing
import os
import signal
import sys
import termios
import threading
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from subprocess import PIPE, TimeoutExpired
from tempfile import TemporaryFile
from typing import IO

LOADED = (
    *("tui.cli.main", "tui.cli.verbs_look", "tui.cli.verbs_run", "tui.cli.verbs_serve", "tui.app.pilothouse"),
    *("engine.client.remote", "engine.local.opening", "engine.server.app", "docker", "httpx", "textual.app"),
)
STREAMS = {"stdin": "surrogateescape", "stdout": "surrogateescape", "stderr": "backslashreplace"}  # as Python has them


class ForkedProgram:
    """A started program, with what the tests use of `subprocess.Popen`: its streams are text."""

    def __init__(
        self,
        words: Sequence[str],
        cwd: Path,
        env: Mapping[str, str],
        streams: tuple[int, int, int],
        *,
        on_terminal: bool = False,
    ) -> None:
        """`words` begin with the program's path. The three streams stay the caller's own. `on_terminal`: the first of
        them becomes the terminal of a session that the program leads."""
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(list(LOADED))  # heeded by the first start
        passed = [Connection(os.dup(stream)) for stream in streams]
        self._words = list(words)
        self._process = context.Process(target=_become, args=(self._words, cwd, dict(env), passed, on_terminal))
        self._process.start()
        for connection in passed:
            connection.close()
        self.stdout: IO[str] | None = None
        self.stderr: IO[str] | None = None

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise TimeoutExpired(self._words, timeout or 0)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """All that is left in both streams, once it has ended."""
        found = {"out": "", "err": ""}
        readers = [
            threading.Thread(target=lambda key=key, stream=stream: found.update({key: stream.read()}), daemon=True)
            for key, stream in (("out", self.stdout), ("err", self.stderr))
            if stream is not None and not stream.closed
        ]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join(timeout)
        self.wait(timeout)
        for stream in (self.stdout, self.stderr):
            if stream is not None:
                stream.close()
        return found["out"], found["err"]


def start_forked(
    words: Sequence[str], cwd: Path, env: Mapping[str, str], *, stderr: int | IO[str] = PIPE
) -> ForkedProgram:
    """A program with nobody at stdin, whose stdout can be read; stderr too, or it goes to that file."""
    out, out_end = os.pipe()
    err, err_end = os.pipe() if stderr == PIPE else (None, _number(stderr))
    with Path(os.devnull).open("rb") as nobody:
        program = ForkedProgram(words, cwd, env, (nobody.fileno(), out_end, err_end))
    os.close(out_end)
    program.stdout = os.fdopen(out, encoding="utf-8")
    if err is not None:
        os.close(err_end)
        program.stderr = os.fdopen(err, encoding="utf-8")
    return program


def run_forked(
    words: Sequence[str], cwd: Path, env: Mapping[str, str], stdin: bytes = b"", timeout: float = 60
) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a program; TimeoutExpired when it hangs."""
    with TemporaryFile() as asked, TemporaryFile() as out, TemporaryFile() as err:
        asked.write(stdin)
        asked.seek(0)
        program = ForkedProgram(words, cwd, env, (asked.fileno(), out.fileno(), err.fileno()))
        try:
            code = program.wait(timeout)
        finally:
            program.kill()
        return code, *(_whole(file) for file in (out, err))


def _whole(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


def _number(stream: int | IO[str]) -> int:
    return stream if isinstance(stream, int) else stream.fileno()


def _become(words: list[str], cwd: Path, env: dict[str, str], streams: list[Connection], on_terminal: bool) -> None:
    """Everything that a start would set up, then the program."""
    if on_terminal:
        os.setsid()
        fcntl.ioctl(streams[0].fileno(), termios.TIOCSCTTY, 0)
    for number, stream in enumerate(streams):
        os.dup2(stream.fileno(), number)
        stream.close()
    for number, (name, errors) in enumerate(STREAMS.items()):
        stream = os.fdopen(number, "r" if number == 0 else "w", encoding="utf-8", errors=errors, closefd=False)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    sys.stderr.reconfigure(line_buffering=True)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    sys.argv = words
    from tui.cli.main import main

    main()
