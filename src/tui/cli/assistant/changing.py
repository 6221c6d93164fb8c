"""Tools that give an order: a proposal, which starts nothing, and the answer to a decision, where that is allowed."""

import asyncio
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from engine.api import Answer, CreateGoal, DecisionView, Engine, GoalView, Snooze
from engine.api.asking import NEVER
from engine.errors import Conflict, Invalid, StaleVersion
from engine.model import AnswerKind, Risk
from tui.cli.assistant import arguments as given
from tui.cli.assistant.desk import Desk
from tui.cli.assistant.tool import Tool
from tui.cli.call import operator

VIA = "mcp"
PASSES = (AnswerKind.APPROVE, AnswerKind.CHOOSE, AnswerKind.FILL)


class Proposal(BaseModel):
    """A goal that is a draft, and what a human does to start it."""

    goal: GoalView
    next: str


async def propose(desk: Desk, asked: given.Proposed) -> Proposal:
    source, path = await asyncio.to_thread(desk.goal_text, asked)

    async def create(engine: Engine) -> GoalView:
        project = (await engine.info()).project
        request = CreateGoal(
            source=source, path=path or str(Path(project, "goal.yaml")), variables=asked.variables, start=False,
            external_ref=asked.external_ref, max_parallel=asked.max_parallel,
        )  # fmt: skip
        return await engine.create_goal(request)

    goal = await desk.order(create)
    start = desk.call.command("start", goal.id)
    return Proposal(goal=goal, next=f"Nothing runs yet. A human starts it: `{start}`, or p on its row on the screen.")


async def decide(desk: Desk, asked: given.Decided) -> DecisionView:
    async def answer(engine: Engine) -> DecisionView:
        shown = (await engine.decision(asked.decision)).decision
        _require_read(shown, asked)
        if asked.answer is AnswerKind.SNOOZE:
            return await engine.snooze(shown.id, _snooze(asked))
        return await engine.answer(shown.id, _answer(asked))

    return await desk.order(answer)


def _require_read(shown: DecisionView, asked: given.Decided) -> None:
    """The answer is to what stands there; what is of high risk is let through by a human alone."""
    if shown.version != asked.version:
        raise StaleVersion(
            f"{shown.id} is at version {shown.version}, not {asked.version}", hint="read it again and decide again"
        )
    if asked.answer not in PASSES or asked.option == NEVER:
        return
    if shown.risk is Risk.HIGH:
        hint = "on the screen, or with `pilothouse decide` on a terminal"
        raise Conflict(f"{shown.id} is of high risk: only a human lets it through, who types its short id", hint=hint)
    if shown.content is not None and asked.content != shown.content:
        raise Invalid(
            f"{asked.answer} needs `content`: the hash of what it would let through",
            hint="the tool `decision` shows it",
        )


def _snooze(asked: given.Decided) -> Snooze:
    return Snooze(version=asked.version, seconds=asked.seconds, news=asked.news, by=operator(), via=VIA)


def _answer(asked: given.Decided) -> Answer:
    if asked.seconds is not None or asked.news:
        raise Invalid(f"`seconds` and `news` go with snooze, not with {asked.answer}")
    return Answer(
        version=asked.version, answer=asked.answer, feedback=asked.feedback, option=asked.option, fields=asked.fields,
        by=operator(), via=VIA, content=asked.content,
    )  # fmt: skip


PROPOSE: Tool[Any] = Tool(
    "propose", "Store a goal as a draft for a human to start; it runs nothing", given.Proposed, Proposal, propose,
    changes=True,
)  # fmt: skip
DECIDE: Tool[Any] = Tool(
    "decide", "Answer one decision, by its id and the version that was read; never what is of high risk",
    given.Decided, DecisionView, decide, changes=True,
)  # fmt: skip
