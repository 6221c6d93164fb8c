"""Facts with a sequence number: the only thing screens and followers are told."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class EventType(StrEnum):
    """The names of CONTRACT section 5 that this engine emits: what it is about, and what happened to it."""

    noun: str
    verb: str

    def __init__(self, name: str) -> None:
        self.noun, _, self.verb = name.partition(".")

    GOAL_CREATED = "goal.created"
    GOAL_STARTED = "goal.started"
    GOAL_PAUSED = "goal.paused"
    GOAL_RESUMED = "goal.resumed"
    GOAL_DRAINING = "goal.draining"
    GOAL_WAITING = "goal.waiting"
    GOAL_BUDGET = "goal.budget"
    GOAL_ENDED = "goal.ended"
    TASK_CLAIMED = "task.claimed"
    TASK_STARTED = "task.started"
    TASK_PROGRESS = "task.progress"
    TASK_PENDING = "task.pending"
    TASK_WAITING = "task.waiting"
    TASK_REVIEW = "task.review"
    TASK_BLOCKED = "task.blocked"
    TASK_EDITED = "task.edited"
    TASK_ADDED = "task.added"
    TASK_REOPENED = "task.reopened"
    TASK_VERDICT = "task.verdict"
    TASK_REWORK = "task.rework"
    TASK_DONE = "task.done"
    TASK_FAILED = "task.failed"
    TASK_CANCELLED = "task.cancelled"
    TASK_SKIPPED = "task.skipped"
    TASK_NOTED = "task.noted"
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
    SANDBOX_EGRESS = "sandbox.egress"
    GATE_OPENED = "gate.opened"
    GATE_RESOLVED = "gate.resolved"
    GATE_DEADLINE = "gate.deadline"
    SIGNAL_RECEIVED = "signal.received"
    SIGNAL_QUEUED = "signal.queued"
    SIGNAL_MATCHED = "signal.matched"
    SIGNAL_STALE = "signal.stale"
    DECISION_OPENED = "decision.opened"
    DECISION_STAGED = "decision.staged"
    DECISION_ANSWERED = "decision.answered"
    DECISION_UNDONE = "decision.undone"
    DECISION_EXPIRED = "decision.expired"
    DECISION_CANCELLED = "decision.cancelled"
    AGENT_STALLED = "agent.stalled"
    RUN_REPORTED = "run.reported"
    RUN_INTERRUPTED = "run.interrupted"
    TASK_PLANNED = "task.planned"
    TASK_TESTED = "task.tested"
    AGENT_REGISTERED = "agent.registered"
    AGENT_BUSY = "agent.busy"
    AGENT_IDLE = "agent.idle"
    LEASE_ACQUIRED = "lease.acquired"
    LEASE_RELEASED = "lease.released"
    LEASE_EXPIRED = "lease.expired"
    LEASE_CONTENDED = "lease.contended"
    MESSAGE_SENT = "message.sent"
    MESSAGE_REQUESTED = "message.requested"
    MESSAGE_RESPONDED = "message.responded"
    MESSAGE_BROADCAST = "message.broadcast"
    MESSAGE_TIMEOUT = "message.timeout"
    CHECKPOINT_SAVED = "checkpoint.saved"
    CHECKPOINT_RESTORED = "checkpoint.restored"
    DECISION_APPROVED_ONCE = "decision.approved_once"
    DECISION_SNOOZED = "decision.snoozed"
    DECISION_WOKEN = "decision.woken"
    DECISION_DELEGATED = "decision.delegated"
    DECISION_NOTED = "decision.noted"
    DECISION_REMINDED = "decision.reminded"
    DECISION_ESCALATED = "decision.escalated"
    RULE_ADDED = "rule.added"
    RULE_REVOKED = "rule.revoked"
    SCHEDULE_ADDED = "schedule.added"
    SCHEDULE_REMOVED = "schedule.removed"
    SCHEDULE_PAUSED = "schedule.paused"
    SCHEDULE_RESUMED = "schedule.resumed"
    SCHEDULE_STOPPED = "schedule.stopped"
    SCHEDULE_DUE = "schedule.due"
    SCHEDULE_QUEUED = "schedule.queued"
    SCHEDULE_STARTED = "schedule.started"
    SCHEDULE_HELD = "schedule.held"
    SCHEDULE_SKIPPED = "schedule.skipped"
    SCHEDULE_MISSED = "schedule.missed"
    SCHEDULE_FAILED = "schedule.failed"
    NOTICE_SENT = "notice.sent"
    NOTICE_FAILED = "notice.failed"
    LOG_GAP = "log.gap"
    ENGINE_STARTED = "engine.started"
    ENGINE_RECOVERED = "engine.recovered"
    ENGINE_SETTINGS = "engine.settings"
    ENGINE_DISPATCH = "engine.dispatch"
    ENGINE_DRAINING = "engine.draining"
    ENGINE_STOPPED = "engine.stopped"
    ENGINE_DEGRADED = "engine.degraded"


class Event(BaseModel):
    """A committed fact. `seq` alone orders; `goal`, `task`, `run` are ids where they apply."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    seq: int
    at: datetime
    type: EventType
    goal: str | None = None
    task: str | None = None
    run: str | None = None
    data: dict[str, object] = Field(default_factory=dict)
