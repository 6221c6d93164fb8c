"""One document with everything about a goal, asked of whatever engine answers."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from engine.api import TreeNode
from engine.errors import Invalid, NotFound
from engine.events import Event, EventType

if TYPE_CHECKING:
    from engine.api import DecisionView, Diff, Engine, RunView, TaskView
    from engine.local.project import ProjectPaths

FORMAT = 1
PAGE = 1000  # events asked for at once


async def export(engine: "Engine", ref: str) -> dict[str, object]:
    """The goal, its tree, tasks, runs with exit records and where their logs lie, decisions, events and change.

    `seq` is the newest event of the project when it began: what came later may be in parts of it.
    """
    from engine.local.project import ProjectPaths

    info = await engine.info()
    paths = ProjectPaths(Path(info.project))
    [goal] = (await engine.status(ref)).goals
    tree = await engine.tree(goal.id)
    tasks = [await engine.task(id) for id in _ids(tree)]
    events = await _events(engine, goal.id)
    return {
        "format": FORMAT,
        "exported_at": datetime.now(UTC).isoformat(),
        "seq": info.seq,
        "goal": goal,
        "tree": tree,
        "tasks": [task.model_copy(update={"runs": ()}) for task in tasks],
        "runs": [_run(run, paths) for run in _runs(tasks)],
        "decisions": await _decisions(engine, events),
        "events": events,
        "diff": await _diff(engine, goal.id),
    }


def _ids(tree: TreeNode) -> Iterator[str]:
    """The goal, which stands for its root task, and every task below, parents first."""
    queue = [tree]
    for node in queue:
        yield node.id
        queue.extend(node.children)


def _runs(tasks: "list[TaskView]") -> "list[RunView]":
    return sorted((run for task in tasks for run in task.runs), key=lambda run: (run.created_at, run.id))


def _run(run: "RunView", paths: "ProjectPaths") -> dict[str, object]:
    """A run with what its exit record stands for on the disk."""
    log, artifacts, patch = paths.run_log(run.id), paths.run_artifacts(run.id), paths.run_salvage(run.id)
    kept = {"log": log, "artifacts": artifacts, "patch": patch}
    return {
        **run.model_dump(mode="json"),
        **{name: str(path) if path.exists() else None for name, path in kept.items()},
    }


async def _events(engine: "Engine", goal: str) -> list[Event]:
    found: list[Event] = []
    after = 0
    while page := await engine.events(after, PAGE):
        found += [event for event in page if event.goal == goal]
        after = page[-1].seq
    return found


async def _decisions(engine: "Engine", events: list[Event]) -> "list[DecisionView]":
    """Every question that was ever asked, with its answer."""
    opened = [str(event.data["decision"]) for event in events if event.type is EventType.DECISION_OPENED]
    return [(await engine.decision(decision)).decision for decision in opened]


async def _diff(engine: "Engine", goal: str) -> "Diff | None":
    try:
        return await engine.diff(goal)
    except (Invalid, NotFound):
        return None  # it has no repository
