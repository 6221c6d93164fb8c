"""How answers look to people: lines of neutral text, coloured only where a terminal wants it."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import assert_never

from engine.api import DecisionCard, DecisionView, Diff, GoalView, SandboxView, Status, TreeNode, Why
from engine.model import Activity, AnswerKind, BudgetState, GoalState, Risk, TaskState
from tui.cli.draw_deciding import card_facts, put_off, put_off_words
from tui.cli.output import paint, table
from tui.formats import ago, bar, clean, duration, glyph, one_line, other_side, plural, size, state_words, until

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
    if info.next_start is not None:
        yield one_line(f"next start: {info.next_start.schedule}, {until(info.next_start.at, now)}")
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
    if goal.continues:
        yield f"    starts over {goal.continues}"
    for budget in goal.budget:
        whose = f"{one_line(budget.task_key)}: " if budget.task_key else ""
        yield f"    budget {whose}{one_line(budget.words)}{_budget_state(budget.state)}"
    for pinned in goal.pinned:
        yield f"    {mark(pinned.state)} {one_line(pinned.words)}"
    for wait in goal.waiting_on:
        limit = f", {until(wait.until, now)}" if wait.until else ""
        yield f"    {mark('waiting')} {wait.kind} {wait.id}: {one_line(wait.label)}{limit}"


def _budget_state(state: BudgetState) -> str:
    match state:
        case BudgetState.WITHIN:
            return ""
        case BudgetState.WARNED:
            return " – nearly spent"
        case BudgetState.ASKED:
            return " – spent: it waits for your answer"
        case BudgetState.FINISHING | BudgetState.STOPPED:
            return f" – spent: {state.value}"
    assert_never(state)


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
    if node.tests is not None:
        facts.append("tester")
    if node.decision:
        facts.append(f"decision {node.decision}")
    if node.deadline and node.state == TaskState.WAITING:
        facts.append(f"due {until(node.deadline, now)}")
    if node.verdict:
        facts.append(node.verdict)
    if node.rounds:
        most = f" of {node.max_rounds}" if node.max_rounds is not None else ""
        facts.append(f"{node.rounds}{most} {'round' if node.rounds == 1 and not most else 'rounds'} of rework")
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
        yield f"  │ {clean(line).expandtabs(4).rstrip()}"


def sandbox_lines(live: Sequence[SandboxView]) -> list[str]:
    """A table of live sandboxes."""
    if not live:
        return []
    now = datetime.now(UTC)
    rows = [("NAME", "DRIVER", "STATE", "DOES", "TASK", "AGE", "MEMORY", "CPUS", "NETWORK")]
    rows += [
        (
            s.name,
            s.driver.value,
            "frozen" if s.frozen else s.state.value,
            _does(s),
            one_line(s.task_key) + (" (pinned)" if s.pin else ""),
            ago(s.started_at, now),
            size(s.memory),
            f"{s.cpus:g}",
            s.network,
        )
        for s in live
    ]
    return table(rows)


def _does(sandbox: SandboxView) -> str:
    """What it was last seen doing, and for how long; a mark when two signs say that it has stalled."""
    if sandbox.activity is None:
        return "–"
    if sandbox.activity is Activity.WORKING:
        return "working"
    words = f"{sandbox.activity.value} {duration(sandbox.activity_age or 0.0)}"
    return f"{words}, stalled" if sandbox.stalled else words


def decision_lines(pending: Sequence[DecisionView]) -> list[str]:
    """A table of decisions in the order they were given."""
    if not pending:
        return []
    now = datetime.now(UTC)
    rows = [("ID", "VERSION", "RISK", "KIND", "GOAL/TASK", "AGE", "DUE", "BLOCKS", "QUESTION")]
    rows += [
        (
            d.id,
            str(d.version),
            d.risk.value,
            d.kind.value,
            f"{d.goal}/{one_line(d.task_key)}",
            ago(d.opened_at, now),
            until(d.deadline, now) or "–",
            str(d.blocks),
            one_line(d.question),
        )
        for d in pending
    ]
    return table(rows)


def card_lines(card: DecisionCard) -> Iterator[str]:
    """A decision with its evidence. Removed control characters are shown: an approval rests on this (R82)."""
    d = card.decision
    now = datetime.now(UTC)
    yield paint(one_line(d.question, visible=True), "bold")
    due = f", due {until(d.deadline, now)}, then {d.on_deadline or 'nothing'}" if d.deadline else ""
    risk = paint(f"risk {d.risk.value}", "red") if d.risk is Risk.HIGH else f"risk {d.risk.value}"
    yield f"{d.id} v{d.version} · {d.kind.value} · {risk} · opened {ago(d.opened_at, now)} ago{due}"
    yield f"{one_line(d.goal_title, visible=True)} › {one_line(d.task_key, visible=True)}"
    yield from card_facts(card)
    if card.blocks:
        yield f"blocks {', '.join(one_line(key, visible=True) for key in card.blocks)}"
    if card.last_run is not None and card.last_run.message:
        yield f"last run: {one_line(card.last_run.message, visible=True)}"
    for line in card.last_lines:
        yield f"  │ {one_line(line.text, visible=True)}"
    if card.diff is not None:
        yield from _change_lines("change", card.diff)
    if card.against is not None:
        yield from _change_lines(f"{other_side(card.decision)} meanwhile", card.against)


def _change_lines(name: str, change: Diff) -> Iterator[str]:
    yield f"{name} {change.base[:10]} → {change.commit[:10]}, {plural(len(change.files), 'file')}"
    yield from (_diff_line(clean(line, visible=True)) for line in change.text.split("\n"))
    if change.truncated:
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
    if d.answer is None and put_off(d):
        return f"{name} is {d.state.value}, {put_off_words(d, datetime.now(UTC))}: {one_line(d.question)}"
    if d.answer is None and d.approved_by is not None:
        return f"{name} is {d.state.value}: approved by {one_line(d.approved_by)}, it needs a second name"
    if d.answer is None:
        return f"{name} is {d.state.value}: {one_line(d.question)}"
    by = f" by {one_line(d.by)}" if d.by else ""
    chosen = f" {one_line(d.chosen)}" if d.chosen is not None else ""
    return f"{name} is {d.state.value}: {answer_words(d.answer)}{chosen}{by}"


def answer_words(answer: AnswerKind) -> str:
    """An answer in the past tense."""
    match answer:
        case AnswerKind.APPROVE:
            return "approved"
        case AnswerKind.REJECT:
            return "rejected"
        case AnswerKind.CHANGES:
            return "changes requested"
        case AnswerKind.CHOOSE:
            return "chosen"
        case AnswerKind.FILL:
            return "filled in"
        case AnswerKind.SNOOZE:
            return "snoozed"
    assert_never(answer)
