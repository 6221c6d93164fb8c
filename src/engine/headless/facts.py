"""Committed events in order, each exactly once, whatever the subscription does in between."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from contextlib import aclosing
from typing import TypeVar

from engine.api import Engine
from engine.events import Event, EventType

Found = TypeVar("Found")

PAGE = 1000  # events asked for at once
QUIET = 0.5  # seconds without a move that stand for the engine's word that nothing can run
_ENDS = frozenset({EventType.TASK_DONE, EventType.TASK_FAILED, EventType.TASK_CANCELLED, EventType.TASK_SKIPPED})
_TURNS = frozenset(
    {EventType.TASK_PENDING, EventType.TASK_WAITING, EventType.TASK_REVIEW, EventType.TASK_BLOCKED}
    | {kind for kind in EventType if kind.partition(".")[0] in ("goal", "decision", "gate", "engine", "schedule")}
)


class Facts:
    """Hands every event above `after` to `deliver`, by seq, none twice and none missed."""

    def __init__(self, engine: Engine, after: int, deliver: Callable[[Event], None]) -> None:
        self._engine = engine
        self._last = after
        self._deliver = deliver
        self._moves: dict[str, Event] = {}  # the newest of each goal

    async def catch_up(self) -> None:
        """Deliver all that is committed by now."""
        while page := await self._engine.events(self._last, PAGE):
            for event in page:
                self._take(event)

    async def live(self) -> AsyncGenerator[Event | None, None]:
        """Deliver what comes and say so; None after a gap, which is filled first. Ends when the engine stops."""
        updates = self._engine.subscribe(self._last)
        try:
            async for update in updates:
                if isinstance(update, Event):
                    if self._take(update):
                        yield update
                else:  # a Snapshot or Lagged: something was left out here, the store has it
                    await self.catch_up()
                    yield None
        finally:
            if isinstance(updates, AsyncGenerator):
                await updates.aclose()

    async def first(
        self, look: Callable[[], Awaitable[Found | None]], concerns: Callable[[Event | None], bool]
    ) -> Found | None:
        """What `look` finds, asked at once and after each event that concerns it; None when the engine stops first."""
        await self.catch_up()
        found = await look()
        if found is None:
            async with aclosing(self.live()) as live:
                async for event in live:
                    if concerns(event) and (found := await look()) is not None:
                        break
        if found is not None:
            await self.catch_up()  # what led to it is committed, and stands before it
        return found

    async def stand_still(self, goals: Collection[str]) -> bool:
        """Whether goals that seem to wait really do, and are not about to start what has just become ready.

        `goal.waiting` as the newest fact of each says so; otherwise nothing may move for a moment.
        """
        newest = [self._moves.get(goal) for goal in goals]
        if all(event is not None and event.type is EventType.GOAL_WAITING for event in newest):
            return True
        await asyncio.sleep(QUIET)
        await self.catch_up()
        return newest == [self._moves.get(goal) for goal in goals]

    def _take(self, event: Event) -> bool:
        if event.seq <= self._last:
            return False
        self._last = event.seq
        if event.goal is not None and event.type.noun in ("goal", "task", "run", "gate", "decision"):
            self._moves[event.goal] = event
        self._deliver(event)
        return True


def may_settle(event: Event | None, *, undecided: bool) -> bool:
    """Whether what happened can leave a goal ended or stuck: only then is it worth asking for its state.

    A task that ends matters only beside an open decision; else the goal's own event tells the end.
    """
    if event is None or event.type in _TURNS:
        return True
    return undecided and event.type in _ENDS
