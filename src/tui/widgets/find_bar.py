"""The search line: what is typed is told at once; enter keeps the search and gives the keys back."""

from textual.message import Message
from textual.widgets import Input


class FindBar(Input):
    """Hidden until it is wanted."""

    class Typed(Message):
        """The words to look for have changed."""

        def __init__(self, words: str) -> None:
            super().__init__()
            self.words = words

    class Kept(Message):
        """Enter: go on with the hits."""

    def __init__(self, *, id: str = "find") -> None:
        super().__init__(placeholder="search", id=id, compact=True)
        self.display = False
        self.cursor_blink = False

    def open(self) -> None:
        self.display = True
        self.focus()
        self.action_select_all()

    def close(self) -> None:
        """Forget the search."""
        self.value = ""
        self.display = False

    @property
    def is_on(self) -> bool:
        """Whether there is something searched for."""
        return self.display and bool(self.value)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Typed(self.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Kept())
