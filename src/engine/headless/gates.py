"""Gates without a screen: nothing is approved unless the operator said so beforehand (R129)."""

from collections.abc import Sequence
from enum import StrEnum
from typing import assert_never

from engine.api import Answer, DecisionView, Engine, GoalView
from engine.errors import Conflict
from engine.model import LIVE_TASK_STATES, AnswerKind, BudgetState, DecisionKind, DecisionState, GoalState


class OnGate(StrEnum):
    """What to do when a goal waits for a human: go on waiting, end with exit 5, or approve."""

    WAIT = "wait"
    FAIL = "fail"
    APPROVE = "approve"


def open_decisions(goal: GoalView) -> tuple[str, ...]:
    """The ids of the decisions the goal waits for."""
    return tuple(item.id for item in goal.waiting_on if item.kind == "decision")


def only_a_human_helps(goal: GoalView, decisions: Sequence[DecisionView]) -> bool:
    """Whether nothing of the goal can move before somebody answers.

    A timer or an outside gate still may move it, and so will an answer that is staged.
    """
    if not goal.waiting or any(d.goal == goal.id and d.state is DecisionState.STAGED for d in decisions):
        return False
    return all(item.kind == "decision" for item in goal.waiting_on)


def asks_about_budget(goal: GoalView) -> bool:
    """Whether a budget has paused the goal, nothing of it runs any more, and only an answer lets it go on."""
    runs = any(goal.counts.get(state, 0) for state in LIVE_TASK_STATES)
    return goal.state is GoalState.PAUSED and not runs and any(b.state is BudgetState.ASKED for b in goal.budget)


class Approver:
    """Approves what may be approved unseen: gates and results, never what failed or could not start."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._refused: set[tuple[str, int]] = set()

    async def approve(self, decisions: Sequence[DecisionView]) -> bool:
        """Approve each pending one; whether any answer was taken. One that is refused is not tried again."""
        taken = False
        for decision in decisions:
            if self._approvable(decision):
                taken = await self._answer(decision) or taken
        return taken

    def _approvable(self, decision: DecisionView) -> bool:
        if decision.state is not DecisionState.PENDING or AnswerKind.APPROVE not in decision.options:
            return False
        match decision.kind:
            case DecisionKind.APPROVAL | DecisionKind.REVIEW:
                return (decision.id, decision.version) not in self._refused
            case DecisionKind.SPAWN_FAILURE | DecisionKind.FAILURE | DecisionKind.INFRASTRUCTURE:
                return False
            case DecisionKind.CHOICE | DecisionKind.FORM | DecisionKind.QUESTION | DecisionKind.PERMISSION:
                return False
            case DecisionKind.EGRESS | DecisionKind.BUDGET | DecisionKind.STALL | DecisionKind.CONFLICT:
                return False
            case DecisionKind.REWORK:
                return False  # a reviewer has said no to it
            case _:
                assert_never(decision.kind)

    async def _answer(self, decision: DecisionView) -> bool:
        answer = Answer(
            version=decision.version,
            answer=AnswerKind.APPROVE,
            by="headless",
            via="on-gate approve",
            content=decision.content,
        )
        try:
            await self._engine.answer(decision.id, answer)
        except Conflict:  # somebody was faster, or what it asks about changed: its next version is another question
            self._refused.add((decision.id, decision.version))
            return False
        return True
