"""Search in a panel: `/` opens the line, hits are counted, `n` and `N` go through them, esc ends it."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType

from tui.actions import Scope, bindings
from tui.screens.base import Panel
from tui.widgets.find_bar import FindBar


class Finding(Panel):
    """Subclasses yield a FindBar and say what looking for words and hopping means."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.FIND)]
    FIRST_STEP: ClassVar[int] = 1  # where enter looks for the first hit

    @property
    def find_bar(self) -> FindBar:
        return self.query_one(FindBar)

    @property
    def is_finding(self) -> bool:
        return self.is_laid_out and self.find_bar.is_on

    def hint_entries(self) -> Sequence[tuple[str, str]]:
        """While one types, letters are letters."""
        if self.is_laid_out and self.find_bar.has_focus:
            return (("enter", "to the hits"), ("esc", "end the search"))
        return super().hint_entries()

    def look_for(self, words: str) -> None:
        """The words have changed; empty ends the search."""
        raise NotImplementedError

    def hop(self, step: int) -> None:
        """To the next (1) or previous (-1) hit."""
        raise NotImplementedError

    def settle(self) -> None:
        """Give the focus back to what is searched."""
        raise NotImplementedError

    def on_find_bar_typed(self, message: FindBar.Typed) -> None:
        self.look_for(message.words)
        self.show_hints()

    def on_find_bar_kept(self, message: FindBar.Kept) -> None:
        if not self.find_bar.value:
            self.find_bar.close()
        self.settle()
        self.hop(self.FIRST_STEP)

    def step_back(self) -> bool:
        """Esc ends a search before anything else; whether there was one."""
        if not self.find_bar.display:
            return False
        self.find_bar.close()
        self.look_for("")
        self.settle()
        self.show_hints()
        return True

    def action_find(self) -> None:
        self.find_bar.open()

    def action_next(self) -> None:
        self.hop(1)

    def action_previous(self) -> None:
        self.hop(-1)
