"""A whole engine until nothing can go on by itself."""

from collections.abc import Callable, Sequence
from typing import assert_never

from engine.api import DecisionView, Engine, GoalView
from engine.errors import ExitCode
from engine.events import Event, EventType
from engine.headless.facts import Facts, may_settle
from engine.headless.gates import asks_about_budget, only_a_human_helps
from engine.headless.outcome import ended_with
from engine.model import LIVE_TASK_STATES, GoalState
from engine.model.schedules import StartState


async def until_idle(engine: Engine, emit: Callable[[Event], None], *, after: int | None = None) -> ExitCode:
    """Emit all events (above `after`, default: from this moment on) until no goal can go on by itself.

    DONE when all that ended meanwhile ended well, else TASK_FAILED (or the one code they share), which counts before
    GATE_PENDING: a human is waited for, or the kill switch is off. INTERRUPTED when the engine stops first.
    """
    ended: set[str] = set()

    def deliver(event: Event) -> None:
        if event.type is EventType.GOAL_ENDED and event.goal is not None:
            ended.add(event.goal)
        emit(event)

    facts = Facts(engine, (await engine.info()).seq if after is None else after, deliver)
    watch = _Watch(engine, facts)
    goals = await facts.first(watch.idle, watch.concerns)
    if goals is None:
        return ExitCode.INTERRUPTED
    return _code(goals, ended, dispatch=(await engine.info()).dispatch)


class _Watch:
    """Looks at all goals when something happened that may have settled one."""

    def __init__(self, engine: Engine, facts: Facts) -> None:
        self._engine = engine
        self._facts = facts
        self._seen = 0
        self._undecided = False

    def concerns(self, event: Event | None) -> bool:
        if event is not None and event.seq <= self._seen:
            return False
        return may_settle(event, undecided=self._undecided)

    async def idle(self) -> Sequence[GoalView] | None:
        """All goals, once none of them can go on by itself."""
        while True:
            info = await self._engine.info()
            seen = info.seq
            goals = (await self._engine.status()).goals
            decisions = await self._engine.decisions()
            self._seen = seen
            self._undecided = bool(decisions)
            if not info.dispatch and not any(_runs(goal) for goal in goals):
                return goals  # whatever is ready waits for the operator who switched dispatch off
            if not all(_is_idle(goal, decisions) for goal in goals) or await self._starting(goals):
                return None
            if await self._facts.stand_still([goal.id for goal in goals if goal.state is GoalState.ACTIVE]):
                return goals

    async def _starting(self, goals: Sequence[GoalView]) -> bool:
        """Whether a schedule is about to make a goal; one whose next start is still to come is waited for by nobody."""
        starts = {view.last.state for view in await self._engine.schedules() if view.last and not view.paused}
        return StartState.DUE in starts or (StartState.QUEUED in starts and all(goal.ended_at for goal in goals))


def _is_idle(goal: GoalView, decisions: Sequence[DecisionView]) -> bool:
    match goal.state:
        case GoalState.DONE | GoalState.FAILED | GoalState.CANCELLED | GoalState.DRAFT:
            return True
        case GoalState.PAUSED:
            return not _runs(goal)
        case GoalState.ACTIVE:
            return only_a_human_helps(goal, decisions)
        case GoalState.DRAINING:
            return False
        case _:
            assert_never(goal.state)


def _runs(goal: GoalView) -> bool:
    """Whether a task of it runs, which it does to its end."""
    return any(goal.counts.get(state, 0) for state in LIVE_TASK_STATES)


def _code(goals: Sequence[GoalView], ended: set[str], *, dispatch: bool) -> ExitCode:
    failures = {ended_with(goal) for goal in goals if goal.id in ended and goal.state is GoalState.FAILED}
    if failures:
        return failures.pop() if len(failures) == 1 else ExitCode.TASK_FAILED
    active = [goal for goal in goals if goal.state is GoalState.ACTIVE]
    if dispatch and any(not goal.waiting_on for goal in active):
        return ExitCode.TASK_FAILED  # it waits for nothing at all: a fault (R29), not a gate
    asked = any(asks_about_budget(goal) for goal in goals)
    return ExitCode.GATE_PENDING if active or asked else ExitCode.DONE
