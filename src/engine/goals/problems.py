"""Everything wrong with a goal file, collected and told in one go, a `path:line: what; what to do` row each."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from engine.errors import InvalidGoalFile

MOST_ROWS = 50
MOST_COMPARED = 200  # names; comparing takes about 10 µs each


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong, at a line counted from 1."""

    line: int
    text: str


class Problems:
    """The problems met so far in one file."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._found: set[Problem] = set()

    def add(self, line: int, what: str, todo: str = "") -> None:
        self._found.add(Problem(line, f"{what}; {todo}" if todo else what))

    def __bool__(self) -> bool:
        return bool(self._found)

    @property
    def first(self) -> str | None:
        """The first one in words, without its line."""
        return min(self._found).text if self._found else None

    @property
    def many(self) -> bool:
        """More than will be shown: a suggestion for one more is not worth its time."""
        return len(self._found) >= MOST_ROWS

    def raise_if_any(self) -> None:
        """Raise InvalidGoalFile with all rows, in line order."""
        if not self._found:
            return
        found = sorted(self._found)
        rows = [f"{self._path}:{problem.line}: {problem.text}" for problem in found[:MOST_ROWS]]
        if len(found) > MOST_ROWS:
            rows.append(f"{self._path}: and {len(found) - MOST_ROWS} more problems")
        listed = [{"line": problem.line, "message": problem.text} for problem in found[:MOST_ROWS]]
        raise InvalidGoalFile("\n".join(rows), hint="docs/goal-files.md lists every key", details={"problems": listed})


def shown(text: str) -> str:
    """Foreign text in backquotes: one line, short, nothing unprintable."""
    short = text if len(text) <= 60 else text[:59] + "…"
    if short.isprintable():
        return f"`{short}`"
    return "`" + "".join(char if char.isprintable() else repr(char)[1:-1] for char in short) + "`"


def listing(names: Iterable[str]) -> str:
    """`a`, `b`, `c`: at most twelve of them."""
    every = list(names)
    return ", ".join(map(shown, every[:12])) + (f" and {len(every) - 12} more" if len(every) > 12 else "")


def nearest(name: str, known: Iterable[str]) -> str:
    """`did you mean X?`, or the known ones when none is near."""
    choices = list(known)
    alike = (
        [choice for choice in choices if abs(len(choice) - len(name)) < 4] if len(choices) > MOST_COMPARED else choices
    )
    close = get_close_matches(name, alike[:MOST_COMPARED], n=1, cutoff=0.6)
    if close:
        return f"did you mean {shown(close[0])}?"
    return f"known here: {listing(choices)}" if choices else "none is known here"
