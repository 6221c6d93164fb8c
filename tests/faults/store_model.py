"""The store and its moves against a small model, step by random step (R1, R2, R9, R28, R91, R93)."""

import asyncio
import sqlite3
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from model_words import AFTER, ENDINGS, ORDERED, SATISFIED, SteppedClock, consequences, goal_text

from engine.api import Answer, GoalOrder
from engine.dispatch.claims import Claimed, Limits, claim, mark_started, mark_starting
from engine.dispatch.creation import NewGoal, insert_goal, start_goal
from engine.dispatch.decisions.effects import confirm
from engine.dispatch.decisions.lifecycle import stage, undo
from engine.dispatch.endings.ending import Policy
from engine.dispatch.endings.run_end import end_run
from engine.dispatch.gates.openings import open_gate
from engine.dispatch.orders.cancel import cancel_goal, cancel_task
from engine.dispatch.orders.retrying import retry, skip
from engine.dispatch.orders.whole_goal import order_goal
from engine.dispatch.tree.graph import Graph
from engine.dispatch.tree.loading import load_graph
from engine.dispatch.tree.rollup import derive
from engine.errors import Conflict, IllegalMove, Invalid, StaleVersion
from engine.goals import parse_goal
from engine.ids import Kind
from engine.model import (
    FINAL_GOAL_STATES,
    FINAL_TASK_STATES,
    AnswerKind,
    GoalState,
    Runtime,
    TaskState,
)
from engine.settings import EngineSettings
from engine.store import Committed, Database, Tx, named_queries
from engine.store.rows import decision_from, task_from
from engine.transitions import GOAL, TASK

T = TypeVar("T")
S = TaskState
TASKS, RUNS = named_queries("tasks"), named_queries("runs")
PICK = st.integers(0, 10**6)


class StoreModel(RuleBasedStateMachine):
    """One goal; `states` is what the model holds of its leaves, `graph` what follows the commits."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="model-")
        self.path = Path(self.folder.name) / "engine.db"
        self.runner = asyncio.Runner()
        self.clock = SteppedClock()
        self.issued = 0
        self.policy = Policy(EngineSettings(infra_retries=1), self.ids, Random(7))
        self.graph: Graph | None = None
        self.states: dict[str, TaskState] = {}
        self.over: list[Claimed] = []
        self.ended: GoalState | None = None
        self._open()

    def teardown(self) -> None:
        self.runner.run(self.database.close())
        self.runner.close()
        self.folder.cleanup()

    def ids(self, kind: Kind) -> str:
        """The same ids in the same order: what is drawn again meets the same rows."""
        self.issued += 1
        return f"{kind}-{self.issued:010}"

    # -- the store ------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        self.database = Database(self.clock, self._committed)
        self.runner.run(self.database.open(self.path))

    def _committed(self, committed: Committed) -> None:
        for moved in committed.moved:
            assert moved.to in TASK[moved.frm] or self.kind(moved.task) == "group", moved  # R2
            if self.graph is not None:
                self.graph.apply(moved.task, moved.to, moved.not_before)

    def write(self, unit: Callable[[Tx], T]) -> T:
        return self.runner.run(self.database.write(unit))

    def rows(self, sql: str, **params: object) -> list[sqlite3.Row]:
        return self.runner.run(self.database.all(sql, params))

    def kind(self, task: str) -> str:
        return "group" if task not in self.states else "leaf"

    def ready(self, kind: str) -> list[str]:
        assert self.graph is not None
        return sorted(id for id, node in self.graph.ready.items() if node.kind == kind)

    def live(self) -> list[sqlite3.Row]:
        return self.rows(RUNS["live"])

    def active(self) -> bool:
        goal = self.rows("SELECT state, cancelling FROM goals")[0]
        return goal["state"] == GoalState.ACTIVE and not goal["cancelling"]

    # -- steps ----------------------------------------------------------------------------------------------------

    @initialize(seed=PICK)
    def create(self, seed: int) -> None:
        spec = parse_goal(goal_text(Random(seed)), "/goals/goal.yaml", {})
        self.goal = self.ids(Kind.GOAL)
        new = NewGoal(self.goal, spec, Runtime.PROCESS, allow_unconfined=True)
        self.write(lambda tx: insert_goal(tx, new, self.ids))
        self.states = {row["id"]: S.PENDING for row in self.rows("SELECT id FROM tasks WHERE kind <> 'group'")}
        self.write(lambda tx: start_goal(tx, self.goal))
        self.graph = self.rebuilt()

    @precondition(lambda self: self.active() and self.ready("work"))
    @rule(pick=PICK)
    def claim(self, pick: int) -> None:
        ready = self.ready("work")
        task = ready[pick % len(ready)]
        unit = self.claim_of(task)
        not_before = task_from(self.rows(TASKS["get"], id=task)[0]).not_before
        try:
            self.write(unit)
        except Conflict:  # no room, its time has not come, or a pause after too many losses: nothing was written
            self.follow({task: {S.PENDING}}, only=True)
            return
        assert not_before is None or not_before <= self.clock.at  # R34
        self.follow({task: {S.CLAIMED}})
        with pytest.raises(Conflict):  # R1: the second of two claims
            self.write(unit)

    @precondition(lambda self: self.graph is not None and not self.active() and self.ready("work"))
    @rule(pick=PICK)
    def claim_where_nothing_starts(self, pick: int) -> None:
        """R23: in a goal that is paused, draining, being cancelled or over."""
        task = self.ready("work")[pick % len(self.ready("work"))]
        with pytest.raises(Conflict):
            self.write(self.claim_of(task))
        self.follow({}, only=True)

    @rule(seconds=st.sampled_from([1, 60, 3600, 26 * 3600]))
    def time_passes(self, seconds: int) -> None:
        self.clock.at += timedelta(seconds=seconds)

    @precondition(lambda self: self.ended is None)
    @rule(order=st.sampled_from(GoalOrder))
    def order_goal(self, order: GoalOrder) -> None:
        goal = self.rows("SELECT state, cancelling FROM goals")[0]
        was, to = GoalState(goal["state"]), ORDERED[order]
        live = bool(self.live())
        try:
            self.write(lambda tx: order_goal(tx, self.goal, order, "model"))
        except IllegalMove:
            assert goal["cancelling"] or to not in GOAL[was]
            self.follow({}, only=True)
            return
        assert to in GOAL[was]
        now = GoalState(self.rows("SELECT state FROM goals")[0]["state"])
        assert now is (GoalState.PAUSED if order is GoalOrder.DRAIN and not live else to)
        self.follow({}, only=True)

    @precondition(lambda self: self.graph is not None)
    @rule(pick=PICK, what=st.sampled_from(["retry", "skip"]), fresh=st.booleans())
    def retry_or_skip(self, pick: int, what: str, fresh: bool) -> None:
        """R38: a task runs again, or all goes on without it; a refusal has written nothing."""
        tasks = [row["id"] for row in self.rows("SELECT id FROM tasks ORDER BY id")]
        task = tasks[pick % len(tasks)]
        order = partial(retry, fresh=fresh) if what == "retry" else skip
        try:
            self.write(lambda tx: order(tx, task, "model"))
        except (Conflict, Invalid):
            self.follow({}, only=True)
            return
        if self.ended is GoalState.FAILED:
            self.ended = None  # it may go on
        to = S.PENDING if what == "retry" else S.SKIPPED
        self.follow({task: {to}} if task in self.states else {})

    @precondition(lambda self: any(run["state"] == "created" for run in self.live()))
    @rule(pick=PICK)
    def start(self, pick: int) -> None:
        created = [run for run in self.live() if run["state"] == "created"]
        claimed = self.claimed(created[pick % len(created)])
        self.write(lambda tx: mark_starting(tx, claimed.run.id))
        self.write(lambda tx: mark_started(tx, claimed.run, None, adopted=False))
        self.follow({claimed.task.id: {S.RUNNING}})

    @precondition(lambda self: self.live())
    @rule(pick=PICK, how=st.sampled_from(["ok", "ok", "ok", "fails", "lost", "stopped"]))
    def end(self, pick: int, how: str) -> None:
        claimed = self.claimed(self.live()[pick % len(self.live())])
        if claimed.run.state != "running" and how in ("ok", "fails"):
            how = "stopped"
        cancelling = self.rows(TASKS["get"], id=claimed.task.id)[0]["cancelling"]
        assert self.write(lambda tx: end_run(tx, claimed.run, ENDINGS[how], self.policy))
        self.over.append(claimed)
        self.follow({claimed.task.id: {S.CANCELLED} if cancelling else AFTER[how]})

    @precondition(lambda self: self.over)
    @rule(pick=PICK, how=st.sampled_from(list(ENDINGS)))
    def end_too_late(self, pick: int, how: str) -> None:
        """R93: what an older run says changes nothing."""
        claimed = self.over[pick % len(self.over)]
        assert not self.write(lambda tx: end_run(tx, claimed.run, ENDINGS[how], self.policy))
        self.follow({})

    @precondition(lambda self: self.active() and self.ready("gate"))
    @rule(pick=PICK)
    def open_gate(self, pick: int) -> None:
        gates = self.ready("gate")
        task = gates[pick % len(gates)]
        record = task_from(self.rows(TASKS["get"], id=task)[0])
        self.write(lambda tx: open_gate(tx, record, self.ids, None))
        self.follow({task: {S.WAITING}})

    @precondition(lambda self: self.pending())
    @rule(pick=PICK, choice=PICK, first=st.sampled_from(["nothing", "nothing", "undone", "stale", "restart"]))
    def answer(self, pick: int, choice: int, first: str) -> None:
        decision = decision_from(self.pending()[pick % len(self.pending())])
        kind = decision.options[choice % len(decision.options)]
        version = decision.version
        if first == "stale":
            with pytest.raises(StaleVersion):
                self.write(lambda tx: stage(tx, decision.id, self.said(kind, version + 1), 0))
            self.follow({})
        self.write(lambda tx: stage(tx, decision.id, self.said(kind, version), 0))
        if first == "undone":
            self.write(lambda tx: undo(tx, decision.id))
            version = decision_from(self.rows("SELECT * FROM decisions WHERE id = :id", id=decision.id)[0]).version
            self.write(lambda tx: stage(tx, decision.id, self.said(kind, version), 0))
        if first == "restart":
            self.restart()
        self.write(lambda tx: confirm(tx, decision.id))
        with pytest.raises(Conflict):  # one answer, one effect
            self.write(lambda tx: confirm(tx, decision.id))
        waits = self.states[decision.task] in (S.WAITING, S.REVIEW, S.BLOCKED)
        self.follow({decision.task: {S.DONE, S.FAILED, S.PENDING} if waits else {self.states[decision.task]}})

    @precondition(lambda self: self.ended is None)
    @rule(pick=PICK)
    def cancel_task(self, pick: int) -> None:
        tasks = [id for id, state in self.states.items() if state not in FINAL_TASK_STATES]
        if pick % 4 == 0 and tasks:
            task = sorted(tasks)[pick % len(tasks)]
            alive = self.states[task] in (S.CLAIMED, S.RUNNING)
            self.write(lambda tx: cancel_task(tx, task, "enough"))
            self.follow({task: {self.states[task]} if alive else {S.CANCELLED}})

    @precondition(lambda self: self.ended is None and self.over)
    @rule(pick=PICK)
    def cancel_goal(self, pick: int) -> None:
        if pick % 8 == 0:
            self.write(lambda tx: cancel_goal(tx, self.goal, "enough"))
            self.follow({})

    @rule()
    def restart(self) -> None:
        self.runner.run(self.database.close())
        self._open()
        self.graph = self.rebuilt()
        self.follow({})

    # -- what holds after each ------------------------------------------------------------------------------------

    def follow(self, expected: dict[str, set[TaskState]], *, only: bool = False) -> None:
        """Take over the stored states; the named ones must be as expected, others may have moved as a consequence,
        unless `only` these could."""
        for row in self.rows("SELECT id, state FROM tasks WHERE kind <> 'group'"):
            stored, was = S(row["state"]), self.states[row["id"]]
            if row["id"] in expected:
                # Its own move may end its group, and that ends or holds it in the same step.
                assert stored in expected[row["id"]] | consequences(expected[row["id"]]), (was, stored)
            else:
                assert stored in {was} | (set() if only else consequences({was})), (was, stored)
            self.states[row["id"]] = stored

    @invariant()
    def r28_readiness_equals_a_rebuild_and_the_words_of_the_design(self) -> None:
        if self.graph is not None and self.ended is None:
            assert self.graph.ready_ids() == self.rebuilt().ready_ids() == self.ready_by_definition()

    @invariant()
    def r9_groups_are_what_their_children_derive(self) -> None:
        def check(connection: sqlite3.Connection) -> None:
            tx = Tx(connection, datetime.now(UTC))
            for row in connection.execute(TASKS["of_goal"], {"goal": self.goal}).fetchall():
                if row["kind"] == "group":
                    assert row["state"] == derive(tx, row), row["key"]

        if self.graph is not None:
            self.runner.run(self.database.read(check))

    @invariant()
    def r28_the_goal_ends_once_with_its_root_and_after_its_runs(self) -> None:
        if self.graph is None:
            return
        state = GoalState(self.rows("SELECT state FROM goals")[0]["state"])
        root = self.rows("SELECT state FROM tasks WHERE parent IS NULL")[0]["state"]
        if self.ended is not None:
            assert state is self.ended
        assert state is not GoalState.DRAINING or self.live(), "a drain ends with the last run (R98)"
        if state in FINAL_GOAL_STATES:
            assert not self.live()
            self.ended = state
        else:
            assert root not in FINAL_TASK_STATES or self.live()

    @invariant()
    def r91_every_live_run_has_its_task_and_events_have_no_gap(self) -> None:
        alive = {id for id, state in self.states.items() if state in (S.CLAIMED, S.RUNNING)}
        assert {run["task"] for run in self.live()} == alive
        first, last, count = self.rows("SELECT min(seq) AS a, max(seq) AS b, count(*) AS n FROM events")[0]
        assert (first or 1, last or 0) == (1, count)

    # -- words ----------------------------------------------------------------------------------------------------

    def rebuilt(self) -> Graph:
        return self.runner.run(self.database.read(partial(load_graph, goal=self.goal)))

    def pending(self) -> list[sqlite3.Row]:
        return self.rows("SELECT * FROM decisions WHERE state = 'pending' AND kind <> 'infrastructure' ORDER BY id")

    def claimed(self, run: sqlite3.Row) -> Claimed:
        from engine.store.rows import goal_from, run_from

        goal, task = self.rows("SELECT * FROM goals")[0], self.rows(TASKS["get"], id=run["task"])[0]
        return Claimed(goal_from(goal), task_from(task), run_from(run))

    def claim_of(self, task: str) -> Callable[[Tx], Claimed]:
        return partial(claim, task=task, limits=Limits(2), ids=self.ids, engine="e-0000000000")

    @staticmethod
    def said(kind: AnswerKind, version: int) -> Answer:
        return Answer(version=version, answer=kind, feedback="because")

    def ready_by_definition(self) -> frozenset[str]:
        """Pending, and for it and all above it: needs satisfied, earlier siblings satisfied, the group not ended."""
        rows = {row["id"]: row for row in self.rows("SELECT * FROM tasks")}
        needs: dict[str, list[str]] = {}
        for row in self.rows("SELECT task, needed FROM needs"):
            needs.setdefault(row["task"], []).append(row["needed"])

        def free(row: Any) -> bool:
            if any(rows[needed]["state"] not in SATISFIED for needed in needs.get(row["id"], [])):
                return False
            if row["parent"] is None:
                return True
            parent = rows[row["parent"]]
            earlier = [r for r in rows.values() if r["parent"] == row["parent"] and r["position"] < row["position"]]
            held = parent["ordering"] == "sequential" and any(r["state"] not in SATISFIED for r in earlier)
            return parent["state"] not in FINAL_TASK_STATES and not held and free(parent)

        return frozenset(id for id in self.states if rows[id]["state"] == S.PENDING and free(rows[id]))
