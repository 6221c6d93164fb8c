"""A unified diff as painted lines with anchors at its files and hunks. Removed bytes are shown, never hidden."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from engine.api import Diff
from tui.formats import clean, one_line, plural, shorten, shorten_path, width_of
from tui.themes import Line, Tone
from tui.widgets.lines import fold

_HUNK = re.compile(r"@@ -(?:\d+)(?:,(\d+))? \+(?:\d+)(?:,(\d+))? @@")
_FILE = re.compile(r"diff --git (.*)")
_PLUMBING = ("index ", "--- ", "+++ ")
_LONGEST = 2_000  # characters of one line that are painted
MOST = 10_000  # lines of a change that are painted: what takes a twentieth of a second


class Painted(NamedTuple):
    """Lines and where files and hunks begin in them."""

    lines: list[Line]
    anchors: dict[str, list[int]]


def summary(diff: Diff) -> Line:
    """`4 files +61 −9`."""
    if not diff.files:
        return [("no files changed", Tone.DIM)]
    added, removed = sum(file.added for file in diff.files), sum(file.removed for file in diff.files)
    return [(plural(len(diff.files), "file"), Tone.PLAIN), (f" +{added}", Tone.ADDED), (f" −{removed}", Tone.REMOVED)]


def paint(diff: Diff, width: int) -> Painted:
    """The whole diff, folded at `width` cells."""
    lines: list[Line] = []
    anchors: dict[str, list[int]] = {"file": [], "hunk": []}
    most = diff.text.split("\n", MOST)
    rest = most.pop().count("\n") if len(most) > MOST else 0
    for kind, text in _parts(most):
        match kind:
            case "file":
                if lines:
                    lines.append([])
                anchors["file"].append(len(lines))
                lines.append(_file_line(diff, len(anchors["file"]), text, width))
            case "hunk":
                anchors["hunk"].append(len(lines))
                lines.append([(shorten(text, width), Tone.HUNK)])
            case _:
                tone = {"+": Tone.ADDED, "-": Tone.REMOVED}.get(kind, Tone.DIM if kind == "meta" else Tone.PLAIN)
                whole = len(text) <= width and text.isascii()
                lines += [[(text, tone)]] if whole else fold([(text, tone)], width, 0 if kind == "meta" else 2)
    if diff.truncated or rest:
        more = f"{rest:,} more lines: `pilothouse diff` has them"
        words = "the rest of this change is not shown: it is longer than the bound" if diff.truncated else more
        lines += [[], *fold([(words, Tone.WARN)], width)]
    return Painted(lines, anchors)


def _file_line(diff: Diff, number: int, header: str, width: int) -> Line:
    file = diff.files[number - 1] if number <= len(diff.files) else None
    name = one_line(file.path, visible=True) if file is not None else header
    counts = f" +{file.added} −{file.removed} " if file is not None else " "
    label = f" file {number}/{len(diff.files) or number} "
    name = shorten_path(name, max(8, width - 5 - len(counts) - len(label)))
    rule = "─" * max(0, width - 5 - width_of(name) - len(counts) - len(label))
    return [
        ("── ", Tone.FAINT),
        (name, Tone.HEAD),
        (counts, Tone.DIM),
        (rule, Tone.FAINT),
        (label, Tone.DIM),
        ("──", Tone.FAINT),
    ]


def _parts(raws: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(kind, clean text) of each line; kind is file, hunk, meta, or the sign of a line inside a hunk.

    Inside a hunk its counts say what a line is, so content that looks like a header stays content.
    """
    old = new = 0
    for raw in raws[: -1 if raws and not raws[-1] else None]:
        line = clean(raw[:_LONGEST], visible=True).expandtabs(4)
        if len(raw) > _LONGEST:
            line += f"… {len(raw) - _LONGEST:,} more characters"
        sign = raw[:1]
        if old > 0 or new > 0:
            old -= sign in ("-", " ", "")
            new -= sign in ("+", " ", "")
            yield (sign if sign in ("+", "-") else " "), (line if line else " ")
        elif (hunk := _HUNK.match(raw)) is not None:
            old, new = int(hunk[1] or 1), int(hunk[2] or 1)
            yield "hunk", line
        elif (file := _FILE.match(raw)) is not None:
            yield "file", one_line(file[1], visible=True)
        elif not raw.startswith(_PLUMBING):
            yield "meta", line
