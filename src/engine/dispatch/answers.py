"""Answers from every door: staged, held for the undo window, then made effective once (R73, R84)."""

import logging
from datetime import datetime
from functools import partial

from engine.about import about
from engine.api import Answer
from engine.dispatch.context import Context
from engine.dispatch.decisions import get, stage, undo
from engine.dispatch.effects import confirm
from engine.dispatch.endings import renew_content
from engine.dispatch.steps import DECISIONS, GOALS, RUNS
from engine.errors import Conflict, PilothouseError
from engine.model import AnswerKind, DecisionKind, DecisionRecord
from engine.store import Tx

log = logging.getLogger(__name__)


class Answers:
    """The one path from an answer to its effect."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def answer(self, decision: str, answer: Answer) -> DecisionRecord:
        """Stage it, and make it effective at once unless it may be undone."""
        window = self._context.settings.engine.undo_window if answer.undoable else 0.0
        staged = await self._context.database.write(lambda tx: stage(tx, decision, answer, window))
        return staged if window > 0 else await self._take_effect(staged)

    async def undo(self, decision: str) -> DecisionRecord:
        return await self._context.database.write(lambda tx: undo(tx, decision))

    async def apply_due(self, now: datetime) -> None:
        """Make every staged answer effective whose window is over."""
        database = self._context.database
        for row in await database.all(DECISIONS["staged"]):
            if datetime.fromisoformat(row["effective_at"]) <= now:
                staged = await database.write(partial(get, decision=row["id"]))
                try:
                    await self._take_effect(staged)
                except Conflict as error:
                    with about(goal=staged.goal, task=staged.task):
                        log.info("%s has no effect: %s", staged.id, error.message)

    async def _take_effect(self, staged: DecisionRecord) -> DecisionRecord:
        merge_cause, tip = await self._integrate(staged)

        def unit(tx: Tx) -> DecisionRecord:
            answered = confirm(tx, staged.id, merge_cause=merge_cause)
            if tip is not None:
                renew_content(tx, staged.goal, tip)
            return answered

        return await self._context.database.write(unit)

    async def _integrate(self, staged: DecisionRecord) -> tuple[str | None, str | None]:
        """An approved result goes into the goal's branch first: (why it could not, the branch after it)."""
        if staged.kind is not DecisionKind.REVIEW or staged.answer is not AnswerKind.APPROVE:
            return None, None
        goal = await self._context.database.one(GOALS["get"], {"id": staged.goal})
        run = await self._context.database.one(RUNS["newest"], {"task": staged.task})
        repository = None if goal is None else self._context.repository(staged.goal, goal["branch"])
        if repository is None or run is None or run["commit"] is None:
            return None, None
        try:
            merged = await repository.integrate(run["commit"], f"Integrate a reviewed result (run {run['n']})")
        except PilothouseError as error:
            return f"its change could not be integrated: {error.message}", None
        if merged.conflicts:
            return f"its change conflicts with the goal's branch in {', '.join(merged.conflicts[:5])}", None
        return None, merged.commit
