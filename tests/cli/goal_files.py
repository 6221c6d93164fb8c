"""Small goals for the tests of the command line; their sandboxes are plain processes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# What a task waits for until its test has seen what it wants; a minute at most, so that nothing outlives its test for
# long.
HELD = "n=0; until [ -e go ] || [ $n = 1200 ]; do n=$((n+1)); sleep 0.05; done"
GATED = """\
goal: Greet
tasks:
  - {id: write, run: "echo hello; echo world >&2"}
  - id: ship
    gate: {kind: human_approval, question: Ship it?}
  - {id: after, run: echo shipped}
"""
FAILING = """\
goal: Break
tasks:
  - {id: broken, run: "echo the last words; exit 3"}
"""
SLEEPING = """\
goal: Sleep
tasks:
  - {id: nap, run: "echo awake; sleep 60"}
"""


def goal_file(project: Path, text: str, name: str = "goal.yaml") -> str:
    (project / name).write_text(text, encoding="utf-8")
    return name


def work_folders(project: Path, run: str) -> Iterator[Path]:
    """Where this run works, while it does."""
    for folder in (project / ".pilothouse" / "work", *Path("/var/tmp").glob("pilothouse-*/work")):
        if (folder / run).is_dir():
            yield folder / run


def let_go(project: Path, run: str) -> None:
    """End what is HELD in this run."""
    [folder] = work_folders(project, run)
    (folder / "go").touch()


def types(lines: list[Any]) -> list[str]:
    return [line["type"] for line in lines]


def decoded(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]
