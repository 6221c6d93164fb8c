"""Screen 1: the tree of all goals, and everything about the node under the cursor."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container

from engine.errors import NotFound
from tui.actions import Scope, bindings
from tui.formats import plural
from tui.messages import Overview, ShowLogs
from tui.screens.deck import Deck
from tui.screens.detail import DetailScreen
from tui.screens.goal_keys import GoalKeys
from tui.themes import Line, Tone
from tui.widgets.bars import Bar
from tui.widgets.detail import Detail
from tui.widgets.find_bar import FindBar
from tui.widgets.goal_tree import GoalTree
from tui.widgets.node_words import news_line, node_sentence
from tui.widgets.rows import Rows

SETTLE = 0.12  # seconds the cursor rests before the engine is asked about the node under it


class GoalsScreen(GoalKeys):
    """Paints the overview; asks about one node at a time."""

    NAME = "goals"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.GOALS)]

    def __init__(self, deck: Deck, at: str | None = None) -> None:
        """With the cursor on the goal `at` once that is known."""
        super().__init__(deck)
        self.wanted_goal = at

    def body(self) -> ComposeResult:
        with Container(id="split"):
            yield GoalTree(self.deck.now, id="tree").add_class("ages")
            yield Detail(self.deck.engine.logs, self.deck.now, id="detail")
        yield Bar(id="summary")
        yield FindBar()

    def on_mount(self) -> None:
        self.goals.focus()

    def paint(self, overview: Overview) -> None:
        self.goals.paint(overview)
        if self.wanted_goal is not None and self.goals.go(self.wanted_goal):
            self.wanted_goal = None
        self._describe()

    def go_to(self, ref: str) -> None:
        """Put the cursor on a goal or task, unfolding what is above it."""
        self.when_laid_out(lambda: self._go_to(ref))

    def _go_to(self, ref: str) -> None:
        self.goals.reveal(ref)

    def frame(self, overview: Overview) -> None:
        super().frame(overview)
        spot, goal = self.goals.spot(self.goals.cursor), self.goals.goal(self.goals.cursor)
        line: Line = node_sentence(spot.node if spot else None, goal, self.deck.now())
        if self.is_finding:
            line = [(f" /{self.find_bar.value}: {plural(len(self.hits), 'hit')}", Tone.HIT)]
        elif self.is_wide:
            line = news_line(overview)
        self.query_one("#summary", Bar).set_line(line)

    def on_goal_tree_unfolded(self, message: GoalTree.Unfolded) -> None:
        self.deck.feed.open_goals(self.NAME, message.goals)

    def on_rows_moved(self, message: Rows.Moved) -> None:
        if message.rows is self.goals:
            self._describe()
            self.frame(self.deck.feed.overview)

    def on_rows_opened(self, message: Rows.Opened) -> None:
        if message.rows is self.goals:
            self.action_details()
        elif message.ref is not None:
            self.post_message(ShowLogs(message.ref, "run"))

    def action_details(self) -> None:
        """Beside the tree where there is room, else a screen of its own."""
        subject = self.subject()
        if self.is_wide:
            self.query_one(Detail).focus_content()
        elif subject is not None:
            goal = self.goals.goal(self.goals.cursor)
            self.app.push_screen(DetailScreen(self.deck, subject.ref, goal.id if goal is not None else subject.ref))

    def _describe(self) -> None:
        """Show the node under the cursor beside the tree when it is another one or has changed."""
        ref = self.goals.cursor
        spot, goal = self.goals.spot(ref), self.goals.goal(ref)
        node = spot.node if spot is not None else None
        stamp = (ref, self.is_wide, goal if node is None else (node.version, node.state, node.runs))
        if stamp == self._stamp:
            return
        self._stamp = stamp
        if node is None or ref is None:
            self.query_one(Detail).show_goal(goal)
        elif self.is_wide:
            self.set_timer(SETTLE if self.deck.blink else 0.001, lambda: self._load(ref))

    def _load(self, ref: str) -> None:
        if ref == self.goals.cursor:
            self.work(self._read, ref, group="describe", exclusive=True)

    async def _read(self, ref: str) -> None:
        try:
            task = await self.deck.engine.task(ref)
            why = await self.deck.engine.why(ref)
        except NotFound:
            return  # it went meanwhile; the next overview has it no more
        if ref == self.goals.cursor:
            self.query_one(Detail).show_task(task, why)
