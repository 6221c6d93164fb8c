"""Variables: `{{ name }}` in any string, filled in after the YAML was read, so that a value is never YAML itself."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.goals.document import Scalar, Table, Value
from engine.goals.problems import Problems, listing, nearest, shown

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
PLACE = re.compile(r"\{\{\s*(?P<body>'\{\{'|\"\{\{\"|[^{}]*?)\s*\}\}|\{\{")
LITERAL = frozenset({"'{{'", '"{{"'})
LONGEST = 100_000  # characters of one string; Linux takes at most 131,072 bytes as one argument
MOST_ADDED = 8_000_000  # characters that all substitutions of a file may add together


@dataclass
class Variables:
    """The values of one file; `expand` reports what it cannot fill in."""

    values: Mapping[str, str]
    problems: Problems
    known: tuple[str, ...] = ()
    _added: int = field(default=0, init=False)

    def expand(self, scalar: Scalar) -> str | None:
        """The text with every variable replaced once; values are not looked through again. None: a variable has no
        value, which has been reported."""
        if "{{" not in scalar.text:
            return scalar.text
        parts: list[str] = []
        at = 0
        for found in PLACE.finditer(scalar.text):
            value = self._value(found["body"], scalar.line)
            if value is None:
                return None
            parts += (scalar.text[at : found.start()], value)
            at = found.end()
        return "".join((*parts, scalar.text[at:]))

    def _value(self, name: str | None, line: int) -> str | None:
        if name is None:
            self.problems.add(line, "`{{` is not closed", "write {{ name }}, or {{ '{{' }} for the braces themselves")
            return None
        if name in LITERAL:
            return "{{"
        if name not in self.known:
            self._unknown(name, line)
            return None
        value = self.values.get(name)
        self._added += len(value or "")
        if self._added > MOST_ADDED:
            self.problems.add(line, f"variables add more than {MOST_ADDED:,} characters", "pass a file instead")
            return None
        return value

    def _unknown(self, name: str, line: int) -> None:
        close = nearest(name, self.known)
        hint = close if close.startswith("did") else f"declared under `vars`: {listing(self.known) or 'none'}"
        self.problems.add(line, f"no variable {shown(name)}", f"{hint} ({{{{ '{{{{' }}}} writes the braces themselves)")


def read_variables(node: Value | None, given: Mapping[str, str], problems: Problems) -> Variables:
    """Defaults from `vars:` under what `--set` gave. A default of null makes the variable required."""
    declared: dict[str, Scalar] = {}
    if isinstance(node, Table):
        for key, value in node.pairs.values():
            if scalar := _declared(key, value, problems):
                declared[key.text] = scalar
    elif node is not None and not (isinstance(node, Scalar) and node.null):
        problems.add(node.line, "`vars` is not a mapping", "write `vars: {name: value}`")
    known = tuple(declared)
    _check_given(given, known, node.line if node is not None else 1, problems)
    values: dict[str, str] = {}
    for name, scalar in declared.items():
        text = given.get(name, None if scalar.null else scalar.text)
        if text is None:
            problems.add(scalar.line, f"variable {shown(name)} has no value", f"give one with --set {name}=VALUE")
        elif len(text) > LONGEST or "\0" in text:
            problems.add(scalar.line, f"variable {shown(name)} is too long or holds a NUL character", "shorten it")
        else:
            values[name] = text
    return Variables(values, problems, known)


def _declared(key: Scalar, value: Value, problems: Problems) -> Scalar | None:
    if NAME.fullmatch(key.text) is None:
        problems.add(key.line, f"{shown(key.text)} is not a variable name", "letters, digits, `_` and `-`")
        return None
    if not isinstance(value, Scalar):
        problems.add(
            value.line, f"variable {shown(key.text)} is not a single value", "give text, or nothing to require it"
        )
        return None
    if "{{" in value.text:
        problems.add(value.line, f"variable {shown(key.text)} refers to a variable", "a default is taken as it stands")
    return value


def _check_given(given: Mapping[str, str], known: tuple[str, ...], line: int, problems: Problems) -> None:
    for name in given:
        if name not in known:
            todo = nearest(name, known) if known else f"declare it with `vars: {{{name}: …}}`"
            problems.add(line, f"--set {shown(name)}: the file declares no such variable", todo)
