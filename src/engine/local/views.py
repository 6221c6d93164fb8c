"""Rows become the views of the API. Every function reads one consistent snapshot."""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from pydantic import ValidationError

from engine.api import DecisionView, GoalView, RunView, SandboxView, TaskView, TreeNode
from engine.dispatch.waiting import is_waiting, waiting_on
from engine.errors import ExitCode
from engine.model import (
    FINAL_GOAL_STATES,
    SATISFIED,
    DecisionRecord,
    DriverName,
    GoalRecord,
    GoalState,
    RunRecord,
    RunState,
    TaskKind,
    TaskRecord,
    TaskState,
)
from engine.store import named_queries
from engine.store.rows import decision_from, goal_from, run_from, task_from

GOALS, TASKS, RUNS = named_queries("goals"), named_queries("tasks"), named_queries("runs")
GATES, DECISIONS = named_queries("gates"), named_queries("decisions")
URGENCY = {"high": 0, "normal": 1, "low": 2}


def goal_view(connection: sqlite3.Connection, goal: str) -> GoalView:
    return _goal_view(connection, goal_from(connection.execute(GOALS["get"], {"id": goal}).fetchone()))


def goal_views(connection: sqlite3.Connection) -> tuple[GoalView, ...]:
    return tuple(_listed(connection, row) for row in connection.execute(GOALS["all"]).fetchall())


def _listed(connection: sqlite3.Connection, row: sqlite3.Row) -> GoalView:
    """One row of the list; one that cannot be read is listed as such and breaks no other (R16)."""
    try:
        return _goal_view(connection, goal_from(row))
    except ValidationError as error:
        cause = f"unreadable in the store: {error.errors()[0]['msg']}"
        return GoalView(
            id=row["id"], title=f"{row['title']} (unreadable)", state=GoalState(row["state"]), version=row["version"],
            waiting=False, waiting_on=(), counts={}, progress=(0, 0), cause=cause, created_at=datetime.now(UTC),
        )  # fmt: skip


def _goal_view(connection: sqlite3.Connection, goal: GoalRecord) -> GoalView:
    tally = connection.execute(GOALS["leaf_tally_of"], {"id": goal.id}).fetchall()
    counts = {TaskState(row["state"]): int(row["n"]) for row in tally}
    held = () if goal.state in FINAL_GOAL_STATES else waiting_on(connection, goal.id)
    return GoalView(
        id=goal.id,
        title=goal.title,
        state=goal.state,
        version=goal.version,
        waiting=bool(held) and is_waiting(connection, goal.id, datetime.now(UTC)),
        waiting_on=held,
        counts=counts,
        progress=(sum(counts.get(state, 0) for state in SATISFIED), sum(counts.values())),
        repo=goal.repo,
        branch=goal.branch,
        cause=goal.cause,
        exit_code=exit_code(connection, goal),
        created_at=goal.created_at,
        started_at=goal.started_at,
        ended_at=goal.ended_at,
    )


def exit_code(connection: sqlite3.Connection, goal: GoalRecord) -> int | None:
    """What `run` answers with for an ended goal (CONTRACT section 1); None while it goes on."""
    match goal.state:
        case GoalState.DONE:
            return ExitCode.DONE
        case GoalState.CANCELLED:
            return ExitCode.TASK_FAILED
        case GoalState.FAILED:
            first = connection.execute(GOALS["first_failures"], {"goal": goal.id}).fetchone()
            if first is None:
                return ExitCode.TASK_FAILED
            if first["kind"] == TaskKind.GATE:
                return ExitCode.DEADLINE if first["actor"] == "deadline" else ExitCode.GATE_REJECTED
            return ExitCode.GATE_REJECTED if first["rejected"] else ExitCode.TASK_FAILED
        case _:
            return None


def tree_view(connection: sqlite3.Connection, goal: str) -> TreeNode:
    """The goal with its whole tree, built without recursion."""
    record = goal_from(connection.execute(GOALS["get"], {"id": goal}).fetchone())
    rows = connection.execute(TASKS["of_goal"], {"goal": goal}).fetchall()
    decisions = {
        row["task"]: row["id"] for row in connection.execute(DECISIONS["open"]).fetchall() if row["goal"] == goal
    }
    gates = {row["task"]: row for row in connection.execute(GATES["open_of_goals"]).fetchall() if row["goal"] == goal}
    children: dict[str | None, list[sqlite3.Row]] = {}
    for row in rows:
        children.setdefault(row["parent"], []).append(row)
    root = children[None][0]
    order = [root]
    for row in order:
        order.extend(children.get(row["id"], []))
    built: dict[str, TreeNode] = {}
    for row in reversed(order):
        below = tuple(built.pop(child["id"]) for child in children.get(row["id"], []))
        built[row["id"]] = _node(row, below, decisions.get(row["id"]), gates.get(row["id"]))
    top = built[root["id"]]
    return TreeNode(
        id=record.id, key=root["key"], title=record.title, kind="goal", state=record.state, version=record.version,
        cause=record.cause, runs=top.runs, order=top.order, require=top.require, started_at=record.started_at,
        ended_at=record.ended_at, children=top.children,
    )  # fmt: skip


def _node(row: sqlite3.Row, children: tuple[TreeNode, ...], decision: str | None, gate: sqlite3.Row | None) -> TreeNode:
    kind = "human_approval" if row["kind"] == TaskKind.GATE else None
    deadline = None if gate is None else gate["deadline"]
    return TreeNode(
        id=row["id"], key=row["key"], title=row["title"], kind=TaskKind(row["kind"]), state=TaskState(row["state"]),
        version=row["version"], cause=row["cause"], runs=row["runs"], order=row["ordering"], require=row["require"],
        gate=kind, decision=decision, deadline=deadline,
        not_before=row["not_before"], started_at=row["started_at"], ended_at=row["ended_at"], children=children,
    )  # fmt: skip


def run_view(connection: sqlite3.Connection, run: str) -> RunView:
    return _run_view(connection, run_from(connection.execute(RUNS["get"], {"id": run}).fetchone()))


def _run_view(connection: sqlite3.Connection, run: RunRecord) -> RunView:
    task = connection.execute(TASKS["get"], {"id": run.task}).fetchone()
    duration = None
    if run.started_at is not None and run.ended_at is not None:
        duration = (run.ended_at - run.started_at).total_seconds()
    return RunView(key=task["key"], duration=duration, **run.model_dump())


def task_view(connection: sqlite3.Connection, task: str) -> TaskView:
    record = task_from(connection.execute(TASKS["get"], {"id": task}).fetchone())
    runs = [run_from(row) for row in connection.execute(RUNS["of_task"], {"task": task}).fetchall()]
    decision = connection.execute(DECISIONS["open_of_task"], {"task": task}).fetchone()
    limits = record.spec.sandbox if record.kind is TaskKind.WORK and record.spec.merge is None else None
    return TaskView(
        id=record.id, goal=record.goal, key=record.key, title=record.title, kind=record.kind, state=record.state,
        version=record.version, cause=record.cause, command=command_of(record),
        image=limits.image if limits else None, memory=limits.memory if limits else None,
        cpus=limits.cpus if limits else None, pids=limits.pids if limits else None,
        network=limits.network if limits else None, timeout=limits.timeout if limits else None,
        order=record.order, require=record.require, on_failure=record.on_failure, retries=record.spec.retries,
        failures=record.failures, priority=record.priority, not_before=record.not_before,
        needs=_pairs(connection, "needs_of", task), blocks=_pairs(connection, "blocks_of", task),
        runs=tuple(_run_view(connection, run) for run in runs),
        decision=None if decision is None else decision["id"],
        created_at=record.created_at, started_at=record.started_at, ended_at=record.ended_at,
    )  # fmt: skip


def command_of(task: TaskRecord) -> str | None:
    """What a work task does, on one line or more."""
    spec = task.spec
    if spec.merge is not None:
        return f"merge into {spec.merge.into}"
    if spec.gate is not None:
        return spec.gate.question or "human approval"
    return spec.run if isinstance(spec.run, str) or spec.run is None else " ".join(spec.run)


def _pairs(connection: sqlite3.Connection, query: str, task: str) -> tuple[tuple[str, TaskState], ...]:
    rows = connection.execute(TASKS[query], {"id": task}).fetchall()
    return tuple((row["key"], TaskState(row["state"])) for row in rows)


def decision_views(connection: sqlite3.Connection, blocks: Mapping[str, int]) -> Sequence[DecisionView]:
    """Open decisions, most urgent first: risk, then deadline, then age. `blocks` counts per task id."""
    rows = [decision_from(row) for row in connection.execute(DECISIONS["open"]).fetchall()]
    rows.sort(key=lambda d: (URGENCY[d.risk], d.deadline is None, d.deadline or d.opened_at, d.opened_at))
    return [decision_view(connection, row, blocks.get(row.task, 0)) for row in rows]


def decision_view(connection: sqlite3.Connection, decision: DecisionRecord, blocks: int) -> DecisionView:
    goal = connection.execute(GOALS["get"], {"id": decision.goal}).fetchone()
    task = connection.execute(TASKS["get"], {"id": decision.task}).fetchone()
    values = decision.model_dump(exclude={"subject", "evidence", "shown", "shown_seconds"})
    return DecisionView(goal_title=goal["title"], task_key=task["key"], blocks=blocks, **values)


def sandbox_views(connection: sqlite3.Connection) -> tuple[SandboxView, ...]:
    """Runs that have, or are about to have, a sandbox."""
    found = []
    for row in connection.execute(RUNS["live"]).fetchall():
        run = run_from(row)
        if run.driver is DriverName.ENGINE or run.state is RunState.CREATED:
            continue
        task = task_from(connection.execute(TASKS["get"], {"id": run.task}).fetchone())
        limits = task.spec.sandbox
        found.append(
            SandboxView(
                name=run.sandbox, driver=run.driver, container_id=run.container_id, goal=run.goal, task=run.task,
                task_key=task.key, run=run.id, state=run.state, started_at=run.started_at, memory=limits.memory,
                cpus=limits.cpus, network=limits.network, image=limits.image, frozen=run.frozen,
            )
        )  # fmt: skip
    return tuple(found)
