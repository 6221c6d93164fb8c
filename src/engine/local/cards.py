"""Decisions with their evidence: what is asked, what it blocks, the change, the last lines."""

import asyncio
import sqlite3
from collections.abc import Sequence

from engine.api import DecisionCard, DecisionView, Diff, LogLine, LogQuery
from engine.dispatch.context import Context
from engine.dispatch.graph import Graph
from engine.dispatch.loading import load_graph
from engine.errors import Invalid, NotFound
from engine.local import views
from engine.local.blocking import blocked_by
from engine.local.refs import run_of
from engine.model import DecisionKind, DecisionRecord, RunRecord
from engine.sandbox.logs import read_page
from engine.store.rows import decision_from, goal_from, run_from

EVIDENCE_LINES = 20


def open_decisions(connection: sqlite3.Connection) -> Sequence[DecisionView]:
    """The inbox, with what each one blocks."""
    graphs: dict[str, Graph] = {}
    blocks: dict[str, int] = {}
    for row in connection.execute(views.DECISIONS["open"]).fetchall():
        graph = graphs.setdefault(row["goal"], load_graph(connection, row["goal"]))
        blocks[row["task"]] = len(blocked_by(graph, row["task"]))
    return views.decision_views(connection, blocks)


async def card(context: Context, decision: str) -> DecisionCard:
    """One decision, answered or not, with everything an operator needs to see before answering (R82)."""

    def query(connection: sqlite3.Connection) -> tuple[DecisionRecord, DecisionCard, RunRecord | None]:
        record = decision_from(connection.execute(views.DECISIONS["get"], {"id": decision}).fetchone())
        blocked = blocked_by(load_graph(connection, record.goal), record.task)
        run = _evidence_run(connection, record)
        view = views.decision_view(connection, record, len(blocked))
        run_view = None if run is None else views.run_view(connection, run.id)
        keys = tuple(node.key for node in blocked)
        return record, DecisionCard(decision=view, blocks=keys, last_run=run_view), run

    record, found, run = await context.database.read(query)
    change = await _change(context, record)
    lines: tuple[LogLine, ...] = ()
    if run is not None:
        page = await asyncio.to_thread(read_page, context.paths.run_log(run.id), run.id, LogQuery(tail=EVIDENCE_LINES))
        lines = page.lines
    return found.model_copy(update={"diff": change, "last_lines": lines})


def _evidence_run(connection: sqlite3.Connection, decision: DecisionRecord) -> RunRecord | None:
    """The run a human wants to see: the task's own newest, for a gate the goal's newest that ended."""
    row = connection.execute(views.RUNS["newest"], {"task": decision.task}).fetchone()
    if row is None:
        row = connection.execute(views.RUNS["last_ended_of_goal"], {"goal": decision.goal}).fetchone()
    return None if row is None else run_from(row)


async def _change(context: Context, decision: DecisionRecord) -> Diff | None:
    """What an approval would let through: the goal's whole change, or the one result under review."""
    row = await context.database.one(views.GOALS["get"], {"id": decision.goal})
    assert row is not None
    goal = goal_from(row)
    repository = context.repository(goal.id, goal.branch)
    if repository is None or decision.content is None:
        return None
    if decision.kind is DecisionKind.REVIEW:
        return await repository.diff(await repository.tip(), decision.content)
    return await repository.diff(await repository.base(), decision.content)


async def diff(context: Context, ref: str) -> Diff:
    """The change of a goal, of a run, or of a task's newest run. `ref` is a full id."""

    def query(connection: sqlite3.Connection) -> tuple[str, RunRecord | None]:
        if ref.startswith("g-"):
            return ref, None
        run = run_from(connection.execute(views.RUNS["get"], {"id": run_of(connection, ref)}).fetchone())
        return run.goal, run

    goal_id, run = await context.database.read(query)
    row = await context.database.one(views.GOALS["get"], {"id": goal_id})
    assert row is not None
    repository = context.repository(goal_id, row["branch"])
    if repository is None:
        raise Invalid(f"{goal_id} has no repository", hint="a goal file names one with repo:")
    if run is None:
        return await repository.diff(await repository.base(), await repository.tip())
    if run.commit is None:
        raise NotFound(f"{run.id} has left no commit", hint="its work tree is committed when it ends")
    return await repository.diff(await repository.base_of(run.id), run.commit)
