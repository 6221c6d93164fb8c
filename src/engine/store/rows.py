"""One mapper per noun: a row becomes its record, validated; columns of the store alone are left out."""

import json
import sqlite3
from functools import lru_cache
from typing import Any

from engine.events import Event
from engine.model import DecisionRecord, GateRecord, GoalPolicy, GoalRecord, RunRecord, TaskRecord, TaskSpec

Row = sqlite3.Row | dict[str, Any]


# Specifications never change once stored: the same text is the same value.
_spec_from = lru_cache(4096)(TaskSpec.model_validate_json)
_policy_from = lru_cache(256)(GoalPolicy.model_validate_json)


def goal_from(row: sqlite3.Row) -> GoalRecord:
    return GoalRecord.model_validate({**dict(row), "policy": _policy_from(row["policy"])})


def task_from(row: Row) -> TaskRecord:
    return TaskRecord.model_validate({**dict(row), "spec": _spec_from(row["spec"]), "order": row["ordering"]})


def run_from(row: sqlite3.Row) -> RunRecord:
    return RunRecord.model_validate(_decoded(row, "last_lines"))


def gate_from(row: sqlite3.Row) -> GateRecord:
    return GateRecord.model_validate(_decoded(row, "spec"))


def decision_from(row: sqlite3.Row) -> DecisionRecord:
    return DecisionRecord.model_validate(_decoded(row, "options"))


def event_from(row: sqlite3.Row) -> Event:
    return Event.model_validate(_decoded(row, "data"))


def _decoded(row: Row, *columns: str) -> dict[str, Any]:
    values = dict(row)
    for column in columns:
        values[column] = json.loads(values[column])
    return values
