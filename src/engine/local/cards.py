"""Decisions with their evidence: what is asked, what it blocks, the change, the last lines."""

import asyncio
import sqlite3
from collections.abc import Sequence
from datetime import datetime

from engine.api import DecisionCard, DecisionView, Diff, LogLine, LogQuery, OpenQuestion
from engine.api.urgency import most_urgent_first
from engine.dispatch.context import Context
from engine.dispatch.decisions.approving import HELD_BY_QUESTIONS
from engine.dispatch.tree.graph import Graph
from engine.dispatch.tree.loading import load_graph
from engine.errors import Invalid, NotFound
from engine.local import views
from engine.local.blocking import HeldUp, held_up_by
from engine.local.contacts import contact_asked_about
from engine.local.refs import run_of
from engine.local.verdicts import MOST_SHOWN, standing_verdicts
from engine.model import DecisionKind, DecisionRecord, Risk, RunRecord
from engine.sandbox.logs import read_page
from engine.store.rows import decision_from, goal_from, run_from

EVIDENCE_LINES = 20
PROTECTED = ("main", "master")
"""Branches that others build on."""


def open_decisions(connection: sqlite3.Connection, now: datetime) -> Sequence[DecisionView]:
    """The inbox, most urgent first, with what each one blocks."""
    graphs: dict[str, Graph] = {}
    held: dict[str, HeldUp] = {}
    for row in connection.execute(views.DECISIONS["open"]).fetchall():
        if row["goal"] not in graphs:
            graphs[row["goal"]] = load_graph(connection, row["goal"])
        if row["task"] not in held:
            held[row["task"]] = held_up_by(graphs[row["goal"]], row["task"])
    return most_urgent_first(views.decision_views(connection, held), now)


async def card(context: Context, decision: str) -> DecisionCard:
    """One decision, answered or not, with everything an operator needs to see before answering (R82)."""

    def query(connection: sqlite3.Connection) -> tuple[DecisionRecord, DecisionCard, RunRecord | None]:
        record = decision_from(connection.execute(views.DECISIONS["get"], {"id": decision}).fetchone())
        held = held_up_by(load_graph(connection, record.goal), record.task)
        run = _evidence_run(connection, record)
        view = views.decision_view(connection, record, held)
        view = view.model_copy(update={"risk_reason": view.risk_reason or _risk_reason(connection, record)})
        run_view = None if run is None else views.run_view(connection, run.id)
        keys = tuple(node.key for node in held.leaves)
        asked, contact = _open_questions(connection, record), contact_asked_about(connection, record)
        said = standing_verdicts(connection, record.goal)[:MOST_SHOWN] if record.kind in HELD_BY_QUESTIONS else ()
        card = DecisionCard(
            decision=view, blocks=keys, last_run=run_view, open_questions=asked, contact=contact, verdicts=tuple(said)
        )
        return record, card, run

    record, found, run = await context.database.read(query)
    change, since = await _change(context, record), await _since(context, record)
    against = await _conflicting(context, record, "tip")
    lines: tuple[LogLine, ...] = ()
    if run is not None:
        page = await asyncio.to_thread(read_page, context.paths.run_log(run.id), run.id, LogQuery(tail=EVIDENCE_LINES))
        lines = page.lines
    return found.model_copy(update={"diff": change, "since": since, "against": against, "last_lines": lines})


def _evidence_run(connection: sqlite3.Connection, decision: DecisionRecord) -> RunRecord | None:
    """The run a human wants to see: the task's own newest, for a gate the goal's newest that ended."""
    row = connection.execute(views.RUNS["newest"], {"task": decision.task}).fetchone()
    if row is None:
        row = connection.execute(views.RUNS["last_ended_of_goal"], {"goal": decision.goal}).fetchone()
    return None if row is None else run_from(row)


async def _change(context: Context, decision: DecisionRecord) -> Diff | None:
    """What an approval would let through: the goal's whole change, or the one result under review; or the one that
    fits nowhere."""
    if decision.kind is DecisionKind.CONFLICT:
        return await _conflicting(context, decision, "commit")
    row = await context.database.one(views.GOALS["get"], {"id": decision.goal})
    assert row is not None
    goal = goal_from(row)
    repository = context.repository(goal.id, goal.branch)
    if repository is None or decision.content is None:
        return None
    if decision.kind is DecisionKind.REVIEW:
        return await repository.diff(await repository.tip(), decision.content)
    return await repository.diff(await repository.base(), decision.content)


async def _conflicting(context: Context, decision: DecisionRecord, side: str) -> Diff | None:
    """What one side of a conflict, `commit` of the task or `tip` of the branch, changed in the files it is about; for a
    merge these are the goal's branch and the operator's. None when it is about no file any more."""
    row = await context.database.one(views.GOALS["get"], {"id": decision.goal})
    repository = None if row is None else context.repository(decision.goal, row["branch"])
    base, commit, paths = (decision.evidence.get(name) for name in ("base", side, "paths"))
    if repository is None or decision.kind is not DecisionKind.CONFLICT or not isinstance(paths, list) or not paths:
        return None
    return await repository.diff(str(base), str(commit), [str(path) for path in paths])


def _risk_reason(connection: sqlite3.Connection, decision: DecisionRecord) -> str:
    """Where the label of a gate comes from, and what it lets through in the end."""
    if decision.kind not in (DecisionKind.APPROVAL, DecisionKind.CHOICE, DecisionKind.FORM):
        return ""
    merges = connection.execute(views.DECIDING["merges_of_goal"], {"goal": decision.goal}).fetchall()
    kept = [str(row["branch"]) for row in merges if row["branch"] in PROTECTED]
    said = "" if decision.risk is Risk.NORMAL else "the goal file says so"
    return "; ".join(filter(None, (said, f"its goal merges into {', '.join(kept)}" if kept else "")))


async def _since(context: Context, decision: DecisionRecord) -> Diff | None:
    """What changed since the content it asked about before, when that changed under it."""
    row = await context.database.one(views.GOALS["get"], {"id": decision.goal})
    repository = None if row is None else context.repository(decision.goal, row["branch"])
    if repository is None or decision.content is None or decision.content_before is None:
        return None
    return await repository.diff(decision.content_before, decision.content)


def _open_questions(connection: sqlite3.Connection, decision: DecisionRecord) -> tuple[OpenQuestion, ...]:
    """What running tasks of its goal asked and nobody answered; that decision itself is none of them."""
    if decision.kind not in HELD_BY_QUESTIONS:
        return ()
    return tuple(
        OpenQuestion(
            decision=row["id"], version=row["version"], question=row["question"],
            task_key=connection.execute(views.TASKS["get"], {"id": row["task"]}).fetchone()["key"],
        )
        for row in connection.execute(views.DECIDING["open_questions"], {"goal": decision.goal}).fetchall()
    )  # fmt: skip


async def diff(context: Context, ref: str) -> Diff:
    """The change of a goal, of a run, of a task's newest run, or what a decision would let through; a gate stands for
    its newest decision. `ref` is a full id."""
    asked = await context.database.read(lambda connection: _decision_of(connection, ref))
    if asked is None:
        return await _diff_of_work(context, ref)
    change = await _change(context, asked)
    if change is None:
        raise Invalid(f"{asked.id} asks about no change", hint="pilothouse decide shows what it asks about")
    return change


def _decision_of(connection: sqlite3.Connection, ref: str) -> DecisionRecord | None:
    """The decision itself, or the newest one of a gate."""
    if ref.startswith("d-"):
        return decision_from(connection.execute(views.DECISIONS["get"], {"id": ref}).fetchone())
    if not ref.startswith("t-"):
        return None
    row = connection.execute(views.DECISIONS["newest_of_gate"], {"task": ref}).fetchone()
    return None if row is None else decision_from(row)


async def _diff_of_work(context: Context, ref: str) -> Diff:
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
