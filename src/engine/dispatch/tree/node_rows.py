"""Stored tasks as the graph of a goal reads them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from engine.model import OnFailure, Order, TaskKind, TaskState


class NodeRow(NamedTuple):
    """What the graph needs of a stored task, parents before children."""

    id: str
    parent: str | None
    key: str
    kind: TaskKind
    state: TaskState
    order: Order
    on_failure: OnFailure
    priority: int
    position: int
    not_before: datetime | None = None
    agent: str | None = None
    provider: str | None = None
    pin: str | None = None


def rows_from(rows: Iterable[Iterable[Any]]) -> list[NodeRow]:
    """Stored tasks, their columns in the order of the query `shape_of_goal`, as the graph reads them."""
    return [
        NodeRow(
            id, parent, key, TaskKind(kind), TaskState(state), Order(ordering), OnFailure(on_failure), priority,
            position, None if not_before is None else datetime.fromisoformat(not_before), agent, provider, pin,
        )
        for id, parent, key, kind, state, ordering, on_failure, priority, position, not_before, agent, provider, pin
        in rows
    ]  # fmt: skip
