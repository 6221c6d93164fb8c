"""Milliseconds from a key press to the painted frame, in the real app on a pseudo-terminal, while one sandbox floods.

The cursor goes up and down between two rows beside the live log of the flooding one; a press counts as painted when
the frame with the cursor on the other row has been read from the terminal. The reference is the same app, the same
keys and the same tree while both sandboxes are silent.
"""

import fcntl
import os
import pty
import random
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from contextlib import suppress
from pathlib import Path

from bench import Measured, report

PILOTHOUSE = str(Path(sys.executable).with_name("pilothouse"))
PRESSES = 120
PATIENCE = 30.0  # seconds until the app counts as stuck
CONTROL = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_=>])")
CURSOR = "▌".encode()
GOAL = """\
goal: paint
tasks:
  - id: all
    order: parallel
    tasks:
      - {{id: first, run: "{first}"}}
      - {{id: second, run: "sleep 600"}}
"""
FLOOD = "yes a line of output that is about as long as what a build says about each of its steps"
SETTINGS = '[engine]\nshutdown_grace = "1s"\n[sandbox]\nstop_grace = "1s"\n'


class Screen:
    """The app on a pseudo-terminal of 140 by 40."""

    def __init__(self, project: Path, *args: str) -> None:
        self._pid, self._file = pty.fork()
        if self._pid == 0:
            os.chdir(project)
            os.environ["TERM"] = "xterm-256color"
            os.execv(PILOTHOUSE, [PILOTHOUSE, *args])
        fcntl.ioctl(self._file, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 140, 0, 0))
        self._seen = b""

    def press(self, key: bytes) -> None:
        self._seen = b""
        os.write(self._file, key)

    def until(self, pattern: re.Pattern[bytes]) -> float:
        """The time at which what was painted since the last press shows the pattern."""
        deadline = time.perf_counter() + PATIENCE
        while not pattern.search(CONTROL.sub(b"", self._seen)):
            self._read(deadline)
        return time.perf_counter()

    def settle(self, seconds: float) -> None:
        """Read on for a while, so that the app never waits for its terminal."""
        deadline = time.perf_counter() + seconds
        while (left := deadline - time.perf_counter()) > 0:
            if select.select([self._file], [], [], left)[0]:
                with suppress(OSError):  # the app is gone
                    os.read(self._file, 1 << 20)

    def _read(self, deadline: float) -> None:
        left = deadline - time.perf_counter()
        if left <= 0 or not select.select([self._file], [], [], left)[0]:
            raise TimeoutError(f"the app painted nothing that was expected: {self._seen[-2000:]!r}")
        self._seen += os.read(self._file, 1 << 20)

    def stop(self, project: Path) -> None:
        """End the engine and with it the app, whose last frames are read meanwhile."""
        quiet = subprocess.DEVNULL
        with subprocess.Popen([PILOTHOUSE, "stop"], cwd=project, stdout=quiet, stderr=quiet) as stopping:
            while stopping.poll() is None:
                self.settle(0.05)
        os.kill(self._pid, signal.SIGTERM)
        os.close(self._file)
        os.waitpid(self._pid, 0)


def on_row(name: str) -> re.Pattern[bytes]:
    """The cursor's mark in front of this row, in one line of one frame."""
    return re.compile(CURSOR + rb"[^\n\r\xe2]{0,20}(?:\xe2..[^\n\r\xe2]{0,6})?\b" + name.encode() + rb"\b", re.DOTALL)


def latencies(project: Path, command: str) -> list[float]:
    """Seconds from each press to its frame."""
    (project / "goal.yaml").write_text(GOAL.format(first=command), encoding="utf-8")
    (project / "pilothouse.toml").write_text(SETTINGS, encoding="utf-8")
    screen = Screen(project, "run", "goal.yaml")
    try:
        screen.until(re.compile(rb"running.*running.*running", re.DOTALL))
        screen.settle(2.0)
        screen.press(b"g")
        screen.settle(0.3)
        screen.press(b"jjj")  # goal, group, first, second
        screen.settle(1.0)
        pause = random.Random(1)
        found = []
        for number in range(PRESSES):
            key, row = (b"k", "first") if number % 2 == 0 else (b"j", "second")
            start = time.perf_counter()
            screen.press(key)
            found.append(screen.until(on_row(row)) - start)
            screen.settle(pause.uniform(0.02, 0.12))
        return found
    finally:
        screen.stop(project)


def p95(seconds: list[float]) -> float:
    return sorted(seconds)[int(len(seconds) * 0.95)]


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        found = {}
        for label, command in (("idle", "sleep 600"), ("flooded", FLOOD)):
            project = Path(name) / label
            project.mkdir()
            found[label] = p95(latencies(project, command)) * 1000
    report(
        Measured(
            "key_to_paint", found["flooded"], "ms p95", found["idle"], "idle app", target=50, smaller_is_better=True
        )
    )


if __name__ == "__main__":
    main()
