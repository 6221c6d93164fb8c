"""The frame of every screen: header, tabs, notices, the undo line, hints; and the frame of every dialog."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import ModalScreen, Screen
from textual.widgets import Button

from engine.api import refusal
from engine.errors import PilothouseError
from tui.actions import Action, Scope, bindings, by_id, display
from tui.formats import clean
from tui.messages import Overview, ShowHelp
from tui.screens.deck import Deck
from tui.widgets.background import Job, start
from tui.widgets.bars import Bar, header, hints, tabs, trouble_line, undo_line
from tui.widgets.canvas import Canvas

WIDE = 120  # columns from which a pane fits beside a list


class Working(Screen[Any]):
    """A screen that asks the engine in workers and tells errors in words, never as a traceback."""

    deck: Deck

    @property
    def is_laid_out(self) -> bool:
        """Whether its widgets are there: neither before they come nor while the app goes."""
        return self.is_mounted and self.is_attached and self.app.is_running

    def work(self, job: Job, *arguments: object, group: str = "work", exclusive: bool = False) -> None:
        """Run a job beside the screen; with `exclusive` the one before it in the group ends."""
        start(self, self._caught, job, *arguments, group=group, exclusive=exclusive)

    async def _caught(self, job: Job, *arguments: object) -> None:
        try:
            await job(*arguments)
        except (PilothouseError, ValueError) as error:
            known = error if isinstance(error, PilothouseError) else refusal(error)
            if known is None:
                raise
            self.tell(known)

    def offers(self, action: str) -> bool:
        """Whether an action that would only say why it cannot be done is hinted at all the same."""
        return True

    def show(self, overview: Overview) -> None:
        """The overview is a new one."""

    def tell(self, error: PilothouseError) -> None:
        """An error as a toast: what happened and what to do."""
        hint = f"\n{error.hint}" if error.hint else ""
        self.notify(clean(f"{error.message}{hint}")[:2_000], severity="error", markup=False, timeout=8)

    def say(self, words: str) -> None:
        self.notify(clean(words)[:500], markup=False, timeout=4)

    def hint_entries(self) -> Sequence[tuple[str, str]]:
        """(key, label) of what is possible with the focus where it is, the most useful first."""
        keys: dict[str, list[str]] = {}
        for key, active in self.active_bindings.items():
            name = active.binding.id
            if active.enabled and name and by_id(name).hint and self.offers(by_id(name).method):
                keys.setdefault(name, []).append(key)
        actions = sorted((by_id(name) for name in keys), key=lambda action: action.hint)
        return [(display(_first(action, keys[action.id])), self.label(action)) for action in actions]

    def label(self, action: Action) -> str:
        """What an action is called in the hints."""
        return action.label


def _first(action: Action, live: Sequence[str]) -> str:
    """The key of the table's own order that is live, else the one the operator chose."""
    return next((key for key in action.keys.split(",") if key in live), live[0])


class Panel(Working):
    """A main screen. Subclasses give `body` and `paint`."""

    NAME: ClassVar[str]

    def __init__(self, deck: Deck) -> None:
        super().__init__()
        self.deck = deck
        self._errand: Callable[[], None] | None = None

    def when_laid_out(self, errand: Callable[[], None]) -> None:
        """Do it now, or once the screen has been painted; a later errand takes the place of an earlier one."""
        self._errand = errand
        if self.is_laid_out:
            self.show_newest()

    def body(self) -> ComposeResult:
        """The widgets between the tabs and the hints."""
        yield from ()

    def paint(self, overview: Overview) -> None:
        """Show the newest overview."""

    def compose(self) -> ComposeResult:
        yield Bar(id="header")
        yield Bar(id="tabs")
        yield Bar(id="trouble")
        yield from self.body()
        yield Bar(id="undo")
        yield Bar(id="hints")

    def on_mount(self) -> None:
        if self.deck.blink:
            self.set_interval(1.0, self.tick)

    def on_screen_resume(self) -> None:
        self.show_newest()

    def show_newest(self) -> None:
        """Paint from the overview of this very moment."""
        self.show(self.deck.feed.overview)

    @property
    def is_wide(self) -> bool:
        return self.size.width >= WIDE

    def show(self, overview: Overview) -> None:
        """Paint everything from one overview."""
        if not self.is_laid_out:
            return
        self.paint(overview)
        errand, self._errand = self._errand, None
        if errand is not None:
            errand()
        self.frame(overview)

    def frame(self, overview: Overview) -> None:
        """Paint what stands around the body."""
        now = self.deck.now()
        self.query_one("#header", Bar).set_line(*header(overview, now, wide=self.is_wide))
        self.query_one("#tabs", Bar).set_line(tabs(overview, self.NAME))
        self._line("#trouble", trouble_line(overview))
        self._line("#undo", undo_line(overview, now))
        self.show_hints()

    def _line(self, selector: str, line: Sequence[Any]) -> None:
        bar = self.query_one(selector, Bar)
        bar.display = bool(line)
        bar.set_line(line)

    def show_hints(self) -> None:
        if self.is_laid_out:
            most = 14 if self.is_wide else 8
            self.query_one("#hints", Bar).set_line(hints(self.hint_entries(), self.size.width, most))

    def tick(self) -> None:
        """Ages go on while nothing happens."""
        if self.is_current:
            self.frame(self.deck.feed.overview)
            for canvas in self.query(".ages").results(Canvas):
                canvas.again()

    def on_descendant_focus(self) -> None:
        self.show_hints()

    def on_resize(self) -> None:
        self.call_after_refresh(self.show_newest)

    def step_back(self) -> bool:
        """Undo one step inside the screen, such as a search; whether there was one."""
        return False

    def copyable(self) -> str | None:
        """The value under the cursor."""
        return None

    def command(self) -> str | None:
        """The command that does or shows the same outside the UI."""
        return None


class Dialog(Working, ModalScreen[Any]):
    """A modal: knows its own keys and help; leaving it changes nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.DIALOG)]
    SCOPES: ClassVar[tuple[Scope, ...]] = (Scope.DIALOG,)

    def offers(self, action: str) -> bool:
        """There is nothing to open on a page one reads."""
        return action != "open" and super().offers(action)

    def action_leave(self) -> None:
        self.dismiss(None)

    def action_help(self) -> None:
        self.post_message(ShowHelp(self.SCOPES))

    def action_before(self) -> None:
        self.focus_previous(Button)

    def action_after(self) -> None:
        self.focus_next(Button)
