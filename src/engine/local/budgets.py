"""What a goal has used of its budgets, for people and programs."""

import sqlite3
from datetime import datetime

from engine.api import BudgetView
from engine.dispatch.limits.budget_rows import BUDGETS, row_from, used_of, used_words


def budget_views(connection: sqlite3.Connection, goal: str, now: datetime) -> tuple[BudgetView, ...]:
    """Its own limits first, then those of its tasks."""
    found = []
    for stored in connection.execute(BUDGETS["of_goal"], {"goal": goal}).fetchall():
        row = row_from(stored)
        used = used_of(connection, row, now)
        found.append(
            BudgetView(kind=row.kind, used=round(used, 6), limit=row.amount, state=row.state, task=row.task,
                       task_key=stored["key"], words=used_words(row, used))
        )  # fmt: skip
    return tuple(found)


def budget_reasons(connection: sqlite3.Connection, goal: str, task: str | None, now: datetime) -> list[str]:
    """One sentence for each limit of a goal, or of one of its tasks."""
    views = budget_views(connection, goal, now)
    return [f"budget of {view.task_key or 'the goal'}, {view.words}" for view in views if task in (None, view.task)]
