"""How things read: foreign text made harmless, states, ages, sizes, bars. Loads no screen library."""

from tui.formats.cleaning import clean, one_line
from tui.formats.sgr import Sgr, styled
from tui.formats.shapes import (
    ago,
    bar,
    duration,
    fit,
    height_of,
    hour,
    plural,
    shorten,
    shorten_path,
    size,
    until,
    width_of,
)
from tui.formats.states import glyph, run_word, short, state_words

__all__ = [
    "Sgr",
    "ago",
    "bar",
    "clean",
    "duration",
    "fit",
    "glyph",
    "height_of",
    "hour",
    "one_line",
    "plural",
    "run_word",
    "short",
    "shorten",
    "shorten_path",
    "size",
    "state_words",
    "styled",
    "until",
    "width_of",
]
