"""The base of everything we paint: lines of (text, tone), drawn one at a time and only where they are visible."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.actions import Scope, bindings
from tui.themes import Line, Tone, looks


class Canvas(ScrollView, can_focus=True, inherit_bindings=False):
    """A scrolling surface; subclasses say what stands on each row."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.MOVE)]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"row--cursor", "row--resting"}
    ALLOW_MAXIMIZE = False
    ALLOW_SELECT = False

    _theme = ""
    _ground: Style | None = None
    _room: Size | None = None
    _looks: Mapping[Tone, Style] = MappingProxyType({})

    def look(self, tone: Tone | Style, ground: Style) -> Style:
        """The style of a tone on a ground, which gives the background."""
        if isinstance(tone, Style):
            return ground + tone
        if self._theme != self.app.theme:
            self._theme, self._looks = self.app.theme, looks(self.app.theme_variables)
        return ground + self._looks[tone]

    def render_lines(self, crop: Region) -> list[Strip]:
        """All lines of one painting have the same ground and the same room, which are dear to work out."""
        self._ground, self._room = self.rich_style, self.scrollable_content_region.size
        try:
            return super().render_lines(crop)
        finally:
            self._ground = self._room = None

    def strip(self, line: Line, width: int, *, offset: int = 0, ground: Style | None = None) -> Strip:
        """One line cut and filled to the width."""
        base = ground or self._ground or self.rich_style
        segments = [Segment(text, self.look(tone, base)) for text, tone in line if text]
        strip = Strip(segments, sum(cell_len(segment.text) for segment in segments))
        return strip.crop_extend(offset, offset + width, base)

    def blank(self, width: int) -> Strip:
        return Strip.blank(width, self._ground or self.rich_style)

    @property
    def room(self) -> Size:
        """What one can paint on: the content without the gutter of the scrollbar."""
        return self._room or self.scrollable_content_region.size

    def again(self) -> None:
        """Time has passed: ages are painted anew."""
        self.refresh()

    def action_down(self) -> None:
        self.scroll_relative(y=1, animate=False)

    def action_up(self) -> None:
        self.scroll_relative(y=-1, animate=False)

    def action_page_down(self) -> None:
        self.scroll_relative(y=self.page, animate=False)

    def action_page_up(self) -> None:
        self.scroll_relative(y=-self.page, animate=False)

    def action_top(self) -> None:
        self.scroll_to(y=0, animate=False)

    def action_bottom(self) -> None:
        self.scroll_to(y=self.max_scroll_y, animate=False)

    def action_open(self) -> None:
        """Enter: subclasses with something to open say so."""

    @property
    def page(self) -> int:
        """Rows of a page, with one row of the old one kept."""
        return max(1, self.room.height - 1)
