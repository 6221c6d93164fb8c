"""A stub engine whose one goal changes on cue; each change is an event, as in the real one."""

import engine_samples as samples
from engine_stub import StubEngine

from engine.api import DecisionView, GoalView, WaitingOn
from engine.events import EventType
from engine.model import DecisionKind, DecisionState, GoalState

GOAL = samples.GOAL.id
OTHER = "g-0000000002"


class GoalStage(StubEngine):
    """Starts with one active goal that runs and waits for nothing."""

    def __init__(self, capacity: int = 10_000) -> None:
        super().__init__(capacity)
        self.inbox.clear()
        self.goals[GOAL] = samples.GOAL.model_copy(update={"waiting": False, "waiting_on": ()})
        self.emit(EventType.GOAL_CREATED, OTHER)
        self.emit(EventType.GOAL_CREATED)
        self.emit(EventType.GOAL_STARTED)

    @property
    def goal(self) -> GoalView:
        return self.goals[GOAL]

    def turn(self, **changes: object) -> None:
        self.goals[GOAL] = self.goal.model_copy(update=changes)

    def ends(self, state: GoalState, exit_code: int | None = None) -> None:
        self.turn(state=state, exit_code=exit_code, waiting=False, waiting_on=())
        self.inbox.clear()
        self.emit(EventType.GOAL_ENDED)

    def asks(
        self,
        decision: str = "d-0000000001",
        kind: DecisionKind = DecisionKind.APPROVAL,
        state: DecisionState = DecisionState.PENDING,
        *,
        alone: bool = True,
        **changes: object,
    ) -> DecisionView:
        """Open a decision; `alone`: nothing else of the goal can move."""
        view = samples.DECISION.model_copy(
            update={"id": decision, "kind": kind, "state": state, "goal": GOAL} | changes
        )
        self.inbox[decision] = view
        item = WaitingOn(kind="decision", id=decision, task=view.task, label="Ship it?")
        self.turn(waiting=alone, waiting_on=(*self.goal.waiting_on, item))
        self.emit(EventType.DECISION_OPENED, decision=decision)
        if alone:
            self.emit(EventType.GOAL_WAITING)
        return view
