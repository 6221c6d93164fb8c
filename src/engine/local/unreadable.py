"""What a list shows of a row that cannot be read: the columns that stand for themselves (R16)."""

import sqlite3

from engine.api import SandboxView
from engine.errors import Unreadable
from engine.model import DecisionKind, DecisionRecord, DecisionState, DriverName, Risk, RunState


def unreadable_decision(row: sqlite3.Row, error: Unreadable) -> DecisionRecord:
    """An open decision whose question and options are not to be trusted: it takes no answer."""
    return DecisionRecord(
        id=row["id"], goal=row["goal"], task=row["task"], subject=row["subject"], kind=DecisionKind(row["kind"]),
        state=DecisionState(row["state"]), version=row["version"], question=error.message, options=(),
        risk=Risk(row["risk"]), opened_at=row["opened_at"],
    )  # fmt: skip


def unreadable_sandbox(row: sqlite3.Row, key: str) -> SandboxView:
    """A live sandbox whose run or task cannot be read: it goes on, and nobody follows it."""
    return SandboxView(
        name=row["sandbox"], driver=DriverName(row["driver"]), container_id=row["container_id"], goal=row["goal"],
        task=row["task"], task_key=f"{key} (unreadable)", run=row["id"], state=RunState(row["state"]), started_at=None,
        memory=row["memory"] or 0, cpus=0.0, network="", image="", frozen=bool(row["frozen"]),
    )  # fmt: skip
