"""Facts with a sequence number: the only thing screens and followers are told."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class EventType(StrEnum):
    """The names of CONTRACT section 5 that this engine emits."""

    GOAL_CREATED = "goal.created"
    GOAL_STARTED = "goal.started"
    GOAL_PAUSED = "goal.paused"
    GOAL_RESUMED = "goal.resumed"
    GOAL_DRAINING = "goal.draining"
    GOAL_WAITING = "goal.waiting"
    GOAL_ENDED = "goal.ended"
    TASK_CLAIMED = "task.claimed"
    TASK_STARTED = "task.started"
    TASK_PENDING = "task.pending"
    TASK_WAITING = "task.waiting"
    TASK_REVIEW = "task.review"
    TASK_BLOCKED = "task.blocked"
    TASK_REOPENED = "task.reopened"
    TASK_DONE = "task.done"
    TASK_FAILED = "task.failed"
    TASK_CANCELLED = "task.cancelled"
    TASK_SKIPPED = "task.skipped"
    RUN_CREATED = "run.created"
    RUN_STARTED = "run.started"
    RUN_ENDED = "run.ended"
    SANDBOX_CREATED = "sandbox.created"
    SANDBOX_ADOPTED = "sandbox.adopted"
    SANDBOX_STARTED = "sandbox.started"
    SANDBOX_PAUSED = "sandbox.paused"
    SANDBOX_THAWED = "sandbox.thawed"
    SANDBOX_STOPPED = "sandbox.stopped"
    SANDBOX_REMOVED = "sandbox.removed"
    SANDBOX_LOST = "sandbox.lost"
    SANDBOX_OOM = "sandbox.oom"
    GATE_OPENED = "gate.opened"
    GATE_RESOLVED = "gate.resolved"
    GATE_DEADLINE = "gate.deadline"
    DECISION_OPENED = "decision.opened"
    DECISION_STAGED = "decision.staged"
    DECISION_ANSWERED = "decision.answered"
    DECISION_UNDONE = "decision.undone"
    DECISION_EXPIRED = "decision.expired"
    DECISION_CANCELLED = "decision.cancelled"
    LOG_GAP = "log.gap"
    ENGINE_STARTED = "engine.started"
    ENGINE_RECOVERED = "engine.recovered"
    ENGINE_DISPATCH = "engine.dispatch"
    ENGINE_DRAINING = "engine.draining"
    ENGINE_STOPPED = "engine.stopped"
    ENGINE_DEGRADED = "engine.degraded"


class Event(BaseModel):
    """A committed fact. `seq` alone orders; `goal`, `task`, `run` are ids where they apply."""

    model_config = ConfigDict(frozen=True)

    seq: int
    at: datetime
    type: EventType
    goal: str | None = None
    task: str | None = None
    run: str | None = None
    data: dict[str, object] = Field(default_factory=dict)
