"""The order that is being carried out under a key: its first write notes, in the same commit, that it has an effect."""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

from engine.store.named_sql import named_queries
from engine.store.transaction import Tx

T = TypeVar("T")
OPERATIONS = named_queries("operations")


@dataclass
class Operation:
    """`marked`: what it wrote is known to have been committed."""

    key: str
    marked: bool = False


UNDER_WAY: ContextVar[Operation | None] = ContextVar("operation", default=None)


def marking(unit: Callable[[Tx], T], operation: Operation) -> Callable[[Tx], T]:
    """The same unit of work, which notes in its own transaction that the operation has an effect if it writes."""

    def marked(tx: Tx) -> T:
        before = tx.connection.total_changes
        result = unit(tx)
        if tx.connection.total_changes != before or tx.drafts:
            tx.run(OPERATIONS["mark"], {"key": operation.key})
        return result

    return marked
