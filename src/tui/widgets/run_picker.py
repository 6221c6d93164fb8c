"""What has a log: live sandboxes first, then the tasks that ran, the newest first. Rows are tasks."""

from collections.abc import Callable, Iterator
from datetime import datetime

from engine.api import SandboxView, TreeNode
from tui.formats import ago, fit, glyph, one_line, shorten
from tui.messages import Overview
from tui.themes import STATE_TONES, Line, Tone
from tui.widgets.rows import Rows

MOST = 500  # tasks that are listed


class RunPicker(Rows):
    """The cursor stays on its task while runs end and others begin."""

    def __init__(self, now: Callable[[], datetime], *, id: str | None = None) -> None:
        super().__init__(id=id, empty="nothing has run yet")
        self._now = now
        self._live: dict[str, SandboxView] = {}
        self._ran: dict[str, TreeNode] = {}

    def paint(self, overview: Overview) -> None:
        self._live = {sandbox.task: sandbox for sandbox in overview.sandboxes}
        nodes = [node for tree in overview.trees.values() for node in _leaves(tree) if node.runs]
        nodes.sort(key=lambda node: node.ended_at or node.started_at or datetime.min.replace(tzinfo=self._now().tzinfo))
        self._ran = {node.id: node for node in reversed(nodes[-MOST:])}
        self.set_ids([*self._live, *(ref for ref in self._ran if ref not in self._live)])

    def label(self, ref: str) -> str:
        """The name of a task, foreign text made harmless."""
        if ref in self._live:
            return one_line(self._live[ref].task_key)
        return one_line(self._ran[ref].key) if ref in self._ran else ref

    def row(self, ref: str, width: int) -> Line:
        node, sandbox = self._ran.get(ref), self._live.get(ref)
        state = "running" if sandbox is not None else str(node.state) if node is not None else ""
        began = sandbox.started_at if sandbox is not None else node.started_at if node is not None else None
        ended = node.ended_at if node is not None and sandbox is None else None
        runs = f" #{node.runs}" if node is not None else ""
        tone = STATE_TONES.get(state, Tone.DIM)
        name = shorten(self.label(ref), max(4, width - 20 - len(runs)))
        return [
            (glyph(state) + " ", tone),
            (fit(name + runs, max(4, width - 19)), Tone.STRONG if sandbox is not None else Tone.PLAIN),
            (f" {state:<9}", tone),
            (f"{ago(began, ended or self._now()):>6}", Tone.DIM),
        ]


def _leaves(tree: TreeNode) -> Iterator[TreeNode]:
    stack = [tree]
    while stack:
        node = stack.pop()
        if node.children:
            stack.extend(node.children)
        else:
            yield node
