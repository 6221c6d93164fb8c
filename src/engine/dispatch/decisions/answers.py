"""Answers from every door: staged, held for the undo window, then made effective once (R73, R84)."""

import asyncio
import logging
from datetime import datetime
from functools import partial
from weakref import WeakValueDictionary

from engine.about import about
from engine.api import Answer
from engine.api.asking import AskAnswer, AskRequest
from engine.dispatch.context import Context
from engine.dispatch.decisions.approving import ApprovalPolicy
from engine.dispatch.decisions.asking import answer_of, ask
from engine.dispatch.decisions.effects import confirm
from engine.dispatch.decisions.lifecycle import get, require_waiting, stage, undo
from engine.dispatch.endings.closing import end_decision
from engine.dispatch.steps import DECISIONS, GOALS, RUNS, TASKS
from engine.dispatch.work.conflicts import Clash, ask_about
from engine.dispatch.work.content import renew_content
from engine.dispatch.work.joining import Joined, join
from engine.dispatch.work.rehearsal import require_as_shown
from engine.errors import Conflict, Invalid, PilothouseError, Unreadable
from engine.model import AnswerKind, DecisionKind, DecisionRecord, DecisionState, RunRecord
from engine.store import Tx
from engine.store.rows import run_from, task_from

RESERVED = frozenset({"rule", "deadline", "retry", "engine"})
log = logging.getLogger(__name__)


class Answers:
    """The one path from an answer to its effect."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def _alone(self, decision: str) -> asyncio.Lock:
        """Held from the look at a staged answer to its effect: to integrate a result takes git its time, and meanwhile
        neither the clock takes the same answer up again nor does anybody undo it."""
        return self._locks.setdefault(decision, asyncio.Lock())

    async def answer(self, decision: str, answer: Answer) -> DecisionRecord:
        """Stage it, and make it effective at once unless it may be undone."""
        if answer.via in RESERVED:
            raise Invalid(f"no door is called {answer.via}", hint="that is a name of the engine's own")
        settings = self._context.settings.engine
        window, policy = settings.undo_window if answer.undoable else 0.0, ApprovalPolicy.of(settings)

        def unit(tx: Tx) -> DecisionRecord:
            staged = stage(tx, decision, answer, window, policy)
            at_once = window <= 0 and staged.state is DecisionState.STAGED and not _integrates(staged)
            return confirm(tx, staged.id) if at_once else staged

        await require_as_shown(self._context, decision, answer.answer, answer.option)
        async with self._alone(decision):
            held = await self._context.database.write(unit)
            if window > 0 or held.state is not DecisionState.STAGED:
                return held
            try:
                return await self._take_effect(held)
            except Unreadable:
                await self._context.database.write(partial(_take_back, decision=held.id))
                raise

    async def undo(self, decision: str, by: str = "operator") -> DecisionRecord:
        async with self._alone(decision):
            return await self._context.database.write(lambda tx: undo(tx, decision, by))

    async def ask(self, run: RunRecord, request: AskRequest) -> str:
        """A run asks: the id of the decision, the same one however often it asks the same."""
        context = self._context
        return await context.database.write(lambda tx: ask(tx, context.ids, run, request))

    async def told(self, decision: str) -> AskAnswer:
        """What a run that asked is told at this moment."""
        return await self._context.database.read(lambda connection: answer_of(connection, decision))

    async def apply_due(self, now: datetime) -> None:
        """Make every staged answer effective whose window is over."""
        database = self._context.database
        for row in await database.all(DECISIONS["staged"]):
            if datetime.fromisoformat(row["effective_at"]) <= now:
                async with self._alone(row["id"]):
                    try:
                        await self._apply(await database.write(partial(get, decision=row["id"])), now)
                    except Unreadable as error:  # itself, or what it would move
                        log.error("the answer to %s is taken back: %s", row["id"], error.message)
                        await database.write(partial(_take_back, decision=row["id"]))

    async def _apply(self, staged: DecisionRecord, now: datetime) -> None:
        if staged.state is not DecisionState.STAGED or staged.effective_at is None or staged.effective_at > now:
            return  # it had its effect, was undone, or was given anew
        try:
            await require_as_shown(self._context, staged.id, staged.answer, staged.chosen)
            await self._take_effect(staged)
        except Unreadable:
            raise
        except Conflict as error:
            with about(goal=staged.goal, task=staged.task):
                log.warning("the answer to %s has no effect: %s", staged.id, error.message)
            await self._context.database.write(partial(_has_no_effect, decision=staged.id, why=error.message))

    async def _take_effect(self, staged: DecisionRecord) -> DecisionRecord:
        joined = await self._integrate(staged)

        def unit(tx: Tx) -> DecisionRecord:
            clash = joined.clash
            answered = confirm(tx, staged.id, merge_cause=joined.cause, clashes=clash is not None)
            if joined.tip is not None:
                renew_content(tx, staged.goal, joined.tip)
            if clash is not None:
                self._ask_about(tx, staged.task, clash, joined.salvage)
            return answered

        return await self._context.database.write(unit)

    async def _integrate(self, staged: DecisionRecord) -> Joined:
        """An approved result goes into the goal's branch first."""
        context = self._context
        if not _integrates(staged):
            return Joined()
        goal = await context.database.one(GOALS["get"], {"id": staged.goal})
        run = await context.database.one(RUNS["newest"], {"task": staged.task})
        repository = None if goal is None else context.repository(staged.goal, goal["branch"])
        if repository is None or run is None or run["commit"] is None:
            return Joined()
        message = f"Integrate a reviewed result (run {run['n']})"
        try:
            return await join(context, repository, str(run["id"]), str(run["commit"]), message)
        except PilothouseError as error:
            return Joined(failed=f"its change could not be integrated: {error.message}")

    def _ask_about(self, tx: Tx, task: str, clash: Clash, salvage: str | None) -> None:
        row, newest = tx.one(TASKS["get"], {"id": task}), tx.one(RUNS["newest"], {"task": task})
        assert row is not None
        assert newest is not None
        run = run_from(newest)
        tx.run(RUNS["salvaged"], {"id": run.id, "salvage": salvage})
        ask_about(tx, self._context.ids, task_from(row), run, clash, salvage)


def _has_no_effect(tx: Tx, decision: str, why: str) -> None:
    """An answer that met a conflict is told of once: what still waits is asked again, else the question ends."""
    held = get(tx, decision)
    if held.state is not DecisionState.STAGED:
        return  # somebody else took it up meanwhile
    try:
        require_waiting(tx, held)
    except Conflict:
        row = tx.one(DECISIONS["get"], {"id": decision})
        assert row is not None
        end_decision(tx, dict(row), "cancelled", by="engine", why=why)
    else:
        undo(tx, decision, by="engine", note=why)


def _integrates(staged: DecisionRecord) -> bool:
    """Whether there may be a result to integrate before the answer has its effect."""
    return staged.kind is DecisionKind.REVIEW and staged.answer is AnswerKind.APPROVE


def _take_back(tx: Tx, decision: str) -> None:
    tx.run(DECISIONS["undo"], {"id": decision})
