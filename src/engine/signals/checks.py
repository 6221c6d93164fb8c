"""Check runs and commit statuses: what all of them together say of one commit (R66, R71)."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from engine.model import SignalStatus
from engine.signals.finding import Finding

NAMED = 5  # checks named in a sentence


class Mark(StrEnum):
    """What one check says: `neutral` ones neither pass nor hold back."""

    PASS = "pass"
    FAIL = "fail"
    NEUTRAL = "neutral"
    PENDING = "pending"
    UNKNOWN = "unknown"


CONCLUSIONS: Mapping[str, Mark] = {
    "success": Mark.PASS,
    "neutral": Mark.NEUTRAL,
    "skipped": Mark.NEUTRAL,
    "failure": Mark.FAIL,
    "cancelled": Mark.FAIL,
    "timed_out": Mark.FAIL,
    "action_required": Mark.FAIL,
    "startup_failure": Mark.FAIL,
    "stale": Mark.PENDING,  # it was about something older, and is asked for anew
}
UNFINISHED = frozenset({"queued", "in_progress", "waiting", "requested", "pending"})
STATUSES: Mapping[str, Mark] = {
    "success": Mark.PASS,
    "failure": Mark.FAIL,
    "error": Mark.FAIL,
    "pending": Mark.PENDING,
}


def mark_of_run(run: Mapping[str, Any]) -> Mark:
    """A check run as GitHub lists it."""
    if run.get("status") != "completed":
        return Mark.PENDING if run.get("status") in UNFINISHED else Mark.UNKNOWN
    return CONCLUSIONS.get(str(run.get("conclusion")).lower(), Mark.UNKNOWN)


def mark_of_status(status: Mapping[str, Any]) -> Mark:
    """A commit status as GitHub lists it."""
    return STATUSES.get(str(status.get("state")).lower(), Mark.UNKNOWN)


def judge_checks(runs: Sequence[Mapping[str, Any]], statuses: Sequence[Mapping[str, Any]], head: str) -> Finding:
    """One failed check fails; all ended well, and at least one with success, passes; anything else stays open."""
    marks = [(str(run.get("name")), mark_of_run(run), _said(run)) for run in runs]
    marks += [(str(one.get("context")), mark_of_status(one), str(one.get("state"))) for one in statuses]
    if not marks:
        return Finding(None, f"no check of {head[:12]} has been reported yet", head)
    for mark, status, words in (
        (Mark.FAIL, SignalStatus.FAIL, "failed"),
        (Mark.UNKNOWN, None, "say something that is not known here"),
        (Mark.PENDING, None, "have not ended"),
    ):
        found = [f"{name} ({said})" for name, one, said in marks if one is mark]
        if found:
            return Finding(status, f"of {len(marks)} checks {words}: {_listed(found)}", head)
    if all(mark is Mark.NEUTRAL for _, mark, _ in marks):
        return Finding(None, f"none of {len(marks)} checks succeeded: all were skipped or neutral", head)
    return Finding(SignalStatus.PASS, f"all {len(marks)} checks of {head[:12]} ended well", head)


def _said(run: Mapping[str, Any]) -> str:
    return str(run.get("conclusion") if run.get("status") == "completed" else run.get("status"))


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
