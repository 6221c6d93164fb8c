"""What the tests of the command line share."""

import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forked_program import ForkedProgram

SCRIPT = Path(sys.executable).with_name("pilothouse")


@dataclass(frozen=True)
class Answered:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


Pilothouse = Callable[..., Answered]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "PYTHONWARNINGS": "", **more}


def eventually(found: Callable[[], Any], seconds: float = 20) -> Any:
    """What `found` answers once it is true; for what another process does."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = found()
        if answer:
            return answer
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


def heard(program: ForkedProgram, kind: str, **data: object) -> list[Any]:
    """The JSON lines of a program up to the first event of this type with these data."""
    assert program.stdout is not None
    lines: list[Any] = []
    for line in program.stdout:
        lines.append(json.loads(line))
        if lines[-1]["type"] == kind and data.items() <= lines[-1]["data"].items():
            return lines
    raise AssertionError(f"it ended with {program.wait()} before {kind}: {lines[-5:]}")


class Terminal:
    """A command on a terminal of its own, 80 by 24; `out` is all it has painted, `before` how the terminal was.
    `script`: a program of the tests in its place."""

    def __init__(self, *args: str, cwd: Path, typed_ahead: str = "", script: Path | None = None, **env: str) -> None:
        self.out = ""
        self._screen, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(inner)
        if typed_ahead:
            self.send(typed_ahead)
        streams = (inner, inner, inner)
        self.process: ForkedProgram | subprocess.Popen[bytes]
        if script is None:
            self.process = ForkedProgram([str(SCRIPT), *args], cwd, environment(**env), streams, on_terminal=True)
        else:
            self.process = subprocess.Popen(
                [sys.executable, script, *args], cwd=cwd, env=environment(**env),
                stdin=inner, stdout=inner, stderr=inner, start_new_session=True,
            )  # fmt: skip
        os.close(inner)

    def send(self, text: str) -> None:
        os.write(self._screen, text.encode())

    def expect(self, text: str, seconds: float = 20) -> str:
        """All output once it holds `text`."""
        deadline = time.monotonic() + seconds
        while text not in self.out:
            left = deadline - time.monotonic()
            assert left > 0, f"{text!r} did not come:\n{self.out}"
            assert self._read(left), f"{text!r} never came:\n{self.out}"
        return self.out

    def ended(self, seconds: float = 20, *, pressing: str = "") -> int:
        """The exit code; reads what comes until then, as a terminal does. `pressing` is pressed each second until
        then: an interrupt between a prompt and its read is heard with the next key only."""
        deadline = time.monotonic() + seconds
        pressed = 0.0
        while self.process.poll() is None and time.monotonic() < deadline:
            if pressing and time.monotonic() - pressed > 1:
                pressed = time.monotonic()
                self.send(pressing)
            self._read(0.05)
        while self._read(0.05):
            pass
        return self.process.wait(0.1)

    def hang_up(self) -> None:
        """Close the terminal under the command, as a lost connection does."""
        os.close(self._screen)
        self._screen = -1

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self._screen >= 0:
            os.close(self._screen)

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._screen], [], [], seconds)
        try:
            data = os.read(self._screen, 65536) if ready else b""
        except OSError:  # EIO: the other end was closed
            return False
        self.out += data.decode(errors="replace")
        return bool(data)
