"""What reaches a real terminal byte by byte, and the state it is left in (cases 45 and 48)."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
KEYS = (
    "j",
    "j",
    "j",
    "j",
    "i",
    "\x1b",
    "D",
    "\x1b",
    "a",
    "j",
    "\x1b",
    "2",
    "3",
    "\r",
    "w",
    "\x1b",
    "5",
    "?",
    "\x1b",
    ":",
    "\x1b",
)


class Screen:
    """A pseudo terminal with the app on it."""

    def __init__(self) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        environ = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(HERE.parent)}
        command = [sys.executable, str(HERE / "on_a_terminal.py")]
        self.child = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=environ, start_new_session=True
        )
        self.bytes = b""

    def until(self, words: bytes, seconds: float = 20.0) -> None:
        end = time.monotonic() + seconds
        while words not in self.bytes:
            assert time.monotonic() < end, self.bytes[-2000:]
            if select.select([self.master], [], [], 0.1)[0]:
                self.bytes += os.read(self.master, 65536)

    def type(self, text: str) -> None:
        """Type, and read on until it has been painted, which each key here leads to: an escape that is read together
        with the key after it is another key."""
        os.write(self.master, text.encode())
        end, before = time.monotonic() + 20, len(self.bytes)
        while select.select([self.master], [], [], 0.14)[0] or len(self.bytes) == before:
            assert time.monotonic() < end, (text, self.bytes[-2000:])
            if select.select([self.master], [], [], 0)[0]:
                self.bytes += os.read(self.master, 65536)


@pytest.fixture
def screen() -> Iterator[Screen]:
    terminal = Screen()
    yield terminal
    if terminal.child.poll() is None:
        os.killpg(terminal.child.pid, signal.SIGKILL)
        terminal.child.wait()
    os.close(terminal.master)
    os.close(terminal.slave)


def test_case_45_no_hostile_byte_reaches_the_terminal(screen: Screen) -> None:
    screen.until(b"d-32k9!")  # the trees are there, so each key finds what it is for
    for key in KEYS:
        screen.type(key)
    painted = screen.bytes
    screen.type("q")
    screen.until(b"Leave Pilothouse?")
    screen.type("\r")
    screen.until(b"LEFT detach")
    assert b"PWN" in painted, "the hostile text was on the screen"
    for payload in (rb"\x1b\](?:0|8|52)", rb"\x1bP", rb"\xc2[\x80-\x9f]", rb"\xe2\x80\xae", rb"UFdORUQ=\x07"):
        assert not re.search(payload, painted), payload
    assert screen.child.wait(10) == 0
    assert termios.tcgetattr(screen.slave) == screen.before, "the terminal is as it was"
