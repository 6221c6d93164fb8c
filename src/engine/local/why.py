"""The proof of what holds a task, or how and why it ended."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from engine.api import Why
from engine.dispatch.loading import load_graph
from engine.dispatch.memory import MemoryRoom, lack
from engine.dispatch.outage import stored, words
from engine.dispatch.switch import is_on
from engine.dispatch.waiting import waiting_on
from engine.model import FINAL_GOAL_STATES, GoalState, RunRecord, TaskKind, TaskRecord, TaskState
from engine.store import named_queries
from engine.store.rows import decision_from, goal_from, run_from, task_from
from engine.units import format_duration, format_size

GOALS, TASKS, RUNS = named_queries("goals"), named_queries("tasks"), named_queries("runs")
DECISIONS = named_queries("decisions")
NEXT = {
    GoalState.DRAFT: "; start it",
    GoalState.PAUSED: " (`pilothouse resume`)",
    GoalState.DRAINING: ", and it is paused once what runs has ended (`pilothouse resume`)",
}


def why_goal(connection: sqlite3.Connection, goal: str) -> Why:
    """What a goal waits for, or how it ended."""
    record = goal_from(connection.execute(GOALS["get"], {"id": goal}).fetchone())
    held = waiting_on(connection, goal)
    reasons = [f"waits for {w.kind} {w.id}: {w.label}" for w in held]
    if record.state in NEXT:
        reasons.insert(0, f"nothing new starts in it{NEXT[record.state]}")
    if not is_on(connection) and record.state not in FINAL_GOAL_STATES:
        reasons.insert(0, "dispatch is off: nothing starts in any goal (`pilothouse dispatch on`)")
    failed = [row for row in connection.execute(TASKS["of_goal"], {"goal": goal}) if row["state"] == TaskState.FAILED]
    reasons += [f"{row['key']} failed: {row['cause']}" for row in failed if row["kind"] != "group"]
    summary = f"{record.title} is {record.state}" + (f": {record.cause}" if record.cause else "")
    return Why(id=goal, key="", state=record.state, summary=summary, reasons=tuple(reasons))


@dataclass(frozen=True)
class Room:
    """What the engine has left: `live` of `cap` runs are taken; `memory` None when the host is not asked."""

    live: int
    cap: int
    memory: MemoryRoom | None


def why_task(connection: sqlite3.Connection, task: str, now: datetime, room: Room) -> Why:
    """One sentence and its facts."""
    record = task_from(connection.execute(TASKS["get"], {"id": task}).fetchone())
    goal = goal_from(connection.execute(GOALS["get"], {"id": record.goal}).fetchone())
    newest = connection.execute(RUNS["newest"], {"task": task}).fetchone()
    run = None if newest is None else run_from(newest)
    reasons: list[str] = []
    match record.state:
        case TaskState.PENDING:
            reasons = _pending(connection, record, goal.state, now, room)
        case TaskState.WAITING | TaskState.REVIEW | TaskState.BLOCKED:
            reasons = _open_decisions(connection, task)
        case TaskState.CLAIMED:
            reasons = ["its sandbox is being made"]
        case _:
            reasons = []
    if record.cause is not None:
        reasons.insert(0, record.cause)
    if run is not None:
        reasons += _about(run)
    summary = f"{record.key} is {record.state}" + (f": {reasons[0].splitlines()[0]}" if reasons else "")
    last = run.last_lines if run is not None else ()
    return Why(id=task, key=record.key, state=record.state, summary=summary, reasons=tuple(reasons), last_lines=last)


def _pending(
    connection: sqlite3.Connection, task: TaskRecord, state: GoalState, now: datetime, room: Room
) -> list[str]:
    reasons = [] if is_on(connection) else ["dispatch is off: nothing starts in any goal (`pilothouse dispatch on`)"]
    if state is not GoalState.ACTIVE:
        reasons.append(f"its goal is {state}: nothing starts in it{NEXT.get(state, '')}")
    holders = load_graph(connection, task.goal).holders(task.id)
    reasons += [f"needs {node.key}, which is {node.state}" for node in holders]
    if task.not_before is not None and task.not_before > now:
        reasons.append(f"tries again in {format_duration((task.not_before - now).total_seconds())}")
    if task.kind is TaskKind.WORK and task.spec.merge is None:
        reasons += filter(None, [words(stored(connection))])
        if not reasons and room.memory is not None:
            reasons += filter(None, [lack(connection, task.spec.sandbox.memory, room.memory)])
    if not reasons and room.live >= room.cap:
        reasons.append(f"all {room.cap} places are taken (engine.max_parallel)")
    return reasons or ["it is ready and starts with the next pass of a running engine"]


def _open_decisions(connection: sqlite3.Connection, task: str) -> list[str]:
    found = [decision_from(row) for row in connection.execute(DECISIONS["open_of_task"], {"task": task}).fetchall()]
    return [f"waits for your answer to {d.id} (version {d.version}): {d.question}" for d in found]


def _about(run: RunRecord) -> list[str]:
    words = f"run {run.n} ({run.id}) under {run.driver}: {run.state}"
    facts = [words if run.message is None else f"{words}, {run.message.splitlines()[0]}"]
    if run.frozen:
        facts.append(f"its sandbox {run.sandbox} is frozen: it stands still, its time limits too (`pilothouse thaw`)")
    if run.oom and run.memory is not None:
        facts.append(f"its memory limit was {format_size(run.memory)}")
    if run.exit_code is not None:
        facts.append(f"exit code {run.exit_code}" + (f", signal {run.signal}" if run.signal else ""))
    if run.salvage is not None:
        facts.append(f"its work is kept in the branch {run.salvage} of .pilothouse/git/{run.goal}.git")
    return facts
