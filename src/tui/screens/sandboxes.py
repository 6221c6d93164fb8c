"""Screen 5: what is alive, with its limits."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from tui.actions import Scope, bindings
from tui.messages import Overview
from tui.screens.node_work import NodeWork
from tui.screens.subject import Subject, of_sandbox
from tui.widgets.bars import Bar
from tui.widgets.rows import Rows
from tui.widgets.sandbox_list import SandboxList, columns


class SandboxesScreen(NodeWork):
    """Its keys act on the task a sandbox runs."""

    NAME = "sandboxes"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.SANDBOXES)]

    def body(self) -> ComposeResult:
        yield Bar(id="columns")
        yield SandboxList(self.deck.now, id="boxes").add_class("ages")

    def on_mount(self) -> None:
        self.boxes.focus()

    @property
    def boxes(self) -> SandboxList:
        return self.query_one(SandboxList)

    def subject(self) -> Subject | None:
        box = self.boxes.sandbox(self.boxes.cursor)
        return None if box is None else of_sandbox(box)

    def paint(self, overview: Overview) -> None:
        self.boxes.paint(overview)
        self.query_one("#columns", Bar).set_line(columns(self.size.width, self.boxes.word_width))

    def on_rows_moved(self, message: Rows.Moved) -> None:
        self.show_hints()

    def on_rows_opened(self, message: Rows.Opened) -> None:
        self.action_why()

    def copyable(self) -> str | None:
        return self.boxes.cursor
