"""One mapper per noun: a row becomes its record, validated; columns of the store alone are left out."""

import json
import sqlite3
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from engine.errors import Unreadable
from engine.events import Event
from engine.model import (
    DecisionRecord,
    GateRecord,
    GateSpec,
    GoalPolicy,
    GoalRecord,
    RunRecord,
    TaskRecord,
    TaskSpec,
    VerdictRecord,
)

Row = sqlite3.Row | dict[str, Any]


# Specifications never change once stored: the same text is the same value.
_spec_from = lru_cache(4096)(TaskSpec.model_validate_json)
_gate_spec_from = lru_cache(4096)(GateSpec.model_validate_json)
_policy_from = lru_cache(256)(GoalPolicy.model_validate_json)


def columns_of(row: Row) -> dict[str, Any]:
    """A row as a dict of one's own. `dict` alone looks each name of a sqlite3.Row up among all of them."""
    return dict(row) if isinstance(row, dict) else dict(zip(row.keys(), row, strict=True))


def goal_from(row: Row) -> GoalRecord:
    with _Readable("goal", row):
        return GoalRecord.model_validate({**columns_of(row), "policy": _policy_from(row["policy"])})


def task_from(row: Row) -> TaskRecord:
    with _Readable("task", row):
        values = columns_of(row)
        values["spec"], values["order"] = _spec_from(values["spec"]), values["ordering"]
        return TaskRecord.model_validate(values)


def spec_from(row: Row) -> TaskSpec:
    """A task's specification alone."""
    with _Readable("task", row):
        return _spec_from(row["spec"])


def run_from(row: Row) -> RunRecord:
    with _Readable("run", row):
        return RunRecord.model_validate(_decoded(row, "last_lines"))


def gate_from(row: Row) -> GateRecord:
    with _Readable("gate", row):
        return GateRecord.model_validate({**columns_of(row), "spec": _gate_spec_from(row["spec"])})


def gate_spec_from(row: Row) -> GateSpec:
    """What a gate waits for, where the rest of its row does not matter."""
    with _Readable("gate", row):
        return _gate_spec_from(row["spec"])


def decision_from(row: Row) -> DecisionRecord:
    with _Readable("decision", row):
        return DecisionRecord.model_validate(_decoded(row, "options", "evidence", "choices", "fields", "filled"))


def verdict_from(row: Row) -> VerdictRecord:
    with _Readable("verdict", {"id": row["run"]}):
        return VerdictRecord.model_validate(_decoded(row, "findings", "checks"))


class _Readable:
    """Turns what a mapper stumbles over into Unreadable, which names the row and what is wrong with it."""

    def __init__(self, noun: str, row: Row) -> None:
        self._noun = noun
        self._row = row

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ValueError | TypeError):
            raise Unreadable(
                f"{self._noun} {self._row['id']} is unreadable in the store: {_first_words(error)}",
                hint="stop the engine and put back a backup, or cancel what it belongs to",
            ) from error


def _first_words(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        return f"{place}: {first['msg']}" if place else str(first["msg"])
    return str(error) or type(error).__name__


def event_from(row: sqlite3.Row) -> Event:
    return Event.model_validate(_decoded(row, "data"))


def _decoded(row: Row, *columns: str) -> dict[str, Any]:
    values = columns_of(row)
    for column in columns:
        values[column] = json.loads(values[column])
    return values
