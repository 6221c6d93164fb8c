"""A rule as lines: what it would answer, and what it would have answered."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum

from pydantic import ValidationError

from engine.api import DecisionView, Rehearsal, RuleDraft, RuleEffect, RuleMatch
from engine.api.deciding import RULED
from engine.model import AnswerKind, DecisionKind
from tui.formats import ago, one_line, plural, short
from tui.themes import Line, Piece, Tone
from tui.widgets.lines import fold

__all__ = ["RULED", "Reach", "draft_of", "rehearsal_lines", "unfit"]

SHOWN = 100  # newest matches
WILD = frozenset("*?")


class Reach(StrEnum):
    """How far a rule goes, the narrowest first."""

    TASK = "this task of goals of this title"
    GOAL = "any task of goals of this title"
    ANY = "any task of any goal"


def draft_of(decision: DecisionView, reach: Reach) -> RuleDraft:
    """As narrow as the reach: this tool with these very arguments."""
    arguments = decision.evidence.get("arguments")
    given = arguments if isinstance(arguments, Mapping) else {}
    exact = {str(name): _text(value) for name, value in given.items()}
    return RuleDraft(
        kind=decision.kind,
        effect=RuleEffect.APPROVE,
        goal="*" if reach is Reach.ANY else decision.goal_title,
        task=decision.task_key if reach is Reach.TASK else "*",
        tool="*" if decision.kind is DecisionKind.REVIEW else _text(decision.evidence.get("tool", "*")),
        arguments={} if decision.kind is DecisionKind.REVIEW else exact,
    )


def unfit(decision: DecisionView) -> str:
    """Why no rule can be made of its words; empty when one can."""
    try:
        for reach in Reach:
            draft_of(decision, reach)
    except ValidationError as error:
        return f"no rule can be made of it: {error.errors()[0]['msg']}"
    return ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)


def rehearsal_lines(
    tried: Rehearsal | None, decision: DecisionView, reach: Reach, width: int, now: datetime
) -> list[Line]:
    """The draft, what it comes to over the history, the newest matches; `tried` None: it is being tried."""
    draft = draft_of(decision, reach) if tried is None else tried.draft
    lines: list[Line] = list(_draft(draft, reach, width))
    lines.append([])
    if tried is None:
        return [*lines, [("being tried on history…", Tone.BUSY)]]
    lines.append(
        [
            ("over the history  ", Tone.DIM),
            (f"{tried.approved} approved", Tone.GOOD),
            (f"   {tried.denied} denied", Tone.BAD if tried.denied else Tone.DIM),
            (f"   {tried.unanswered} unanswered", Tone.DIM),
        ]
    )
    if tried.denied:
        lines += fold([(f"people denied {plural(tried.denied, 'request')} that this rule approves", Tone.BAD)], width)
    if not tried.matches:
        lines.append([("it fits nothing that was ever asked", Tone.WARN)])
    for match in tried.matches[:SHOWN]:
        lines += _match(match, width, now)
    lines.append([])
    does = f"a makes the rule and approves {short(decision.id)}; "
    return [
        *lines,
        *fold([(does, Tone.WARN), ("it never answers high risk nor a gate of a goal file", Tone.DIM)], width),
    ]


def _draft(draft: RuleDraft, reach: Reach, width: int) -> Iterator[Line]:
    yield [(f"{draft.effect.value}s every {draft.kind.value} that fits all of this", Tone.HEAD)]
    yield [("reach   ", Tone.DIM), (reach.value, Tone.STRONG), ("   w: another", Tone.FAINT)]
    for label, pattern in (("goal", draft.goal), ("task", draft.task), ("tool", draft.tool)):
        yield from fold([(f"{label:<8}", Tone.DIM), *_pattern(pattern)], width, 8)
    for name, pattern in draft.arguments.items():
        yield from fold([(f"{one_line(name, visible=True)} = ", Tone.DIM), *_pattern(pattern)], width, 4)
    if any(WILD & set(pattern) for pattern in draft.arguments.values()):
        yield from fold([("* stands for any characters, ? for one: it fits more than this request", Tone.WARN)], width)


def _pattern(pattern: str) -> list[Piece]:
    if pattern == "*":
        return [("any", Tone.DIM)]
    return [(one_line(pattern, visible=True)[:2_000], Tone.PLAIN)]


def _match(match: RuleMatch, width: int, now: datetime) -> list[Line]:
    said, tone = "unanswered", Tone.DIM
    if match.answer is not None:
        approved = match.answer is AnswerKind.APPROVE
        said, tone = ("approved" if approved else "denied"), (Tone.GOOD if approved else Tone.BAD)
    by = f" by {one_line(match.by)}" if match.by else ""
    line: list[Piece] = [
        (f"{short(match.decision):<8}", Tone.ASK),
        (f"{ago(match.opened_at, now):>7} ago  ", Tone.DIM),
        (f"{said}{by}  ", tone),
        (f"{one_line(match.task_key, visible=True)}: ", Tone.DIM),
        (one_line(match.question, visible=True)[:500], Tone.PLAIN),
    ]
    return fold(line, width, 8)
