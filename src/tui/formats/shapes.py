"""Ages, sizes, bars and cutting, in terminal cells."""

from datetime import datetime

from rich.cells import cell_len, chop_cells, set_cell_size

from engine.units import format_duration, format_size

FULL, EMPTY = "━", "╌"


def ago(since: datetime | None, now: datetime) -> str:
    """The age of something: `41s`, `12m`, `2h 5m`; empty when it never began."""
    return "" if since is None else duration((now - since).total_seconds())


def until(deadline: datetime | None, now: datetime) -> str:
    """`in 19m` or `4m over`; empty without a deadline."""
    if deadline is None:
        return ""
    left = (deadline - now).total_seconds()
    return f"in {duration(left)}" if left >= 0 else f"{duration(-left)} over"


def duration(seconds: float) -> str:
    """Two units at most, and only one under an hour, so that it does not flicker: `41s`, `12m`, `2h 5m`."""
    whole = max(0, int(seconds))
    return f"{whole // 60}m" if 60 <= whole < 3600 else format_duration(whole)


def hour(at: datetime, *, seconds: bool = True) -> str:
    """Local wall time: `14:20:07`."""
    return at.astimezone().strftime("%H:%M:%S" if seconds else "%H:%M")


def size(count: int | None) -> str:
    """Bytes in the largest fitting unit: `512M`, `1.5G`; a dash for none."""
    return "–" if count is None else format_size(count).replace(" ", "").removesuffix("B") or "0"


def plural(count: int, noun: str) -> str:
    """`1 task`, `2 tasks`, `1,204 lines`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def bar(done: int, total: int, cells: int = 10) -> str:
    """A progress bar; full only when everything is done, and never empty once something is."""
    if total <= 0:
        return EMPTY * cells
    filled = cells * min(done, total) // total
    if done > 0 and filled == 0:
        filled = 1
    return FULL * filled + EMPTY * (cells - filled)


def width_of(text: str) -> int:
    """Cells that a clean line takes."""
    return cell_len(text)


def height_of(text: str, width: int) -> int:
    """Rows that a clean line takes when it is folded at `width` cells; at least one."""
    return max(1, len(chop_cells(text, max(1, width))))


def shorten(text: str, width: int) -> str:
    """A clean line of at most `width` cells; what is cut is marked with `…`."""
    if len(text) * 2 <= width or cell_len(text) <= width:
        return text
    if width <= 1:
        return "…"[:width]
    return set_cell_size(text[: width + 1], width - 1).rstrip() + "…"


def shorten_path(path: str, width: int) -> str:
    """A clean path of at most `width` cells that keeps its end."""
    if cell_len(path) <= width:
        return path
    if width <= 1:
        return "…"[:width]
    tail = path[-width:]
    while cell_len(tail) > width - 1:
        tail = tail[1:]
    return "…" + tail


def fit(text: str, width: int) -> str:
    """A clean line of exactly `width` cells."""
    return set_cell_size(shorten(text, width), max(0, width))
