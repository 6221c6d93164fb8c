"""What the engine answers: frozen views, JSON-shaped as CONTRACT section 1 says. Ids are opaque strings."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from engine.model import (
    AnswerKind,
    BreakerState,
    DecisionKind,
    DecisionState,
    DriverName,
    ExitCause,
    FailureClass,
    GoalState,
    OnFailure,
    Order,
    Risk,
    RunState,
    Runtime,
    Stream,
    TaskKind,
    TaskState,
)


class View(BaseModel):
    """An immutable answer. Fields a newer engine adds are ignored by an older client."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class EngineInfo(View):
    """The process that answers. `state` is running, draining or visiting (short-lived: starts nothing);
    `dispatch` false: the kill switch is off, nothing starts; `notices` are sentences the operator must see, such as
    the fallback to the process driver; `breaker` not closed: sandboxes were lost, only one that is tried starts."""

    id: str
    state: str
    pid: int
    host: str
    version: str
    project: str
    runtime: Runtime
    driver: DriverName | None
    live_runs: int
    max_parallel: int
    dispatch: bool = True
    seq: int
    started_at: datetime
    notices: tuple[str, ...] = ()
    breaker: BreakerState = BreakerState.CLOSED


class WaitingOn(View):
    """One thing a goal waits for: `kind` is decision, gate or timer; `id` of it, the task and a few words."""

    kind: str
    id: str
    task: str
    label: str
    until: datetime | None = None


class GoalView(View):
    """A goal with everything derived. `counts` and `progress` (done, total) count leaves (R9)."""

    id: str
    title: str
    state: GoalState
    version: int
    waiting: bool
    waiting_on: tuple[WaitingOn, ...]
    counts: dict[TaskState, int]
    progress: tuple[int, int]
    repo: str | None = None
    branch: str | None = None
    cause: str | None = None
    exit_code: int | None = None
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None


class Status(View):
    engine: EngineInfo
    goals: tuple[GoalView, ...]


class TreeNode(View):
    """A goal (kind `goal`) or a task with what hangs under it."""

    id: str
    key: str
    title: str
    kind: TaskKind | str
    state: TaskState | GoalState
    version: int
    cause: str | None = None
    runs: int = 0
    order: Order | None = None
    require: str | None = None
    gate: str | None = None
    decision: str | None = None
    deadline: datetime | None = None
    not_before: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    children: tuple["TreeNode", ...] = ()


class RunView(View):
    """One attempt with its exit record; `ended` in words is `message`. Sizes in bytes, duration in seconds."""

    id: str
    goal: str
    task: str
    key: str
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
    duration: float | None = None


class TaskView(View):
    """One task in full. `needs` and `blocks` are (key, state) pairs."""

    id: str
    goal: str
    key: str
    title: str
    kind: TaskKind
    state: TaskState
    version: int
    cause: str | None
    command: str | None
    image: str | None
    memory: int | None
    cpus: float | None
    pids: int | None
    network: str | None
    timeout: float | None
    order: Order
    require: str
    on_failure: OnFailure
    retries: int
    failures: int
    priority: int
    not_before: datetime | None
    needs: tuple[tuple[str, TaskState], ...]
    blocks: tuple[tuple[str, TaskState], ...]
    runs: tuple[RunView, ...]
    decision: str | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class DecisionView(View):
    """One row of the inbox. `blocks` counts tasks that cannot go on; `risk_reason` says where the label comes from."""

    id: str
    version: int
    kind: DecisionKind
    state: DecisionState
    goal: str
    goal_title: str
    task: str
    task_key: str
    question: str
    options: tuple[AnswerKind, ...]
    risk: Risk
    deadline: datetime | None
    opened_at: datetime
    blocks: int
    content: str | None = None
    answer: AnswerKind | None = None
    feedback: str | None = None
    by: str | None = None
    via: str | None = None
    effective_at: datetime | None = None
    answered_at: datetime | None = None


class DiffFile(View):
    path: str
    added: int
    removed: int


class Diff(View):
    """A change from `base` to `commit`; `text` is a unified diff, cut at a bound when `truncated`."""

    base: str
    commit: str
    files: tuple[DiffFile, ...]
    text: str
    truncated: bool = False


class LogLine(View):
    """Line `n` of a run's log (from 0, never reused). `text` is raw foreign text without its line end."""

    n: int
    at: datetime
    stream: Stream
    text: str


class LogPage(View):
    """Lines of one run. `total` lines were ever written; `first`: the oldest kept; `ended`: no more will come;
    `reached`: there may be more lines for the query after this one; None: this is all there is so far."""

    run: str
    lines: tuple[LogLine, ...]
    first: int
    total: int
    ended: bool
    reached: int | None = None


class DecisionCard(View):
    """A decision with its evidence. `decision.content` is the hash an approval is bound to (R82)."""

    decision: DecisionView
    blocks: tuple[str, ...]
    diff: Diff | None = None
    last_run: RunView | None = None
    last_lines: tuple[LogLine, ...] = ()


class SandboxView(View):
    """A live sandbox. `memory` in bytes is its limit; `frozen`: it stands still, its clocks too."""

    name: str
    driver: DriverName
    container_id: str | None
    goal: str
    task: str
    task_key: str
    run: str
    state: RunState
    started_at: datetime | None
    memory: int
    cpus: float
    network: str
    image: str
    frozen: bool = False


class SandboxOutcome(View):
    """What an order made of a sandbox: `state` is frozen, running, ended or removed; `run` None: no run owned it."""

    name: str
    state: str
    run: str | None = None
    task: str | None = None
    task_key: str | None = None


class Why(View):
    """The proof of what holds a task, or how and why it ended: one sentence and its facts, in order."""

    id: str
    key: str
    state: str
    summary: str
    reasons: tuple[str, ...]
    last_lines: tuple[str, ...] = ()
