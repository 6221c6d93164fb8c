"""A goal started over: a new one of the same source, variables and options; the old one stays as it is."""

import json
import sqlite3
from collections.abc import Collection

from engine.api import CreateGoal
from engine.errors import Conflict, Invalid, NotFound
from engine.local.refs import resolve
from engine.model import GoalPolicy, Runtime, TaskSpec
from engine.store import named_queries

GOALS, CHECKPOINTS = named_queries("goals"), named_queries("checkpoints")

Before = tuple[CreateGoal, str | None, sqlite3.Row | None]


def as_before(connection: sqlite3.Connection, request: CreateGoal) -> Before:
    """The request with all that it leaves to the goal it names as `again`, whose id it then has; the repository of
    that one; and the checkpoint it is forked from. What is said in the request goes first; tasks that came while the
    goal ran are not in its source."""
    assert request.again is not None  # else there is nothing to take it from
    goal = resolve(connection, request.again, "g")
    row = connection.execute(GOALS["get"], {"id": goal}).fetchone()
    values = {
        "again": goal,
        "source": row["source"],
        "path": row["path"],
        "variables": json.loads(row["variables"]) | request.variables,
        "runtime": request.runtime or Runtime(row["runtime"]),
        "max_parallel": request.max_parallel or GoalPolicy.model_validate_json(row["policy"]).max_parallel,
        "allow_unconfined": request.allow_unconfined or bool(row["allow_unconfined"]),
        "external_ref": request.external_ref or row["external_ref"],
    }
    checkpoint = None if request.checkpoint is None else _forked(connection, goal, request.checkpoint)
    return request.model_copy(update=values), row["repo"], checkpoint


def _forked(connection: sqlite3.Connection, goal: str, checkpoint: int) -> sqlite3.Row:
    """The checkpoint of a task of this goal; NotFound or Conflict otherwise."""
    row: sqlite3.Row | None = connection.execute(CHECKPOINTS["get"], {"id": checkpoint}).fetchone()
    if row is None:
        raise NotFound(f"there is no checkpoint {checkpoint}", hint="`pilothouse checkpoints list` lists them")
    if row["goal"] != goal:
        raise Conflict(f"checkpoint {checkpoint} is of {row['goal']}, not of {goal}")
    return row


def require_place(root: TaskSpec, skipped: Collection[str], checkpoint: sqlite3.Row) -> None:
    """Invalid when the new goal has no task that could begin with this state."""
    if checkpoint["key"] in skipped:
        raise Invalid(f"{checkpoint['key']} is to begin with a checkpoint: it is not skipped")
    stack = [root]
    while stack:
        task = stack.pop()
        if task.id == checkpoint["key"]:
            return
        stack.extend(task.tasks)
    raise Invalid(f"{checkpoint['key']} is not in the goal file", hint="it came while the goal ran: see `checkpoints`")
