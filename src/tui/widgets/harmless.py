"""The second wall: whatever a widget paints, no control byte of it reaches the terminal (HARDENING fact 3)."""

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from tui.formats import clean, fit, width_of


class Harmless(LineFilter):
    """Cleans segments that should have been clean already; their width stays."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Segments without control codes and without text that steers a terminal."""
        if all(segment.control is None and _is_harmless(segment.text) for segment in segments):
            return segments
        return [_cleaned(segment) for segment in segments if segment.control is None]


def _is_harmless(text: str) -> bool:
    return text.isprintable() or clean(text).replace("\n", "").replace("\t", "") == text


def _cleaned(segment: Segment) -> Segment:
    if _is_harmless(segment.text):
        return segment
    text = clean(segment.text).replace("\n", " ").replace("\t", " ")
    return Segment(fit(text, width_of(segment.text)), segment.style)
