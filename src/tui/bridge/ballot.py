"""Answers: sent once, bound to what was painted, shown as sent until the engine has said what became of them."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from pydantic import ValidationError

from engine.api import Answer, DecisionView
from engine.errors import Invalid, NotFound, OutcomeUnknown, Unavailable
from engine.model import AnswerKind, DecisionState
from tui.bridge.feed import Feed
from tui.messages import Overview, Sent

PATIENCE = 20.0  # seconds an answer may take before it counts as unconfirmed


class Said(NamedTuple):
    """What is answered: the kind, and what that kind needs."""

    kind: AnswerKind
    feedback: str = ""
    option: str | None = None
    fields: Mapping[str, str | int | float | bool] = MappingProxyType({})

    def to(self, decision: DecisionView, *, by: str, shown: float, undoable: bool = True) -> Answer:
        """The answer to a decision as it was painted: bound to its version and content hash (R82, R122).

        Raises Invalid for words that no answer takes.
        """
        try:
            return Answer(
                version=decision.version,
                answer=self.kind,
                feedback=self.feedback,
                option=self.option,
                fields=dict(self.fields),
                by=by,
                via="key",
                undoable=undoable,
                content=decision.content,
                shown_seconds=max(0.0, shown),
            )
        except ValidationError as error:
            raise Invalid(f"this cannot be sent: {error.errors()[0]['msg']}") from error


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
        self, decision: DecisionView, said: Said, *, by: str, shown: float, undoable: bool = True
    ) -> DecisionView:
        """Answer the decision as it was painted: its id, version and content hash (R82, R122).

        Raises Conflict when it moved on, OutcomeUnknown when no reply came in time; a second call while the first
        is on its way raises Conflict through the engine, never twice an effect.
        """
        answer = said.to(decision, by=by, shown=shown, undoable=undoable)
        sent = Sent(decision.id, decision.version, said.kind, self._now())
        self._put(sent)
        try:
            async with asyncio.timeout(PATIENCE):
                answered = await self._feed.engine.answer(decision.id, answer)
        except (TimeoutError, Unavailable) as lost:
            reading = self._feed.overview.reading
            self._put(replace(sent, confirmed=False, reading=reading))
            words = f": {lost}" if str(lost) else f" for {PATIENCE:.0f} s"
            raise OutcomeUnknown(f"no reply to the answer{words}", hint="it stays marked as sent") from lost
        except BaseException:
            self._drop(decision.id)
            raise
        self._staged.append(decision.id)
        self._drop(decision.id)
        return answered

    async def undo(self, overview: Overview, by: str) -> DecisionView:
        """Take back the newest staged answer, one given here before any other; NotFound when there is none."""
        staged = [row.id for row in overview.decisions if row.state is DecisionState.STAGED]
        mine = [ref for ref in reversed(self._staged) if ref in staged]
        if not staged:
            raise NotFound("no answer is in its undo window")
        return await self._feed.engine.undo((mine or staged)[0], by)

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
