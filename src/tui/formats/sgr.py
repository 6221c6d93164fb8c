"""Colours of log text: SGR sequences become parsed styles, every other sequence goes."""

import re
from typing import NamedTuple

from tui.formats.cleaning import SEQUENCE, clean

_SGR = re.compile(r"(?:\x1b\[|\x9b)([0-9;:]*)m")
_MOST = 64  # parameters of one sequence that are read; more is no colour


class Sgr(NamedTuple):
    """What SGR can ask for here. Colours are 0-255 or (r, g, b); conceal and blink are not honoured."""

    fore: int | tuple[int, int, int] | None = None
    back: int | tuple[int, int, int] | None = None
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    reverse: bool = False


PLAIN = Sgr()
_ON = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse"}
_OFF = {22: ("bold", "dim"), 23: ("italic",), 24: ("underline",), 27: ("reverse",), 39: ("fore",), 49: ("back",)}


def styled(raw: str) -> list[tuple[str, Sgr]]:
    """Raw foreign text as harmless pieces with their styles; joined they equal `clean(raw)`."""
    if "\x1b" not in raw and "\x9b" not in raw:
        text = clean(raw)
        return [(text, PLAIN)] if text else []
    pieces: list[tuple[str, Sgr]] = []
    style, start = PLAIN, 0
    for found in SEQUENCE.finditer(raw):
        text = clean(raw[start : found.start()])
        if text:
            pieces.append((text, style))
        start = found.end()
        colour = _SGR.fullmatch(found[0])
        if colour is not None:
            style = _after(style, colour[1])
    rest = clean(raw[start:])
    if rest:
        pieces.append((rest, style))
    return pieces


def _after(style: Sgr, parameters: str) -> Sgr:
    codes = [int(code or 0) for code in parameters.replace(":", ";").split(";")[:_MOST] if len(code) < 5]
    while codes:
        code = codes.pop(0)
        if code == 0:
            style = PLAIN
        elif code in _ON:
            style = style._replace(**{_ON[code]: True})
        elif code in _OFF:
            style = style._replace(**{name: PLAIN._asdict()[name] for name in _OFF[code]})
        elif 30 <= code <= 37 or 90 <= code <= 97:
            style = style._replace(fore=code - 30 if code < 90 else code - 82)
        elif 40 <= code <= 47 or 100 <= code <= 107:
            style = style._replace(back=code - 40 if code < 100 else code - 92)
        elif code == 38:
            style = style._replace(fore=_extended(codes))
        elif code == 48:
            style = style._replace(back=_extended(codes))
    return style


def _extended(codes: list[int]) -> int | tuple[int, int, int] | None:
    kind = codes.pop(0) if codes else 0
    if kind == 5 and codes:
        return min(255, codes.pop(0))
    if kind == 2 and len(codes) >= 3:
        red, green, blue = (min(255, codes.pop(0)) for _ in range(3))
        return red, green, blue
    return None
