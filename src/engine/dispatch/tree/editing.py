"""A task is changed while its goal is under way (R10, R11)."""

from engine.api.edits import TaskEdit
from engine.dispatch.steps import TASKS, brief, is_in, leaves
from engine.dispatch.tree.holding import hold_new
from engine.dispatch.tree.moves import settle
from engine.dispatch.tree.placing import place
from engine.dispatch.tree.releasing import release_held
from engine.dispatch.tree.standing import NOT_BEGUN, Row, named, standing
from engine.errors import IllegalMove, Invalid, NotFound, StaleVersion
from engine.events import EventType
from engine.model import TaskState
from engine.store import Tx

READ_ONLY = frozenset({TaskState.DONE, TaskState.CANCELLED, TaskState.SKIPPED})


def edit_task(tx: Tx, task: str, edit: TaskEdit) -> None:
    """Write the change with its event, or nothing."""
    row = tx.one(TASKS["get"], {"id": task})
    if row is None:
        raise NotFound(f"no task {task}")
    if row["tests"] is not None:
        raise Invalid(f"{row['key']} is a tester: what it does stands in `testers:` of its group")
    state = TaskState(row["state"])
    if edit.version is not None and edit.version != row["version"]:
        raise StaleVersion(f"{row['key']} has version {row['version']}, not {edit.version}", hint="read it again")
    if state in READ_ONLY or (edit.needs is not None and state not in NOT_BEGUN):
        what = "it is read-only" if state in READ_ONLY else "its needs are settled"
        raise IllegalMove(f"{row['key']} is {state}: {what}", details={"state": state})
    title = row["title"] if edit.title is None else edit.title.strip()
    description = row["description"] if edit.description is None else edit.description.strip()
    priority = row["priority"] if edit.priority is None else edit.priority
    tx.run(TASKS["edit"], {"id": task, "title": title, "description": description, "priority": priority})
    changed = edit.model_dump(mode="json", exclude={"by", "version", "place"}, exclude_none=True)
    if edit.needs is not None:
        _replace_needs(tx, dict(row), edit.needs)
    if edit.place is not None:
        changed["place"] = edit.place.model_dump(mode="json", exclude_none=True) | {
            "parent": place(tx, task, edit.place)
        }
    tx.emit(EventType.TASK_EDITED, goal=row["goal"], task=task, key=row["key"], by=edit.by, **changed)


def _replace_needs(tx: Tx, row: Row, wanted: tuple[str, ...]) -> None:
    found = [named(tx, row["goal"], name, "need") for name in wanted]
    if len(set(found)) != len(found):
        raise Invalid(f"{row['key']} would need a task twice", hint="name each one once")
    if row["id"] in found:
        raise Invalid(f"{row['key']} would need itself")
    for needed in (brief(tx, task) for task in found):
        if is_in(tx, row, needed["id"]) or is_in(tx, needed, row["id"]):
            cycle = f"{row['key']} -> {needed['key']} -> {row['key']}"
            raise Invalid(f"these needs are a cycle: {cycle}", hint="one of them is the group that the other is in")
    tx.run(TASKS["drop_needs"], {"task": row["id"]})
    tx.many(TASKS["insert_need"], [(row["id"], needed) for needed in found])
    standing(tx, row["goal"]).require_sound()
    release_held(tx, row["goal"])
    hold_new(tx, row["goal"], [row["id"]])
    for leaf in leaves(tx, row["id"]):
        settle(tx, leaf)
