"""A task plans a group: its words become tasks of that group, in the place of what is still pending there (R38)."""

import json
from typing import Any

from engine.dispatch.agent.caller import Caller, require_live
from engine.dispatch.claims import Claimed
from engine.dispatch.creation import insert_children
from engine.dispatch.runs.pinned import GOALS_OWN
from engine.dispatch.steps import PLANS, brief, change
from engine.dispatch.tree.moves import settle
from engine.errors import Conflict, Invalid
from engine.events import EventType
from engine.goals import parse_goal
from engine.model import FINAL_TASK_STATES, SessionPolicy, TaskKind, TaskSpec, TaskState
from engine.sandbox_api.requests import Subtasks
from engine.store import Tx

Document = dict[str, object]
ALLOWED = frozenset({"id", "title", "run", "needs", "retries", "priority", "artifacts", "requires_approval"})
"""What an agent may say of a task. Its sandbox is that of the planner: nothing planned reaches further."""


async def replace(caller: Caller, said: Subtasks) -> Document:
    """Replace the pending tasks of the group that this task plans; what runs or has ended stays as it is."""

    def unit(tx: Tx) -> Document:
        require_live(tx, caller.run)
        group = _group(tx, caller, said.group)
        children = [dict(row) for row in tx.all(PLANS["children"], {"group": group["id"]})]
        replaced = [row for row in children if row["state"] == TaskState.PENDING and row["kind"] == TaskKind.WORK]
        kept = [row["key"] for row in children if row not in replaced]
        specs = _specs(said, kept, caller.claimed)
        for row in replaced:
            tx.run(PLANS["rename"], {"id": row["id"], "key": f"{row['key']}.replaced-{row['id']}"})
        for spec in specs:
            if tx.one(PLANS["taken"], {"goal": caller.goal, "key": spec.id}) is not None:
                raise Conflict(f"the id {spec.id} is taken by another task of this goal")
        for row in replaced:
            change(tx, row, TaskState.SKIPPED, cause=f"{caller.name} planned anew")
        made = insert_children(tx, caller.goal, group["id"], specs, len(children), caller.context.ids)
        for task in (*[row["id"] for row in replaced], *made.values()):
            settle(tx, brief(tx, task))
        tx.emit(EventType.TASK_PLANNED, goal=caller.goal, task=group["id"], run=caller.run, by=caller.name,
                added=list(made), replaced=[row["key"] for row in replaced])  # fmt: skip
        return {"group": group["key"], "added": made, "replaced": [row["key"] for row in replaced]}

    done = await caller.context.database.write(unit)
    await caller.exchange.grown(caller.goal)
    return done


def _group(tx: Tx, caller: Caller, name: str | None) -> dict[str, Any]:
    found = [dict(row) for row in tx.all(PLANS["planned_by"], {"goal": caller.goal, "key": caller.name})]
    fitting = [row for row in found if name in (None, row["key"])]
    if len(fitting) != 1:
        hint = f"a group says `planned_by: {caller.name}`" if not found else "name one of them as `group`"
        raise Invalid(f"{caller.name} plans {', '.join(row['key'] for row in found) or 'no group'}", hint=hint)
    if fitting[0]["state"] in FINAL_TASK_STATES:
        raise Conflict(f"the group {fitting[0]['key']} is {fitting[0]['state']}")
    return fitting[0]


def _specs(said: Subtasks, kept: list[str], planner: Claimed) -> list[TaskSpec]:
    """The new tasks, checked like those of a goal file among the ones that stay."""
    for task in said.tasks:
        foreign = set(task) - ALLOWED
        if foreign:
            raise Invalid(f"a subtask has no {', '.join(sorted(foreign))}", hint=f"it has {', '.join(sorted(ALLOWED))}")
    if not said.tasks:
        return []
    standing = [{"id": key, "run": "true"} for key in kept]
    source = json.dumps({"goal": "subtasks", "policy": {"order": "parallel"}, "tasks": [*standing, *said.tasks]})
    parsed = parse_goal(source, "subtasks", {}).root.tasks
    pin = GOALS_OWN if planner.goal.policy.session is SessionPolicy.REUSE else None
    surroundings = {"sandbox": planner.task.spec.sandbox, "pin": pin}
    return [spec.model_copy(update=surroundings) for spec in parsed if spec.id not in kept]
