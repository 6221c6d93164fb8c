"""Rows become the views of the API. Every function reads one consistent snapshot."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime

from engine.api import DecisionView, GoalView, RunView, SandboxView, TaskView, TreeNode
from engine.dispatch.decisions.noting import notes_of
from engine.dispatch.limits.budget_rows import BUDGETS
from engine.dispatch.runs.pinned import occupants
from engine.dispatch.waiting import is_waiting, waiting_on
from engine.errors import ExitCode, Unreadable
from engine.goals.gate_words import gate_words
from engine.local.blocking import HeldUp
from engine.local.budgets import budget_views
from engine.local.contacts import contacts_of
from engine.local.unreadable import unreadable_decision, unreadable_sandbox
from engine.local.verdicts import judging, most_rounds, rounds_of_goal, standing_verdicts
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
GATES, DECISIONS, DECIDING = named_queries("gates"), named_queries("decisions"), named_queries("deciding")
NOTHING = HeldUp((), 0)


def goal_view(connection: sqlite3.Connection, goal: str, now: datetime) -> GoalView:
    return _listed(connection, connection.execute(GOALS["get"], {"id": goal}).fetchone(), now)


def goal_views(connection: sqlite3.Connection, now: datetime) -> tuple[GoalView, ...]:
    return tuple(_listed(connection, row, now) for row in connection.execute(GOALS["all"]).fetchall())


def _listed(connection: sqlite3.Connection, row: sqlite3.Row, now: datetime) -> GoalView:
    """One row of the list; one that cannot be read is listed as such and breaks no other (R16)."""
    try:
        return _goal_view(connection, goal_from(row), now)
    except Unreadable as error:
        return GoalView(
            id=row["id"], title=f"{row['title']} (unreadable)", state=GoalState(row["state"]), version=row["version"],
            waiting=False, waiting_on=(), counts={}, progress=(0, 0), cause=error.message, created_at=now,
            ended_at=row["ended_at"],
        )  # fmt: skip


def _goal_view(connection: sqlite3.Connection, goal: GoalRecord, now: datetime) -> GoalView:
    tally = connection.execute(GOALS["leaf_tally_of"], {"id": goal.id}).fetchall()
    counts = {TaskState(row["state"]): int(row["n"]) for row in tally}
    held = () if goal.state in FINAL_GOAL_STATES else waiting_on(connection, goal.id)
    return GoalView(
        id=goal.id,
        title=goal.title,
        state=goal.state,
        version=goal.version,
        waiting=bool(held) and is_waiting(connection, goal.id, now),
        waiting_on=held,
        counts=counts,
        progress=(sum(counts.get(state, 0) for state in SATISFIED), sum(counts.values())),
        pinned=tuple(occupants(connection, goal.id)),
        budget=budget_views(connection, goal.id, goal.ended_at or now),
        repo=goal.repo,
        branch=goal.branch,
        cause=goal.cause,
        exit_code=exit_code(connection, goal),
        external_ref=goal.external_ref,
        continues=goal.continues,
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
            spent = connection.execute(BUDGETS["ended_by"], {"goal": goal.id}).fetchone()["spent"]
            return ExitCode.BUDGET if spent else ExitCode.TASK_FAILED
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
    record = connection.execute(GOALS["get"], {"id": goal}).fetchone()
    rows = connection.execute(TASKS["of_goal"], {"goal": goal}).fetchall()
    decisions = {
        row["task"]: row["id"] for row in connection.execute(DECISIONS["open"]).fetchall() if row["goal"] == goal
    }
    gates = {row["task"]: row for row in connection.execute(GATES["open_roots_of_goal"], {"goal": goal}).fetchall()}
    said = {verdict.task: verdict.outcome for verdict in standing_verdicts(connection, goal)}
    rounds = rounds_of_goal(connection, goal)
    children: dict[str | None, list[sqlite3.Row]] = {}
    for row in sorted(rows, key=lambda row: row["tests"] is not None):  # testers stand behind the tasks of their group
        children.setdefault(row["parent"] or row["tests"], []).append(row)
    keys = {row["id"]: row["key"] for row in rows}
    root = children[None][0]
    order = [root]
    for row in order:
        order.extend(children.get(row["id"], []))
    built: dict[str, TreeNode] = {}
    for row in reversed(order):
        below = tuple(built.pop(child["id"]) for child in children.get(row["id"], []))
        node = _node(row, below, decisions.get(row["id"]), gates.get(row["id"]))
        told: dict[str, object] = {}
        if row["id"] in said or row["id"] in rounds:
            told = {"verdict": said.get(row["id"]), "rounds": rounds.get(row["id"], 0), "max_rounds": most_rounds(row)}
        if row["tests"] is not None:
            told["tests"] = keys[row["tests"]]
        built[row["id"]] = node.model_copy(update=told) if told else node
    top = built[root["id"]]
    return TreeNode(
        id=record["id"], key=root["key"], title=record["title"], kind="goal", state=GoalState(record["state"]),
        version=record["version"], cause=record["cause"], runs=top.runs, order=top.order, require=top.require,
        started_at=record["started_at"], ended_at=record["ended_at"], children=top.children,
    )  # fmt: skip


def _node(row: sqlite3.Row, children: tuple[TreeNode, ...], decision: str | None, gate: sqlite3.Row | None) -> TreeNode:
    kind = json.loads(row["spec"])["gate"]["kind"] if row["kind"] == TaskKind.GATE else None
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
        id=record.id, goal=record.goal, key=record.key, title=record.title, description=record.description,
        kind=record.kind, state=record.state, version=record.version, cause=record.cause, command=command_of(record),
        agent=record.spec.agent,
        image=limits.image if limits else None, memory=limits.memory if limits else None,
        cpus=limits.cpus if limits else None, pids=limits.pids if limits else None,
        network=limits.network if limits else None, timeout=limits.timeout if limits else None,
        order=record.order, require=record.require, on_failure=record.on_failure, retries=record.spec.retries,
        failures=record.failures, priority=record.priority, not_before=record.not_before,
        needs=_pairs(connection, "needs_of", task), blocks=_pairs(connection, "blocks_of", task),
        runs=tuple(_run_view(connection, run) for run in runs),
        decision=None if decision is None else decision["id"],
        created_at=record.created_at, started_at=record.started_at, ended_at=record.ended_at,
        notes=notes_of(connection, task), group=_key_of(connection, record.parent),
        tests=_key_of(connection, record.tests),
        egress=limits.egress if limits else (), ask=limits.ask if limits else False,
        contacts=contacts_of(connection, task), judging=judging(connection, record),
    )  # fmt: skip


def _key_of(connection: sqlite3.Connection, task: str | None) -> str | None:
    return None if task is None else str(connection.execute(TASKS["brief"], {"id": task}).fetchone()["key"])


def command_of(task: TaskRecord) -> str | None:
    """What a work task does, on one line or more."""
    spec = task.spec
    if spec.merge is not None:
        return f"merge into {spec.merge.into}"
    if spec.gate is not None:
        return gate_words(spec.gate)
    if spec.agent is not None:
        return f"agent {spec.agent}: {spec.prompt}"
    return spec.run if isinstance(spec.run, str) or spec.run is None else " ".join(spec.run)


def _pairs(connection: sqlite3.Connection, query: str, task: str) -> tuple[tuple[str, TaskState], ...]:
    rows = connection.execute(TASKS[query], {"id": task}).fetchall()
    return tuple((row["key"], TaskState(row["state"])) for row in rows)


def decision_views(connection: sqlite3.Connection, held: Mapping[str, HeldUp]) -> Sequence[DecisionView]:
    """Open decisions as they were opened, with what each holds up, by task id."""
    rows = []
    for row in connection.execute(DECISIONS["open"]).fetchall():
        try:
            rows.append(decision_from(row))
        except Unreadable as error:
            rows.append(unreadable_decision(row, error))
    return [decision_view(connection, row, held[row.task]) for row in rows]


def decision_view(connection: sqlite3.Connection, decision: DecisionRecord, held: HeldUp = NOTHING) -> DecisionView:
    goal = connection.execute(GOALS["get"], {"id": decision.goal}).fetchone()
    task = connection.execute(TASKS["get"], {"id": decision.task}).fetchone()
    values = decision.model_dump(exclude={"subject", "shown", "shown_seconds", "raw", "content_before"})
    told = connection.execute(DECIDING["told_of"], {"decision": decision.id}).fetchall()
    first = connection.execute(DECIDING["first_approval"], {"decision": decision.id}).fetchone()
    gate = None if decision.deadline is None else connection.execute(GATES["get"], {"id": decision.subject}).fetchone()
    return DecisionView(
        goal_title=goal["title"], task_key=task["key"], blocks=len(held.leaves), chain=held.chain,
        notes=notes_of(connection, decision.id),
        reminders=len(told), escalated=any(row["kind"] == "escalate" for row in told),
        approved_by=None if first is None else first["by"],
        on_deadline=None if gate is None or gate["deadline"] is None else gate["on_deadline"], **values,
    )  # fmt: skip


def sandbox_views(connection: sqlite3.Connection) -> tuple[SandboxView, ...]:
    """Runs that have, or are about to have, a sandbox."""
    rows = connection.execute(RUNS["live"]).fetchall()
    with_sandbox = [row for row in rows if row["driver"] != DriverName.ENGINE and row["state"] != RunState.CREATED]
    return tuple(_sandbox_view(connection, row) for row in with_sandbox)


def _sandbox_view(connection: sqlite3.Connection, row: sqlite3.Row) -> SandboxView:
    stored = connection.execute(TASKS["get"], {"id": row["task"]}).fetchone()
    try:
        run, task = run_from(row), task_from(stored)
    except Unreadable:
        return unreadable_sandbox(row, stored["key"])
    limits = task.spec.sandbox
    return SandboxView(
        name=run.sandbox, driver=run.driver, container_id=run.container_id, goal=run.goal, task=run.task,
        task_key=task.key, run=run.id, state=run.state, started_at=run.started_at, memory=limits.memory,
        cpus=limits.cpus, network=limits.network, image=limits.image, frozen=run.frozen, pin=run.pin,
    )  # fmt: skip
