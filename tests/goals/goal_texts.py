"""Short ways to a goal file and to what is wrong with one."""

from collections.abc import Mapping
from textwrap import dedent

import pytest

from engine.errors import InvalidGoalFile
from engine.goals import parse_goal
from engine.model import GoalSpec, TaskSpec

PATH = "/project/goal.yaml"


def parsed(text: str, variables: Mapping[str, str] | None = None, path: str = PATH) -> GoalSpec:
    return parse_goal(dedent(text), path, variables or {})


def problems(text: str, variables: Mapping[str, str] | None = None) -> list[str]:
    """The rows of the refusal, each without its path."""
    with pytest.raises(InvalidGoalFile) as refused:
        parse_goal(dedent(text), PATH, variables or {})
    rows = refused.value.message.splitlines()
    assert all(row.startswith(f"{PATH}:") for row in rows)
    return [row.removeprefix(f"{PATH}:") for row in rows]


def only_problem(text: str, variables: Mapping[str, str] | None = None) -> str:
    rows = problems(text, variables)
    assert len(rows) == 1, rows
    return rows[0]


def task(spec: GoalSpec, key: str) -> TaskSpec:
    waiting = [spec.root]
    while waiting:
        found = waiting.pop()
        if found.id == key:
            return found
        waiting += found.tasks
    raise KeyError(key)
