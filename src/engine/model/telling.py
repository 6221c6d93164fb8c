"""What is told and by whom: reports of runs, letters between them, and what goes out about a decision's age."""

from enum import StrEnum


class ReportKind(StrEnum):
    """What a run said of itself before it ended."""

    COMPLETE = "complete"
    FAIL = "fail"


class MessageState(StrEnum):
    """A request is open until it is answered or its time is over; everything else is sent and that is all."""

    OPEN = "open"
    ANSWERED = "answered"
    TIMEOUT = "timeout"
    SENT = "sent"


class DeliveryState(StrEnum):
    """Whether the run a letter went to has read it."""

    QUEUED = "queued"
    READ = "read"


class AgeingKind(StrEnum):
    """What happens to a decision that nobody answers."""

    REMIND = "remind"
    ESCALATE = "escalate"
