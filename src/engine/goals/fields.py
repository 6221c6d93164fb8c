"""One mapping of a goal file, read key by key; every misfit becomes a problem with its line."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from engine.goals.document import Listing, Scalar, Table, Value
from engine.goals.keys import LATER, Keys
from engine.goals.problems import Problems, listing, nearest, shown
from engine.goals.variables import LONGEST, Variables
from engine.units import parse_duration, parse_size

E = TypeVar("E", bound=StrEnum)
N = TypeVar("N", int, float)

TRUE = frozenset({"true", "yes", "on"})
FALSE = frozenset({"false", "no", "off"})
DAY = 86400.0


@dataclass(frozen=True)
class Word:
    """A text of the file after substitution, with its line."""

    text: str
    line: int


class Fields:
    """The keys of one mapping. A getter gives None for an absent key and for one that was reported."""

    def __init__(self, table: Table, place: str, keys: Keys, variables: Variables) -> None:
        self.line = table.line
        self.place = place
        self.problems: Problems = variables.problems
        self._table = table
        self.variables = variables
        for key, _ in table.pairs.values():
            self._check(key, keys)

    def _check(self, key: Scalar, keys: Keys) -> None:
        name = key.text
        if name in keys.known:
            return
        if name in keys.later:
            self.problems.add(key.line, f"{shown(name)} {LATER}", keys.later[name])
        elif name in keys.never:
            self.problems.add(key.line, f"{shown(name)} is refused: {keys.never[name]}", "remove it")
        elif name == "<<":
            self.problems.add(key.line, "merge keys (`<<`) are not available", "repeat the lines, or use `defaults`")
        else:
            self.problems.add(key.line, f"{self.place} has no key {shown(name)}", nearest(name, keys.known))

    def has(self, key: str) -> bool:
        return key in self._table.pairs

    def line_of(self, key: str) -> int:
        """The line of the key, or of the mapping when the key is absent."""
        return self._table.pairs[key][0].line if key in self._table.pairs else self.line

    def node(self, key: str) -> Value | None:
        """The value under `key`; an empty one is a problem."""
        if key not in self._table.pairs:
            return None
        name, value = self._table.pairs[key]
        if isinstance(value, Scalar) and value.null:
            self.problems.add(name.line, f"{shown(key)} is empty", "give it a value or remove the line")
            return None
        return value

    def text(self, key: str) -> str | None:
        node = self.node(key)
        return None if node is None else self.read_text(node, shown(key))

    def read_text(self, node: Value, name: str) -> str | None:
        """The text of a scalar with its variables filled in; a list, a mapping or nothing is a problem."""
        text = self.read_any_text(node, name)
        if text is not None and not text.strip():
            self.problems.add(node.line, f"{name} is empty", "give it a value or remove the line")
            return None
        return text

    def read_any_text(self, node: Value, name: str) -> str | None:
        """The same, and the empty text is fine."""
        if not isinstance(node, Scalar):
            braces = isinstance(node, Table) and not node.pairs
            todo = 'put it in quotes: "{{ name }}"' if braces else "write it as plain text"
            self.problems.add(node.line, f"{name} is a list or a mapping where text belongs", todo)
            return None
        text = self.variables.expand(node)
        if text is None:
            return None
        if "\0" in text or len(text) > LONGEST:
            self.problems.add(node.line, f"{name} has a NUL character or over {LONGEST:,} characters", "use a file")
            return None
        return text

    def words(self, key: str) -> list[Word]:
        """A list of texts."""
        node = self.node(key)
        if node is None:
            return []
        if not isinstance(node, Listing):
            self.problems.add(node.line, f"{shown(key)} is not a list", f"write `{key}: [a, b]`")
            return []
        read = [(item, self.read_text(item, f"an item of {shown(key)}")) for item in node.items]
        return [Word(text, item.line) for item, text in read if text is not None]

    def flag(self, key: str) -> bool | None:
        text = self.text(key)
        if text is None:
            return None
        if text.lower() in TRUE or text.lower() in FALSE:
            return text.lower() in TRUE
        self.problems.add(self.line_of(key), f"{shown(key)} is {shown(text)}", "write true or false")
        return None

    def integer(self, key: str, low: int, high: int) -> int | None:
        return self._number(key, int, low, high, f"a whole number from {low} to {high}")

    def decimal(self, key: str, low: float, high: float) -> float | None:
        return self._number(key, float, low, high, f"a number from {low:g} to {high:g}")

    def duration(self, key: str, low: float = 1.0, high: float = 365 * DAY) -> float | None:
        """Seconds."""
        return self._number(key, _duration, low, high, "a duration such as 90s, 10m or 2h, from 1s to 365d")

    def size(self, key: str, low: int, high: int) -> int | None:
        """Bytes."""
        return self._number(key, _size, low, high, "a size such as 512m or 2g, from 6m to 16t")

    def _number(self, key: str, parse: Callable[[str], N], low: N, high: N, wanted: str) -> N | None:
        text = self.text(key)
        if text is None:
            return None
        try:
            # No honest number is longer; a longer one would overflow where it is parsed.
            value = parse(text.strip()) if len(text) <= 40 else None
        except ValueError:
            value = None
        if value is not None and low <= value <= high:
            return value
        self.problems.add(self.line_of(key), f"{shown(key)} is {shown(text)}", f"write {wanted}")
        return None

    def choice(self, key: str, kind: type[E], later: tuple[str, ...] = ()) -> E | None:
        """One word of a closed vocabulary; `later` are words that a later version takes."""
        text = self.text(key)
        if text is None:
            return None
        allowed = [str(member) for member in kind]
        if text in allowed:
            return kind(text)
        if text in later:
            self.problems.add(self.line_of(key), f"`{key}: {text}` {LATER}", f"use {listing(allowed)}")
        else:
            self.problems.add(self.line_of(key), f"{shown(key)} is {shown(text)}", f"write {listing(allowed)}")
        return None

    def section(self, key: str, keys: Keys, place: str, example: str) -> "Fields | None":
        """A mapping under `key`."""
        node = self.node(key)
        if node is None:
            return None
        if not isinstance(node, Table):
            self.problems.add(node.line, f"{shown(key)} is not a mapping", f"write `{example}`")
            return None
        return Fields(node, place, keys, self.variables)

    def pairs(self, key: str, example: str) -> Iterator[tuple[Scalar, Value]]:
        """The free keys and values of a mapping under `key`."""
        node = self.node(key)
        if isinstance(node, Table):
            yield from node.pairs.values()
        elif node is not None:
            self.problems.add(node.line, f"{shown(key)} is not a mapping", f"write `{example}`")


def _duration(text: str) -> float:
    return float(text) if text.isdecimal() else parse_duration(text)


def _size(text: str) -> int:
    return int(text) if text.isdecimal() else parse_size(text)
