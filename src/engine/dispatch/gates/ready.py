"""A gate whose turn has come opens, bound to the content it asks about."""

import logging
from collections.abc import Iterable, Mapping
from functools import partial

from engine.about import about
from engine.dispatch.context import Context
from engine.dispatch.decisions.lifecycle import open_decision
from engine.dispatch.gates.openings import open_gate
from engine.dispatch.orders.switch import require_on
from engine.dispatch.steps import GOALS, TASKS, stored_task
from engine.dispatch.tree.graph import Graph, Node
from engine.dispatch.tree.moves import move
from engine.errors import Conflict, PilothouseError
from engine.model import DecisionKind, GoalState, TaskState
from engine.store import Tx
from engine.store.rows import task_from

log = logging.getLogger(__name__)


async def open_ready_gates(context: Context, goals: Iterable[str], graphs: Mapping[str, Graph]) -> int:
    """Open every ready gate of these goals: a wait takes no room."""
    opened = 0
    for goal in goals:
        graph = graphs.get(goal)  # a gate that passes at once may end its goal, and this loop's next one
        while graph is not None and (node := graph.pop_gate()) is not None:
            opened += await open_ready_gate(context, node)
    return opened


async def open_ready_gate(context: Context, node: Node) -> bool:
    """Open one gate; False when it may not open any more."""
    goal = await context.database.one(GOALS["get"], {"id": node.goal})
    assert goal is not None
    repository = context.repository(node.goal, goal["branch"])
    try:
        content = None if repository is None else await repository.tip()
    except PilothouseError as error:
        await context.database.write(partial(_ask_instead, context, node.id, error.message))
        return True

    def unit(tx: Tx) -> None:
        require_on(tx)
        goal_row, row = tx.one(GOALS["get"], {"id": node.goal}), tx.one(TASKS["get"], {"id": node.id})
        assert goal_row is not None
        assert row is not None
        if goal_row["state"] != GoalState.ACTIVE or goal_row["cancelling"]:
            raise Conflict(f"goal {node.goal} is {goal_row['state']}: nothing opens in it")
        open_gate(tx, task_from(row), context.ids, content)

    try:
        await context.database.write(unit)
    except Conflict as error:
        with about(goal=node.goal, task=node.id):
            log.info("gate %s was not opened: %s", node.key, error.message)
        return False
    return True


def _ask_instead(context: Context, task: str, why: str, tx: Tx) -> None:
    """A gate that cannot show what it asks about does not open (R82): a human is told why."""
    record = stored_task(tx, task)
    cause = f"its gate cannot open: {why}"
    move(tx, task, TaskState.BLOCKED, frm=(TaskState.PENDING,), cause=cause)
    open_decision(tx, context.ids, record, DecisionKind.SPAWN_FAILURE, f"{record.title}: {cause}. Try again?")
