"""What must hold between tasks: unique ids, needs that exist and make no cycle, work that may be sent back."""

from collections.abc import Sequence

from engine.goals.cycles import find_cycles
from engine.goals.drafts import ROOT, Draft
from engine.goals.outline import Outline
from engine.goals.problems import Problems, nearest, shown
from engine.goals.rework import comes_before, nearest_work
from engine.goals.testers import tester_keys
from engine.model import TaskKind


def check_tree(drafts: Sequence[Draft], outline: Outline, *, has_repo: bool, problems: Problems) -> None:
    """Report every broken rule. `drafts` are in tree order, the root first."""
    _check_ids(drafts, problems)
    first = {draft.id: index for index, draft in reversed(list(enumerate(drafts)))}
    for index, draft in enumerate(drafts):
        _check_needs(index, draft, first, outline, problems)
        _check_planner(index, draft, first, outline, problems)
        if draft.merge is not None and not has_repo:
            problems.add(draft.line, f"{shown(draft.id)} merges, and the goal has no `repo`", "add `repo: .`")
    cycles = find_cycles(outline)
    for cycle in cycles:
        word = next(word for word in drafts[cycle.task].needs if word.text == outline.keys[cycle.need])
        todo = "each waits for the next: remove one of the needs, or change the order"
        problems.add(word.line or _newest_line(drafts), f"cycle: {cycle.path}", todo)
    if not cycles:
        _check_rework(drafts, first, outline, problems)


def rework_targets(drafts: Sequence[Draft], outline: Outline) -> dict[str, str]:
    """The task that runs again per gate: the one the file names, else the nearest earlier work."""
    targets: dict[str, str] = {}
    for index, draft in enumerate(drafts):
        if draft.rework is not None:
            targets[draft.id] = draft.rework.text
        elif draft.gate is not None and (work := nearest_work(outline, index)) is not None:
            targets[draft.id] = outline.keys[work]
    return targets


def _check_ids(drafts: Sequence[Draft], problems: Problems) -> None:
    lines: dict[str, int] = {}
    testers = {key: draft.id for draft in drafts for key in tester_keys(draft)}
    for draft in sorted(drafts[1:], key=lambda draft: draft.line > 0):  # what stands already keeps its id
        if draft.id == ROOT:
            problems.add(draft.line, f"the id {shown(ROOT)} is the goal's own", "choose another one")
        elif draft.id in testers:
            what = f"the id {shown(draft.id)} is that of a tester of {shown(testers[draft.id])}"
            problems.add(draft.line, what, "choose another one")
        elif draft.id in lines:
            owner = f"line {lines[draft.id]}" if lines[draft.id] else "another task of the goal"
            problems.add(draft.line, f"the id {shown(draft.id)} is taken by {owner}", "choose another one")
        lines.setdefault(draft.id, draft.line)


def _check_needs(index: int, draft: Draft, first: dict[str, int], outline: Outline, problems: Problems) -> None:
    seen: set[str] = set()
    for word in draft.needs:
        other = first.get(word.text)
        if word.text in seen:
            problems.add(word.line, f"{shown(draft.id)} needs {shown(word.text)} twice", "remove one of them")
        elif other is None:
            known = [] if problems.many else [key for key in first if key not in (ROOT, draft.id)]
            problems.add(
                word.line, f"{shown(draft.id)} needs {shown(word.text)}, which is no task", nearest(word.text, known)
            )
        elif word.text == draft.id:
            problems.add(word.line, f"{shown(draft.id)} needs itself", "remove it")
        elif outline.related(index, other):
            what = "the group it is in" if other < index else "a task inside it"
            problems.add(word.line, f"{shown(draft.id)} needs {shown(word.text)}, {what}", "remove it")
        seen.add(word.text)


def _newest_line(drafts: Sequence[Draft]) -> int:
    """Where the first task stands that is new in a goal under way: 0 when none is."""
    return min((draft.line for draft in drafts if draft.line), default=0)


def _check_planner(index: int, draft: Draft, first: dict[str, int], outline: Outline, problems: Problems) -> None:
    """A group is planned by work outside it that does not wait for it."""
    word = draft.planned_by
    if word is None:
        return
    planner = first.get(word.text)
    if planner is None or not outline.works[planner]:
        todo = "name a task with `run` or `agent` that plans it"
        problems.add(word.line, f"`planned_by: {word.text}` names no task with `run` or `agent`", todo)
    elif outline.related(index, planner):
        problems.add(word.line, f"{shown(word.text)} is in the group that it plans", "move it out of the group")


def _check_rework(drafts: Sequence[Draft], first: dict[str, int], outline: Outline, problems: Problems) -> None:
    for index, draft in enumerate(drafts):
        word = draft.rework
        if word is None:
            continue
        target = first.get(word.text)
        if target is None:
            works = [other.id for other in drafts if other.works]
            problems.add(word.line, f"`rework: {word.text}` names no task", nearest(word.text, works))
        elif not outline.works[target]:
            problems.add(
                word.line, f"`rework: {word.text}` is no task with `run` or `agent`", "name the task that runs again"
            )
        elif not comes_before(outline, target, index):
            todo, what = f"add `needs: [{word.text}]`", "the gate" if draft.kind is TaskKind.GATE else "the task"
            problems.add(word.line, f"{what} {shown(draft.id)} does not wait for {shown(word.text)}", todo)
