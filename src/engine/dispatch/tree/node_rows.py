"""Stored tasks as the graph of a goal reads them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.model import OnFailure, Order, TaskKind, TaskState


@dataclass(frozen=True, slots=True)
class NodeRow:
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


def rows_from(rows: Iterable[Any]) -> list[NodeRow]:
    """Stored task rows (mappings by column) as the graph reads them."""
    return [
        NodeRow(
            id=str(row["id"]),
            parent=None if row["parent"] is None else str(row["parent"]),
            key=str(row["key"]),
            kind=TaskKind(str(row["kind"])),
            state=TaskState(str(row["state"])),
            order=Order(str(row["ordering"])),
            on_failure=OnFailure(str(row["on_failure"])),
            priority=int(str(row["priority"])),
            position=int(str(row["position"])),
            not_before=None if row["not_before"] is None else datetime.fromisoformat(str(row["not_before"])),
            agent=row["agent"],
            provider=row["provider"],
            pin=row["pin"],
        )
        for row in rows
    ]
