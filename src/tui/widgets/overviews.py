"""What there is to say about a goal, a task or a run, as lines."""

from collections.abc import Iterable
from datetime import datetime

from engine.api import GoalView, RunView, TaskView, Why
from engine.model import BudgetState, TaskKind, TaskState
from tui.formats import (
    ago,
    bar,
    clean,
    duration,
    glyph,
    hour,
    one_line,
    run_word,
    short,
    size,
    state_words,
    until,
)
from tui.themes import STATE_TONES, VERDICT_TONES, Line, Piece, Tone
from tui.widgets.lines import fold
from tui.widgets.verdict_lines import judging_lines

CONTACTS = 12  # hosts of the newest run that are painted
NOTES = 20  # that are painted, the newest
MOST_ROWS = 100  # of a description
LABEL = 10  # cells of the labels on the left


def row(label: str, *pieces: Piece, width: int) -> list[Line]:
    """A label and what belongs to it, folded under itself."""
    return fold([(f"{label:<{LABEL}}", Tone.DIM), *pieces], width, LABEL)


def goal_lines(goal: GoalView, width: int, now: datetime) -> list[Line]:
    """Everything about a goal."""
    word = state_words(goal)
    tone = STATE_TONES.get(word, Tone.PLAIN)
    done, total = goal.progress
    lines = fold([(one_line(goal.title), Tone.HEAD)], width)
    lines.append([(f"{short(goal.id)} · v{goal.version} · ", Tone.DIM), (f"{glyph(word)} {word}", tone)])
    if goal.cause:
        lines += fold([(one_line(goal.cause), Tone.WARN)], width)
    lines.append([])
    lines.append(
        [(f"{'progress':<{LABEL}}", Tone.DIM), (bar(done, total, 20), Tone.BUSY), (f" {done}/{total}", Tone.PLAIN)]
    )
    counts: list[Piece] = []
    for state, count in goal.counts.items():
        if count:
            counts.append((f"{glyph(state)} {count} {state}  ", STATE_TONES.get(state, Tone.PLAIN)))
    lines += row("tasks", *counts, width=width)
    for budget in goal.budget:
        tone = Tone.PLAIN if budget.state is BudgetState.WITHIN else Tone.WARN
        whose = f"{one_line(budget.task_key)}: " if budget.task_key else ""
        lines += row("budget", (f"{whose}{one_line(budget.words)}", tone), width=width)
    for pinned in goal.pinned:
        lines += row("sandbox", (one_line(pinned.words), Tone.BUSY), width=width)
    for waiting in goal.waiting_on:
        due = f" · due {until(waiting.until, now)}" if waiting.until else ""
        label = one_line(waiting.label) or one_line(waiting.task)
        lines += row(
            "waits on",
            (f"{waiting.kind} {short(waiting.id)} ", Tone.ASK),
            (label, Tone.PLAIN),
            (due, Tone.WARN),
            width=width,
        )
    if goal.repo:
        lines += row("repo", (one_line(goal.repo), Tone.PLAIN), width=width)
        lines += row("branch", (one_line(goal.branch or "–"), Tone.PLAIN), width=width)
    begun = goal.started_at or goal.created_at
    lines += row("began", (f"{hour(begun)}, {ago(begun, now)} ago", Tone.PLAIN), width=width)
    if goal.ended_at:
        lines += row("took", (ago(begun, goal.ended_at), Tone.PLAIN), width=width)
    if goal.exit_code is not None:
        lines += row("exit code", (str(goal.exit_code), Tone.PLAIN), width=width)
    return lines


def task_lines(task: TaskView, why: Why | None, width: int, now: datetime) -> list[Line]:
    """Everything about a task."""
    tone = STATE_TONES.get(task.state, Tone.PLAIN)
    lines = fold([(one_line(task.key), Tone.HEAD)], width)
    if task.title and task.title != task.key:
        lines += fold([(one_line(task.title), Tone.PLAIN)], width)
    for said in clean(task.description).split("\n")[:MOST_ROWS] if task.description else ():
        lines += fold([(said, Tone.DIM)], width)
    lines.append(
        [
            (f"{short(task.id)} · {task.kind} · v{task.version} · ", Tone.DIM),
            (f"{glyph(task.state)} {task.state}", tone),
        ]
    )
    lines.append([])
    if why is not None:
        lines += row("why", (one_line(why.summary), Tone.STRONG), width=width)
        for reason in why.reasons:
            lines += row("", (one_line(reason), Tone.DIM), width=width)
    elif task.cause:
        lines += row("cause", (one_line(task.cause), Tone.WARN), width=width)
    lines += _links("needs", task.needs, width)
    lines += _links("blocks", task.blocks, width)
    if task.kind is TaskKind.WORK:
        lines += _work(task, width)
    elif task.kind is TaskKind.GROUP:
        lines += row(
            "group", (f"{task.order}, require {task.require}, on failure {task.on_failure}", Tone.PLAIN), width=width
        )
    if task.started_at:
        spent = ago(task.started_at, task.ended_at or now)
        lines += row(
            "began", (f"{hour(task.started_at)}, {'took' if task.ended_at else 'for'} {spent}", Tone.PLAIN), width=width
        )
    for note in task.notes[-NOTES:]:
        head = f"{ago(note.at, now)} ago, {one_line(note.by)}: "
        lines += row("note", (head, Tone.DIM), (one_line(note.text)[:2_000], Tone.PLAIN), width=width)
    if task.decision and task.state in (TaskState.WAITING, TaskState.REVIEW, TaskState.BLOCKED):
        lines += row("decision", (short(task.decision), Tone.ASK), ("  a opens its card", Tone.DIM), width=width)
    return lines


def _work(task: TaskView, width: int) -> list[Line]:
    lines: list[Line] = []
    if task.command:
        for n, text in enumerate(clean(task.command[:2_000]).rstrip().split("\n")[:12]):
            lines += row("runs" if n == 0 else "", (text.expandtabs(4), Tone.PLAIN), width=width)
    limits = [
        f"memory {size(task.memory)}",
        f"cpus {task.cpus:g}" if task.cpus is not None else "",
        f"pids {task.pids}" if task.pids is not None else "",
        f"network {one_line(task.network)}" if task.network else "",
        "asks about hosts it does not list" if task.ask and task.network == "egress" else "",
        f"timeout {duration(task.timeout)}" if task.timeout else "",
    ]
    lines += row("limits", (", ".join(part for part in limits if part), Tone.PLAIN), width=width)
    if task.network == "egress" and task.egress:
        lines += row("reaches", (", ".join(map(one_line, task.egress)), Tone.PLAIN), width=width)
    lines += _contacts(task, width)
    if task.image:
        lines += row("image", (one_line(task.image), Tone.PLAIN), width=width)
    if task.retries or task.failures:
        lines += row("retries", (f"{task.failures} of {task.retries} used", Tone.PLAIN), width=width)
    return lines if task.judging is None else [*lines, *judging_lines(task.judging, width)]


def _contacts(task: TaskView, width: int) -> list[Line]:
    """What its newest run with a contact wanted to reach: refusals stand out."""
    newest = [contact for contact in task.contacts if contact.run == task.contacts[0].run]
    lines: list[Line] = []
    for n, contact in enumerate(newest[:CONTACTS]):
        carried = f" {size(contact.bytes_up)} out, {size(contact.bytes_down)} in" if contact.bytes_down else ""
        words = f" {contact.verdict} ×{contact.tries}{carried}"
        why = f" · {one_line(contact.reason)}"
        tone = VERDICT_TONES[contact.verdict]
        lines += row("contacts" if n == 0 else "", (one_line(contact.to, visible=True), Tone.PLAIN), (words, tone),
                     (why, Tone.DIM), width=width)  # fmt: skip
    if len(newest) > CONTACTS:
        lines += row("", (f"{len(newest) - CONTACTS} more", Tone.DIM), width=width)
    return lines


def _links(label: str, links: Iterable[tuple[str, TaskState]], width: int) -> list[Line]:
    pieces: list[Piece] = []
    for key, state in links:
        pieces.append((f"{glyph(state)} {one_line(key)}  ", STATE_TONES.get(state, Tone.PLAIN)))
    return row(label, *pieces, width=width) if pieces else []


def why_lines(why: Why, width: int) -> list[Line]:
    """The proof of what holds a task, or how it ended."""
    lines = fold([(one_line(why.summary), Tone.HEAD)], width)
    lines.append([])
    for reason in why.reasons:
        lines += fold([("· ", Tone.FAINT), (one_line(reason), Tone.PLAIN)], width, 2)
    if why.last_lines:
        lines += [[], [("last output", Tone.DIM)]]
        for text in why.last_lines:
            lines += fold(
                [("│ ", Tone.FAINT), (clean(text[:500]).expandtabs(4).replace("\n", " "), Tone.PLAIN)], width, 2
            )
    return lines


def run_line(run: RunView, width: int, now: datetime) -> Line:
    """One attempt in a list."""
    word = run_word(run)
    bad = run.ended_at is not None and (run.exit_code != 0 or word != "exit 0")
    tone = Tone.BUSY if run.ended_at is None else Tone.BAD if bad else Tone.GOOD
    spent = duration(run.duration) if run.duration is not None else ago(run.started_at, run.ended_at or now)
    began = hour(run.started_at or run.created_at)
    return [
        (f"#{run.n:<3}", Tone.STRONG),
        (f"{word:<13}", tone),
        (f"{began}  {spent:>7}  ", Tone.DIM),
        (f"{run.driver.value}  ", Tone.FAINT),
        (one_line(run.message or "") if bad else "", Tone.DIM),
    ]


def run_head(run: RunView, now: datetime) -> Line:
    """The line above a log: `login #1 · docker ph-… · running 2m`."""
    spent = ago(run.started_at, run.ended_at or now)
    word = run_word(run)
    tone = Tone.BUSY if run.ended_at is None else Tone.GOOD if word == "exit 0" else Tone.BAD
    return [
        (f" {one_line(run.key)} #{run.n}", Tone.HEAD),
        (f" · {run.driver} {one_line(run.sandbox)} · ", Tone.DIM),
        (word, tone),
        (f" {spent}", Tone.DIM),
    ]
