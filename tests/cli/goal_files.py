"""Small goals for the tests of the command line; their sandboxes are plain processes."""

import json
from pathlib import Path
from typing import Any

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


def types(lines: list[Any]) -> list[str]:
    return [line["type"] for line in lines]


def decoded(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]
