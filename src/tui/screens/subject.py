"""What the keys of a row act on: a goal, a task, or a live sandbox's task."""

from typing import NamedTuple

from engine.api import GoalView, SandboxView, TreeNode
from engine.model import FINAL_GOAL_STATES, FINAL_TASK_STATES, DecisionState, GoalState, TaskKind, TaskState
from tui.messages import Overview

SKIPPABLE = (TaskState.PENDING, TaskState.BLOCKED, TaskState.FAILED, TaskState.WAITING)
SETTLED = (TaskState.DONE, TaskState.CANCELLED, TaskState.SKIPPED)
UNBEGUN = (TaskState.PENDING, TaskState.BLOCKED, TaskState.FAILED)
RETRIED = (TaskState.FAILED, TaskState.BLOCKED)


class Subject(NamedTuple):
    """A goal or a task keys act on. `label` is foreign text; `decision` is the id of what waits for a human; `goal` is
    the state of a goal, `box` the live sandbox of a task."""

    ref: str
    label: str
    what: str
    alive: bool
    runs: int
    decision: str | None
    goal: GoalState | None = None
    box: SandboxView | None = None
    may_retry: bool = False
    may_skip: bool = False
    may_edit: bool = False
    may_need: bool = False


def subject_of(goal: GoalView | None, node: TreeNode | None, overview: Overview) -> Subject | None:
    """What a row of the tree is: a task of a goal, or the goal itself."""
    if goal is None:
        return None
    mine = (d for d in overview.decisions if (d.task == node.id if node is not None else d.goal == goal.id))
    waiting = next((d.id for d in mine if d.state is DecisionState.PENDING), None)
    over = goal.state in (GoalState.DONE, GoalState.CANCELLED)
    if node is None:
        failed = not over and goal.counts.get(TaskState.FAILED, 0) > 0
        alive = goal.state not in FINAL_GOAL_STATES
        return Subject(goal.id, goal.title, "goal", alive, 0, waiting, goal.state, may_retry=failed)
    group = node.kind == TaskKind.GROUP
    return Subject(
        node.id, node.key, "task", node.state not in FINAL_TASK_STATES, node.runs, waiting,
        box=next((box for box in overview.sandboxes if box.task == node.id), None),
        may_retry=not over and node.state in (RETRIED[:1] if group else RETRIED),
        may_skip=not over and not group and node.state in SKIPPABLE,
        may_edit=node.state not in SETTLED, may_need=node.state in UNBEGUN,
    )  # fmt: skip


def of_sandbox(box: SandboxView) -> Subject:
    """The task a sandbox runs."""
    return Subject(box.task, box.task_key, "task", True, 1, None, box=box)
