"""How things read: foreign text made harmless, states, ages, sizes, bars. Loads no screen library."""

from tui.formats.cleaning import clean, one_line
from tui.formats.fields import Misfit, Value, read_field
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
from tui.formats.sheets import Sheet, read_sheet, written_sheet
from tui.formats.states import glyph, other_side, run_word, short, state_words

__all__ = [
    "Misfit",
    "Sgr",
    "Sheet",
    "Value",
    "ago",
    "bar",
    "clean",
    "duration",
    "fit",
    "glyph",
    "height_of",
    "hour",
    "one_line",
    "other_side",
    "plural",
    "read_field",
    "read_sheet",
    "run_word",
    "short",
    "shorten",
    "shorten_path",
    "size",
    "state_words",
    "styled",
    "until",
    "width_of",
    "written_sheet",
]
