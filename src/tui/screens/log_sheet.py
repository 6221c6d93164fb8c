"""One log on top of a screen; esc goes back to it."""

from textual.app import ComposeResult
from textual.containers import Vertical

from tui.actions import Scope
from tui.screens.base import Dialog
from tui.screens.deck import Deck
from tui.widgets.bars import Bar
from tui.widgets.log_pane import LogPane
from tui.widgets.log_view import LogView
from tui.widgets.overviews import run_head


class LogSheet(Dialog):
    """The log of a run."""

    SCOPES = (Scope.LOGS, Scope.MOVE, Scope.DIALOG)

    def __init__(self, deck: Deck, ref: str) -> None:
        super().__init__()
        self.deck = deck
        self._ref = ref

    def compose(self) -> ComposeResult:
        with Vertical(classes="sheet"):
            yield Bar(id="sheet-title")
            yield LogPane(self.deck.engine.logs, id="sheet-body")
            yield Bar(id="sheet-hints")

    def on_mount(self) -> None:
        pane = self.query_one(LogPane)
        pane.look_at(self._ref)
        pane.focus()
        self.work(self._name_it)

    async def _name_it(self) -> None:
        run = await self.deck.engine.run(self._ref)
        self.query_one("#sheet-title", Bar).set_line(run_head(run, self.deck.now()))

    def on_log_view_told(self, message: LogView.Told) -> None:
        self.query_one("#sheet-hints", Bar).set_line(*self.query_one(LogPane).status())
