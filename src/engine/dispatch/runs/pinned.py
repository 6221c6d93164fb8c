"""Pinned sandboxes: tasks that share one run one at a time, and whoever waits is told which task occupies it (R31)."""

import sqlite3
from collections.abc import Sequence

from engine.api import Pinned
from engine.dispatch.steps import RUNS
from engine.errors import Conflict
from engine.model import RunState, TaskSpec
from engine.store import Tx

GOALS_OWN = "root"
"""The pin of what all tasks of a goal share."""


class Occupied(Conflict):
    """Another task is at work in the pinned sandbox that this one shares."""

    code = "sandbox_occupied"


def take_pinned(tx: Tx, goal: str, spec: TaskSpec) -> None:
    """Inside the claim (R25): Occupied while another run has the sandbox; the index refuses what comes between."""
    held = occupied(tx.connection, goal, spec.pin)
    if held:
        raise Occupied(held)


def occupied(connection: sqlite3.Connection, goal: str, pin: str | None) -> str:
    """Why a task that shares this sandbox waits, naming the one at work in it; empty when it is free."""
    if pin is None:
        return ""
    row = connection.execute(RUNS["occupant"], {"goal": goal, "pin": pin}).fetchone()
    return "" if row is None else f"waits for {sandbox_words(pin)}, occupied by {row['key']} (run {row['n']})"


def occupants(connection: sqlite3.Connection, goal: str) -> Sequence[Pinned]:
    """Every pinned sandbox of a goal that is at work, with the task that occupies it."""
    return [
        Pinned(
            pin=row["pin"], task=row["task"], task_key=row["key"], run=row["id"], n=row["n"], sandbox=row["sandbox"],
            state=RunState(row["state"]), words=f"{row['key']} occupies {sandbox_words(row['pin'])} (run {row['n']})",
        )
        for row in connection.execute(RUNS["occupants_of_goal"], {"goal": goal}).fetchall()
    ]  # fmt: skip


def sandbox_words(pin: str) -> str:
    return "the goal's sandbox" if pin == GOALS_OWN else f"the sandbox of {pin}"
