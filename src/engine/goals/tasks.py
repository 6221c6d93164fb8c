"""Tasks of a goal file, read into drafts with a work list."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from engine.goals.agent_keys import Profiles, read_agent
from engine.goals.budgets import read_stall, read_task_budget
from engine.goals.document import Listing, Table, Value
from engine.goals.drafts import Draft
from engine.goals.fields import Fields, Word
from engine.goals.gates import read_gate
from engine.goals.keys import BELONGS, COMMON, LATER, LEAF_KINDS, MERGE, TASK
from engine.goals.problems import Problems, listing, shown
from engine.goals.sandbox_keys import Limits, layered, read_env, read_sandbox, require_reach
from engine.goals.sessions import read_session
from engine.goals.testers import read_testers
from engine.goals.variables import Variables
from engine.goals.verdicts import read_gate_reject, read_verdict
from engine.model import MergeSpec, OnFailure, Order, SandboxLimits, TaskKind

KEY = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")
BAD_BRANCH = re.compile(r"\.\.|//|/\.|\.(/|$)|/$|\.lock(/|$)")
MOST_RETRIES = 100
MOST_PLANNED = 10_000  # tasks that a planned group may come to have


class TaskReader:
    """Reads the tasks of one file. `defaults` are sandbox limits under those of each task, the weaker first;
    `profiles` the agents of the settings, None when they are not known."""

    def __init__(
        self,
        variables: Variables,
        defaults: Sequence[Limits],
        profiles: Profiles | None = None,
        *,
        has_repo: bool = False,
    ) -> None:
        self._variables = variables
        self._has_repo = has_repo
        self._problems: Problems = variables.problems
        self._defaults = defaults
        self._shared: SandboxLimits | None = None
        self._profiles = profiles

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
        """What belongs to a task with `run:` or `agent:`."""
        draft.kind = TaskKind.WORK
        own: Limits = {}
        if fields.has("agent"):
            own = read_agent(draft, fields, self._profiles)
        else:
            draft.run = _command(fields)
        draft.retries = fields.integer("retries", 0, MOST_RETRIES) or 0
        draft.requires_approval = fields.flag("requires_approval") or False
        draft.artifacts = _artifacts(fields)
        draft.sandbox = self._limits(fields, own)
        draft.budget, draft.stall = read_task_budget(fields), read_stall(fields)

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
        draft.description = (fields.text("description") or "").strip()
        draft.needs = fields.words("needs")
        draft.priority = fields.integer("priority", -1000, 1000) or 0
        is_a = self._what(fields)
        match is_a:
            case "run" | "agent":
                read_verdict(draft, fields)
                self.read_work(draft, fields)
                read_session(draft, fields)
            case "merge":
                draft.kind, draft.merge = TaskKind.WORK, _merge(fields)
            case "gate":
                draft.kind = TaskKind.GATE
                draft.gate, draft.rework = read_gate(fields, has_repo=self._has_repo)
                read_gate_reject(draft, fields)
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
        if not said and fields.has("planned_by"):
            said = ["tasks"]  # all of its tasks are still to come
        if len(said) != 1:
            if said:
                self._problems.add(fields.line, f"a task has {listing(said)}", "keep one of them")
            elif fields.has("prompt"):
                self._problems.add(fields.line_of("prompt"), "a prompt has no agent", "add `agent: PROFILE`")
            elif not fields.has("planned_by"):
                todo = "add `run:`, `agent:`, `merge:`, `gate:` or `tasks:`"
                self._problems.add(fields.line, "a task does nothing", todo)
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
        if fields.has("planned_by") and (planner := fields.text("planned_by")) is not None:
            draft.planned_by = Word(planner.strip(), fields.line_of("planned_by"))
        if isinstance(node, Listing) and not size and draft.planned_by is None:
            self._problems.add(
                fields.line_of("tasks"), f"the group {shown(draft.id)} has no tasks", "add one or remove it"
            )
        draft.require = self._require(fields, MOST_PLANNED if draft.planned_by is not None else size)
        draft.testers = read_testers(draft, fields, self.read_work)
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

    def _limits(self, fields: Fields, own: Limits) -> SandboxLimits:
        said, env = read_sandbox(fields), read_env(fields)
        if own or said or env:
            limits = layered([*self._defaults, own, said, {"env": env}])
            require_reach(fields, limits, said)
            return limits
        if self._shared is None:  # of all tasks that say nothing of their own
            self._shared = layered(self._defaults)
            require_reach(fields, self._shared, {})
        return self._shared


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
