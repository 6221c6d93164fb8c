"""stdout is data, stderr is narration: the few ways anything leaves the command line."""

import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeAlias

if TYPE_CHECKING:
    from pydantic import BaseModel

IN_BROWSER = "textual.drivers.web_driver:WebDriver"  # what textual-serve sets TEXTUAL_DRIVER to
NARROWEST = 24  # cells a folded column has at least
STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36"}


def prepare_streams() -> None:
    """Three streams that take whatever comes: what a terminal cannot show becomes an escape of it."""
    sys.stdin = sys.stdin or Path(os.devnull).open()  # noqa: SIM115 - a stream that was closed by the caller, for good
    sys.stdout = sys.stdout or Path(os.devnull).open("w")  # noqa: SIM115
    sys.stderr = sys.stderr or Path(os.devnull).open("w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def interactive() -> bool:
    """Whether a person can be asked: stdin and stderr are a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def has_terminal() -> bool:
    """Whether a screen can be opened: all three streams are a terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()


def has_screen() -> bool:
    """Whether a screen can be opened: on a terminal, or in a browser that `pilothouse web` serves."""
    return has_terminal() or os.environ.get("TEXTUAL_DRIVER") == IN_BROWSER


def narrates_live() -> bool:
    """Whether narration can move on the spot: stderr is a terminal that can."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def on_terminal() -> bool:
    """Whether the data goes to a person: stdout is a terminal."""
    return sys.stdout.isatty()


def say(text: str) -> None:
    """One piece of narration on stderr, neutralised; a stderr that is gone is no error."""
    from tui.formats import clean

    with suppress(OSError):  # the terminal was closed: nobody is there to be told
        print(clean(text), file=sys.stderr, flush=True)


def put(text: str = "") -> None:
    """One piece of data for people on stdout, already neutral."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def put_foreign(text: str) -> None:
    """Foreign text as data: neutralised for a terminal, as it came for a file or a pipe."""
    from tui.formats import clean

    put(clean(text) if on_terminal() else text)


Answer: TypeAlias = "BaseModel | Sequence[BaseModel] | Mapping[str, object] | Sequence[Mapping[str, object]]"


def put_json(answer: Answer, *, line: bool = False) -> None:
    """One JSON document, or with `line` one JSON line. Escaped to ASCII where a terminal would interpret it."""
    indent = None if line else 2
    put(json.dumps(plain(answer), ensure_ascii=line or on_terminal(), indent=indent).replace("\x7f", "\\u007f"))


def plain(answer: object) -> object:
    """Views, however deep in it, as what JSON is made of."""
    from pydantic import BaseModel

    if isinstance(answer, BaseModel):
        return answer.model_dump(mode="json")
    if isinstance(answer, dict):
        return {str(key): plain(value) for key, value in answer.items()}
    if isinstance(answer, list | tuple):
        return [plain(item) for item in answer]
    return answer


def paint(text: str, *styles: str, stream: TextIO | None = None) -> str:
    """The text in a style where the stream is a terminal that wants colour; else as it is."""
    target = stream or sys.stdout
    if not styles or not target.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return f"\x1b[{';'.join(STYLES[style] for style in styles)}m{text}\x1b[0m"


def columns() -> int | None:
    """Cells in a line of the terminal that the data goes to; None for a file or a pipe, where lines have no end."""
    return shutil.get_terminal_size().columns if on_terminal() else None


def table(rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows with aligned columns, by the width a terminal gives each character. The last column is free: on a terminal
    it is folded beside the others, or where they leave no room, under them."""
    from rich.cells import cell_len

    kept = [list(row) for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*kept, strict=True)][:-1] if kept else []
    lines = []
    for row in kept:
        cells = [cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=False)]
        lines.append(_folded("  ".join([*cells, ""]), row[-1]).rstrip())
    return lines


def _folded(before: str, text: str) -> str:
    from rich.cells import cell_len

    end, taken = columns(), cell_len(before)
    if end is None or taken + cell_len(text) <= end:
        return before + text
    beside = end - taken >= NARROWEST
    indent = " " * (taken if beside else 4)
    lines = _wrapped(text, max(NARROWEST, end - len(indent)))
    return (before if beside else f"{before.rstrip()}\n{indent}") + f"\n{indent}".join(lines)


def _wrapped(text: str, width: int) -> list[str]:
    """Broken between words, or within one that is wider than a line."""
    from rich.cells import cell_len, chop_cells

    lines = [""]
    for word in text.split(" "):
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if cell_len(joined) <= width:
            lines[-1] = joined
        else:
            lines += chop_cells(word, width)
    return [line for line in lines if line]
