"""Claiming: the guarded move that also stores the run, so that the intent exists before the sandbox (R18, R19)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from engine.dispatch.limits.agents import Profiles, take_agent
from engine.dispatch.limits.breaker import Breaker
from engine.dispatch.limits.memory import MemoryRoom, MemoryShort, lack
from engine.dispatch.limits.outage import SUBJECT, admit, breaker_from
from engine.dispatch.orders.switch import FACT, require_position_on
from engine.dispatch.runs.pinned import take_pinned
from engine.dispatch.steps import RUNS, TASKS, briefs, change_all
from engine.dispatch.tree.moves import move_all, require_state
from engine.errors import Conflict, NotFound
from engine.events import EventType
from engine.ids import IdSource, Kind, sandbox_name
from engine.model import BreakerState, DriverName, GoalRecord, GoalState, RunRecord, RunState, TaskRecord, TaskState
from engine.store import Tx, named_queries
from engine.store.rows import columns_of, goal_from, task_from

GOALS = named_queries("goals")


@dataclass(frozen=True)
class Claimed:
    """A claim that was won."""

    goal: GoalRecord
    task: TaskRecord
    run: RunRecord


@dataclass(frozen=True)
class Limits:
    """Caps that are checked and taken inside the claim (R25). `memory` None: the host's memory is not asked for;
    `probation`: seconds after which a probe of the breaker has held; `agents`: the profiles with their own caps."""

    max_parallel: int
    memory: MemoryRoom | None = None
    probation: float = 30.0
    agents: Profiles = field(default_factory=dict)


class CapReached(Conflict):
    """The engine's or the goal's cap leaves no room for one more run."""

    code = "cap_reached"


@dataclass(frozen=True)
class Wanted:
    """A task to be claimed. `waited`: the stored wait that was seen through in monotonic time, whatever the wall clock
    says."""

    task: str
    waited: datetime | None = None


def claim(tx: Tx, task: str, limits: Limits, ids: IdSource, engine: str, waited: datetime | None = None) -> Claimed:
    """pending → claimed with a new run; CapReached or Conflict when it may not start, and nothing is written."""
    return claim_all(tx, [Wanted(task, waited)], limits, ids, engine)[0]


def claim_all(tx: Tx, wanted: Sequence[Wanted], limits: Limits, ids: IdSource, engine: str) -> list[Claimed]:
    """The same for each of these, in turn: one that may not start keeps all from it."""
    tasks = json.dumps([each.task for each in wanted])
    rows = tx.all(TASKS["to_claim"], {"ids": tasks, "switch": FACT, "breaker": SUBJECT})
    found = {row["id"]: columns_of(row) for row in rows}
    desk = _Desk(tx, limits, ids, engine)
    claims = [desk.claim(found.get(each.task), each) for each in wanted]
    desk.store()
    move_all(tx, [(found[won.task.id], won.run.id) for won in claims], TaskState.CLAIMED)
    for run in (won.run for won in claims):
        tx.emit(EventType.RUN_CREATED, goal=run.goal, task=run.task, run=run.id, n=run.n, driver=run.driver,
                sandbox=run.sandbox)  # fmt: skip
    return claims


class _Desk:
    """Gives runs to tasks of one transaction: what is the same for all is read once, each run counts for the next.

    Runs are stored side by side, at the latest before the store is asked about runs again.
    """

    def __init__(self, tx: Tx, limits: Limits, ids: IdSource, engine: str) -> None:
        self._tx, self._limits, self._ids, self._engine = tx, limits, ids, engine
        self._goals: dict[str, GoalRecord] = {}
        self._live: int | None = None
        self._live_of: dict[str, int] = {}
        self._memory: int | None = None
        self._given: list[tuple[object, ...]] = []
        self._breaker: Breaker | None = None

    def claim(self, row: dict[str, Any] | None, wanted: Wanted) -> Claimed:
        """Check everything that may keep this task from starting, and give it a run."""
        if row is None:
            raise NotFound(f"no task {wanted.task}")
        require_position_on(row["switch"])
        goal = self._startable(row["goal"])
        task = task_from(row)
        if task.not_before is not None and task.not_before > self._tx.now and task.not_before != wanted.waited:
            raise Conflict(f"{task.key} waits until {task.not_before:%H:%M:%S}")
        if row["unmet"] is not None:  # given to it while it was on its way here
            raise Conflict(f"{task.key} needs {row['unmet']}")
        driver = DriverName.ENGINE if task.spec.merge is not None else DriverName(goal.runtime)
        self._take_room(goal, driver)
        if task.spec.agent is not None or task.spec.pin is not None:
            self.store()
            take_agent(self._tx, task.spec, self._limits.agents)
            take_pinned(self._tx, goal.id, task.spec)
        require_state(row, (TaskState.PENDING,))
        run, memory = self._ids(Kind.RUN), None
        if driver is not DriverName.ENGINE:
            memory = task.spec.sandbox.memory
            self._admit(run, memory, row["breaker"])
        return Claimed(goal, task, self._give(run, task, driver, memory, row["pin"]))

    def store(self) -> None:
        """Insert the runs that were given."""
        self._tx.rows(RUNS["insert"], self._given)
        self._given = []

    def _startable(self, goal: str) -> GoalRecord:
        if goal not in self._goals:
            row = self._tx.one(GOALS["to_claim"], {"id": goal})
            assert row is not None
            if row["state"] != GoalState.ACTIVE or row["cancelling"]:
                raise Conflict(f"goal {goal} is {row['state']}: nothing starts in it")
            self._goals[goal] = goal_from(row)
        return self._goals[goal]

    def _take_room(self, goal: GoalRecord, driver: DriverName) -> None:
        limit, own = self._limits.max_parallel, goal.policy.max_parallel
        if driver is not DriverName.ENGINE:
            if self._live is None:
                self._live = self._count("count_live")
            if self._live >= limit:
                raise CapReached(f"{limit} runs are live: the engine's cap")
            if own is not None and own < limit:  # else the engine's own cap binds first
                self._require_room_in(goal.id, own)
            self._live += 1
        if goal.id in self._live_of:
            self._live_of[goal.id] += 1

    def _require_room_in(self, goal: str, own: int) -> None:
        if goal not in self._live_of:
            self._live_of[goal] = self._count("count_live_of_goal", goal=goal)
        if self._live_of[goal] >= own:
            raise CapReached(f"{own} runs of {goal} are live: the goal's cap")

    def _admit(self, run: str, memory: int, breaker: str | None) -> None:
        if self._breaker is None:
            self._breaker = breaker_from(breaker)
        if self._breaker.state is not BreakerState.CLOSED:
            self.store()  # its probe may be one of them
        self._breaker = admit(self._tx, run, self._limits.probation, self._breaker)
        if self._limits.memory is not None:
            self._take_memory(memory, self._limits.memory)

    def _take_memory(self, memory: int, room: MemoryRoom) -> None:
        if self._memory is None:
            self._memory = self._count("memory_taken")
        if room.short(memory, self._memory):
            self.store()  # whoever has the memory is named
            raise MemoryShort(lack(self._tx.connection, memory, room))
        self._memory += memory

    def _count(self, query: str, **params: object) -> int:
        self.store()
        row = self._tx.one(RUNS[query], params)
        return int(row["n"]) if row is not None else 0

    def _give(self, id: str, task: TaskRecord, driver: DriverName, memory: int | None, pin: str | None) -> RunRecord:
        run = RunRecord(
            id=id, goal=task.goal, task=task.id, n=task.runs + 1, state=RunState.CREATED, driver=driver,
            sandbox=sandbox_name(self._engine, id), memory=memory, profile=task.spec.agent, pin=pin,
            created_at=self._tx.now,
        )  # fmt: skip
        self._given.append((id, run.goal, run.task, run.n, driver, run.sandbox, memory, run.profile, pin, self._tx.at))
        return run


def mark_starting(tx: Tx, run: str) -> None:
    """created → starting: from here on a sandbox of this name may exist."""
    mark_all_starting(tx, [run])


def mark_all_starting(tx: Tx, runs: Sequence[str]) -> Sequence[None]:
    """The same for each of these."""
    if tx.run(RUNS["starting"], {"ids": json.dumps(runs)}) != len(runs):
        raise Conflict(f"{' or '.join(runs)} was ended before it started")
    return [None] * len(runs)


@dataclass(frozen=True)
class Begun:
    """A run whose sandbox is there: made for it, or `adopted`."""

    run: RunRecord
    container_id: str | None
    adopted: bool = False


def mark_started(tx: Tx, run: RunRecord, container_id: str | None, *, adopted: bool) -> None:
    """starting → running, and the task with it; Conflict when the run has been ended meanwhile (R24)."""
    mark_all_started(tx, [Begun(run, container_id, adopted)])


def mark_all_started(tx: Tx, begun: Sequence[Begun]) -> Sequence[None]:
    """The same for each of these."""
    rows = json.dumps([(each.run.id, each.container_id) for each in begun])
    if tx.run(RUNS["started"], {"rows": rows, "at": tx.at}) != len(begun):
        raise Conflict(f"{' or '.join(each.run.id for each in begun)} is not starting any more")
    for each in begun:
        _tell_started(tx, each)
    tasks = briefs(tx, [each.run.task for each in begun])
    moving = [(tasks[each.run.task], each.run.id) for each in begun]
    claimed = [(row, run) for row, run in moving if row["state"] == TaskState.CLAIMED]
    change_all(tx, claimed, TaskState.RUNNING)  # claimed or running, it is alive to every group above
    return [None] * len(begun)


def _tell_started(tx: Tx, begun: Begun) -> None:
    run = begun.run
    kind = EventType.SANDBOX_ADOPTED if begun.adopted else EventType.SANDBOX_CREATED
    if run.driver is not DriverName.ENGINE:
        tx.emit(kind, goal=run.goal, task=run.task, run=run.id, name=run.sandbox, container_id=begun.container_id,
                driver=run.driver)  # fmt: skip
        tx.emit(EventType.SANDBOX_STARTED, goal=run.goal, task=run.task, run=run.id, name=run.sandbox)
    tx.emit(EventType.RUN_STARTED, goal=run.goal, task=run.task, run=run.id, n=run.n, sandbox=run.sandbox)
