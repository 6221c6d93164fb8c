"""What the engine answers: frozen views, JSON-shaped as CONTRACT section 1 says. Ids are opaque strings."""

from datetime import datetime

from engine.api.contacts import ContactView
from engine.api.cooldowns import Cooldown, NextStart
from engine.api.notes import Note
from engine.api.sandboxes import Pinned
from engine.api.verdicts import Judging
from engine.api.view import View as View
from engine.model import (
    BreakerState,
    BudgetKind,
    BudgetState,
    DriverName,
    ExitCause,
    FailureClass,
    GoalState,
    OnFailure,
    Order,
    RunState,
    Runtime,
    Stream,
    TaskKind,
    TaskState,
)


class EngineInfo(View):
    """The process that answers. `state` is running, draining or visiting (short-lived: starts nothing);
    `dispatch` false: the kill switch is off, nothing starts; `notices` are sentences the operator must see, such as
    the fallback to the process driver; `breaker` not closed: sandboxes were lost, only one that is tried starts;
    `cooldowns`: providers at their rate limit; `next_start`: None where no schedule starts anything."""

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
    cooldowns: tuple[Cooldown, ...] = ()
    next_start: NextStart | None = None


class WaitingOn(View):
    """One thing a goal waits for: `kind` is decision, gate or timer; `id` of it, the task and a few words."""

    kind: str
    id: str
    task: str
    label: str
    until: datetime | None = None


class BudgetView(View):
    """One limit of a goal, or of its task `task_key`. `used` and `limit` are seconds, US dollars, tokens or bytes;
    `words` says both as people write them."""

    kind: BudgetKind
    used: float
    limit: float
    state: BudgetState
    task: str | None = None
    task_key: str | None = None
    words: str = ""


class GoalView(View):
    """A goal with everything derived. `counts` and `progress` (done, total) count leaves (R9); `pinned`: its pinned
    sandboxes that are at work, each with the task that occupies it (R31); `continues`: the goal it starts over."""

    id: str
    title: str
    state: GoalState
    version: int
    waiting: bool
    waiting_on: tuple[WaitingOn, ...]
    counts: dict[TaskState, int]
    progress: tuple[int, int]
    budget: tuple[BudgetView, ...] = ()
    pinned: tuple[Pinned, ...] = ()
    repo: str | None = None
    branch: str | None = None
    cause: str | None = None
    exit_code: int | None = None
    external_ref: str | None = None
    continues: str | None = None
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None


class Status(View):
    engine: EngineInfo
    goals: tuple[GoalView, ...]


class TreeNode(View):
    """A goal (kind `goal`) or a task with what hangs under it. `verdict`: what a judge's newest run said; `rounds` of
    rework that it has asked for, of at most `max_rounds`. `tests`: it is a tester beside this group, and counts in
    nothing of it."""

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
    verdict: str | None = None
    rounds: int = 0
    max_rounds: int | None = None
    tests: str | None = None
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
    duration: float | None = None


class TaskView(View):
    """One task in full. `needs` and `blocks` are (key, state) pairs; `group` is the key of the one it is
    in, None: it is the goal itself, or a tester beside the group that it `tests`. Under the network `egress` its runs
    reach what `egress` lists, and with `ask` a human is asked about the rest; `contacts` is what they tried, newest run
    first. `judging` is there for work."""

    id: str
    goal: str
    key: str
    title: str
    description: str = ""
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
    agent: str | None = None
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
    group: str | None = None
    tests: str | None = None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    notes: tuple[Note, ...] = ()
    egress: tuple[str, ...] = ()
    ask: bool = False
    contacts: tuple[ContactView, ...] = ()
    judging: Judging | None = None


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


class Why(View):
    """The proof of what holds a task, or how and why it ended: one sentence and its facts, in order."""

    id: str
    key: str
    state: str
    summary: str
    reasons: tuple[str, ...]
    last_lines: tuple[str, ...] = ()
