"""SQLite: one writer that commits in groups, a few readers, named queries, one row mapper per noun."""

from engine.store.database import Database
from engine.store.group import Committed, Share
from engine.store.named_sql import named_queries
from engine.store.transaction import TaskMoved, Tx, stamp

__all__ = ["Committed", "Database", "Share", "TaskMoved", "Tx", "named_queries", "stamp"]
