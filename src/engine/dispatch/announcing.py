"""A goal in which nothing runs says once what it waits for (R29)."""

from collections.abc import Iterable
from functools import partial

from engine.dispatch.context import Context
from engine.dispatch.tree.graph import Graph
from engine.dispatch.waiting import announce_waiting
from engine.errors import StoreError

REST_PER_TASK = 0.0002  # seconds that a goal rests, per task of it, before it is looked through


class Announcing:
    """Which goals have said so since they moved last."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._announced: set[str] = set()
        self._moved: dict[str, float] = {}

    def moved(self, goal: str) -> None:
        """A task of it moved: what it waits for may be something else."""
        self._announced.discard(goal)
        self._moved[goal] = self._context.clock.monotonic()

    def went_on(self, goal: str) -> None:
        self._announced.discard(goal)

    def ended(self, goal: str) -> None:
        self._announced.discard(goal)
        self._moved.pop(goal, None)

    async def tell(self, goals: Iterable[tuple[str, Graph]]) -> list[float]:
        """Tell what waits, once nothing of it has moved for a moment: looking through a large goal after each of many
        moves would hold up the next. Returns waits in seconds."""
        waits: list[float] = []
        for goal, graph in goals:
            if goal in self._announced or graph.live != 0:
                continue
            rested = self._context.clock.monotonic() - self._moved.get(goal, 0.0)
            if (rest := REST_PER_TASK * len(graph.nodes) - rested) > 0:
                waits.append(rest)
                continue
            self._announced.add(goal)
            try:
                await self._context.database.write(partial(announce_waiting, goal=goal))
            except StoreError:
                self._announced.discard(goal)  # told by a pass to come
                raise
        return waits
