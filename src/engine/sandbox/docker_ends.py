"""How a container ended, from what the daemon knows of it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from signal import SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGKILL, SIGSEGV, SIGTERM, SIGTRAP, Signals
from typing import Any

from engine.sandbox.driver import Exit

SHIFT = 128  # a shell, and our init, answer 128 + n for a child that signal n ended
FAULTS = frozenset({SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP})  # nobody picks these as an exit code
DAEMONS_OWN = frozenset({SHIFT + SIGTERM, SHIFT + SIGKILL})  # a daemon that stops, or finds what it does not keep
SLACK = 1.0  # seconds between a daemon's end and our word of it
TAKEN_ALONG = "the container daemon stopped and ended it"


def exit_of(state: Mapping[str, Any], signals: Iterable[int] = ()) -> Exit:
    """The exit record of a container's `State`; `signals` are those the daemon itself delivered to it.

    OOM is the runtime's flag and nothing else: 137 alone may be a kill, or the program's own exit code.
    """
    code = int(state.get("ExitCode", 0))
    oom = bool(state.get("OOMKilled"))
    if state.get("Status") == "created":
        return Exit(code=None, error=str(state.get("Error") or "the container was created and never started"))
    return Exit(
        code=code,
        signal=_signal(code, oom, signals),
        oom=oom,
        error=str(state.get("Error") or ""),
        finished_at=moment(state.get("FinishedAt")),
    )


def _signal(code: int, oom: bool, delivered: Iterable[int]) -> int | None:
    number = code - SHIFT
    known = number in FAULTS or number in set(delivered) or (oom and number == SIGKILL)
    return number if known else None


def taken_along(state: Mapping[str, Any], away: float) -> bool:
    """Whether a daemon that has been away since `away`, in seconds since the epoch, ended the container with itself, or
    as it came back: without live-restore it does so to all of them, and no program had a part in it."""
    finished = moment(state.get("FinishedAt"))
    ours = int(state.get("ExitCode", 0)) in DAEMONS_OWN and not state.get("OOMKilled")
    return ours and finished is not None and finished.timestamp() >= away - SLACK


def needs_events(state: Mapping[str, Any]) -> bool:
    """Whether only the daemon's memory of delivered signals tells a killed program from one that chose its code."""
    number = int(state.get("ExitCode", 0)) - SHIFT
    return 0 < number < 65 and not state.get("OOMKilled") and number not in FAULTS


def delivered_signals(events: Iterable[Mapping[str, Any]]) -> set[int]:
    """The signals in `kill` events, written as a number or a name."""
    found = set()
    for event in events:
        if event.get("Action") == "kill":
            word = str(event.get("Actor", {}).get("Attributes", {}).get("signal", ""))
            names = Signals.__members__
            number = int(word) if word.isdecimal() else names.get(word, names.get(f"SIG{word}", 0))
            found.add(int(number))
    return found


def moment(text: object) -> datetime | None:
    """A time of the daemon; None for its zero time or anything else."""
    if not isinstance(text, str) or text.startswith("0001-"):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def running(state: Mapping[str, Any]) -> bool:
    """Whether its processes exist, at work or frozen."""
    return bool(state.get("Running") or state.get("Paused") or state.get("Restarting"))
