"""Rows as the store keeps them, one model per noun."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from engine.model.specs import FormField, GateSpec, GoalPolicy, TaskSpec
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
from engine.model.verdicts import Judgement


class Record(BaseModel):
    """One row: immutable; times are UTC-aware."""

    model_config = ConfigDict(frozen=True, defer_build=True)


class GoalRecord(Record):
    """`continues`: the goal that this one starts over."""

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
    external_ref: str | None = None
    continues: str | None = None
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None


class TaskRecord(Record):
    """`runs` counts attempts ever made; `failures` and `infra_failures` count against their own policy; `tests`: the
    group that it stands beside as a tester, None for every other task."""

    id: str
    goal: str
    parent: str | None
    key: str
    title: str
    description: str = ""
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
    tests: str | None = None
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None


class RunRecord(Record):
    """One attempt, with its exit record (R48). Sizes in bytes; `last_lines` are the end of its output; `salvage` names
    the branch that keeps work which is in no other; `frozen`: its sandbox stands still, its clocks too. `profile`: the
    agent that works in it, `session` what that calls its own, `cost_usd` and tokens what it reports; `pin`: the pinned
    sandbox that this run occupies while it lives; `interrupted_by`: who interrupted its turn last."""

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
    profile: str | None = None
    pin: str | None = None
    session: str | None = None
    interrupted_by: str | None = None
    interrupted_at: datetime | None = None
    cost_usd: float = 0.0
    tokens_in: int = 0
    tokens_out: int = 0
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None


class GateRecord(Record):
    """`parent`: it is a member of that gate; `head`: the commit under test; `cause`: why it failed; `signal`: which
    one resolved it."""

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
    parent: str | None = None
    cause: str | None = None
    head: str | None = None
    signal: int | None = None


class DecisionRecord(Record):
    """`subject` is what the answer acts on: a gate id (approval, choice, form), a task id (review, spawn failure), or
    the question of a run. `choices` may be chosen from, `fields` filled in; `chosen` and `filled` are what was said;
    `risk_reason`: why the label is what it is, where a rule of risk put it there."""

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
    choices: tuple[str, ...] = ()
    fields: tuple[FormField, ...] = ()
    chosen: str | None = None
    filled: dict[str, str | int | float | bool] = Field(default_factory=dict)
    risk_reason: str = ""
    snoozed_until: datetime | None = None
    snoozed_for_news: bool = False
    delegate: str | None = None
    raw: str | None = None
    rule: str | None = None
    content_before: str | None = None


class VerdictRecord(Judgement):
    """The verdict of one run. `open`: it asks for changes, and what comes of that is not decided."""

    run: str
    goal: str
    task: str
    open: bool = False
    at: datetime
