"""A change that does not fit the branch it should go into: a question of its own kind, and what its answers do.

It is either the change of a run, which should go into the goal's branch, or the goal's branch itself, which a merge
task should bring into a branch of the operator.
"""

import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import assert_never

from engine.dispatch.decisions.lifecycle import open_decision
from engine.dispatch.rework.again import add_words
from engine.dispatch.steps import DECISIONS, TASKS
from engine.dispatch.tree.moves import move
from engine.ids import IdSource
from engine.model import AnswerKind, DecisionKind, DecisionRecord, RunRecord, TaskRecord, TaskState
from engine.paths import ProjectPaths
from engine.store import Tx
from engine.workspace import Integration

NAMED = 5  # files in a sentence; the evidence holds all
OPTIONS = (AnswerKind.CHOOSE, AnswerKind.REJECT)


class Way(StrEnum):
    """What may be chosen. Neither side is ever taken for the other: nobody would have seen what comes of that."""

    AGAIN = "again"
    WITHOUT = "without"


@dataclass(frozen=True)
class Clash:
    """What kept a commit, made on `base`, out of the branch that stood at `tip`: the goal's own, or the operator's
    branch `into`, and then the command that merges it `by_hand`."""

    files: tuple[str, ...]
    how: tuple[str, ...]
    base: str
    commit: str
    tip: str
    into: str | None = None
    by_hand: str | None = None

    @classmethod
    def of(cls, merged: Integration, base: str, commit: str) -> "Clash":
        return cls(merged.conflicts, merged.how, base, commit, merged.commit)

    @classmethod
    def of_merge(cls, merged: Integration, into: str, by_hand: str) -> "Clash":
        return cls(merged.conflicts, merged.how, merged.base, merged.other, merged.commit, into, by_hand)

    @property
    def cause(self) -> str:
        files = ", ".join(self.files[:NAMED])
        if not self.files:
            return f"the goal's branch fits {self.into}"
        if self.into is None:
            return f"its change conflicts with the goal's branch in {files}"
        return f"the goal's branch conflicts with {self.into} in {files}"

    def question(self, title: str) -> str:
        if self.into is None:
            ways = f"Run it again on the newer branch ({Way.AGAIN}), or go on without its change ({Way.WITHOUT})?"
        else:
            ways = (
                f"Merge again once {self.into} is put right ({Way.AGAIN}), or go on without the merge ({Way.WITHOUT})?"
            )
        return f"{title}: {self.cause}. {ways}"

    def evidence(self, run: str, salvage: str | None) -> dict[str, object]:
        found: dict[str, object] = {
            "files": [f"{path}: {how}" for path, how in zip(self.files, self.how, strict=True)],
            "paths": self.files, "base": self.base, "commit": self.commit, "tip": self.tip, "run": run,
        }  # fmt: skip
        return found | ({"kept_in": salvage} if self.into is None else {"into": self.into, "by_hand": self.by_hand})


def ask_about(tx: Tx, ids: IdSource, task: TaskRecord, run: RunRecord, clash: Clash, salvage: str | None) -> None:
    """The task is blocked with the question what becomes of its change."""
    move(tx, task.id, TaskState.BLOCKED, cause=clash.cause, run=run.id)
    open_decision(
        tx, ids, task, DecisionKind.CONFLICT, clash.question(task.title), options=OPTIONS, choices=tuple(Way),
        evidence=clash.evidence(run.id, salvage),
    )  # fmt: skip


def answered(tx: Tx, decision: DecisionRecord) -> None:
    frm = (TaskState.BLOCKED,)
    if decision.answer is not AnswerKind.CHOOSE:
        move(tx, decision.task, TaskState.FAILED, frm=frm, cause=f"given up: {decision.feedback}")
        return
    match Way(decision.chosen or ""):
        case Way.AGAIN:
            if merge_of(decision) is None:  # no run of a merge reads what it is told
                add_words(tx, decision.task, _feedback(decision), decision=decision.id)
            tx.run(TASKS["reset_failures"], {"id": decision.task})
            move(tx, decision.task, TaskState.PENDING, frm=frm)
        case Way.WITHOUT:
            move(tx, decision.task, TaskState.SKIPPED, frm=frm, cause=f"{decision.by} goes on {_left_out(decision)}")
        case way:
            assert_never(way)


def merge_of(decision: DecisionRecord) -> str | None:
    """The branch of the operator that a conflict is about; None when it is about the goal's own."""
    into = decision.evidence.get("into")
    return into if decision.kind is DecisionKind.CONFLICT and isinstance(into, str) else None


def _left_out(decision: DecisionRecord) -> str:
    into, kept = merge_of(decision), decision.evidence.get("kept_in")
    if into is not None:
        return f"without the merge: {into} stays as it is"
    return "without its change" + (f", which is kept in the branch {kept}" if kept else "")


def _feedback(decision: DecisionRecord) -> str:
    """What the next run is told; its earlier change lies beside its inputs."""
    files = decision.evidence.get("files")
    told = ["What you did before conflicts with what the goal's branch got meanwhile:"]
    told += [f"- {file}" for file in files] if isinstance(files, list) else []
    told.append("Your work folder holds the newer branch without your earlier change: make it again on top of that.")
    return "\n".join(told + ([decision.feedback] if decision.feedback else []))


def earlier_patch(connection: sqlite3.Connection, task: str, paths: ProjectPaths) -> Path | None:
    """The change that this task is to make again, as a patch; None when it runs for another reason. Blocks."""
    row = connection.execute(DECISIONS["to_do_again"], {"task": task}).fetchone()
    if row is None or row["run"] is None:
        return None
    patch = paths.run_salvage(row["run"])
    return patch if patch.is_file() else None
