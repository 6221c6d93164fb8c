"""Runs that end well at the same moment are ended at once: one look at what they leave, one walk up the tree."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.dispatch.endings.ending import Ending, Policy
from engine.dispatch.endings.run_end import at_their_end, end_run, exit_record, is_done, let_go
from engine.dispatch.steps import RUNS
from engine.dispatch.tree.moves import move_all, require_state
from engine.dispatch.tree.rollup import ALIVE
from engine.errors import Conflict
from engine.model import FINAL_TASK_STATES, GoalState, RunRecord, TaskState
from engine.store import Tx


@dataclass(frozen=True)
class Ended:
    """A run, how it ended and what decides about trying again."""

    run: RunRecord
    ending: Ending
    policy: Policy


def end_all(tx: Tx, ended: Sequence[Ended]) -> Sequence[bool]:
    """End these runs; False for one that had ended already.

    Several of them only if each does nothing but bring its task to done. Raises Conflict otherwise: then how one ends
    may change how the next one does, and they are ended in turn.
    """
    if len(ended) == 1:
        return [end_run(tx, each.run, each.ending, each.policy) for each in ended]
    if tx.rows(RUNS["ended"], [exit_record(tx, each.run, each.ending) for each in ended]) != len(ended):
        raise Conflict("one of them had ended already")
    rows = at_their_end(tx, [each.run.id for each in ended])
    for each in ended:
        row = rows[each.run.id]
        require_state(row, ALIVE)
        followed = row["cancelling"] or row["finishing"] or row["goal_state"] == GoalState.DRAINING
        ending = let_go(tx, row, each.run, each.ending)
        if followed or row["root_state"] in FINAL_TASK_STATES or not is_done(row, ending):
            raise Conflict(f"the end of {each.run.id} does more")
    move_all(tx, [(rows[each.run.id], each.run.id) for each in ended], TaskState.DONE)
    return [True] * len(ended)
