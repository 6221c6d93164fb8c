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
    OPERATOR = "operator"


class GateKind(StrEnum):
    HUMAN_APPROVAL = "human_approval"


class DecisionKind(StrEnum):
    APPROVAL = "approval"
    REVIEW = "review"
    SPAWN_FAILURE = "spawn_failure"
    FAILURE = "failure"
    INFRASTRUCTURE = "infrastructure"


class AnswerKind(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"
    CHANGES = "changes"


class Risk(StrEnum):
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


class OnDeadline(StrEnum):
    REMIND = "remind"
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
    SPAWN = "spawn"


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
