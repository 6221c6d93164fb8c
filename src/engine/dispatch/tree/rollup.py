"""A group's state from its children (DESIGN section 4), by counts that triggers keep."""

from collections.abc import Mapping
from typing import Any

from engine.model import FINAL_TASK_STATES, SATISFIED, OnFailure, TaskState
from engine.store import Tx, named_queries

TASKS, PLANS, TREES = named_queries("tasks"), named_queries("plans"), named_queries("trees")
_T = TaskState
ALIVE = (_T.CLAIMED, _T.RUNNING)


def derive(tx: Tx, group: Mapping[str, Any]) -> TaskState:
    """What `group` (a brief row) is, from what its children are."""
    counts = {TaskState(row["state"]): int(row["n"]) for row in tx.all(TASKS["tally"], {"id": group["id"]})}
    if not counts:
        return _as_planned(tx, group, counts, _T.PENDING)
    held = 0
    if counts.get(_T.BLOCKED):
        row = tx.one(TASKS["held_children"], {"id": group["id"]})
        held = int(row["n"]) if row is not None else 0

    def lives() -> bool:
        below = tx.all(TREES["descendants"], {"id": group["id"]})
        return any(row["state"] in ALIVE for row in below)

    state = derive_from(counts, held, str(group["require"]), OnFailure(group["on_failure"]), lives)
    return _as_planned(tx, group, counts, state) if state is _T.DONE else state


def _as_planned(tx: Tx, group: Mapping[str, Any], counts: Mapping[TaskState, int], state: TaskState) -> TaskState:
    """A group that a task plans has not ended before that task has: more may be added to it."""
    row = tx.one(PLANS["planner"], {"id": group["id"]})
    if row is None:
        return state
    planner = TaskState(row["state"])
    if planner not in FINAL_TASK_STATES:
        return _first_match(counts, 0)
    if not sum(counts.values()):
        return _T.DONE if planner in SATISFIED else _T.CANCELLED
    return state


def derive_from(
    counts: Mapping[TaskState, int], held: int, require: str, on_failure: OnFailure, lives: Any
) -> TaskState:
    """The rule itself: `counts` of children by state, `held` of the blocked ones can never start, `lives()` says
    whether anything below runs. See DESIGN section 4 for the words."""
    total = sum(counts.values())
    ended_well = counts.get(_T.DONE, 0) + counts.get(_T.SKIPPED, 0)
    wanted = {"all": total, "any": 1}.get(require) or int(require)
    good = ended_well if require == "all" else counts.get(_T.DONE, 0)
    if good >= wanted:
        return _T.DONE
    lost = counts.get(_T.FAILED, 0) + counts.get(_T.CANCELLED, 0) + held
    lost += counts.get(_T.SKIPPED, 0) if require != "all" else 0
    if total - lost < wanted and not _more_to_run(counts, on_failure) and not lives():
        return _T.FAILED if counts.get(_T.FAILED, 0) or held else _T.CANCELLED
    return _first_match(counts, held)


def _more_to_run(counts: Mapping[TaskState, int], on_failure: OnFailure) -> bool:
    """Whether the group's policy still wants something of it to run before it ends."""
    if on_failure is OnFailure.STOP:
        return False
    return any(counts.get(state, 0) for state in (_T.PENDING, _T.WAITING, _T.REVIEW))


def _first_match(counts: Mapping[TaskState, int], held: int) -> TaskState:
    if counts.get(_T.BLOCKED, 0) > held:
        return _T.BLOCKED
    if any(counts.get(state, 0) for state in ALIVE):
        return _T.RUNNING
    for state in (_T.REVIEW, _T.WAITING):
        if counts.get(state, 0):
            return state
    return _T.PENDING
