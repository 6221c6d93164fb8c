"""One line of a log as painted pieces: time, stream, text in its own colours, whatever it tries."""

from datetime import datetime
from enum import StrEnum

from rich.color import Color
from rich.style import Style

from engine.api import LogLine
from engine.model import Stream
from tui.formats import Sgr, clean, hour, size, styled
from tui.themes import STREAM_TONES, Line, Piece, Tone
from tui.widgets.lines import fold

LONGEST = 4_000  # characters of one line that are painted; `enter` shows more
LEVEL_TONES = {Stream.OUT: Tone.PLAIN, Stream.ERR: Tone.PLAIN, Stream.GAP: Tone.WARN, Stream.NOTE: Tone.BUSY}


class Times(StrEnum):
    """How the time of a line is shown."""

    WALL = "wall"
    RELATIVE = "relative"
    OFF = "off"


def prefix(line: LogLine, times: Times, start: datetime | None) -> list[Piece]:
    """Time and stream."""
    stream: Piece = (f"{line.stream.value:<4} ", STREAM_TONES[line.stream])
    match times:
        case Times.OFF:
            return [stream]
        case Times.WALL:
            return [(f"{hour(line.at)}.{line.at.microsecond // 1000:03d} ", Tone.FAINT), stream]
        case Times.RELATIVE:
            passed = 0.0 if start is None else (line.at - start).total_seconds()
            return [(f"{passed:>+9.3f} ", Tone.FAINT), stream]


def body(line: LogLine, words: str) -> list[Piece]:
    """The text, harmless, with what is searched for marked."""
    if line.stream in (Stream.GAP, Stream.NOTE):
        return [(f"── {clean(line.text[:500]).strip()} ──", LEVEL_TONES[line.stream])]
    raw = line.text[:LONGEST].rstrip("\r\n").replace("\r", "␍").replace("\n", "␊")
    pieces: list[Piece] = [(text.expandtabs(8), _style(sgr)) for text, sgr in styled(raw)]
    if len(line.text) > LONGEST:
        pieces.append((f" … {size(len(line.text) - LONGEST)} more: enter", Tone.WARN))
    return _marked(pieces, words) if words else pieces


def folded(line: LogLine | None, width: int, times: Times, start: datetime | None, words: str) -> list[Line]:
    """One line as rows of at most `width` cells; a placeholder for one that is still being read."""
    if line is None:
        return [[("…", Tone.FAINT)]]
    head = prefix(line, times, start)
    return fold([*head, *body(line, words)], width, sum(len(text) for text, _ in head))


def _style(sgr: Sgr) -> Tone | Style:
    if not any(part not in (None, False) for part in sgr):
        return Tone.PLAIN
    return Style(
        color=_colour(sgr.fore),
        bgcolor=_colour(sgr.back),
        bold=sgr.bold or None,
        dim=sgr.dim or None,
        italic=sgr.italic or None,
        underline=sgr.underline or None,
        reverse=sgr.reverse or None,
    )


def _colour(value: int | tuple[int, int, int] | None) -> Color | None:
    if value is None:
        return None
    return Color.from_ansi(value) if isinstance(value, int) else Color.from_rgb(*value)


def _marked(pieces: list[Piece], words: str) -> list[Piece]:
    text = "".join(piece for piece, _ in pieces)
    folded = text.casefold()
    if len(folded) != len(text) or words not in folded:
        return pieces
    marked: list[Piece] = []
    at = 0
    for piece, tone in pieces:
        start = 0
        while (found := folded.find(words, at + start, at + len(piece))) >= 0:
            cut = found - at
            marked += [(piece[start:cut], tone), (piece[cut : cut + len(words)], Tone.HIT)]
            start = cut + len(words)
        marked.append((piece[start:], tone))
        at += len(piece)
    return marked
