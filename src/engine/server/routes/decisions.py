"""The inbox: questions to a human, and their answers."""

from collections.abc import Sequence

from fastapi import APIRouter

from engine.api import DecisionCard, DecisionView
from engine.model import AnswerKind
from engine.server.bodies import GivenAnswer, Ordered
from engine.server.routes.parts import Ref, TheEngine

router = APIRouter(tags=["decisions"])


@router.get("/decisions")
async def decisions(engine: TheEngine) -> Sequence[DecisionView]:
    """Pending and staged ones, most urgent first."""
    return await engine.decisions()


@router.get("/decisions/{ref}")
async def decision(engine: TheEngine, ref: Ref) -> DecisionCard:
    """The question with its evidence; an approval is bound to its version and content."""
    return await engine.decision(ref)


@router.post("/decisions/{ref}/answer")
async def answer(engine: TheEngine, ref: Ref, body: GivenAnswer) -> DecisionView:
    """An answer to the version that was seen; a snooze answers nothing and puts it off."""
    if body.answer is AnswerKind.SNOOZE:
        return await engine.snooze(ref, body.as_snooze())
    return await engine.answer(ref, body.as_answer())


@router.post("/decisions/{ref}/undo")
async def undo(engine: TheEngine, ref: Ref, body: Ordered | None = None) -> DecisionView:
    """Take a staged answer back before it takes effect."""
    return await engine.undo(ref, (body or Ordered()).by)
