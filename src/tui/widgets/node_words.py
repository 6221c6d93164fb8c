"""One sentence about the node under the cursor, and the newest events in a line."""

from datetime import datetime

from engine.api import GoalView, TreeNode
from engine.model import TaskState
from tui.formats import ago, hour, one_line, plural, short, state_words, until
from tui.messages import Overview
from tui.themes import STATE_TONES, Line, Piece, Tone


def node_sentence(node: TreeNode | None, goal: GoalView | None, now: datetime) -> Line:
    """`ship waits for a human (d-32)`: what an 80-column screen says in place of the detail pane."""
    if node is None:
        return _goal_sentence(goal)
    name: Piece = (f" {one_line(node.key)}", Tone.STRONG)
    tone = STATE_TONES.get(node.state, Tone.PLAIN)
    cause = f": {one_line(node.cause)}" if node.cause else ""
    if node.state in (TaskState.WAITING, TaskState.REVIEW) and node.decision:
        due = f", due {until(node.deadline, now)}" if node.deadline else ""
        return [name, (f" waits for a human ({short(node.decision)})", tone), (due, Tone.WARN), (cause, Tone.DIM)]
    if node.state == TaskState.RUNNING:
        return [name, (f" runs for {ago(node.started_at, now)}", tone), (cause, Tone.DIM)]
    if node.state == TaskState.PENDING and node.not_before and node.not_before > now:
        return [name, (f" runs again {until(node.not_before, now)}", tone), (cause, Tone.DIM)]
    word = {TaskState.FAILED: "failed", TaskState.CANCELLED: "was cancelled", TaskState.SKIPPED: "was skipped"}
    said = word.get(TaskState(node.state)) if node.state in set(TaskState) else None
    return [
        name,
        (f" {said or f'is {node.state}'}", tone),
        (cause, Tone.DIM),
        ("" if cause else " · i says why", Tone.FAINT),
    ]


def _goal_sentence(goal: GoalView | None) -> Line:
    if goal is None:
        return []
    word = state_words(goal)
    line: list[Piece] = [(f" {one_line(goal.title)}", Tone.STRONG), (f" is {word}", STATE_TONES.get(word, Tone.PLAIN))]
    if goal.waiting_on:
        waits = goal.waiting_on[0]
        more = f" and {plural(len(goal.waiting_on) - 1, 'more')}" if len(goal.waiting_on) > 1 else ""
        asked = f" ({short(waits.id)})" if waits.kind == "decision" else ""
        line.append((f": {one_line(waits.label)}{asked}{more}", Tone.DIM))
    elif goal.cause:
        line.append((f": {one_line(goal.cause)}", Tone.DIM))
    return line


def news_line(overview: Overview) -> Line:
    """`14:19:58 run.ended lint · …`: the newest events, the newest first."""
    keys = _keys(overview)
    line: list[Piece] = [(" ", Tone.PLAIN)]
    for event in list(overview.news)[:-6:-1]:
        subject = keys.get(event.task or "") or one_line(str(event.data.get("key", ""))) or short(event.goal or "")
        line += [
            (hour(event.at), Tone.FAINT),
            (f" {event.type} ", Tone.DIM),
            (subject, Tone.PLAIN),
            ("  ·  ", Tone.FAINT),
        ]
    return line[:-1] if len(line) > 1 else []


def _keys(overview: Overview) -> dict[str, str]:
    """Names of the tasks the newest events are about, as far as their trees are open."""
    wanted = {event.task for event in overview.news}
    found: dict[str, str] = {}
    for tree in overview.trees.values():
        stack = [tree]
        while stack:
            node = stack.pop()
            if node.id in wanted:
                found[node.id] = one_line(node.key)
            stack.extend(node.children)
    return found
