"""A budget's warning, its question and what the answer does (F146): nothing but a human raises a limit."""

from typing import Any

from engine.dispatch.decisions.lifecycle import open_decision
from engine.dispatch.endings.closing import close_waits, end_decision
from engine.dispatch.limits.budget_rows import BUDGETS, WARN_AT, BudgetRow, row_from, stored, used_of, used_words
from engine.dispatch.orders.cancel import cancel_goal, cancel_task
from engine.dispatch.orders.goal_moves import end_goal_if_settled, move_goal
from engine.dispatch.steps import DECISIONS, GOALS, TASKS, brief
from engine.dispatch.tree.moves import move
from engine.errors import Conflict
from engine.events import EventType
from engine.ids import IdSource
from engine.model import (
    FINAL_GOAL_STATES,
    FINAL_TASK_STATES,
    LIVE_TASK_STATES,
    AnswerKind,
    BudgetState,
    DecisionKind,
    DecisionRecord,
    GoalState,
    TaskState,
)
from engine.store import Tx
from engine.store.rows import task_from

MORE, FINISH, STOP = "more", "finish", "stop"
SPENT = "its budget is spent: "
"""How the cause of a goal begins that a budget has paused."""


def cross(tx: Tx, subject: str, ids: IdSource) -> None:
    """Warn or ask when the store says so in this very transaction; each happens once for one limit."""
    row = stored(tx.connection, subject)
    goal = None if row is None else tx.one(GOALS["get"], {"id": row.goal})
    if row is None or goal is None or goal["state"] in FINAL_GOAL_STATES or goal["cancelling"]:
        return
    if row.task is not None and brief(tx, row.task)["state"] in FINAL_TASK_STATES:
        _settle(tx, row)
        return
    used = used_of(tx.connection, row, tx.now)
    if row.state not in (BudgetState.WITHIN, BudgetState.WARNED):
        return
    if used >= row.amount:
        _ask(tx, row, used, goal["state"], ids)
    elif used >= row.amount * WARN_AT and row.state is BudgetState.WITHIN:
        _set(tx, row, BudgetState.WARNED)
        _tell(tx, row, used, BudgetState.WARNED)


def _ask(tx: Tx, row: BudgetRow, used: float, state: str, ids: IdSource) -> None:
    _set(tx, row, BudgetState.ASKED)
    _tell(tx, row, used, BudgetState.ASKED)
    words = used_words(row, used)
    if state == GoalState.ACTIVE:
        move_goal(tx, row.goal, GoalState.PAUSED, cause=SPENT + words)
    found = tx.one(TASKS["root"], {"goal": row.goal}) if row.task is None else tx.one(TASKS["get"], {"id": row.task})
    assert found is not None
    task = task_from(dict(found))
    whose = "The goal" if row.task is None else task.title
    question = (
        f"{whose} has spent its budget ({words}). Nothing new starts; what runs goes on."
        f" More of it, finish what runs, or stop at once?"
    )
    open_decision(
        tx, ids, task, DecisionKind.BUDGET, question, options=(AnswerKind.CHOOSE,), subject=row.subject,
        choices=(MORE, FINISH, STOP),
        evidence={"kind": row.kind, "used": used, "limit": row.amount, "more": row.amount + row.step, "words": words},
    )  # fmt: skip


def answered(tx: Tx, decision: DecisionRecord) -> None:
    """more: the limit grows by what it was at first, and the goal goes on; finish: what runs ends, nothing else
    starts; stop: what runs is stopped, too."""
    row = stored(tx.connection, decision.subject)
    if row is None or row.state is not BudgetState.ASKED:
        raise Conflict(f"{decision.id} asks about a budget that is not spent")
    cause = f"{SPENT}{used_words(row, used_of(tx.connection, row, tx.now))}"
    by = f"{decision.by} via {decision.via}"
    match decision.chosen:
        case "more":
            tx.run(BUDGETS["raise"], {"scope": row.scope, "kind": row.kind})
            raised = stored(tx.connection, decision.subject)
            assert raised is not None
            _tell(tx, raised, used_of(tx.connection, raised, tx.now), BudgetState.WITHIN, by=by)
            _go_on(tx, row.goal)
        case "finish":
            _set(tx, row, BudgetState.FINISHING)
            _finish(tx, row, f"{cause}; finished by {by}")
        case "stop":
            _set(tx, row, BudgetState.STOPPED)
            _stop(tx, row, f"{cause}; stopped by {by}")
        case _:
            raise Conflict(f"{decision.id} takes {MORE}, {FINISH} or {STOP}")


def finish_rest(tx: Tx, goal: str, task: str) -> None:
    """After a run: what is to be finished only, of its goal or of its task, does not start again."""
    for found in tx.all(BUDGETS["finishing"], {"goal": goal, "task": task}):
        row = row_from(found)
        leaf = None if row.task is None else row.task
        _cancel_what_waits(tx, row.goal, leaf, f"{SPENT}{used_words(row, used_of(tx.connection, row, tx.now))}")


def _finish(tx: Tx, row: BudgetRow, cause: str) -> None:
    if row.task is not None:
        _cancel_what_waits(tx, row.goal, row.task, cause)
        _go_on(tx, row.goal)
    else:
        _end_questions(tx, row.goal)
        move_goal(tx, row.goal, GoalState.DRAINING, cause=cause)
        _cancel_what_waits(tx, row.goal, None, cause)
    end_goal_if_settled(tx, row.goal)


def _cancel_what_waits(tx: Tx, goal: str, task: str | None, cause: str) -> None:
    """Cancel each leaf that does not run, or this one; a goal that loses one so ends as cancelled."""
    lost = False
    leaves = [task] if task is not None else [leaf["id"] for leaf in tx.all(TASKS["unended_leaves"], {"goal": goal})]
    for leaf in leaves:
        row = brief(tx, leaf)  # an earlier one of this loop may have moved it
        if row["state"] not in FINAL_TASK_STATES and row["state"] not in LIVE_TASK_STATES:
            close_waits(tx, leaf, by="budget")
            move(tx, leaf, TaskState.CANCELLED, cause=cause)
            lost |= row["tests"] is None
    if lost and task is None:
        tx.run(GOALS["mark_cancelling"], {"id": goal, "cause": cause})


def _stop(tx: Tx, row: BudgetRow, cause: str) -> None:
    if row.task is None:
        cancel_goal(tx, row.goal, cause)
    else:
        cancel_task(tx, row.task, cause)
        _go_on(tx, row.goal)


def _go_on(tx: Tx, goal: str) -> None:
    """Resume a goal that a budget has paused, once nobody is asked about one any more."""
    row: Any = tx.one(GOALS["get"], {"id": goal})
    held = row["state"] == GoalState.PAUSED and str(row["cause"] or "").startswith(SPENT)
    if held and not row["cancelling"] and not tx.all(BUDGETS["asked_of_goal"], {"goal": goal}):
        move_goal(tx, goal, GoalState.ACTIVE)


def _settle(tx: Tx, row: BudgetRow) -> None:
    """Its task has ended: a question about it ends, and holds the goal no longer."""
    if row.state is BudgetState.ASKED:
        _end_question(tx, row.subject)
        _set(tx, row, BudgetState.WARNED)
        _go_on(tx, row.goal)


def _end_questions(tx: Tx, goal: str) -> None:
    for found in tx.all(BUDGETS["asked_of_goal"], {"goal": goal}):
        _end_question(tx, row_from(found).subject)


def _end_question(tx: Tx, subject: str) -> None:
    for asked in tx.all(DECISIONS["open_of_subject"], {"subject": subject}):
        end_decision(tx, dict(asked), "cancelled", by="budget")


def _set(tx: Tx, row: BudgetRow, to: BudgetState) -> None:
    if tx.run(BUDGETS["move"], {"scope": row.scope, "kind": row.kind, "frm": row.state, "to": to}) != 1:
        raise Conflict(f"the budget of {row.scope} is no longer {row.state}")


def _tell(tx: Tx, row: BudgetRow, used: float, level: BudgetState, by: str | None = None) -> None:
    more = {} if by is None else {"by": by}
    tx.emit(EventType.GOAL_BUDGET, goal=row.goal, task=row.task, kind=row.kind, level=level, used=round(used, 6),
            limit=row.amount, message=used_words(row, used), **more)  # fmt: skip
