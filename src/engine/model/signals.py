"""What arrives from outside."""

from enum import StrEnum


class SignalStatus(StrEnum):
    """What a signal says of the thing it is about."""

    PASS = "pass"
    FAIL = "fail"


class SignalState(StrEnum):
    """`queued`: nothing waited for it, and a gate that opens later may take it; `matched`: it resolved a gate;
    `stale`: nothing will take it any more."""

    QUEUED = "queued"
    MATCHED = "matched"
    STALE = "stale"
