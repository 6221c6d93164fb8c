"""The proof of what holds a task, or how and why it ended."""

import sqlite3
from dataclasses import dataclass, field
from datetime import datetime
from typing import assert_never

from engine.api import Why
from engine.dispatch.limits.agents import Profiles, all_places_taken
from engine.dispatch.limits.cooldowns import cooling
from engine.dispatch.limits.cooldowns import words as cooldown_words
from engine.dispatch.limits.memory import MemoryRoom, lack
from engine.dispatch.limits.outage import stored, words
from engine.dispatch.orders.switch import is_on
from engine.dispatch.runs.pinned import occupants, occupied
from engine.dispatch.tree.graph import Node
from engine.dispatch.tree.loading import load_graph
from engine.dispatch.waiting import waiting_on
from engine.local.budgets import budget_reasons
from engine.local.contacts import contact_facts
from engine.local.verdicts import verdict_facts
from engine.local.why_gate import gate_facts
from engine.local.why_testers import idle_reasons, tester_reasons
from engine.model import (
    FINAL_GOAL_STATES,
    DecisionRecord,
    DecisionState,
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
from engine.units import format_duration, format_size

GOALS, TASKS, RUNS = named_queries("goals"), named_queries("tasks"), named_queries("runs")
DECISIONS = named_queries("decisions")
NEXT = {
    GoalState.DRAFT: "; start it",
    GoalState.PAUSED: " (`pilothouse resume`)",
    GoalState.DRAINING: ", and it is paused once what runs has ended (`pilothouse resume`)",
}


def why_goal(connection: sqlite3.Connection, goal: str, now: datetime) -> Why:
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
    reasons += [each.words for each in occupants(connection, goal)]
    reasons += budget_reasons(connection, goal, None, record.ended_at or now)
    reasons += _extent(connection, record)
    summary = f"{record.title} is {record.state}" + (f": {record.cause}" if record.cause else "")
    return Why(id=goal, key="", state=record.state, summary=summary, reasons=tuple(reasons))


def _extent(connection: sqlite3.Connection, goal: GoalRecord) -> list[str]:
    """How far it came, and when it ended."""
    tally = connection.execute(GOALS["leaf_tally_of"], {"id": goal.id}).fetchall()
    counts = ", ".join(f"{row['n']} {row['state']}" for row in tally)
    if goal.ended_at is None:
        return [f"tasks: {counts}"]
    took = format_duration((goal.ended_at - (goal.started_at or goal.created_at)).total_seconds())
    return [f"tasks: {counts}", f"ended at {goal.ended_at:%Y-%m-%d %H:%M:%S} UTC after {took}"]


@dataclass(frozen=True)
class Room:
    """What the engine has left: `live` of `cap` runs are taken; `memory` None when the host is not asked; `window`:
    seconds until the spawn window has a place, 0 when it has one; `idle`: why this engine
    starts nothing at all, empty when it does; `agents`: the profiles with their own caps."""

    live: int
    cap: int
    memory: MemoryRoom | None
    window: float = 0.0
    idle: str = ""
    agents: Profiles = field(default_factory=dict)


def why_task(connection: sqlite3.Connection, task: str, now: datetime, room: Room) -> Why:
    """One sentence and its facts."""
    record = task_from(connection.execute(TASKS["get"], {"id": task}).fetchone())
    goal = goal_from(connection.execute(GOALS["get"], {"id": record.goal}).fetchone())
    newest = connection.execute(RUNS["newest"], {"task": task}).fetchone()
    run = None if newest is None else run_from(newest)
    reasons: list[str] = []
    match record.state:
        case TaskState.PENDING if record.tests is not None:
            reasons = _tester(connection, record, goal, now, room)
        case TaskState.PENDING:
            reasons = _pending(connection, record, goal, now, room)
        case TaskState.WAITING | TaskState.REVIEW | TaskState.BLOCKED:
            reasons = [*_open_decisions(connection, task, now), *gate_facts(connection, task, now)]
        case TaskState.CLAIMED:
            reasons = ["its sandbox is being made"]
        case TaskState.RUNNING:
            reasons = [_running(record, run, now)] if run is not None else []
        case TaskState.DONE | TaskState.FAILED | TaskState.CANCELLED | TaskState.SKIPPED:
            reasons = gate_facts(connection, task, now)
        case _:
            assert_never(record.state)
    if record.cause is not None:
        reasons.insert(0, record.cause)
    reasons += tester_reasons(connection, record)
    if run is not None:
        reasons += [*_about(run, told=record.cause), *contact_facts(connection, run.id)]
    reasons += verdict_facts(connection, record)
    reasons += budget_reasons(connection, goal.id, task, record.ended_at or now)
    summary = f"{record.key} is {record.state}" + (f": {reasons[0].splitlines()[0]}" if reasons else "")
    last = run.last_lines if run is not None else ()
    return Why(id=task, key=record.key, state=record.state, summary=summary, reasons=tuple(reasons), last_lines=last)


def _pending(
    connection: sqlite3.Connection, task: TaskRecord, goal: GoalRecord, now: datetime, room: Room
) -> list[str]:
    reasons = [] if is_on(connection) else ["dispatch is off: nothing starts in any goal (`pilothouse dispatch on`)"]
    if goal.state is not GoalState.ACTIVE:
        reasons.append(f"its goal is {goal.state}: nothing starts in it{NEXT.get(goal.state, '')}")
        reasons += filter(None, [goal.cause])
    reasons += _holders(connection, task) if task.tests is None else ()
    if task.not_before is not None and task.not_before > now:
        reasons.append(f"tries again in {format_duration((task.not_before - now).total_seconds())}")
    if task.kind is TaskKind.WORK and task.spec.merge is None:
        reasons += filter(None, [words(stored(connection)), _cools_down(connection, task, now)])
        if not reasons and room.memory is not None:
            reasons += filter(None, [lack(connection, task.spec.sandbox.memory, room.memory)])
    reasons += filter(None, [occupied(connection, goal.id, task.spec.pin)])
    reasons = reasons or _no_place(connection, goal, room) or _agent_busy(connection, task, room)
    return reasons or ["it is ready and starts with the next pass of the engine"]


def _tester(connection: sqlite3.Connection, task: TaskRecord, goal: GoalRecord, now: datetime, room: Room) -> list[str]:
    """A tester waits for work beside it, or for something to test, and then for room like any task."""
    held = idle_reasons(connection, task)
    return held if held and goal.state is GoalState.ACTIVE else _pending(connection, task, goal, now, room)


def _cools_down(connection: sqlite3.Connection, task: TaskRecord, now: datetime) -> str:
    provider = task.spec.provider
    until = None if provider is None else cooling(connection).get(provider)
    return cooldown_words(provider, until) if provider is not None and until is not None and until > now else ""


def _agent_busy(connection: sqlite3.Connection, task: TaskRecord, room: Room) -> list[str]:
    """Whether the cap of its agent keeps a ready task from starting."""
    busy = all_places_taken(connection, task.spec.agent, room.agents)
    return [f"{busy} (agents.{task.spec.agent}.max_parallel)"] if busy else []


def _holders(connection: sqlite3.Connection, task: TaskRecord) -> list[str]:
    """Each need, of the task or of a group around it, and each earlier sibling that is not satisfied yet."""
    graph = load_graph(connection, task.goal)
    needed: set[str] = set()
    here: Node | None = graph.nodes[task.id]
    while here is not None:
        needed |= {node.id for node in here.needs}
        here = here.parent
    return [
        f"{'needs' if node.id in needed else 'comes after'} {node.key}, which is {node.state}"
        for node in graph.holders(task.id)
    ]


def _no_place(connection: sqlite3.Connection, goal: GoalRecord, room: Room) -> list[str]:
    """Which cap, if any, keeps a ready task from starting."""
    cap = goal.policy.max_parallel
    live = int(connection.execute(RUNS["count_live_of_goal"], {"goal": goal.id}).fetchone()["n"])
    if room.idle:
        return [room.idle]
    if cap is not None and live >= cap:
        return [f"all {cap} places of its goal are taken (policy.max_parallel)"]
    if room.live >= room.cap:
        return [f"all {room.cap} places are taken (engine.max_parallel)"]
    if room.window > 0:
        return [f"as many as may have started lately; the next in {format_duration(room.window)} (engine.spawn_rate)"]
    return []


def _open_decisions(connection: sqlite3.Connection, task: str, now: datetime) -> list[str]:
    rows = connection.execute(DECISIONS["open_of_task"], {"task": task}).fetchall()
    return [_asked(decision_from(row), now) for row in rows]


def _asked(decision: DecisionRecord, now: datetime) -> str:
    if decision.state is DecisionState.STAGED and decision.effective_at is not None:
        left = format_duration(max(0.0, (decision.effective_at - now).total_seconds()))
        return f"{decision.answer} by {decision.by} takes effect in {left} (`pilothouse undo {decision.id}`)"
    return f"waits for your answer to {decision.id} (version {decision.version}): {decision.question}"


def _running(task: TaskRecord, run: RunRecord, now: datetime) -> str:
    limits = task.spec.sandbox
    if run.state is not RunState.RUNNING or run.started_at is None:
        return f"run {run.n} is {run.state}"
    since = format_duration((now - run.started_at).total_seconds())
    return f"run {run.n} goes on for {since} (limits: {format_duration(limits.timeout)}, {format_size(limits.memory)})"


def _use(run: RunRecord) -> str:
    """What its agent reported; one that reports nothing may have used anything."""
    if not (run.tokens_in or run.tokens_out or run.cost_usd):
        return "has reported neither tokens nor cost"
    return f"used {run.tokens_in} tokens in, {run.tokens_out} out, {run.cost_usd:.2f} USD"


def _about(run: RunRecord, told: str | None) -> list[str]:
    """Its facts; how it ended is not said again when it is what the task's own cause says."""
    words = f"run {run.n} ({run.id}) under {run.driver}: {run.state}"
    facts = [words if run.message in (None, told) else f"{words}, {str(run.message).splitlines()[0]}"]
    if run.frozen:
        facts.append(f"its sandbox {run.sandbox} is frozen: it stands still, its time limits too (`pilothouse thaw`)")
    if run.oom and run.memory is not None:
        facts.append(f"its memory limit was {format_size(run.memory)}")
    if run.exit_code is not None:
        facts.append(f"exit code {run.exit_code}" + (f", signal {run.signal}" if run.signal else ""))
    if run.profile is not None:
        facts.append(f"agent {run.profile} {_use(run)}")
    if run.salvage is not None:
        facts.append(f"its work is kept in the branch {run.salvage} of .pilothouse/git/{run.goal}.git")
    return facts
