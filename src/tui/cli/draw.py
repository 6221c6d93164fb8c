"""How answers look to people: lines of neutral text, coloured only where a terminal wants it."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import assert_never

from engine.api import DecisionCard, DecisionView, Diff, GoalView, SandboxView, Status, TreeNode, Why
from engine.model import AnswerKind, GoalState, Risk, TaskState
from tui.cli.output import paint, table
from tui.formats import ago, bar, clean, glyph, one_line, plural, size, state_words, until

COLOURS: dict[str, str] = {
    TaskState.RUNNING: "cyan",
    TaskState.WAITING: "yellow",
    TaskState.REVIEW: "yellow",
    TaskState.BLOCKED: "red",
    TaskState.DONE: "green",
    TaskState.FAILED: "red",
    GoalState.ACTIVE: "cyan",
}


def mark(state: str) -> str:
    """The glyph of a state in its colour."""
    colour = COLOURS.get(state)
    return paint(glyph(state), colour) if colour else glyph(state)


def first_line(text: str) -> str:
    """The first line of a cause or message, neutral; what follows are the last lines of output."""
    return one_line(text.split("\n", 1)[0])


def status_lines(status: Status) -> Iterator[str]:
    """The engine on one line, its notices, then each goal with what it waits for."""
    info = status.engine
    now = datetime.now(UTC)
    running = f"pid {info.pid}, {plural(info.live_runs, 'live run')} of {info.max_parallel}"
    state = "no engine runs" if info.state == "visiting" else f"engine {info.state}: {running}"
    driver = f", {info.driver.value} sandboxes" if info.driver is not None and info.state != "visiting" else ""
    yield paint(f"{clean(info.project)}   {state}{driver}", "bold")
    for notice in info.notices:
        yield f"! {one_line(notice)}"
    if not status.goals:
        yield "no goals yet"
    for goal in status.goals:
        yield from goal_lines(goal, now)


def goal_lines(goal: GoalView, now: datetime) -> Iterator[str]:
    """One goal: its row, then one row for each thing it waits for."""
    done, total = goal.progress
    end = goal.ended_at or now
    words = f"{state_words(goal):9} {bar(done, total)} {done}/{total}   {ago(goal.created_at, end)}"
    yield f"{mark(goal.state)} {goal.id}  {words}  {paint(one_line(goal.title), 'bold')}"
    if goal.cause:
        yield f"    {first_line(goal.cause)}"
    for wait in goal.waiting_on:
        limit = f", {until(wait.until, now)}" if wait.until else ""
        yield f"    {mark('waiting')} {wait.kind} {wait.id}: {one_line(wait.label)}{limit}"


def tree_lines(node: TreeNode, *, depth: int = 0) -> Iterator[str]:
    """A node and what hangs under it, indented; a tree too deep to show is cut, not an error."""
    now = datetime.now(UTC)
    stack = [(node, "", "")]
    while stack:
        here, lead, stem = stack.pop()
        yield f"{stem}{_node(here, now)}"
        last = len(here.children) - 1
        branches = [
            (child, lead + ("   " if i == last else "│  "), lead + ("└─ " if i == last else "├─ "))
            for i, child in enumerate(here.children)
        ]
        stack.extend(reversed(branches))


def _node(node: TreeNode, now: datetime) -> str:
    name = one_line(node.key or node.id)
    title = f" {one_line(node.title)}" if node.title and node.title != node.key else ""
    facts = [node.state.value]
    if node.order is not None and node.children and node.order.value == "parallel":
        facts.append("parallel")
    if node.gate:
        facts.append(node.gate)
    if node.decision:
        facts.append(f"decision {node.decision}")
    if node.deadline and node.state == TaskState.WAITING:
        facts.append(f"due {until(node.deadline, now)}")
    if node.runs > 1:
        facts.append(plural(node.runs, "run"))
    if node.started_at:
        facts.append(ago(node.started_at, node.ended_at or now))
    cause = f"  {first_line(node.cause)}" if node.cause else ""
    return f"{mark(node.state)} {paint(name, 'bold')}{title}  {paint(', '.join(facts), 'dim')}{cause}"


def why_lines(why: Why) -> Iterator[str]:
    """The sentence, its facts in order, and the last lines of output."""
    yield f"{mark(why.state)} {one_line(why.summary)}  {paint(why.id, 'dim')}"
    for reason in (first_line(reason) for reason in why.reasons):
        if reason not in one_line(why.summary):
            yield f"  - {reason}"
    for line in why.last_lines:
        yield f"  │ {one_line(line)}"


def sandbox_lines(live: Sequence[SandboxView]) -> list[str]:
    """A table of live sandboxes."""
    if not live:
        return []
    now = datetime.now(UTC)
    rows = [("NAME", "DRIVER", "STATE", "TASK", "AGE", "MEMORY", "CPUS", "NETWORK")]
    rows += [
        (
            s.name,
            s.driver.value,
            "frozen" if s.frozen else s.state.value,
            one_line(s.task_key),
            ago(s.started_at, now),
            size(s.memory),
            f"{s.cpus:g}",
            s.network,
        )
        for s in live
    ]
    return table(rows)


def decision_lines(pending: Sequence[DecisionView]) -> list[str]:
    """A table of decisions in the order they were given."""
    if not pending:
        return []
    now = datetime.now(UTC)
    rows = [("ID", "VERSION", "RISK", "KIND", "QUESTION", "GOAL/TASK", "AGE", "DUE", "BLOCKS")]
    rows += [
        (
            d.id,
            str(d.version),
            d.risk.value,
            d.kind.value,
            one_line(d.question),
            f"{d.goal}/{one_line(d.task_key)}",
            ago(d.opened_at, now),
            until(d.deadline, now) or "–",
            str(d.blocks),
        )
        for d in pending
    ]
    return table(rows)


def card_lines(card: DecisionCard) -> Iterator[str]:
    """A decision with its evidence. Removed control characters are shown: an approval rests on this (R82)."""
    d = card.decision
    now = datetime.now(UTC)
    yield paint(one_line(d.question, visible=True), "bold")
    due = f", due {until(d.deadline, now)}" if d.deadline else ""
    risk = paint(f"risk {d.risk.value}", "red") if d.risk is Risk.HIGH else f"risk {d.risk.value}"
    yield f"{d.id} v{d.version} · {d.kind.value} · {risk} · opened {ago(d.opened_at, now)} ago{due}"
    yield f"{one_line(d.goal_title, visible=True)} › {one_line(d.task_key, visible=True)}"
    if card.blocks:
        yield f"blocks {', '.join(one_line(key, visible=True) for key in card.blocks)}"
    if card.last_run is not None and card.last_run.message:
        yield f"last run: {one_line(card.last_run.message, visible=True)}"
    for line in card.last_lines:
        yield f"  │ {one_line(line.text, visible=True)}"
    if card.diff is not None:
        yield f"change {card.diff.base[:10]} → {card.diff.commit[:10]}, {plural(len(card.diff.files), 'file')}"
        yield from (_diff_line(clean(line, visible=True)) for line in card.diff.text.split("\n"))
        if card.diff.truncated:
            yield "the diff is longer than this: `pilothouse diff` of the task shows what is kept"


def _diff_line(line: str) -> str:
    colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
    return paint(line, colour) if colour else line


def diff_stat_lines(change: Diff) -> list[str]:
    """One row per file: path, lines gained, lines lost."""
    return table([(one_line(f.path), f"+{f.added} −{f.removed}") for f in change.files])


def decision_words(d: DecisionView) -> str:
    """Where a decision stands, in one line."""
    name = f"{d.id} v{d.version}"
    if d.answer is None:
        return f"{name} is {d.state.value}: {one_line(d.question)}"
    by = f" by {one_line(d.by)}" if d.by else ""
    return f"{name} is {d.state.value}: {answer_words(d.answer)}{by}"


def answer_words(answer: AnswerKind) -> str:
    """An answer in the past tense."""
    match answer:
        case AnswerKind.APPROVE:
            return "approved"
        case AnswerKind.REJECT:
            return "rejected"
        case AnswerKind.CHANGES:
            return "changes requested"
    assert_never(answer)
