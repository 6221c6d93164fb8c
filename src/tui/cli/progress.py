"""A goal that runs, as a picture that moves on stderr: its tree, what takes how long, and what runs say last."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from engine.api import DecisionView, LogQuery
from engine.errors import PilothouseError
from engine.events import Event
from engine.model import DecisionState, TaskState
from tui.cli.call import Call
from tui.cli.words import answer_words
from tui.formats import ago, glyph, one_line, shorten

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from engine.api import Engine, TreeNode

FRAME = 0.25  # seconds between pictures
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
TALKERS = 8  # running tasks whose last line is shown
COLOURS: dict[str, str] = {
    TaskState.CLAIMED: "cyan",
    TaskState.RUNNING: "cyan",
    TaskState.WAITING: "yellow",
    TaskState.REVIEW: "yellow",
    TaskState.DONE: "green",
    TaskState.FAILED: "red",
    TaskState.BLOCKED: "red",
}


@asynccontextmanager
async def live_progress(call: Call, engine: "Engine", goal: str) -> AsyncIterator[Callable[[Event], None]]:
    """Paint until the block ends; what is handed an event knows that the tree has changed."""
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True, highlight=False, markup=False)
    picture = _Picture(call, engine, goal, console)
    await picture.look()
    with Live(picture.text(), console=console, auto_refresh=False, transient=False) as live:
        async with asyncio.TaskGroup() as group:
            painter = group.create_task(_paint(picture, lambda text: live.update(text, refresh=True)))
            try:
                yield picture.note
            finally:
                painter.cancel()
        await picture.look()
        live.update(picture.text(), refresh=True)


async def _paint(picture: "_Picture", update: "Callable[[Text], None]") -> None:
    shown = picture.text()
    while True:
        await asyncio.sleep(FRAME)
        await picture.look()
        text = picture.text()
        if text != shown:
            update(text)
            shown = text


class _Picture:
    """The newest tree and the last line of each running task."""

    def __init__(self, call: Call, engine: "Engine", goal: str, console: "Console") -> None:
        self._call = call
        self._engine = engine
        self._goal = goal
        self._console = console
        self._tree: TreeNode | None = None
        self._changed = True
        self._said: dict[str, str] = {}
        self._asked: dict[str, DecisionView] = {}

    def note(self, _: Event) -> None:
        self._changed = True

    async def look(self) -> None:
        """Ask for what changed; an engine that does not answer leaves the picture as it is."""
        try:
            if self._changed or self._tree is None:
                self._changed = False
                self._tree = await self._engine.tree(self._goal)
                self._asked = {decision.task: decision for decision in await self._engine.decisions()}
            running = [
                node.id for _, node in _rows(self._tree) if node.state is TaskState.RUNNING and not node.children
            ]
            for task in running[:TALKERS]:
                page = await self._engine.logs(task, LogQuery(tail=1))
                if page.lines:
                    self._said[task] = page.lines[-1].text
        except PilothouseError:
            self._changed = True

    def text(self) -> "Text":
        """As many rows as fit, what is over and done with left out first."""
        from rich.text import Text

        rows = _rows(self._tree) if self._tree is not None else []
        kept = _fitting(rows, self._console.height - 2)
        text = Text(overflow="fold")  # a command to copy is never cut
        for depth, node in kept:
            self._row(text, depth, node)
        if len(kept) < len(rows):
            text.append(f"  … {len(rows) - len(kept)} more\n", style="dim")
        return text

    def _row(self, text: "Text", depth: int, node: "TreeNode") -> None:
        now = datetime.now(UTC)
        busy = node.state is TaskState.RUNNING and not node.children
        sign = SPINNER[int(now.timestamp() / FRAME) % len(SPINNER)] if busy else glyph(node.state)
        head = f"{'  ' * min(depth, 10)}{sign} "
        facts = f"{node.state.value} {ago(node.started_at, node.ended_at or now)}".rstrip()
        said = one_line(self._said.get(node.id, "")) if busy else one_line((node.cause or "").split("\n", 1)[0])
        words = f"{one_line(node.key if depth else node.title)}  {facts}" + (f"  {said}" if said else "")
        text.append(head, style=COLOURS.get(node.state, ""))
        text.append(shorten(words, max(10, self._console.width - 1 - len(head))) + "\n")
        asked = self._asked.get(node.id)
        if asked is not None and asked.state is DecisionState.PENDING:
            way = answer_words(asked.options, asked.choices, [field.name for field in asked.fields])
            answer = self._call.command("decide", asked.id, *way, "--version", str(asked.version))
            text.append(f"{' ' * len(head)}{answer}\n", style="dim")


def _rows(root: "TreeNode") -> "list[tuple[int, TreeNode]]":
    rows: list[tuple[int, TreeNode]] = []
    stack = [(0, root)]
    while stack:
        depth, node = stack.pop()
        rows.append((depth, node))
        stack.extend((depth + 1, child) for child in reversed(node.children))
    return rows


def _fitting(rows: "list[tuple[int, TreeNode]]", height: int) -> "list[tuple[int, TreeNode]]":
    """Rows for a screen of this height: the goal, then what lives or waits, then the rest, in tree order."""
    if len(rows) <= height:
        return rows
    quiet = (TaskState.PENDING, TaskState.DONE, TaskState.SKIPPED, TaskState.CANCELLED)
    by_interest = sorted(range(len(rows)), key=lambda i: (i != 0, rows[i][1].state in quiet, i))
    return [rows[i] for i in sorted(by_interest[: max(1, height)])]
