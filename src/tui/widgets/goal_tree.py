"""The tree of all goals. Trees below a goal come when it is unfolded; folding is the reader's own."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import NamedTuple

from textual.message import Message

from engine.api import GoalView, TreeNode
from engine.model import FINAL_GOAL_STATES, DecisionState, TaskState
from tui.messages import Overview
from tui.themes import Line, Tone
from tui.widgets.goal_rows import goal_line, node_line
from tui.widgets.rows import Rows

QUIET = {TaskState.DONE, TaskState.SKIPPED, TaskState.CANCELLED}
FAILED = {TaskState.FAILED, TaskState.BLOCKED}


class Spot(NamedTuple):
    """Where a node stands: its goal's id, its depth below it, its parent's id, its view (None for a goal)."""

    goal: str
    depth: int
    parent: str | None
    node: TreeNode | None


class GoalTree(Rows):
    """Rows are goals and their tasks; `spot` tells what an id is."""

    class Unfolded(Message):
        """Other goals are unfolded than before: their trees are wanted."""

        def __init__(self, goals: frozenset[str]) -> None:
            super().__init__()
            self.goals = goals

    def __init__(self, now: Callable[[], datetime], *, id: str | None = None) -> None:
        super().__init__(id=id, empty="no goals yet: n reads a goal file, or run `pilothouse demo`")
        self._now = now
        self._overview = Overview()
        self._folded: dict[str, bool] = {}
        self._spots: dict[str, Spot] = {}
        self._wanted: frozenset[str] = frozenset()

    def paint(self, overview: Overview) -> None:
        """Show the newest overview; the cursor stays where it is."""
        self._overview = overview
        self._spots = dict(self._walk())
        # What one has seen open stays open when it ends: the view folds by the reader's hand only.
        self._folded = {ref: self.is_folded(ref) for ref in self._spots}
        self.set_ids(list(self._seen()))
        wanted = frozenset(goal.id for goal in overview.goals if not self.is_folded(goal.id))
        if wanted != self._wanted:
            self._wanted = wanted
            self.post_message(self.Unfolded(wanted))

    def spot(self, ref: str | None) -> Spot | None:
        return None if ref is None else self._spots.get(ref)

    def goal(self, ref: str | None) -> GoalView | None:
        """The goal a row belongs to."""
        spot = self.spot(ref)
        return None if spot is None else self._overview.goal(spot.goal)

    def _walk(self) -> Iterator[tuple[str, Spot]]:
        for goal in self._overview.goals:
            yield goal.id, Spot(goal.id, 0, None, None)
            tree = self._overview.trees.get(goal.id)
            stack = [(child, 1, goal.id) for child in reversed(tree.children)] if tree is not None else []
            while stack:
                node, depth, parent = stack.pop()
                yield node.id, Spot(goal.id, depth, parent, node)
                stack.extend((child, depth + 1, node.id) for child in reversed(node.children))

    def is_folded(self, ref: str) -> bool:
        """As the reader left it; else what has ended is folded."""
        if ref in self._folded:
            return self._folded[ref]
        spot = self._spots.get(ref)
        if spot is None or spot.node is None:
            goal = self._overview.goal(ref)
            return goal is None or goal.state in FINAL_GOAL_STATES
        return spot.node.state in QUIET

    def _seen(self) -> Iterator[str]:
        seen: set[str] = set()
        for ref, spot in self._spots.items():  # parents come before their children
            if spot.parent is None or (spot.parent in seen and not self.is_folded(spot.parent)):
                seen.add(ref)
                yield ref

    def row(self, ref: str, width: int) -> Line:
        spot = self._spots[ref]
        if spot.node is not None:
            return node_line(spot.node, spot.depth, self.is_folded(ref), width, self._now())
        goal = self._overview.goal(ref)
        if goal is None:
            return [("gone", Tone.DIM)]
        asks = sum(d.goal == ref and d.state is DecisionState.PENDING for d in self._overview.decisions)
        return goal_line(goal, self.is_folded(ref), asks, width, self._now())

    def has_below(self, ref: str) -> bool:
        """Whether there is something to fold under a row; a goal's tree may still have to be read."""
        node = self._spots[ref].node
        return node is None or bool(node.children)

    def order(self) -> dict[str, int]:
        """Every known id with its place, folded ones too."""
        return {ref: place for place, ref in enumerate(self._spots)}

    def fold(self, ref: str | None, folded: bool, *, below: bool = False) -> None:
        """Fold or unfold a row, and with `below` everything under it."""
        if ref is None or ref not in self._spots:
            return
        for other, spot in self._spots.items():
            if other == ref or (below and self._is_below(spot, ref)):
                self._folded[other] = folded
        self.paint(self._overview)

    def _is_below(self, spot: Spot, ref: str) -> bool:
        parent = spot.parent
        while parent is not None and parent != ref:
            parent = self._spots[parent].parent
        return parent == ref

    def reveal(self, ref: str) -> bool:
        """Unfold what is above a row and put the cursor on it; whether it is known."""
        parent = self._spots[ref].parent if ref in self._spots else None
        while parent is not None:
            self._folded[parent] = False
            parent = self._spots[parent].parent
        self.paint(self._overview)
        return self.go(ref)

    def matches(self, words: str) -> list[str]:
        """Ids of goals and tasks whose name holds the words, whatever is folded."""
        wanted = words.casefold()
        return [ref for ref in self._spots if wanted in self._called(ref).casefold()]

    def _called(self, ref: str) -> str:
        node, goal = self._spots[ref].node, self._overview.goal(ref)
        if node is not None:
            return f"{node.key} {node.title}"
        return "" if goal is None else goal.title

    def those(self, states: set[TaskState]) -> list[str]:
        """Ids of leaves in one of these states, in tree order."""
        return [
            ref
            for ref, s in self._spots.items()
            if s.node is not None and not s.node.children and s.node.state in states
        ]
