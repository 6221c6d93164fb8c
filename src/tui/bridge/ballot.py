"""Answers: sent once, bound to what was painted, shown as sent until the engine has said what became of them."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from engine.api import Answer, DecisionView
from engine.errors import NotFound, OutcomeUnknown, Unavailable
from engine.model import AnswerKind, DecisionState
from tui.bridge.feed import Feed
from tui.messages import Overview, Sent

PATIENCE = 20.0  # seconds an answer may take before it counts as unconfirmed


class Ballot:
    """Sends and undoes answers for all screens; those on their way stand in the feed's overview."""

    def __init__(self, feed: Feed, now: Callable[[], datetime]) -> None:
        self._feed = feed
        self._now = now
        self._sent: dict[str, Sent] = {}
        self._staged: list[str] = []  # decisions answered here, the newest last

    def sent(self, decision: str) -> Sent | None:
        return self._sent.get(decision)

    async def send(
        self, decision: DecisionView, kind: AnswerKind, feedback: str, *, by: str, shown: float
    ) -> DecisionView:
        """Answer the decision as it was painted: its id, version and content hash (R82, R122).

        Raises Conflict when it moved on, OutcomeUnknown when no reply came in time; a second call while the first
        is on its way raises Conflict through the engine, never twice an effect.
        """
        answer = Answer(
            version=decision.version,
            answer=kind,
            feedback=feedback,
            by=by,
            via="key",
            undoable=True,
            content=decision.content,
            shown_seconds=max(0.0, shown),
        )
        self._put(Sent(decision.id, decision.version, kind, self._now()))
        try:
            async with asyncio.timeout(PATIENCE):
                answered = await self._feed.engine.answer(decision.id, answer)
        except (TimeoutError, Unavailable) as lost:
            reading = self._feed.overview.reading
            self._put(replace(self._sent[decision.id], confirmed=False, reading=reading))
            said = f": {lost}" if str(lost) else f" for {PATIENCE:.0f} s"
            raise OutcomeUnknown(f"no reply to the answer{said}", hint="it stays marked as sent") from lost
        except BaseException:
            self._drop(decision.id)
            raise
        self._staged.append(decision.id)
        self._drop(decision.id)
        return answered

    async def undo(self, overview: Overview) -> DecisionView:
        """Take back the newest staged answer, one given here before any other; NotFound when there is none."""
        staged = [row.id for row in overview.decisions if row.state is DecisionState.STAGED]
        mine = [ref for ref in reversed(self._staged) if ref in staged]
        if not staged:
            raise NotFound("no answer is in its undo window")
        return await self._feed.engine.undo((mine or staged)[0])

    def settle(self, overview: Overview) -> list[Sent]:
        """Forget unconfirmed answers whose fate the overview shows; returns those that did not arrive."""
        lost = []
        for sent in [sent for sent in self._sent.values() if not sent.confirmed]:
            row = overview.decision(sent.decision)
            if row is None or row.version != sent.version or row.state is not DecisionState.PENDING:
                del self._sent[sent.decision]
            elif overview.reading > sent.reading:
                del self._sent[sent.decision]
                lost.append(sent)
        return lost

    def _put(self, sent: Sent) -> None:
        self._sent[sent.decision] = sent
        self._feed.set(sent=dict(self._sent))

    def _drop(self, decision: str) -> None:
        self._sent.pop(decision, None)
        self._feed.set(sent=dict(self._sent))
