"""One goal followed without a screen: every event once, and an end only where the policy says so (R128, R129)."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from goal_stage import GOAL, OTHER, GoalStage

from engine.api import Answer, DecisionView, Update, WaitingOn
from engine.errors import Conflict, EngineUnavailable, ExitCode, NotFound
from engine.events import Event, EventType
from engine.headless import OnGate, facts, follow_goal, open_decisions
from engine.model import DecisionKind, DecisionState, GoalState


class Following:
    """`follow_goal` beside the test; `events` has what it emitted, `saw` waits for one of a type."""

    def __init__(self, stage: GoalStage, on_gate: OnGate, after: int = 0) -> None:
        self.events: list[Event] = []
        self._news = asyncio.Event()
        self._work = follow_goal(stage, GOAL, emit=self._emit, on_gate=on_gate, after=after)

    async def __aenter__(self) -> "Following":
        self.task = asyncio.ensure_future(self._work)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    def _emit(self, event: Event) -> None:
        self.events.append(event)
        self._news.set()

    async def saw(self, kind: EventType) -> None:
        async with asyncio.timeout(5):
            while all(event.type is not kind for event in self.events):
                self._news.clear()
                await self._news.wait()

    async def code(self) -> ExitCode:
        async with asyncio.timeout(5):
            return await self.task


async def settled() -> None:
    """Let everything that is ready run."""
    for _ in range(50):
        await asyncio.sleep(0)


def of_goal(stage: GoalStage, after: int = 0) -> list[Event]:
    return [event for event in stage.stored if event.goal == GOAL and event.seq > after]


@pytest.mark.parametrize("on_gate", OnGate)
async def test_every_event_of_the_goal_is_emitted_once_and_in_order(on_gate: OnGate, stage: GoalStage) -> None:
    async with Following(stage, on_gate) as following:
        for n in range(30):
            stage.emit(EventType.TASK_STARTED, n=n)
            stage.emit(EventType.TASK_DONE, OTHER)
            if n % 7 == 0:
                await settled()
        stage.ends(GoalState.DONE)
        stage.emit(EventType.SANDBOX_REMOVED)
        assert await following.code() is ExitCode.DONE
        assert following.events == of_goal(stage)


async def test_events_before_after_are_left_out(stage: GoalStage) -> None:
    stage.emit()
    async with Following(stage, OnGate.WAIT, after=3) as following:
        stage.ends(GoalState.DONE)
        await following.code()
        assert following.events == of_goal(stage, after=3)


async def test_a_gap_of_a_slow_follower_is_filled_from_the_store() -> None:
    stage = GoalStage(capacity=3)
    async with Following(stage, OnGate.FAIL) as following:
        await settled()
        for n in range(2500):
            stage.emit(n=n)
        await settled()
        stage.ends(GoalState.DONE)
        assert await following.code() is ExitCode.DONE
        assert following.events == of_goal(stage)


@pytest.mark.parametrize("moment", ["info", "status", "decisions", "events", "subscribe"])
async def test_nothing_that_happens_while_it_looks_is_missed(moment: str, stage: GoalStage) -> None:
    """The goal ends in the very call that looks at it."""
    once = iter([True])

    def now(*call: object) -> None:
        if call[0] == moment and next(once, False):
            stage.emit(EventType.TASK_DONE)
            stage.ends(GoalState.FAILED)

    stage._called = now  # type: ignore[method-assign]
    async with Following(stage, OnGate.FAIL) as following:
        assert await following.code() is ExitCode.TASK_FAILED
        assert following.events == of_goal(stage)


@pytest.mark.parametrize(
    ("state", "given", "expected"),
    [
        (GoalState.DONE, None, 0),
        (GoalState.FAILED, None, 1),
        (GoalState.FAILED, 6, 6),
        (GoalState.FAILED, 7, 7),
        (GoalState.FAILED, 99, 1),
        (GoalState.CANCELLED, None, 130),
        (GoalState.CANCELLED, 1, 1),
    ],
)
async def test_r128_the_exit_code_is_the_goals(
    state: GoalState, given: int | None, expected: int, stage: GoalStage
) -> None:
    stage.ends(state, given)
    async with Following(stage, OnGate.FAIL) as following:
        assert await following.code() == expected


async def test_r129_a_goal_that_only_a_human_can_help_ends_with_5_and_stays_as_it_is(stage: GoalStage) -> None:
    stage.asks("d-0000000007")
    stage.asks("d-0000000008", DecisionKind.REVIEW)
    before = stage.goal
    async with Following(stage, OnGate.FAIL) as following:
        assert await following.code() is ExitCode.GATE_PENDING
        assert following.events == of_goal(stage)
    assert stage.goal == before
    assert open_decisions(stage.goal) == ("d-0000000007", "d-0000000008")
    assert not [call for call in stage.calls if call[0] in ("answer", "cancel", "undo", "stop")]


async def test_r129_it_does_not_end_while_something_can_still_run(stage: GoalStage) -> None:
    async with Following(stage, OnGate.FAIL) as following:
        stage.asks(alone=False)
        await following.saw(EventType.DECISION_OPENED)
        await settled()
        assert not following.task.done()
        stage.turn(waiting=True)
        stage.emit(EventType.TASK_DONE)  # the last one beside the gate
        stage.emit(EventType.GOAL_WAITING)
        assert await following.code() is ExitCode.GATE_PENDING


async def test_r129_what_is_about_to_start_is_not_taken_for_standing_still(
    stage: GoalStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between an opened gate and the claim of the work beside it the goal looks as if it only waited."""
    monkeypatch.setattr(facts, "QUIET", 0.01)
    once = iter([True])

    def claims() -> None:
        stage.turn(waiting=False)
        stage.emit(EventType.TASK_CLAIMED)

    def soon(*call: object) -> None:
        if call[0] == "decisions" and next(once, False):
            asyncio.get_running_loop().call_soon(claims)

    stage.asks(alone=False)
    stage.turn(waiting=True)
    stage._called = soon  # type: ignore[method-assign]
    async with Following(stage, OnGate.FAIL) as following:
        await following.saw(EventType.TASK_CLAIMED)
        await settled()
        assert not following.task.done()
        stage.turn(waiting=True)
        stage.emit(EventType.TASK_DONE)
        stage.emit(EventType.GOAL_WAITING)
        assert await following.code() is ExitCode.GATE_PENDING
        assert following.events == of_goal(stage)


async def test_r129_a_timer_or_a_staged_answer_will_move_it(stage: GoalStage) -> None:
    timer = WaitingOn(kind="timer", id="t-0000000009", task="t-0000000009", label="tries again")
    async with Following(stage, OnGate.FAIL) as following:
        stage.asks(state=DecisionState.STAGED)
        await following.saw(EventType.DECISION_OPENED)
        await settled()
        assert not following.task.done()
        stage.inbox.clear()
        stage.asks("d-0000000002")
        stage.turn(waiting_on=(timer, *stage.goal.waiting_on))
        stage.emit(EventType.GOAL_WAITING)
        await following.saw(EventType.GOAL_WAITING)
        await settled()
        assert not following.task.done()
        stage.turn(waiting_on=stage.goal.waiting_on[1:])
        stage.emit(EventType.GOAL_WAITING)
        assert await following.code() is ExitCode.GATE_PENDING


async def test_a_gate_beside_a_question_may_still_be_moved_from_outside(stage: GoalStage) -> None:
    task = stage.asks().task
    async with Following(stage, OnGate.FAIL) as following:
        assert await following.code() is ExitCode.GATE_PENDING
    # A compound gate: a human may answer it, and so may a signal.
    outside = WaitingOn(kind="gate", id="x-0000000002", task=task, label="CI")
    stage.turn(waiting_on=(outside, *stage.goal.waiting_on))
    async with Following(stage, OnGate.FAIL) as following:
        await settled()
        assert not following.task.done()


async def test_r29_a_goal_that_waits_for_nothing_is_an_error_not_a_gate(stage: GoalStage) -> None:
    stage.turn(waiting=True)
    async with Following(stage, OnGate.FAIL) as following:
        assert await following.code() is ExitCode.TASK_FAILED


async def test_wait_goes_on_until_the_goal_ends(stage: GoalStage) -> None:
    async with Following(stage, OnGate.WAIT) as following:
        stage.asks()
        await following.saw(EventType.DECISION_OPENED)
        await settled()
        assert not following.task.done()
        stage.ends(GoalState.DONE)
        assert await following.code() is ExitCode.DONE
    assert not [call for call in stage.calls if call[0] == "answer"]


@pytest.mark.parametrize("kind", [DecisionKind.APPROVAL, DecisionKind.REVIEW])
async def test_approve_answers_what_was_shown_in_its_own_name(kind: DecisionKind, stage: GoalStage) -> None:
    answered = answers(stage, lambda _decision, _answer: stage.ends(GoalState.DONE))
    async with Following(stage, OnGate.APPROVE) as following:
        shown = stage.asks(kind=kind, alone=False)
        assert await following.code() is ExitCode.DONE
    (decision, answer), *more = answered
    assert more == []
    assert decision == shown.id
    assert (answer.version, answer.answer, answer.content) == (shown.version, "approve", shown.content)
    assert (answer.by, answer.via, answer.undoable) == ("headless", "on-gate approve", False)


@pytest.mark.parametrize("kind", [DecisionKind.SPAWN_FAILURE, DecisionKind.FAILURE, DecisionKind.INFRASTRUCTURE])
async def test_r129_approve_never_answers_for_a_failure(kind: DecisionKind, stage: GoalStage) -> None:
    answered = answers(stage, lambda _decision, _answer: None)
    stage.asks(kind=kind)
    async with Following(stage, OnGate.APPROVE) as following:
        assert await following.code() is ExitCode.GATE_PENDING
    assert answered == []


async def test_approve_leaves_other_goals_alone(stage: GoalStage) -> None:
    answered = answers(stage, lambda _decision, _answer: None)
    view = stage.asks()
    stage.inbox[view.id] = view.model_copy(update={"goal": OTHER})
    stage.turn(waiting=False, waiting_on=())
    async with Following(stage, OnGate.APPROVE) as following:
        await settled()
        assert not following.task.done()
    assert answered == []


async def test_an_approval_that_is_refused_is_tried_once_per_version(stage: GoalStage) -> None:
    def refuse(_decision: str, _answer: Answer) -> None:
        raise Conflict("the content changed")

    answered = answers(stage, refuse)
    stage.asks()
    async with Following(stage, OnGate.APPROVE) as following:
        assert await following.code() is ExitCode.GATE_PENDING
    assert len(answered) == 1


async def test_an_engine_that_stops_first_is_an_interruption(stage: GoalStage) -> None:
    async with Following(stage, OnGate.WAIT) as following:
        await settled()
        await stage.close()
        assert await following.code() is ExitCode.INTERRUPTED


async def test_a_lost_connection_is_raised_not_swallowed(stage: GoalStage) -> None:
    async def broken(after: int | None = None) -> AsyncIterator[Update]:
        yield stage.stored[-1]
        raise EngineUnavailable("gone")

    stage.subscribe = broken  # type: ignore[method-assign]
    async with Following(stage, OnGate.WAIT) as following:
        with pytest.raises(EngineUnavailable):
            await following.code()


async def test_an_unknown_goal_is_not_found(stage: GoalStage) -> None:
    stage.goals.clear()
    async with Following(stage, OnGate.FAIL) as following:
        with pytest.raises(NotFound):
            await following.code()


async def test_a_flood_of_events_costs_few_looks(stage: GoalStage) -> None:
    async with Following(stage, OnGate.FAIL) as following:
        await settled()
        for kind in (EventType.TASK_DONE, EventType.TASK_BLOCKED):
            for _ in range(1000):
                stage.emit(kind)
        await following.saw(EventType.TASK_BLOCKED)
        await settled()
        assert len([call for call in stage.calls if call[0] == "status"]) < 5
        stage.ends(GoalState.DONE)
        assert await following.code() is ExitCode.DONE


async def test_a_task_that_ends_beside_an_open_gate_is_reason_to_look(
    stage: GoalStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts, "QUIET", 0.01)
    async with Following(stage, OnGate.FAIL) as following:
        stage.asks(alone=False)
        await following.saw(EventType.DECISION_OPENED)
        await settled()
        stage.turn(waiting=True)
        stage.emit(EventType.TASK_DONE)
        assert await following.code() is ExitCode.GATE_PENDING


async def test_the_subscription_ends_with_the_follower(stage: GoalStage) -> None:
    async with Following(stage, OnGate.WAIT):
        await settled()
        assert stage.subscribers == 1
    assert stage.subscribers == 0


def answers(stage: GoalStage, effect: Callable[[str, Answer], None]) -> list[tuple[str, Answer]]:
    """Note each answer and let it have its effect."""
    given: list[tuple[str, Answer]] = []

    async def answer(decision: str, answer: Answer) -> DecisionView:
        given.append((decision, answer))
        effect(decision, answer)
        return stage.inbox.get(decision) or stage.asks(decision)

    stage.answer = answer  # type: ignore[method-assign]
    return given
