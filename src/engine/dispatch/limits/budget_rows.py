"""Budgets as they are stored, and what has been used of them."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, assert_never

from engine.dispatch.runs.usage import usage_of_goal
from engine.dispatch.steps import DECISIONS
from engine.errors import IllegalMove
from engine.model import Budget, BudgetKind, BudgetState
from engine.store import Tx, named_queries
from engine.units import format_duration, format_size

BUDGETS = named_queries("budgets")
WARN_AT = 0.8
NAMES = {BudgetKind.WALL: "wall time", BudgetKind.COST_USD: "cost", BudgetKind.TOKENS: "tokens",
         BudgetKind.DISK: "disk space"}  # fmt: skip


@dataclass(frozen=True)
class BudgetRow:
    """One limit of a goal (`task` None) or of a task; `amount` is the limit, `step` what it was at first."""

    scope: str
    kind: BudgetKind
    goal: str
    task: str | None
    step: float
    amount: float
    used: float
    state: BudgetState

    @property
    def subject(self) -> str:
        """What a question about it is bound to."""
        return f"{self.scope}:{self.kind}"


def row_from(row: Any) -> BudgetRow:
    return BudgetRow(
        row["scope"], BudgetKind(row["kind"]), row["goal"], row["task"], row["step"], row["amount"], row["used"],
        BudgetState(row["state"]),
    )  # fmt: skip


def insert_budgets(tx: Tx, goal: str, budgets: Iterable[tuple[str | None, Budget | None]]) -> None:
    """Store the limits of a new goal: (None, its own), then (id, that task's)."""
    for task, budget in budgets:
        for kind, amount in ({} if budget is None else budget.limits()).items():
            values = {"scope": task or goal, "kind": kind, "goal": goal, "task": task, "amount": amount}
            tx.run(BUDGETS["insert"], values)


def stored(connection: sqlite3.Connection, subject: str) -> BudgetRow | None:
    """The one a question is bound to."""
    scope, _, kind = subject.partition(":")
    row = connection.execute(BUDGETS["get"], {"scope": scope, "kind": kind}).fetchone()
    return None if row is None else row_from(row)


def used_of(connection: sqlite3.Connection, row: BudgetRow, now: datetime) -> float:
    """What has been used: seconds, US dollars, tokens or bytes."""
    match row.kind:
        case BudgetKind.DISK:
            return row.used
        case BudgetKind.WALL:
            query = BUDGETS["spans_of_goal" if row.task is None else "spans_of_task"]
            return covered(
                ((s["created_at"], s["ended_at"]) for s in connection.execute(query, {"scope": row.scope})), now
            )
        case BudgetKind.COST_USD | BudgetKind.TOKENS:
            return _usage(connection, row)
        case _:
            assert_never(row.kind)


def _usage(connection: sqlite3.Connection, row: BudgetRow) -> float:
    if row.task is not None:
        return float(connection.execute(BUDGETS["usage_of_task"], {"scope": row.scope}).fetchone()[row.kind.value])
    usage = usage_of_goal(connection, row.goal)
    return usage.cost_usd if row.kind is BudgetKind.COST_USD else float(usage.tokens_in + usage.tokens_out)


def covered(spans: Iterable[tuple[str, str | None]], now: datetime) -> float:
    """Seconds in which at least one span lies; spans by their begin, one without an end goes on."""
    total, until = 0.0, datetime.min.replace(tzinfo=UTC)
    for begin, end in spans:
        first = max(until, datetime.fromisoformat(begin))
        last = now if end is None else datetime.fromisoformat(end)
        if last > first:
            total, until = total + (last - first).total_seconds(), last
    return total


def amount_words(kind: BudgetKind, amount: float) -> str:
    """An amount as people write it."""
    match kind:
        case BudgetKind.WALL:
            return format_duration(amount) if amount >= 1 else f"{amount:.1f}s"
        case BudgetKind.COST_USD:
            return f"{amount:.2f} US$"
        case BudgetKind.TOKENS:
            return f"{int(amount):,} tokens"
        case BudgetKind.DISK:
            return format_size(int(amount))
        case _:
            assert_never(kind)


def used_words(row: BudgetRow, used: float) -> str:
    """`wall time: 1h 40m of 2h used (83 %)`."""
    share = int(used / row.amount * 100) if row.amount else 100
    amounts = f"{amount_words(row.kind, used)} of {amount_words(row.kind, row.amount)}"
    return f"{NAMES[row.kind]}: {amounts} used ({share} %)"


def require_answered(tx: Tx, goal: str) -> None:
    """Raise IllegalMove while a human is asked about a budget of this goal: only the answer lets it go on."""
    for row in tx.all(BUDGETS["asked_of_goal"], {"goal": goal}):
        asked = tx.one(DECISIONS["open_of_subject"], {"subject": row_from(row).subject})
        if asked is not None:
            raise IllegalMove(f"a budget of {goal} is spent", hint=f"answer {asked['id']} (`pilothouse decisions`)",
                              details={"decision": asked["id"]})  # fmt: skip
