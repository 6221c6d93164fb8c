"""Verdicts and rounds of rework, read for views."""

import json
import sqlite3
from collections.abc import Iterator

from engine.api import Asked, Judging, VerdictView
from engine.model import Judgement, TaskKind, TaskRecord
from engine.store import named_queries
from engine.store.rows import verdict_from

VERDICTS, DECISIONS = named_queries("verdicts"), named_queries("decisions")
MOST_SHOWN = 20  # verdicts on one card
MOST_LINES = 12  # of feedback, and findings, among the facts of a proof
SAID = set(Judgement.model_fields)


def standing_verdicts(connection: sqlite3.Connection, goal: str) -> list[VerdictView]:
    """What the newest runs of its judges said, as far as nobody has asked them again since."""
    return [_view(row) for row in connection.execute(VERDICTS["standing_of_goal"], {"goal": goal})]


def rounds_of_goal(connection: sqlite3.Connection, goal: str) -> dict[str, int]:
    """How often each task has sent work back, for those that did."""
    return {row["task"]: int(row["n"]) for row in connection.execute(VERDICTS["rounds_of_goal"], {"goal": goal})}


def most_rounds(row: sqlite3.Row) -> int | None:
    """How often a stored task may send work back; None: it never does, or as often as somebody wants it."""
    said = json.loads(row["spec"]).get("on_reject")
    return None if said is None else int(said["max_cycles"])


def verdict_facts(connection: sqlite3.Connection, task: TaskRecord) -> Iterator[str]:
    """What its newest verdict says and what it was asked for last, line by line."""
    judged = judging(connection, task)
    if judged is None:
        return
    if judged.verdicts:
        said = judged.verdicts[-1]
        yield f"run {said.n} {said.outcome}" + (f": {said.summary}" if said.summary else "")
        lines = [line for line in said.feedback.splitlines() if line.strip()]
        lines += [f"found {finding}" for finding in said.findings]
        lines += [f"{check.name} {'passed' if check.passed else 'failed'}" for check in said.checks]
        yield from lines[:MOST_LINES]
    if judged.on_reject is not None and judged.rounds:
        most, target = judged.on_reject.max_cycles, judged.on_reject.rework
        yield f"it has sent {target} back {judged.rounds} of {most} times, then {judged.on_reject.then}"
    if judged.asked:
        last = judged.asked[-1]
        yield f"asked for by {last.decision or last.task_key}: {last.text}"


def judging(connection: sqlite3.Connection, task: TaskRecord) -> Judging | None:
    """How a task is judged and what came of it; None for one that does no work."""
    if task.kind is TaskKind.GROUP:
        return None
    said = connection.execute(VERDICTS["of_task"], {"task": task.id}).fetchall()
    asked = connection.execute(DECISIONS["feedback_of"], {"task": task.id}).fetchall()
    rounds = connection.execute(VERDICTS["rounds"], {"task": task.id}).fetchone()["n"]
    return Judging(
        kind=task.spec.verdict,
        on_reject=task.spec.on_reject,
        rounds=rounds,
        verdicts=tuple(_view(row) for row in said),
        asked=tuple(
            Asked(text=row["text"], at=row["at"], decision=row["decision"], run=row["run"], task_key=row["key"])
            for row in asked
        ),
    )


def _view(row: sqlite3.Row) -> VerdictView:
    said = verdict_from(row)
    return VerdictView(
        run=said.run, n=row["n"], task=said.task, task_key=row["key"], outcome=said.outcome, at=said.at,
        **said.model_dump(include=SAID),
    )  # fmt: skip
