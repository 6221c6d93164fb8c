"""One goal to its end, or to where only a human helps."""

from collections.abc import Callable
from typing import assert_never

from engine.api import Engine, GoalView
from engine.errors import ExitCode, NotFound
from engine.events import Event
from engine.headless.facts import Facts, may_settle
from engine.headless.gates import Approver, OnGate, asks_about_budget, only_a_human_helps
from engine.headless.outcome import ended_with
from engine.model import FINAL_GOAL_STATES


async def follow_goal(
    engine: Engine, goal_id: str, *, emit: Callable[[Event], None], on_gate: OnGate, after: int = 0
) -> ExitCode:
    """Emit every event of the goal above `after` by seq; its exit code once it has ended.

    GATE_PENDING (5) leaves the goal as it is: `open_decisions` of its view names what it waits for. INTERRUPTED when
    the engine stops first; EngineUnavailable when a remote one is lost. Raises NotFound for an unknown goal.
    """

    def deliver(event: Event) -> None:
        if event.goal == goal_id:
            emit(event)

    facts = Facts(engine, after, deliver)
    watch = _Watch(engine, facts, goal_id, on_gate)
    code = await facts.first(watch.verdict, watch.concerns)
    return ExitCode.INTERRUPTED if code is None else code


class _Watch:
    """Looks at one goal when something happened that may have settled it."""

    def __init__(self, engine: Engine, facts: Facts, goal_id: str, on_gate: OnGate) -> None:
        self._engine = engine
        self._facts = facts
        self._goal_id = goal_id
        self._on_gate = on_gate
        self._approver = Approver(engine)
        self._seen = 0  # the state was read after this event was committed
        self._undecided = False

    def concerns(self, event: Event | None) -> bool:
        if event is not None and (event.goal != self._goal_id or event.seq <= self._seen):
            return False
        return may_settle(event, undecided=self._undecided)

    async def verdict(self) -> ExitCode | None:
        """The exit code when the goal has come as far as it can by the policy."""
        while True:
            goal = await self._look()
            if goal.state in FINAL_GOAL_STATES:
                return ended_with(goal)
            code = await self._stuck(goal)
            if code is None or await self._facts.stand_still([goal.id]):
                return code

    async def _look(self) -> GoalView:
        seen = (await self._engine.info()).seq
        goals = (await self._engine.status(self._goal_id)).goals
        if not goals:
            raise NotFound(f"no goal is called {self._goal_id!r}")
        self._seen = seen
        return goals[0]

    async def _stuck(self, goal: GoalView) -> ExitCode | None:
        """The exit code when nothing of it can run by itself and the policy is not to wait."""
        match self._on_gate:
            case OnGate.WAIT:
                return None
            case OnGate.FAIL | OnGate.APPROVE:
                decisions = [decision for decision in await self._engine.decisions() if decision.goal == goal.id]
            case _:
                assert_never(self._on_gate)
        self._undecided = bool(decisions)
        if self._on_gate is OnGate.APPROVE and await self._approver.approve(decisions):
            return None  # its effect is an event of its own
        if asks_about_budget(goal):
            return ExitCode.GATE_PENDING
        if not only_a_human_helps(goal, decisions):
            return None
        # A goal that waits for nothing at all is stuck by a fault (R29), not at a gate.
        return ExitCode.GATE_PENDING if goal.waiting_on else ExitCode.TASK_FAILED
