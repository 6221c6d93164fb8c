"""Which log lines are printed, and how."""

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from types import FrameType
from typing import Any, assert_never

from engine.api import LogLine
from engine.errors import Invalid
from engine.model import Stream
from tui.cli.output import put_foreign, put_json, say

PATTERN_TIME = 2.0  # seconds a pattern may take over one line (R55)


class LineFilter:
    """Which log lines are printed, and how."""

    def __init__(self, since: datetime | None, pattern: str | None, *, as_json: bool) -> None:
        self._since = since
        self._as_json = as_json
        try:
            self._pattern = re.compile(pattern) if pattern is not None else None
        except (re.error, RecursionError, OverflowError) as error:
            raise Invalid(f"--grep: {error}", hint="a regular expression as Python's re has them") from error

    def show(self, line: LogLine) -> None:
        """Print the line if it is wanted; a gap marker always is."""
        if self._since is not None and line.at < self._since:
            return
        if self._pattern is not None and line.stream is not Stream.GAP:
            with _bounded(PATTERN_TIME):
                if self._pattern.search(line.text) is None:
                    return
        if self._as_json:
            put_json(line, line=True)
            return
        match line.stream:
            case Stream.OUT | Stream.ERR:
                put_foreign(line.text)
            case Stream.GAP:
                put_foreign(f"── {line.text} ──")  # among the data: it says that lines are missing at this place
            case Stream.NOTE:
                say(f"── {line.text} ──")
            case _:
                assert_never(line.stream)


@contextmanager
def _bounded(seconds: float) -> Iterator[None]:
    """End a search that backtracks without end: Python's re looks for signals while it works."""

    def give_up(_: int, __: FrameType | None) -> None:
        raise Invalid(
            f"--grep took more than {seconds:g} s over one line", hint="avoid nested repetition such as (a+)+"
        )

    before: Any = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
