"""Rows as the store keeps them, one model per noun."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from engine.model.specs import GateSpec, GoalPolicy, TaskSpec
from engine.model.states import (
    AnswerKind,
    DecisionKind,
    DecisionState,
    DriverName,
    ExitCause,
    FailureClass,
    GateKind,
    GateState,
    GoalState,
    OnDeadline,
    OnFailure,
    Order,
    Risk,
    RunState,
    Runtime,
    TaskKind,
    TaskState,
)


class Record(BaseModel):
    """One row: immutable; times are UTC-aware."""

    model_config = ConfigDict(frozen=True)


class GoalRecord(Record):
    id: str
    title: str
    state: GoalState
    version: int
    policy: GoalPolicy
    runtime: Runtime
    repo: str | None = None
    branch: str | None = None
    base_commit: str | None = None
    path: str = ""
    allow_unconfined: bool = False
    cause: str | None = None
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None


class TaskRecord(Record):
    """`runs` counts attempts ever made; `failures` and `infra_failures` count against their own policy."""

    id: str
    goal: str
    parent: str | None
    key: str
    title: str
    kind: TaskKind
    state: TaskState
    version: int
    position: int
    order: Order
    require: str
    on_failure: OnFailure
    priority: int
    spec: TaskSpec
    not_before: datetime | None = None
    cause: str | None = None
    failures: int = 0
    infra_failures: int = 0
    runs: int = 0
    engine_deaths: int = 0
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None


class RunRecord(Record):
    """One attempt, with its exit record (R48). Sizes in bytes; `last_lines` are the end of its output; `salvage` names
    the branch that keeps work which is in no other; `frozen`: its sandbox stands still, its clocks too."""

    id: str
    goal: str
    task: str
    n: int
    state: RunState
    driver: DriverName
    sandbox: str
    container_id: str | None = None
    cause: ExitCause | None = None
    exit_code: int | None = None
    signal: int | None = None
    oom: bool = False
    memory: int | None = None
    message: str | None = None
    last_lines: tuple[str, ...] = ()
    commit: str | None = None
    failure_class: FailureClass | None = None
    salvage: str | None = None
    frozen: bool = False
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None


class GateRecord(Record):
    id: str
    goal: str
    task: str
    kind: GateKind
    state: GateState
    spec: GateSpec
    opened_at: datetime
    deadline: datetime | None = None
    on_deadline: OnDeadline
    resolved_at: datetime | None = None
    actor: str | None = None


class DecisionRecord(Record):
    """`subject` is what the answer acts on: a gate id (approval) or a task id (review, spawn failure)."""

    id: str
    version: int
    goal: str
    task: str
    subject: str
    kind: DecisionKind
    state: DecisionState
    question: str
    options: tuple[AnswerKind, ...]
    risk: Risk
    content: str | None = None
    opened_at: datetime
    deadline: datetime | None = None
    answer: AnswerKind | None = None
    feedback: str | None = None
    by: str | None = None
    via: str | None = None
    shown: str | None = None
    shown_seconds: float | None = None
    effective_at: datetime | None = None
    answered_at: datetime | None = None
    evidence: dict[str, object] = Field(default_factory=dict)
