"""Why a sandbox ended, in words an operator can act on (R48)."""

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from engine.model import ExitCause
from engine.sandbox.driver import Exit
from engine.units import format_duration, format_size

LINES = 10
WIDTH = 200


@dataclass(frozen=True)
class Diagnosis:
    """The cause, and a message whose first line stands alone; last lines of output follow when it failed."""

    cause: ExitCause
    message: str


def diagnose(
    exit: Exit,
    *,
    requested: ExitCause | None,
    memory: int,
    timeout: float,
    idle_timeout: float,
    last_lines: Sequence[str],
    spent: str = "",
) -> Diagnosis:
    """Name the cause of an end. Memory in bytes, times in seconds; `requested`: why we ended it ourselves; `spent`:
    which budget was used up."""
    found = _requested(requested, timeout, idle_timeout, spent) or _own(exit, memory)
    sentence = found.message
    if exit.oom and found.cause is not ExitCause.OOM:
        sentence += f"; the kernel killed a process in it at the memory limit of {format_size(memory)}"
    if found.cause is ExitCause.EXIT and exit.code == 0:
        return Diagnosis(found.cause, sentence)
    return Diagnosis(found.cause, sentence + _quoted(last_lines))


def _requested(cause: ExitCause | None, timeout: float, idle_timeout: float, spent: str) -> Diagnosis | None:
    match cause:
        case ExitCause.TIMEOUT:
            words = f"stopped after {_duration(timeout)}, its time limit (`sandbox: {{timeout: …}}` sets it)"
        case ExitCause.IDLE:
            words = f"stopped: no output for {_duration(idle_timeout)} (`sandbox: {{idle_timeout: …}}` sets it)"
        case ExitCause.CANCELLED:
            words = "cancelled"
        case ExitCause.BUDGET:
            words = f"stopped: {spent or 'the budget is used up'}"
        case ExitCause.RATE_LIMIT:
            words = "ended: its provider's rate limit was reached"
        case (
            None
            | ExitCause.EXIT
            | ExitCause.SIGNAL
            | ExitCause.OOM
            | ExitCause.LOST
            | ExitCause.START_ERROR
            | ExitCause.VERDICT_MISSING
        ):
            return None
        case _:
            assert_never(cause)
    return Diagnosis(cause, words)


def _own(exit: Exit, memory: int) -> Diagnosis:
    """What the runtime's record says. OOM comes from its flag only; exit 0 is never a crash."""
    if exit.lost:
        because = f": {exit.error}" if exit.error else ""
        return Diagnosis(ExitCause.LOST, f"the sandbox vanished and left no exit code{because}")
    if exit.oom and exit.code != 0:
        return Diagnosis(ExitCause.OOM, _out_of_memory(memory))
    if exit.error:
        return Diagnosis(ExitCause.START_ERROR, f"the sandbox could not start: {exit.error}")
    if exit.signal is not None:
        return Diagnosis(ExitCause.SIGNAL, f"ended by {_signal_name(exit.signal)}, which this engine did not send")
    if exit.code is None:
        return Diagnosis(ExitCause.LOST, "the sandbox ended and its runtime kept no exit code")
    return Diagnosis(ExitCause.EXIT, f"exited with {exit.code}{_remark(exit.code)}")


def _out_of_memory(memory: int) -> str:
    more = format_size(2 * memory).lower().replace(" ", "").removesuffix("b")
    return (
        f"out of memory: the kernel killed it at its limit of {format_size(memory)}; "
        f"let it use less, or give it more with `sandbox: {{memory: {more}}}`"
    )


def _remark(code: int) -> str:
    """What a code means by convention. 128 + n may be the command's own or a signal to it: the record cannot tell."""
    if code == 126:
        return " (by convention: the command cannot be executed)"
    if code == 127:
        return " (by convention: command not found)"
    if 128 < code < 128 + signal.NSIG:
        return f" (its own code, or {_signal_name(code - 128)} from inside or outside; not out of memory)"
    return ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _duration(seconds: float) -> str:
    return format_duration(seconds) if seconds >= 1 else f"{seconds:g}s"


def _quoted(last_lines: Sequence[str]) -> str:
    shown = [line if len(line) <= WIDTH else line[: WIDTH - 1] + "…" for line in last_lines if line.strip()]
    return (
        "".join(f"\n  {line}" for line in ["last output:", *(f"  {line}" for line in shown[-LINES:])]) if shown else ""
    )
