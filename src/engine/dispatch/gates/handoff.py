"""What a gate hands on: how it was answered, or what the signal that passed it brought along."""

import json
import sqlite3
from typing import Any

from engine.dispatch.steps import GATES
from engine.model import GateState


def gate_facts(connection: sqlite3.Connection, task: str) -> list[dict[str, Any]]:
    """Of every gate before this task, in its needs or before it in order: the entry of `inputs.json`."""
    found = []
    for row in connection.execute(GATES["before_task"], {"id": task}).fetchall():
        facts = {"key": row["key"], "title": row["title"], "state": row["state"]}
        found.append({**facts, "gate": _outcome(connection, row["id"])})
    return found


def _outcome(connection: sqlite3.Connection, task: str) -> dict[str, Any]:
    """The newest opening; what came of each member of a compound one stands under `members`."""
    gate = connection.execute(GATES["newest_of_task"], {"task": task}).fetchone()
    if gate is None:
        return {}
    rows = connection.execute(GATES["answers_of_task"], {"task": task, "since": gate["opened_at"]}).fetchall()
    said = [(row["id"], _said(dict(row))) for row in rows if row["state"] == GateState.PASSED]
    own = next((words for id, words in said if id == gate["id"]), None)
    members = [words for id, words in said if id != gate["id"]]
    return own or {"kind": gate["kind"], **({"members": members} if members else {})}


def _said(row: dict[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = {"kind": row["kind"]}
    if row["answer"] is not None:
        said |= {"answer": row["answer"], "option": row["chosen"], "fields": json.loads(row["filled"]), "by": row["by"]}
    if row["data"] is not None:
        said["data"] = json.loads(row["data"])
    return {name: value for name, value in said.items() if value not in (None, {})}
