"""The testers of a goal by the group they stand beside, as the store has them."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from engine.dispatch.steps import TESTERS
from engine.model import FINAL_TASK_STATES, LIVE_TASK_STATES, TaskState, TestersSpec


@dataclass(frozen=True)
class Tester:
    """One of them. It is pending between two batches; `cause` is what came of the last one."""

    id: str
    key: str
    state: TaskState
    cause: str | None
    not_before: datetime | None
    agent: str | None


@dataclass(frozen=True)
class Team:
    """All testers of one group and how many `workers` of it live. `open`: its goal goes on and the group has not
    ended."""

    goal: str
    group: str
    key: str
    open: bool
    workers: int
    ratio: float
    batch: int
    testers: tuple[Tester, ...]

    @property
    def allowed(self) -> int:
        """How many of them may live as it is."""
        return TestersSpec.within(self.ratio, len(self.testers), self.workers) if self.open else 0

    @property
    def live(self) -> Sequence[Tester]:
        return [tester for tester in self.testers if tester.state in LIVE_TASK_STATES]


def teams_of(connection: sqlite3.Connection, goal: str) -> Sequence[Team]:
    """Every team of a goal; its cost does not grow with the tree."""
    rows = connection.execute(TESTERS["of_goal"], {"goal": goal}).fetchall()
    return [_team(goal, list(team)) for _, team in groupby(rows, key=lambda row: row["tests"])]


def _team(goal: str, rows: Sequence[sqlite3.Row]) -> Team:
    first = rows[0]
    closed = TaskState(first["group_state"]) in FINAL_TASK_STATES
    testers = tuple(
        Tester(
            row["id"], row["key"], TaskState(row["state"]), row["cause"],
            None if row["not_before"] is None else datetime.fromisoformat(row["not_before"]), row["agent"],
        )
        for row in rows
    )  # fmt: skip
    return Team(
        goal, first["tests"], first["group_key"], bool(first["going"]) and not closed, first["workers"], first["ratio"],
        first["batch"], testers,
    )  # fmt: skip
