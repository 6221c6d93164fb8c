"""Tasks of a goal file, read into drafts with a work list."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from engine.goals.document import Listing, Table, Value
from engine.goals.drafts import Draft
from engine.goals.fields import Fields
from engine.goals.gates import read_gate
from engine.goals.keys import BELONGS, COMMON, LATER, LEAF_KINDS, MERGE, TASK
from engine.goals.problems import Problems, listing, shown
from engine.goals.sandbox_keys import Limits, layered, read_env, read_sandbox
from engine.goals.variables import Variables
from engine.model import MergeSpec, OnFailure, Order, SandboxLimits, TaskKind

KEY = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")
BAD_BRANCH = re.compile(r"\.\.|//|/\.|\.(/|$)|/$|\.lock(/|$)")
MOST_RETRIES = 100


class TaskReader:
    """Reads the tasks of one file. `defaults` are sandbox limits under those of each task, the weaker first."""

    def __init__(self, variables: Variables, defaults: Sequence[Limits]) -> None:
        self._variables = variables
        self._problems: Problems = variables.problems
        self._defaults = defaults

    def read_children(self, parent: Draft, node: Value | None) -> None:
        """Append the drafts of a `tasks:` list, and of every list inside it."""
        waiting = [(parent, node)]
        while waiting:
            group, value = waiting.pop()
            for item in self._items(value):
                draft, inner = self._task(item)
                group.children.append(draft)
                if draft.kind is TaskKind.GROUP and inner is not None:
                    waiting.append((draft, inner))

    def read_work(self, draft: Draft, fields: Fields) -> None:
        """What belongs to a task with `run:`."""
        draft.kind = TaskKind.WORK
        draft.run = _command(fields)
        draft.retries = fields.integer("retries", 0, MOST_RETRIES) or 0
        draft.requires_approval = fields.flag("requires_approval") or False
        draft.artifacts = _artifacts(fields)
        draft.sandbox = self._limits(fields)

    def _items(self, node: Value | None) -> list[Value]:
        if isinstance(node, Listing):
            return node.items
        if node is not None:
            self._problems.add(node.line, "`tasks` is not a list", "write each task as `- id: name`")
        return []

    def _task(self, item: Value) -> tuple[Draft, Value | None]:
        if not isinstance(item, Table):
            self._problems.add(item.line, "a task is not a mapping", "write `- id: name` with its keys below")
            return Draft(f"line-{item.line}", "", item.line), None
        fields = Fields(item, "a task", TASK, self._variables)
        key = self._key(fields)
        draft = Draft(key, (fields.text("title") or key).strip(), fields.line)
        draft.needs = fields.words("needs")
        draft.priority = fields.integer("priority", -1000, 1000) or 0
        is_a = self._what(fields)
        match is_a:
            case "run":
                self.read_work(draft, fields)
            case "merge":
                draft.kind, draft.merge = TaskKind.WORK, _merge(fields)
            case "gate":
                draft.kind = TaskKind.GATE
                draft.gate, draft.rework = read_gate(fields)
            case "tasks":
                return draft, self._group(draft, fields)
            case _:
                pass  # reported: it is nothing, or more than one thing
        return draft, None

    def _key(self, fields: Fields) -> str:
        text = fields.text("id")
        if text is not None and KEY.fullmatch(text) is not None:
            return text
        if text is not None:
            todo = "start with a-z or 0-9, then a-z 0-9 . _ - only, at most 100"
            self._problems.add(fields.line_of("id"), f"{shown(text)} is not an id", todo)
        elif not fields.has("id"):
            self._problems.add(fields.line, "a task has no `id`", "add `id: name`")
        return f"line-{fields.line}"

    def _what(self, fields: Fields) -> str | None:
        """Which of run, merge, gate and tasks this is; keys of another one are reported."""
        said = [kind for kind in LEAF_KINDS if fields.has(kind)]
        if len(said) != 1:
            # A task that says `agent:` has been told already that this comes later.
            later = fields.has("agent") or fields.has("prompt") or fields.has("planned_by")
            if said:
                self._problems.add(fields.line, f"a task has {listing(said)}", "keep one of them")
            elif not later:
                self._problems.add(fields.line, "a task does nothing", "add `run:`, `merge:`, `gate:` or `tasks:`")
            return None
        for key in TASK.known:
            if fields.has(key) and key not in COMMON and key not in BELONGS[said[0]]:
                owner = listing(kind for kind in LEAF_KINDS if key in BELONGS[kind])
                todo = f"it belongs to a task with {owner}"
                self._problems.add(fields.line_of(key), f"{shown(key)} has no meaning beside {shown(said[0])}", todo)
        return said[0]

    def _group(self, draft: Draft, fields: Fields) -> Value | None:
        draft.kind = TaskKind.GROUP
        draft.order = fields.choice("order", Order) or Order.SEQUENTIAL
        draft.on_failure = fields.choice("on_failure", OnFailure) or OnFailure.STOP
        node = fields.node("tasks")
        size = len(node.items) if isinstance(node, Listing) else 0
        if isinstance(node, Listing) and not size:
            self._problems.add(
                fields.line_of("tasks"), f"the group {shown(draft.id)} has no tasks", "add one or remove it"
            )
        draft.require = self._require(fields, size)
        return node

    def _require(self, fields: Fields, size: int) -> str:
        text = fields.text("require")
        if text is None or text in ("all", "any"):
            return text or "all"
        line = fields.line_of("require")
        if text == "agreed":
            self._problems.add(line, f"`require: agreed` {LATER}", "use all, any or a number")
        elif not (text.isdecimal() and len(text) < 7 and 1 <= int(text) <= size):
            todo = f"write all, any or a number from 1 to {size}" if size else "write all, any or a number"
            self._problems.add(line, f"`require` is {shown(text)}", todo)
        else:
            return str(int(text))
        return "all"

    def _limits(self, fields: Fields) -> SandboxLimits:
        return layered([*self._defaults, read_sandbox(fields), {"env": read_env(fields)}])


def _command(fields: Fields) -> str | tuple[str, ...] | None:
    node = fields.node("run")
    if not isinstance(node, Listing):
        return None if node is None else fields.read_text(node, "`run`")
    if not node.items:
        fields.problems.add(
            node.line, "`run` is an empty list", "write a command, or a list of a program and arguments"
        )
        return None
    read = [fields.read_any_text(item, "an item of `run`") for item in node.items]  # "" is a fine argument
    words = tuple(word for word in read if word is not None)
    if words and not words[0].strip():
        fields.problems.add(node.line, "`run` names no program", "the first item is the program")
    return words


def _artifacts(fields: Fields) -> tuple[str, ...]:
    kept: list[str] = []
    for word in fields.words("artifacts"):
        path = PurePosixPath(word.text)
        if path.is_absolute() or ".." in path.parts:
            todo = "write a path inside the work folder, such as out/*.txt"
            fields.problems.add(word.line, f"artifact {shown(word.text)} leaves the work folder", todo)
        else:
            kept.append(word.text)
    return tuple(kept)


def _merge(fields: Fields) -> MergeSpec | None:
    inner = fields.section("merge", MERGE, "`merge`", "merge: {into: main}")
    if inner is None:
        return None
    into = inner.text("into")
    if into is None:
        if not inner.has("into"):
            inner.problems.add(inner.line, "`merge` does not say where", "write `merge: {into: main}`")
        return None
    if BRANCH.fullmatch(into) is None or BAD_BRANCH.search(into):
        inner.problems.add(inner.line_of("into"), f"{shown(into)} is not a branch name", "letters, digits and . _ / -")
        return None
    return MergeSpec(into=into)
