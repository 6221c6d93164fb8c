"""What stands around a decision: why its risk, open questions, who approved, who was reminded, what changed, notes."""

from collections.abc import Iterator
from datetime import datetime

from engine.api import DecisionCard, DecisionView
from engine.model import DecisionKind
from tui.formats import ago, duration, one_line, plural, short, shorten
from tui.themes import RISK_TONES, Line, Piece, Tone
from tui.widgets.lines import fold
from tui.widgets.verdict_lines import verdict_details, verdict_heads

HELD = (
    *(DecisionKind.APPROVAL, DecisionKind.CHOICE, DecisionKind.FORM),
    *(DecisionKind.REVIEW, DecisionKind.REWORK),
)
"""Kinds that nobody lets through while a question of their goal is open."""
CHOICES = "once: this run · goal: its later runs, too · never: no run of its goal"
NOTES = 20  # that are painted, the newest


def circumstances(card: DecisionCard, width: int, now: datetime) -> list[Line]:
    """Short lines for the head of the card; empty where there is nothing of the kind."""
    decision = card.decision
    lines: list[Line] = []
    if decision.risk_reason:
        why = f"why {decision.risk}: {one_line(decision.risk_reason, visible=True)}"
        lines += fold([(shorten(why, 2 * width - 4), RISK_TONES[decision.risk])], width, 2)
    if decision.kind in HELD:
        lines.append(_questions(card, width))
    lines += verdict_heads(card.verdicts, width)
    if decision.approved_by:
        name = shorten(one_line(decision.approved_by, visible=True), 40)
        lines.append([(f"approved by {name}", Tone.GOOD), (" · a second name is needed", Tone.WARN)])
    attention = [words for words in _attention(decision, now) if words]
    if attention:
        lines += fold([(" · ".join(attention), Tone.WARN)], width, 2)
    if card.contact is not None:
        tried = f"run #{card.contact.run_n} of this task has tried it {plural(card.contact.tries, 'time')}"
        lines += fold([(f"{one_line(card.contact.to, visible=True)} ", Tone.STRONG), (tried, Tone.DIM)], width, 2)
    if decision.kind is DecisionKind.EGRESS:
        lines += fold([(CHOICES, Tone.DIM)], width, 2)
    if card.since is not None and card.since.files:
        lines += fold([("changed since it was asked before: ", Tone.WARN), (_files(card), Tone.PLAIN)], width, 2)
    return lines


def _questions(card: DecisionCard, width: int) -> Line:
    if not card.open_questions:
        return [("open questions: none", Tone.DIM)]
    first = card.open_questions[0]
    asked = shorten(one_line(first.question, visible=True), max(10, width - 34))
    line: list[Piece] = [(f"open questions: {len(card.open_questions)}", Tone.BAD)]
    return [*line, (f" · {short(first.decision)} ", Tone.ASK), (asked, Tone.PLAIN)]


def _attention(decision: DecisionView, now: datetime) -> Iterator[str]:
    yield f"reminded {plural(decision.reminders, 'time')}" if decision.reminders else ""
    yield "escalated" if decision.escalated else ""
    yield f"for {shorten(one_line(decision.delegate, visible=True), 40)}" if decision.delegate else ""
    yield snooze_words(decision, now)
    yield f"answered by rule {short(decision.rule)}" if decision.rule else ""


def snooze_words(decision: DecisionView, now: datetime) -> str:
    """`snoozed 14m`, `until news`; empty when it was not put off."""
    if decision.snoozed_for_news:
        return "until news"
    if decision.snoozed_until is None:
        return ""
    return f"snoozed {duration((decision.snoozed_until - now).total_seconds())}"


def _files(card: DecisionCard) -> str:
    assert card.since is not None
    files = [f"{one_line(file.path, visible=True)} +{file.added} −{file.removed}" for file in card.since.files]
    more = f", {plural(len(files) - 3, 'more file')}" if len(files) > 3 else ""
    return ", ".join(shorten(file, 60) for file in files[:3]) + more


def discussion(card: DecisionCard, width: int, now: datetime) -> list[Line]:
    """The open questions and the notes in full, for the part of a card that scrolls."""
    lines: list[Line] = list(verdict_details(card.verdicts, width))
    if len(card.open_questions) > 1:
        lines.append([("open questions", Tone.DIM)])
    for question in card.open_questions if len(card.open_questions) > 1 else ():
        words = f"{one_line(question.task_key, visible=True)}: {one_line(question.question, visible=True)}"
        lines += fold([(f"? {short(question.decision)} ", Tone.ASK), (words[:2_000], Tone.PLAIN)], width, 2)
    if card.decision.notes:
        lines.append([("notes", Tone.DIM)])
    for note in card.decision.notes[-NOTES:]:
        head = f"{ago(note.at, now)} ago, {one_line(note.by, visible=True)}: "
        lines += fold([(head, Tone.DIM), (one_line(note.text, visible=True)[:2_000], Tone.PLAIN)], width, 2)
    return lines
