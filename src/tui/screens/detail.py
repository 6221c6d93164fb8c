"""Everything about one goal or task on a screen of its own, where it has no room beside the tree."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from engine.api import TreeNode
from tui.actions import bindings_of
from tui.messages import Overview, ShowLogs
from tui.screens.deck import Deck
from tui.screens.node_work import NodeWork
from tui.screens.subject import Subject, subject_of
from tui.widgets.detail import Detail
from tui.widgets.rows import Rows

KEYS = (
    "goals.why", "goals.logs", "goals.diff", "goals.answer", "goals.cancel", "goals.retry", "goals.skip", "goals.pause",
    "goals.note", "goals.edit", "goals.needs",
)  # fmt: skip


class DetailScreen(NodeWork):
    """Follows one node by id; esc goes back to the tree."""

    NAME = "goals"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_of(*KEYS)]

    def __init__(self, deck: Deck, ref: str, goal: str) -> None:
        super().__init__(deck)
        self._ref = ref
        self._goal = goal

    def body(self) -> ComposeResult:
        yield Detail(self.deck.engine.logs, self.deck.now, id="detail")

    def on_mount(self) -> None:
        self.query_one(Detail).focus_content()

    def _spot(self) -> TreeNode | None:
        tree = self.deck.feed.overview.trees.get(self._goal)
        stack = [tree] if tree is not None else []
        while stack:
            node = stack.pop()
            if node.id == self._ref:
                return node
            stack.extend(node.children)
        return None

    def subject(self) -> Subject | None:
        overview = self.deck.feed.overview
        node = self._spot() if self._ref != self._goal else None
        if node is None and self._ref != self._goal:
            return None
        return subject_of(overview.goal(self._goal), node, overview)

    def paint(self, overview: Overview) -> None:
        if self._ref == self._goal:
            self.query_one(Detail).show_goal(overview.goal(self._goal))
            return
        node = self._spot()
        stamp = None if node is None else (node.version, node.state, node.runs)
        if stamp is not None and stamp != self._stamp:
            self._stamp = stamp
            self.work(self._read, group="describe", exclusive=True)

    async def _read(self) -> None:
        task = await self.deck.engine.task(self._ref)
        why = await self.deck.engine.why(self._ref)
        self.query_one(Detail).show_task(task, why)

    def on_rows_opened(self, message: Rows.Opened) -> None:
        if message.ref is not None:
            self.post_message(ShowLogs(message.ref, "run"))
