"""The installed command, run as an operator runs it: to its end, or watched line by line."""

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forked_program import ForkedProgram, run_forked, start_forked

PILOTHOUSE = str(Path(sys.executable).with_name("pilothouse"))
LIMIT = 60.0  # seconds until a command that hangs is killed

# What a container's command waits for until its test has seen what it wants; a minute at most.
HELD = "n=0; until [ -e go ] || [ $n = 600 ]; do n=$((n+1)); sleep 0.1; done"

Event = dict[str, Any]


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


def environment(project: Path, **changes: str) -> dict[str, str]:
    """The environment of an operator who has no settings of their own."""
    kept = {
        name: os.environ[name] for name in ("PATH", "PYTHONPATH", "DOCKER_HOST", "LANG", "TMPDIR") if name in os.environ
    }
    fixed = {
        "HOME": str(project),
        "XDG_CONFIG_HOME": str(project / "none"),
        "TERM": "xterm-256color",
        "LC_ALL": "C.UTF-8",
    }
    return kept | fixed | changes


def pilothouse(project: Path, *args: str, environ: Mapping[str, str] | None = None) -> Done:
    """Run `pilothouse ARGS` in the project, with nobody at stdin."""
    return Done(*run_forked([PILOTHOUSE, *args], project, environment(project) | dict(environ or {}), timeout=LIMIT))


class Watched:
    """A command that streams JSON lines; everything it has said so far is kept."""

    def __init__(self, process: ForkedProgram) -> None:
        self.process = process
        self.events: list[Event] = []

    def until(self, wanted: Callable[[Event], bool]) -> Event:
        """Read on until an event fits; fails when the stream ends before."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event: Event = json.loads(line)
            self.events.append(event)
            if wanted(event):
                return event
        stderr = self.process.stderr.read() if self.process.stderr is not None else ""
        raise AssertionError(f"ended with {self.process.wait()} before that: {self.events[-5:]}\n{stderr}")

    def until_type(self, kind: str) -> Event:
        return self.until(lambda event: event["type"] == kind)

    def finish(self) -> int:
        """Read to the end; the exit code."""
        assert self.process.stdout is not None
        self.events += [json.loads(line) for line in self.process.stdout]
        return self.process.wait()


@contextmanager
def watched(project: Path, *args: str, environ: Mapping[str, str] | None = None) -> Iterator[Watched]:
    """Start `pilothouse ARGS` and read its JSON lines; it is gone when the block ends."""
    process = start_forked([PILOTHOUSE, *args], project, environment(project) | dict(environ or {}))
    patience = threading.Timer(LIMIT, process.kill)
    patience.start()
    try:
        yield Watched(process)
    finally:
        patience.cancel()
        process.kill()
        process.communicate()


def let_go(project: Path, run: str) -> None:
    """End what is HELD in a run, whether an engine lives or not."""
    (project / ".pilothouse" / "work" / run / "go").touch()


def write_goal(project: Path, text: str, name: str = "goal.yaml") -> str:
    (project / name).write_text(text, encoding="utf-8")
    return name
