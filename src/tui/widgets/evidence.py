"""What a decision rests on, as lines: the question, what it blocks, the change, the last output."""

from datetime import datetime

from rich.cells import cell_len

from engine.api import DecisionCard, DecisionView, LogLine
from engine.model import Stream
from tui.formats import ago, clean, hour, one_line, other_side, plural, run_word, short, shorten, until
from tui.themes import RISK_TONES, STREAM_TONES, Line, Piece, Tone
from tui.widgets.asked import UNPICKED, Pick, asked
from tui.widgets.circumstances import circumstances, discussion
from tui.widgets.diff_lines import Painted, summary
from tui.widgets.diff_lines import paint as paint_diff
from tui.widgets.lines import fold

QUESTION = 20_000  # characters of a question that are painted; the rest is announced
ROWS = 2  # of a question in the head of its card
RISK = 12  # cells of `risk: normal`, to the right of the question


def facts(card: DecisionCard, width: int, now: datetime) -> list[Line]:
    """The head of a card: everything but the change itself."""
    decision = card.decision
    question = fold(_question(decision), width - RISK - 2)
    lines: list[Line] = list(question[:ROWS])
    if len(question) > ROWS:
        lines.append([("the whole question stands with the change", Tone.WARN)])
    risk: Piece = (f"risk: {decision.risk}".rjust(RISK), RISK_TONES[decision.risk])
    used = sum(cell_len(text) for text, _ in lines[0])
    lines[0] = [*lines[0], (" " * max(0, width - RISK - used), Tone.PLAIN), risk]
    lines += fold(
        [
            (shorten(one_line(decision.goal_title, visible=True), width // 2), Tone.PLAIN),
            (" › ", Tone.FAINT),
            (shorten(one_line(decision.task_key, visible=True), width // 2 - 4), Tone.PLAIN),
            (f" · opened {ago(decision.opened_at, now)} ago", Tone.DIM),
            (f" · {_due(decision, now)}", Tone.DIM),
        ],
        width,
    )
    lines += circumstances(card, width, now)
    blocks = ", ".join(one_line(key, visible=True) for key in card.blocks)
    lines += fold([("blocks ", Tone.DIM), (shorten(blocks, 2 * width - 20) or "nothing", Tone.PLAIN)], width, 7)
    if card.diff is not None:
        commit = one_line(card.diff.commit)[:8]
        lines += fold([("commit ", Tone.DIM), (commit, Tone.PLAIN), (" · ", Tone.FAINT), *summary(card.diff)], width)
    if card.last_run is not None:
        run = card.last_run
        failed = run.message and run_word(run) != "exit 0"
        said = f" · {one_line(run.message or '', visible=True)[: 2 * width]}" if failed else ""
        lines += fold(
            [
                ("last run ", Tone.DIM),
                (f"{shorten(one_line(run.key), 40)} #{run.n} · {run_word(run)}", Tone.PLAIN),
                (said, Tone.DIM),
            ],
            width,
        )
    return lines


def _due(decision: DecisionView, now: datetime) -> str:
    """`due in 19m, then fail`: what happens at its deadline when nobody answers."""
    if decision.deadline is None:
        return "no deadline"
    then = f", then {decision.on_deadline}" if decision.on_deadline else ""
    return f"due {until(decision.deadline, now)}{then}"


def _question(decision: DecisionView) -> Line:
    text = one_line(decision.question, visible=True)
    cut = f" … {plural(len(text) - QUESTION, 'more character')}" if len(text) > QUESTION else ""
    return [(text[:QUESTION] or "(no question)", Tone.HEAD), (cut, Tone.WARN)]


def last_output(card: DecisionCard, width: int) -> list[Line]:
    """The last lines of the log behind it."""
    lines: list[Line] = []
    for line in card.last_lines:
        lines += log_row(line, width)
    return lines


def log_row(line: LogLine, width: int) -> list[Line]:
    """One line of a log as evidence: removed bytes are shown."""
    text = clean(line.text[:500], visible=True).replace("\n", "␊").expandtabs(4)
    prefix: list[Piece] = [(hour(line.at), Tone.FAINT), (f" {line.stream.value:<4} ", STREAM_TONES[line.stream])]
    return fold([*prefix, (text, Tone.PLAIN)], width, 14)


def rule(label: str, width: int) -> Line:
    return [("── ", Tone.FAINT), (label, Tone.DIM), (" " + "─" * max(0, width - len(label) - 4), Tone.FAINT)]


def whole(card: DecisionCard, width: int, now: datetime, pick: Pick = UNPICKED) -> Painted:
    """Everything in one text, for the pane beside the queue."""
    lines = facts(card, width, now)
    printed = [line for line in card.last_lines if line.stream in (Stream.OUT, Stream.ERR)]
    if printed:
        lines += log_row(printed[-1], width)
    anchors: dict[str, list[int]] = {"file": [], "hunk": []}
    body = change(card, width, now, pick)
    lines.append([])
    for kind, rows in body.anchors.items():
        anchors[kind] = [row + len(lines) for row in rows]
    return Painted(lines + body.lines, anchors)


def beside(card: DecisionCard, width: int, now: datetime) -> list[Line]:
    """The head of a card and the last output, for a column beside the change."""
    lines = facts(card, width, now)
    return [*lines, [], rule("last output", width), *last_output(card, width)] if card.last_lines else lines


def change(card: DecisionCard, width: int, now: datetime, pick: Pick = UNPICKED, *, output: bool = True) -> Painted:
    """What is asked in full, the change and, under it, the last output."""
    head: list[Line] = []
    question = fold(_question(card.decision), width - RISK - 2)
    if len(question) > ROWS:
        head += [rule("the whole question", width), *question, []]
    for part in (asked(card.decision, width, pick), discussion(card, width, now)):
        head += [*part, []] if part else []
    lines: list[Line] = []
    anchors: dict[str, list[int]] = {"file": [], "hunk": []}
    if card.diff is not None and card.diff.text:
        painted = paint_diff(card.diff, width)
        lines, anchors = list(painted.lines), painted.anchors
    elif not head:
        lines.append([("no change to show", Tone.DIM)])
    anchors = {kind: [row + len(head) for row in rows] for kind, rows in anchors.items()}
    lines = head + lines
    if card.against is not None and card.against.text:
        other = paint_diff(card.against, width)
        lines += [[], rule(f"what {other_side(card.decision)} changed there meanwhile", width)]
        anchors = {kind: [*rows, *(row + len(lines) for row in other.anchors[kind])] for kind, rows in anchors.items()}
        lines += other.lines
    if card.last_lines and output:
        lines += [[], rule("last output", width), *last_output(card, width)]
    return Painted(lines, anchors)


def differences(old: DecisionCard, new: DecisionCard) -> list[str]:
    """What is not as it was painted, in words; empty when nothing an answer rests on has changed."""
    before, after = old.decision, new.decision
    said = []
    if before.state is not after.state:
        said.append(f"it is {standing(after)}")
    if before.version != after.version:
        said.append(f"v{before.version} → v{after.version}")
    if before.content != after.content:
        said.append(f"content {_hash(before)} → {_hash(after)}")
    if before.question != after.question:
        said.append("the question")
    if before.risk is not after.risk:
        said.append(f"risk {before.risk} → {after.risk}")
    if (before.choices, before.fields, before.options) != (after.choices, after.fields, after.options):
        said.append("what may be answered")
    if before.evidence != after.evidence:
        said.append("its evidence")
    if before.approved_by != after.approved_by:
        said.append(
            f"approved by {one_line(after.approved_by)}" if after.approved_by else "its approval was taken back"
        )
    if old.open_questions != new.open_questions:
        said.append(f"open questions {len(old.open_questions)} → {len(new.open_questions)}")
    return said


def _hash(decision: DecisionView) -> str:
    return one_line(decision.content or "none")[:8]


def standing(decision: DecisionView) -> str:
    """`pending`, `staged: approve by ada`, `answered: reject by ada (cli)`."""
    if decision.answer is None:
        return decision.state.value
    by = f" by {one_line(decision.by)}" if decision.by else ""
    via = f" ({one_line(decision.via)})" if decision.via else ""
    return f"{decision.state}: {decision.answer}{by}{via}"


def short_of(card: DecisionCard) -> str:
    """`d-8k2m v2`."""
    return f"{short(card.decision.id)} v{card.decision.version}"
