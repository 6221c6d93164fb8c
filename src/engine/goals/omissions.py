"""What a goal is run without, by an operator's choice."""

from collections.abc import Iterator, Mapping, Sequence

from engine.errors import Invalid
from engine.goals.drafts import ROOT
from engine.goals.testers import tester_key
from engine.model import TaskKind, TaskSpec

TESTERS = ".testers"


def omitted(root: TaskSpec, keys: Sequence[str]) -> dict[str, str]:
    """The leaves that `keys` leave out of a tree, each with the key that was named: its own, or that of a group it is
    in. Testers go with their group, by their own keys, or all of one by `GROUP.testers`. Invalid for a key that is not
    there, for a group that is still empty, and when nothing would be left to do."""
    tasks = {task.id: task for task in _below(root)}
    beside = {task.id: _testers(task) for task in tasks.values() if task.testers is not None}
    teams = _teams(beside)
    unknown = next((key for key in keys if (key not in tasks and key not in teams) or key == ROOT), None)
    if unknown is not None:
        known = ", ".join(key for key in (*tasks, *(f"{group}{TESTERS}" for group in beside)) if key != ROOT)
        raise Invalid(f"the goal has no task {unknown!r} to skip", hint=f"its tasks: {known}" if known else "")
    found: dict[str, str] = {}
    for key in keys:
        found = (_left_out(tasks[key], beside) if key in tasks else dict.fromkeys(teams[key], key)) | found
    if keys and all(task.id in found for task in tasks.values() if task.kind is not TaskKind.GROUP):
        raise Invalid("without these the goal has nothing to do", hint="leave one task in it")
    return found


def _left_out(named: TaskSpec, beside: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The leaves of a task that was named, and the testers of all groups in it."""
    below = list(_below(named))
    leaves = {task.id: named.id for task in below if task.kind is not TaskKind.GROUP}
    if not leaves:
        raise Invalid(f"{named.id} has no tasks yet", hint=f"skip {named.planned_by}, which plans them")
    return leaves | {tester: named.id for task in below for tester in beside.get(task.id, ())}


def _testers(group: TaskSpec) -> Sequence[str]:
    most = 0 if group.testers is None else group.testers.max
    return [tester_key(group.id, number) for number in range(1, most + 1)]


def _teams(beside: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    """Testers by what may be said for them: each alone, all of one group."""
    alone = {tester: [tester] for testers in beside.values() for tester in testers}
    return alone | {f"{group}{TESTERS}": testers for group, testers in beside.items()}


def _below(root: TaskSpec) -> Iterator[TaskSpec]:
    """A task and everything in it, in tree order."""
    stack = [root]
    while stack:
        task = stack.pop()
        yield task
        stack.extend(reversed(task.tasks))
