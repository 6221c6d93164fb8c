"""What judges said, as lines. All of it is foreign text: control characters show, nothing is markup."""

from collections.abc import Iterator, Sequence

from engine.api import Judging, VerdictView
from tui.formats import clean, one_line, plural
from tui.themes import Line, Tone
from tui.widgets.lines import fold

HEADS = 4  # verdicts in the head of a card; the rest is counted there and stands below
ROWS = 60  # lines of one feedback
FINDINGS = 100  # of one verdict
LONGEST = 2_000  # characters of one text


def outcome_tone(passed: bool) -> Tone:
    return Tone.GOOD if passed else Tone.BAD


def verdict_heads(verdicts: Sequence[VerdictView], width: int) -> list[Line]:
    """One line for each verdict: who, which run, what."""
    lines: list[Line] = []
    for said in verdicts[:HEADS]:
        lines += fold(_head(said), width, 2)
    if len(verdicts) > HEADS:
        lines.append([(f"and {plural(len(verdicts) - HEADS, 'more verdict')}", Tone.DIM)])
    return lines


def verdict_details(verdicts: Sequence[VerdictView], width: int) -> Iterator[Line]:
    """Feedback, findings and failed checks of each that has any."""
    for said in verdicts:
        body = list(verdict_body(said, width))
        if body:
            yield from fold(_head(said), width, 2)
            yield from body
            yield []


def verdict_body(said: VerdictView, width: int) -> Iterator[Line]:
    """What a verdict asks for, line by line."""
    rows = clean(said.feedback[: LONGEST * 10], visible=True).rstrip().split("\n") if said.feedback.strip() else []
    for text in rows[:ROWS]:
        yield from fold([("  ", Tone.PLAIN), (text.expandtabs(4), Tone.PLAIN)], width, 2)
    if len(rows) > ROWS:
        yield [(f"  {plural(len(rows) - ROWS, 'more line')}", Tone.DIM)]
    for finding in said.findings[:FINDINGS]:
        place = one_line(finding.file, visible=True) + (f":{finding.line}" if finding.line is not None else "")
        severity = f" {one_line(finding.severity, visible=True)}" if finding.severity else ""
        words = one_line(finding.text, visible=True)[:LONGEST]
        yield from fold([("  • ", Tone.FAINT), (place, Tone.STRONG), (severity, Tone.WARN), (f" {words}", Tone.PLAIN)],
                        width, 4)  # fmt: skip
    for check in said.checks[:FINDINGS]:
        mark, tone = ("passed", Tone.GOOD) if check.passed else ("failed", Tone.BAD)
        output = "" if check.passed else f" {one_line(check.output, visible=True)[:LONGEST]}"
        yield from fold([("  • ", Tone.FAINT), (one_line(check.name, visible=True)[:LONGEST], Tone.STRONG),
                         (f" {mark}", tone), (output, Tone.DIM)], width, 4)  # fmt: skip


def judging_lines(judged: Judging, width: int) -> list[Line]:
    """How a task is judged, its newest verdict, and what was asked of it last."""
    lines: list[Line] = []
    if judged.on_reject is not None:
        no = judged.on_reject
        words = f"sends {one_line(no.rework)} back, at most {plural(no.max_cycles, 'round')}, then {no.then}"
        tone = Tone.WARN if judged.rounds >= no.max_cycles else Tone.PLAIN
        lines += fold([("rework    ", Tone.DIM), (words, Tone.PLAIN), (f" · {judged.rounds} so far", tone)], width, 10)
    elif judged.rounds:
        lines.append([("rework    ", Tone.DIM), (f"{plural(judged.rounds, 'round')} so far", Tone.PLAIN)])
    if judged.verdicts:
        newest = judged.verdicts[-1]
        lines += fold([("verdict   ", Tone.DIM), *_head(newest)], width, 10)
        lines += verdict_body(newest, width)
    if judged.asked:
        last = judged.asked[-1]
        who = one_line(last.decision or last.task_key or "somebody", visible=True)
        text = one_line(last.text, visible=True)[:LONGEST]
        lines += fold([("asked for ", Tone.DIM), (f"by {who}: ", Tone.DIM), (text, Tone.WARN)], width, 10)
    return lines


def _head(said: VerdictView) -> Line:
    summary = one_line(said.summary, visible=True)[:LONGEST]
    return [
        (f"{one_line(said.task_key, visible=True)} #{said.n} ", Tone.PLAIN),
        (said.outcome, outcome_tone(said.passed)),
        (f" · {summary}" if summary else "", Tone.PLAIN),
    ]
