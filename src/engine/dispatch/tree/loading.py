"""A goal's graph from its stored rows."""

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from engine.dispatch.tree.graph import Graph
from engine.dispatch.tree.node_rows import rows_from
from engine.store import TaskMoved, named_queries

TASKS = named_queries("tasks")


@dataclass(eq=False)
class Loading:
    """What is committed of a goal while its tree is read: the moves of its tasks, and the state it came to last."""

    goal: str
    moved: list[TaskMoved] = field(default_factory=list)
    state: str | None = None


def load_graph(connection: sqlite3.Connection, goal: str, monotonic: Callable[[], float] = time.monotonic) -> Graph:
    """The goal's tree as readiness sees it."""
    rows = connection.execute(TASKS["shape_of_goal"], {"goal": goal}).fetchall()
    needs = connection.execute(TASKS["needs_of_goal"], {"goal": goal}).fetchall()
    return Graph(goal, rows_from(rows), [(need["task"], need["needed"]) for need in needs], monotonic)
