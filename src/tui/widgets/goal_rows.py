"""Rows of the goal tree: fold mark, glyph, name, what it is, state in a word, and the facts of that state."""

from datetime import datetime
from typing import assert_never

from engine.api import GoalView, TreeNode
from engine.model import FINAL_GOAL_STATES, GoalState, TaskKind, TaskState
from tui.formats import ago, bar, duration, fit, glyph, one_line, short, shorten, state_words, until, width_of
from tui.themes import STATE_TONES, Line, Piece, Tone

STATE = 10  # cells of the longest state word and a space
WIDE = 70  # cells from which a row also says what kind of thing it is


def goal_line(goal: GoalView, folded: bool, decisions: int, width: int, now: datetime) -> Line:
    """A goal: progress over its leaves, its age or how long it took, how many decisions wait in it."""
    word = state_words(goal)
    tone = STATE_TONES.get(word, Tone.PLAIN)
    done, total = goal.progress
    facts = 26 if width >= WIDE else 15
    cells = 10 if facts > 20 else 0
    spent = ago(goal.started_at or goal.created_at, goal.ended_at or now)
    ended = goal.state in FINAL_GOAL_STATES
    progress: list[Piece] = [(bar(done, total, cells) + " " if cells else "", _bar_tone(goal))]
    progress += [(f"{done}/{total}".ljust(6), Tone.PLAIN), (spent.rjust(facts - cells - 7), Tone.DIM)]
    mark = f" !{decisions} " if decisions else " "
    name = width - STATE - facts - width_of(mark)
    return [
        ("▸ " if folded else "▾ ", Tone.DIM),
        (glyph(word) + " ", tone),
        (fit(one_line(goal.title), name - 4), Tone.DIM if ended else Tone.STRONG),
        (mark, Tone.ASK),
        (word.ljust(STATE), tone),
        *progress,
    ]


def _bar_tone(goal: GoalView) -> Tone:
    if goal.state is GoalState.DONE:
        return Tone.GOOD
    return Tone.FAINT if goal.state in FINAL_GOAL_STATES else Tone.BUSY


def node_line(node: TreeNode, depth: int, folded: bool, width: int, now: datetime) -> Line:
    """A task, gate or group of tasks."""
    tone = STATE_TONES.get(node.state, Tone.PLAIN)
    facts = 26 if width >= WIDE else 15
    note = what(node) if width >= WIDE else ""
    mark = "  " if not node.children else "▸ " if folded else "▾ "
    name = max(4, width - STATE - facts - 2 * depth - 4)
    room = min(width_of(note) + 1, max(0, name - 12))
    note = shorten(note, max(0, room - 1))
    quiet = node.state in (TaskState.SKIPPED, TaskState.CANCELLED, TaskState.PENDING)
    named = Tone.DIM if quiet else Tone.PLAIN
    label: list[Piece] = [(fit(one_line(node.key), name - room - 1), named)]
    if node.title and node.title != node.key:
        label = _titled(node, name - room - 1, named)
    return [
        ("  " * depth + mark, Tone.DIM),
        (glyph(node.state) + " ", tone),
        *label,
        (" " * (room - width_of(note)) + note + " ", Tone.FAINT),
        (fit(str(node.state), STATE), tone),
        *_fitted(node_facts(node, now), facts),
    ]


def _titled(node: TreeNode, width: int, tone: Tone) -> list[Piece]:
    key = shorten(one_line(node.key), width)
    rest = width - width_of(key)
    return [(key, tone), (fit("  " + one_line(node.title), rest) if rest > 6 else " " * rest, Tone.FAINT)]


def what(node: TreeNode) -> str:
    """What kind of thing a node is, where it is not plain work; of a judge, what it said."""
    if node.tests is not None:
        return "tester"
    if node.kind == TaskKind.GATE:
        return one_line(node.gate or "gate")
    if node.children:
        return f"{node.order or 'group'}, {node.require or 'all'}"
    return node.verdict or ""


def node_facts(node: TreeNode, now: datetime) -> Line:
    """What matters about a node in the state it is in."""
    state = TaskState(node.state) if node.state in set(TaskState) else None
    run = f"#{node.runs}  " if node.runs else ""
    run += f"{rounds_word(node)}  " if node.rounds else ""
    cause = one_line(node.cause or "")
    if node.children:
        done = sum(leaf.state in (TaskState.DONE, TaskState.SKIPPED) for leaf in leaves(node))
        return [(f"{done}/{sum(1 for _ in leaves(node))}", Tone.PLAIN), (f"  {cause}", Tone.DIM)]
    match state:
        case TaskState.PENDING:
            return _pending(node, cause, now)
        case TaskState.CLAIMED | TaskState.RUNNING:
            return [(run, Tone.PLAIN), (ago(node.started_at, now), Tone.DIM)]
        case TaskState.WAITING | TaskState.REVIEW:
            return _asking(node, now)
        case TaskState.BLOCKED:
            asks: list[Piece] = [(short(node.decision) + "! ", Tone.ASK)] if node.decision else []
            return [*asks, (cause, Tone.WARN)]
        case TaskState.DONE:
            return [(run, Tone.PLAIN), (_spent(node), Tone.DIM)]
        case TaskState.FAILED:
            return [(run, Tone.PLAIN), (cause or _spent(node), Tone.BAD)]
        case TaskState.CANCELLED | TaskState.SKIPPED | None:
            return [(cause, Tone.DIM)]
        case _:
            assert_never(state)


def rounds_word(node: TreeNode) -> str:
    """`↻1/3`: rounds of rework that a judge has asked for, of how many; `↻1` of a gate, which has no last one."""
    return f"↻{node.rounds}" + (f"/{node.max_rounds}" if node.max_rounds is not None else "")


def _pending(node: TreeNode, cause: str, now: datetime) -> Line:
    soon = until(node.not_before, now) if node.not_before and node.not_before > now else ""
    said = f"{soon}: {cause}" if soon and cause else soon or cause
    rounds = f"{rounds_word(node)} " if node.rounds else ""
    return [(f"#{node.runs + 1} " if node.runs else "", Tone.PLAIN), (rounds, Tone.WARN), (said, Tone.DIM)]


def _asking(node: TreeNode, now: datetime) -> Line:
    due = until(node.deadline, now)
    return [
        (short(node.decision) + "!  " if node.decision else "", Tone.ASK),
        (f"{rounds_word(node)}  " if node.rounds else "", Tone.WARN),
        (ago(node.started_at, now), Tone.DIM),
        (f"  due {due}" if due else "", Tone.WARN),
    ]


def _spent(node: TreeNode) -> str:
    if node.started_at is None or node.ended_at is None:
        return ""
    return duration((node.ended_at - node.started_at).total_seconds())


def _fitted(line: Line, width: int) -> Line:
    pieces: list[Piece] = []
    for text, tone in line:
        cut = shorten(text, width)
        pieces.append((cut, tone))
        width -= width_of(cut)
    return pieces


def leaves(node: TreeNode) -> list[TreeNode]:
    """Every node below that has no children, in order; testers are none of it."""
    found, stack = [], [node]
    while stack:
        top = stack.pop()
        if top.children:
            stack.extend(reversed(top.children))
        elif top.tests is None:
            found.append(top)
    return found
