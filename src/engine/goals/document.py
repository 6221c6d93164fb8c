"""YAML text to a tree of values with lines, bounded in every direction.

The tree is built from parser events in one loop: nothing recurses, no tag makes an object, and an alias counts
with all it stands for, so that a small file can never grow into a large one.
"""

from dataclasses import dataclass, field

import yaml

from engine.goals.problems import Problems, shown

MOST_CHARACTERS = 2_000_000  # of the file, and again of its scalars with aliases counted out
MOST_VALUES = 200_000
DEEPEST = 100  # levels of YAML; one level of tasks takes two
NULLS = frozenset({"", "~", "null", "Null", "NULL"})
PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "seq", "map"))
# The parser of libyaml where PyYAML was built with it: about ten times as fast.
LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Scalar:
    """Text exactly as written: what it means is up to the key it stands under."""

    line: int
    text: str
    null: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    line: int
    items: list["Value"]


@dataclass(frozen=True, slots=True)
class Table:
    line: int
    pairs: dict[str, tuple[Scalar, "Value"]]


Value = Scalar | Listing | Table


@dataclass(slots=True)
class _Weight:
    """What a value costs with its aliases counted out."""

    values: int = 1
    characters: int = 0
    height: int = 0

    def take(self, other: "_Weight") -> None:
        self.values += other.values
        self.characters += other.characters
        self.height = max(self.height, other.height + 1)


@dataclass(slots=True)
class _Open:
    """A list or table that is being filled; `key` waits for its value."""

    value: Listing | Table
    anchor: str | None
    weight: _Weight = field(default_factory=_Weight)
    key: Scalar | None = None
    keyless: bool = False


class _Refused(Exception):
    """Reading cannot go on."""

    def __init__(self, line: int, what: str, todo: str = "") -> None:
        super().__init__(what)
        self.line, self.what, self.todo = line, what, todo


def load_document(source: str, problems: Problems) -> Value | None:
    """The one document in `source`; None when it cannot be read, with the reason among `problems`."""
    if len(source) > MOST_CHARACTERS:
        problems.add(1, f"the file has more than {MOST_CHARACTERS:,} characters", "split it into several goals")
        return None
    builder = _Builder(problems)
    try:
        source.encode()
        for event in yaml.parse(source, Loader=LOADER):
            builder.feed(event)
    except _Refused as refused:
        problems.add(refused.line, refused.what, refused.todo)
        return None
    except UnicodeEncodeError as error:
        problems.add(source.count("\n", 0, error.start) + 1, "this is not valid Unicode text", "save the file as UTF-8")
        return None
    except yaml.YAMLError as error:
        _report(error, source, problems)
        return None
    if builder.root is None:
        problems.add(1, "the file is empty", "write at least `goal:` and `tasks:`")
    return builder.root


def _report(error: yaml.YAMLError, source: str, problems: Problems) -> None:
    match error:
        case yaml.MarkedYAMLError(problem_mark=mark) if mark is not None and "nesting depth" in str(error.problem):
            problems.add(mark.line + 1, f"nested deeper than {DEEPEST} levels", "flatten the groups")
        case yaml.MarkedYAMLError(problem_mark=mark) if mark is not None:
            began = error.context_mark
            since = f" from line {began.line + 1}" if began is not None and began.line != mark.line else ""
            what = f"not valid YAML: {error.problem}" + (f" {error.context}{since}" if error.context else "")
            rows = source.splitlines()
            problems.add(mark.line + 1, what, _advice(rows[mark.line] if mark.line < len(rows) else ""))
        case yaml.reader.ReaderError(position=position):
            line = source.count("\n", 0, position if isinstance(position, int) else 0) + 1
            problems.add(line, "a character that YAML does not allow", "remove control characters")
        case _:
            problems.add(1, f"not valid YAML: {error}")


def _advice(row: str) -> str:
    if row[: len(row) - len(row.lstrip())].count("\t"):
        return "indent with spaces, not with tabs"
    if "{{" in row:
        return "put quotes around a value that starts with `{{`"
    return "check indentation, quotes and colons here and in the line above"


class _Builder:
    """Parser events in, one tree out."""

    def __init__(self, problems: Problems) -> None:
        self.root: Value | None = None
        self._problems = problems
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Value, _Weight] | None] = {}
        self._documents = 0

    def feed(self, event: yaml.Event) -> None:
        line = event.start_mark.line + 1 if event.start_mark is not None else 1
        match event:
            case yaml.ScalarEvent():
                if event.tag is not None:
                    self._require_safe(event.tag, line)
                null = not event.style and event.tag is None and event.value in NULLS
                self._named(event.anchor, Scalar(line, event.value, null), _Weight(1, len(event.value)))
            case yaml.SequenceStartEvent():
                self._begin(Listing(line, []), event.anchor, event.tag)
            case yaml.MappingStartEvent():
                self._begin(Table(line, {}), event.anchor, event.tag)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                done = self._open.pop()
                self._named(done.anchor, done.value, done.weight)
            case yaml.AliasEvent():
                self._alias(str(event.anchor), line)
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise _Refused(line, "a second document begins here", "a goal file holds one: remove the `---`")
            case _:
                pass  # stream and document borders carry nothing

    def _begin(self, value: Listing | Table, anchor: str | None, tag: str | None) -> None:
        self._require_safe(tag, value.line)
        if len(self._open) >= DEEPEST:
            raise _Refused(value.line, f"nested deeper than {DEEPEST} levels", "flatten the groups")
        if anchor is not None:
            self._anchors[anchor] = None
        self._open.append(_Open(value, anchor))

    def _named(self, anchor: str | None, value: Value, weight: _Weight) -> None:
        if anchor is not None:
            self._anchors[anchor] = (value, weight)
        self._put(value, weight, value.line)

    def _alias(self, name: str, line: int) -> None:
        if name not in self._anchors:
            raise _Refused(line, f"the alias {shown('*' + name)} has no anchor above it", f"mark one with `&{name}`")
        anchored = self._anchors[name]
        if anchored is None:
            raise _Refused(line, f"the alias {shown('*' + name)} stands inside its own anchor", "write it out")
        self._put(*anchored, line)

    def _put(self, value: Value, weight: _Weight, line: int) -> None:
        if not self._open:
            self.root = value
            return
        top = self._open[-1]
        top.weight.take(weight)
        self._require_small(top.weight, line)
        if isinstance(top.value, Listing):
            top.value.items.append(value)
        elif top.key is not None:
            top.value.pairs.setdefault(top.key.text, (top.key, value))
            top.key = None
        elif top.keyless:
            top.keyless = False
        else:
            self._key(top, top.value, value, line)

    def _key(self, top: _Open, table: Table, value: Value, line: int) -> None:
        if not isinstance(value, Scalar):
            braces = 'write variables in quotes: "{{ name }}"' if isinstance(value, Table) else "keys are plain words"
            self._problems.add(line, "a key cannot be a list or a mapping", braces)
            top.keyless = True
            return
        if value.text in table.pairs:
            first = table.pairs[value.text][0].line
            self._problems.add(line, f"{shown(value.text)} is given twice, first in line {first}", "keep one of them")
            top.keyless = True
            return
        top.key = Scalar(line, value.text)

    def _require_small(self, weight: _Weight, line: int) -> None:
        if weight.values > MOST_VALUES or weight.characters > MOST_CHARACTERS:
            raise _Refused(line, f"more than {MOST_VALUES:,} values or {MOST_CHARACTERS:,} characters with all aliases")
        if weight.height + len(self._open) > DEEPEST + 1:
            raise _Refused(line, f"nested deeper than {DEEPEST} levels with all aliases", "flatten the groups")

    def _require_safe(self, tag: str | None, line: int) -> None:
        if tag is not None and tag != "!" and tag not in PLAIN_TAGS:
            raise _Refused(line, f"the tag {shown(tag)} is not allowed", "plain values only: remove the tag")
