"""Each noun's states and closed vocabularies, listed once; CHECKs of the schema are tested equal to these."""

from enum import StrEnum


class GoalState(StrEnum):
    DRAFT = "draft"
    ACTIVE = "active"
    PAUSED = "paused"
    DRAINING = "draining"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class TaskKind(StrEnum):
    WORK = "work"
    GATE = "gate"
    GROUP = "group"


class TaskState(StrEnum):
    PENDING = "pending"
    CLAIMED = "claimed"
    RUNNING = "running"
    WAITING = "waiting"
    REVIEW = "review"
    BLOCKED = "blocked"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


class RunState(StrEnum):
    CREATED = "created"
    STARTING = "starting"
    RUNNING = "running"
    ENDED = "ended"


class GateState(StrEnum):
    OPEN = "open"
    PASSED = "passed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class DecisionState(StrEnum):
    PENDING = "pending"
    STAGED = "staged"
    ANSWERED = "answered"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


FINAL_GOAL_STATES = frozenset({GoalState.DONE, GoalState.FAILED, GoalState.CANCELLED})
FINAL_TASK_STATES = frozenset({TaskState.DONE, TaskState.FAILED, TaskState.CANCELLED, TaskState.SKIPPED})
LIVE_TASK_STATES = frozenset({TaskState.CLAIMED, TaskState.RUNNING})
SATISFIED = frozenset({TaskState.DONE, TaskState.SKIPPED})
"""What lets a dependant go on."""


class ExitCause(StrEnum):
    """Why a run ended (DESIGN section 4)."""

    EXIT = "exit"
    SIGNAL = "signal"
    OOM = "oom"
    TIMEOUT = "timeout"
    IDLE = "idle"
    CANCELLED = "cancelled"
    LOST = "lost"
    START_ERROR = "start_error"
    RATE_LIMIT = "rate_limit"
    BUDGET = "budget"
    VERDICT_MISSING = "verdict_missing"


class FailureClass(StrEnum):
    """Which counter the end of a run touches: exactly one, or none (R32)."""

    NONE = "none"
    AGENT = "agent"
    INFRA = "infra"
    RATE_LIMIT = "rate_limit"
    OPERATOR = "operator"


class GateKind(StrEnum):
    """What a gate waits for: a human, something outside, a time, or other gates."""

    HUMAN_APPROVAL = "human_approval"
    CHOICE = "choice"
    FORM = "form"
    GH_CI = "gh_ci"
    GH_REVIEW = "gh_review"
    PR_REVIEW = "pr_review"
    WEBHOOK = "webhook"
    TIMER = "timer"
    ALL = "all"
    ANY = "any"
    N_OF = "n_of"


HUMAN_GATES = frozenset({GateKind.HUMAN_APPROVAL, GateKind.CHOICE, GateKind.FORM})
COMPOUND_GATES = frozenset({GateKind.ALL, GateKind.ANY, GateKind.N_OF})
BY_ID_ONLY = HUMAN_GATES | COMPOUND_GATES | {GateKind.TIMER}
"""Kinds that name nothing a signal could fit: a signal that names no gate would fit every one of them."""


class DecisionKind(StrEnum):
    APPROVAL = "approval"
    REVIEW = "review"
    SPAWN_FAILURE = "spawn_failure"
    FAILURE = "failure"
    INFRASTRUCTURE = "infrastructure"
    CHOICE = "choice"
    FORM = "form"
    QUESTION = "question"
    PERMISSION = "permission"
    EGRESS = "egress"
    BUDGET = "budget"
    STALL = "stall"
    CONFLICT = "conflict"
    REWORK = "rework"


class AnswerKind(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"
    CHANGES = "changes"
    CHOOSE = "choose"
    FILL = "fill"
    SNOOZE = "snooze"


class OutputFormat(StrEnum):
    """What an agent prints on standard output: plain text, or JSON lines of a known shape."""

    TEXT = "text"
    JSONL = "jsonl"
    CLAUDE = "claude"
    CODEX = "codex"


class FieldType(StrEnum):
    """What a field of a form takes."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    FLAG = "flag"
    CHOICE = "choice"


class Risk(StrEnum):
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


class OnDeadline(StrEnum):
    REMIND = "remind"
    ESCALATE = "escalate"
    FAIL = "fail"
    APPROVE = "approve"


class OnFailure(StrEnum):
    STOP = "stop"
    CONTINUE = "continue"
    ASK = "ask"


class Order(StrEnum):
    SEQUENTIAL = "sequential"
    PARALLEL = "parallel"


class SessionPolicy(StrEnum):
    """`spawn`: a sandbox of its own. `reuse`: the goal's pinned one, one task at a time. `auto`: the sandbox of the
    task that it says it continues, else one of its own."""

    SPAWN = "spawn"
    REUSE = "reuse"
    AUTO = "auto"


class Runtime(StrEnum):
    """What the operator asks for; `auto` takes docker, or process when no daemon answers."""

    AUTO = "auto"
    DOCKER = "docker"
    PROCESS = "process"


class DriverName(StrEnum):
    """Where a run executes; `engine` is the engine's own git work (a merge), not a sandbox."""

    DOCKER = "docker"
    PROCESS = "process"
    ENGINE = "engine"


class BudgetKind(StrEnum):
    """What a budget limits: seconds in which something runs, US dollars, tokens, bytes of work folders."""

    WALL = "wall"
    COST_USD = "cost_usd"
    TOKENS = "tokens"
    DISK = "disk"


class BudgetState(StrEnum):
    """How far a budget is: warned at 80 %, asked at 100 %; `finishing` and `stopped` are what a human answered."""

    WITHIN = "within"
    WARNED = "warned"
    ASKED = "asked"
    FINISHING = "finishing"
    STOPPED = "stopped"


class Activity(StrEnum):
    """What a live run shows. `waiting`: for a human, a lease, a cooldown, or frozen; `lost`: nobody can tell."""

    WORKING = "working"
    WAITING = "waiting"
    QUIET = "quiet"
    REPEATING = "repeating"
    LOST = "lost"


class StallAction(StrEnum):
    """What becomes of a run that has stalled: it is told of only, or a human is asked."""

    OBSERVE = "observe"
    ASK = "ask"


class Verdict(StrEnum):
    """What is said of a contact outside that a run wants to make."""

    ALLOWED = "allowed"
    ASKED = "asked"
    REFUSED = "refused"


class BatchOutcome(StrEnum):
    """What came of a task that a tester was given. `failed`: the test itself did, and named nothing; `stopped`: nobody
    can tell, it was ended."""

    OPEN = "open"
    PASSED = "passed"
    REGRESSED = "regressed"
    FAILED = "failed"
    STOPPED = "stopped"


class BreakerState(StrEnum):
    """Whether sandboxes may start: closed, yes; open, no; half-open: one was let through to try."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Stream(StrEnum):
    """The mark of a log line; `gap` says that lines are missing here, `note` is the engine's own word."""

    OUT = "out"
    ERR = "err"
    GAP = "gap"
    NOTE = "note"
