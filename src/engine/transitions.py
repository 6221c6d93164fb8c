"""The one table of allowed moves per noun (DESIGN section 4)."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from engine.errors import IllegalMove
from engine.model import DecisionState, GateState, GoalState, RunState, TaskState

S = TypeVar("S", bound=StrEnum)

_T = TaskState
TASK: Mapping[TaskState, frozenset[TaskState]] = {
    _T.PENDING: frozenset({_T.CLAIMED, _T.WAITING, _T.BLOCKED, _T.SKIPPED, _T.CANCELLED}),
    _T.CLAIMED: frozenset({_T.RUNNING, _T.PENDING, _T.BLOCKED, _T.CANCELLED}),
    _T.RUNNING: frozenset({_T.DONE, _T.REVIEW, _T.PENDING, _T.BLOCKED, _T.FAILED, _T.CANCELLED}),
    _T.WAITING: frozenset({_T.DONE, _T.FAILED, _T.PENDING, _T.BLOCKED, _T.SKIPPED, _T.CANCELLED}),
    _T.REVIEW: frozenset({_T.DONE, _T.PENDING, _T.FAILED, _T.CANCELLED}),
    _T.BLOCKED: frozenset({_T.PENDING, _T.SKIPPED, _T.FAILED, _T.CANCELLED}),
    _T.DONE: frozenset({_T.PENDING}),
    _T.FAILED: frozenset({_T.PENDING, _T.SKIPPED}),
    _T.CANCELLED: frozenset(),
    _T.SKIPPED: frozenset(),
}

_G = GoalState
_ENDS = frozenset({_G.DONE, _G.FAILED, _G.CANCELLED})
GOAL: Mapping[GoalState, frozenset[GoalState]] = {
    _G.DRAFT: frozenset({_G.ACTIVE, _G.CANCELLED}),
    _G.ACTIVE: frozenset({_G.PAUSED, _G.DRAINING}) | _ENDS,
    _G.PAUSED: frozenset({_G.ACTIVE, _G.DRAINING}) | _ENDS,
    _G.DRAINING: frozenset({_G.PAUSED, _G.ACTIVE}) | _ENDS,
    _G.DONE: frozenset(),
    _G.FAILED: frozenset({_G.ACTIVE}),
    _G.CANCELLED: frozenset(),
}

_R = RunState
RUN: Mapping[RunState, frozenset[RunState]] = {
    _R.CREATED: frozenset({_R.STARTING, _R.ENDED}),
    _R.STARTING: frozenset({_R.RUNNING, _R.ENDED}),
    _R.RUNNING: frozenset({_R.ENDED}),
    _R.ENDED: frozenset(),
}

_W = GateState
GATE: Mapping[GateState, frozenset[GateState]] = {
    _W.OPEN: frozenset({_W.PASSED, _W.FAILED, _W.CANCELLED}),
    _W.PASSED: frozenset(),
    _W.FAILED: frozenset(),
    _W.CANCELLED: frozenset(),
}

_D = DecisionState
DECISION: Mapping[DecisionState, frozenset[DecisionState]] = {
    _D.PENDING: frozenset({_D.STAGED, _D.EXPIRED, _D.CANCELLED}),
    _D.STAGED: frozenset({_D.ANSWERED, _D.PENDING}),
    _D.ANSWERED: frozenset(),
    _D.EXPIRED: frozenset(),
    _D.CANCELLED: frozenset(),
}


def allowed(table: Mapping[S, frozenset[S]], frm: S, to: S) -> bool:
    """Whether the table holds this move."""
    return to in table[frm]


def require_move(table: Mapping[S, frozenset[S]], frm: S, to: S, subject: str) -> None:
    """Raise IllegalMove, naming the state it met, unless the table holds this move."""
    if to not in table[frm]:
        choices = ", ".join(sorted(table[frm])) or "nothing: it is final"
        raise IllegalMove(
            f"{subject} is {frm} and cannot become {to}",
            hint=f"from {frm} it may become {choices}",
            details={"state": frm, "to": to},
        )
