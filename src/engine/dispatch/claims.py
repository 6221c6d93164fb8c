"""Claiming: the guarded move that also stores the run, so that the intent exists before the sandbox (R18, R19)."""

from dataclasses import dataclass

from engine.dispatch.memory import MemoryRoom, take_memory
from engine.dispatch.moves import move
from engine.dispatch.outage import admit
from engine.dispatch.steps import RUNS, TASKS, brief
from engine.dispatch.switch import require_on
from engine.errors import Conflict, NotFound
from engine.events import EventType
from engine.ids import IdSource, Kind, sandbox_name
from engine.model import DriverName, GoalRecord, GoalState, RunRecord, TaskRecord, TaskState
from engine.store import Tx, named_queries
from engine.store.rows import goal_from, run_from, task_from

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
    `probation`: seconds after which a probe of the breaker has held."""

    max_parallel: int
    memory: MemoryRoom | None = None
    probation: float = 30.0


class CapReached(Conflict):
    """The engine's or the goal's cap leaves no room for one more run."""

    code = "cap_reached"


def claim(tx: Tx, task: str, limits: Limits, ids: IdSource, engine: str) -> Claimed:
    """pending → claimed with a new run; CapReached or Conflict when it may not start, and nothing is written."""
    stored = tx.one(TASKS["get"], {"id": task})
    if stored is None:
        raise NotFound(f"no task {task}")
    require_on(tx)
    goal = _startable_goal(tx, stored["goal"])
    record = task_from(stored)
    if record.not_before is not None and record.not_before > tx.now:
        raise Conflict(f"{record.key} waits until {record.not_before:%H:%M:%S}")
    driver = DriverName.ENGINE if record.spec.merge is not None else DriverName(goal.runtime)
    _take_room(tx, goal, limits, driver)
    run = ids(Kind.RUN)
    memory = record.spec.sandbox.memory if driver is not DriverName.ENGINE else None
    if memory is not None:
        admit(tx, run, limits.probation)
        if limits.memory is not None:
            take_memory(tx, memory, limits.memory)
    move(tx, task, TaskState.CLAIMED, frm=(TaskState.PENDING,), run=run, row=dict(stored))
    name = sandbox_name(engine, run)
    values = {"id": run, "task": task, "driver": driver, "sandbox": name, "memory": memory, "at": tx.at}
    inserted = tx.one(RUNS["insert"], values)
    assert inserted is not None
    tx.emit(EventType.RUN_CREATED, goal=goal.id, task=task, run=run, n=inserted["n"], driver=driver, sandbox=name)
    return Claimed(goal, record, run_from(inserted))


def _take_room(tx: Tx, goal: GoalRecord, limits: Limits, driver: DriverName) -> None:
    if driver is DriverName.ENGINE:
        return
    if _count(tx, RUNS["count_live"], {}) >= limits.max_parallel:
        raise CapReached(f"{limits.max_parallel} runs are live: the engine's cap")
    own = goal.policy.max_parallel
    if own is None or own >= limits.max_parallel:
        return  # the engine's own cap binds first
    if _count(tx, RUNS["count_live_of_goal"], {"goal": goal.id}) >= own:
        raise CapReached(f"{own} runs of {goal.id} are live: the goal's cap")


def mark_starting(tx: Tx, run: str) -> None:
    """created → starting: from here on a sandbox of this name may exist."""
    if tx.run(RUNS["starting"], {"id": run}) != 1:
        raise Conflict(f"{run} was ended before it started")


def mark_started(tx: Tx, run: RunRecord, container_id: str | None, *, adopted: bool) -> None:
    """starting → running, and the task with it; Conflict when the run has been ended meanwhile (R24)."""
    if tx.run(RUNS["started"], {"id": run.id, "container_id": container_id, "at": tx.at}) != 1:
        raise Conflict(f"{run.id} is not starting any more")
    kind = EventType.SANDBOX_ADOPTED if adopted else EventType.SANDBOX_CREATED
    if run.driver is not DriverName.ENGINE:
        tx.emit(kind, goal=run.goal, task=run.task, run=run.id, name=run.sandbox, container_id=container_id,
                driver=run.driver)  # fmt: skip
        tx.emit(EventType.SANDBOX_STARTED, goal=run.goal, task=run.task, run=run.id, name=run.sandbox)
    tx.emit(EventType.RUN_STARTED, goal=run.goal, task=run.task, run=run.id, n=run.n, sandbox=run.sandbox)
    row = brief(tx, run.task)
    if row["state"] == TaskState.CLAIMED:
        move(tx, run.task, TaskState.RUNNING, frm=(TaskState.CLAIMED,), run=run.id, row=row)


def _startable_goal(tx: Tx, goal: str) -> GoalRecord:
    row = tx.one(GOALS["get"], {"id": goal})
    assert row is not None
    if row["state"] != GoalState.ACTIVE or row["cancelling"]:
        raise Conflict(f"goal {goal} is {row['state']}: nothing starts in it")
    return goal_from(row)


def _count(tx: Tx, sql: str, params: dict[str, object]) -> int:
    row = tx.one(sql, params)
    return int(row["n"]) if row is not None else 0
