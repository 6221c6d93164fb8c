"""Exit causes in words (R48)."""

import pytest

from engine.model import ExitCause
from engine.sandbox.diagnosis import LINES, WIDTH, Diagnosis, diagnose
from engine.sandbox.driver import Exit

MEMORY = 512 * 1024**2


def told(exit: Exit, requested: ExitCause | None = None, *last_lines: str) -> Diagnosis:
    return diagnose(exit, requested=requested, memory=MEMORY, timeout=1800, idle_timeout=600, last_lines=last_lines)


@pytest.mark.parametrize(
    ("exit", "requested", "cause", "words"),
    [
        (Exit(0), None, ExitCause.EXIT, "exited with 0"),
        (Exit(7), None, ExitCause.EXIT, "exited with 7"),
        (Exit(127), None, ExitCause.EXIT, "command not found"),
        (Exit(137, oom=True), None, ExitCause.OOM, "limit of 512 MB"),
        (Exit(1, oom=True), None, ExitCause.OOM, "sandbox: {memory: 1g}"),
        (Exit(None, signal=9), None, ExitCause.SIGNAL, "SIGKILL"),
        (Exit(None, signal=64), None, ExitCause.SIGNAL, "SIGRTMAX"),
        (Exit(None, signal=99), None, ExitCause.SIGNAL, "signal 99"),
        (Exit(137), ExitCause.TIMEOUT, ExitCause.TIMEOUT, "after 30m"),
        (Exit(143), ExitCause.IDLE, ExitCause.IDLE, "no output for 10m"),
        (Exit(137), ExitCause.CANCELLED, ExitCause.CANCELLED, "cancelled"),
        (Exit(None, lost=True), None, ExitCause.LOST, "vanished"),
        (Exit(None, lost=True, error="removed by somebody"), None, ExitCause.LOST, "removed by somebody"),
        (Exit(None), None, ExitCause.LOST, "no exit code"),
        (Exit(None, lost=True), ExitCause.CANCELLED, ExitCause.CANCELLED, "cancelled"),
        (Exit(127, error="exec: nope: not found"), None, ExitCause.START_ERROR, "exec: nope: not found"),
    ],
)
def test_r48_each_end_has_its_cause_in_words(
    exit: Exit, requested: ExitCause | None, cause: ExitCause, words: str
) -> None:
    found = told(exit, requested)
    assert found.cause is cause
    assert words in found.message


@pytest.mark.parametrize("code", [137, 143, 134, 1])
def test_r48_oom_comes_from_the_flag_only(code: int) -> None:
    found = told(Exit(code), None, "java.lang.OutOfMemoryError", "Killed", "out of memory")
    assert found.cause is ExitCause.EXIT
    assert "out of memory:" not in found.message.splitlines()[0]


def test_r48_137_is_told_without_claiming_who_did_it() -> None:
    first = told(Exit(137)).message.splitlines()[0]
    assert first == "exited with 137 (its own code, or SIGKILL from inside or outside; not out of memory)"


def test_r48_a_clean_exit_is_never_a_crash() -> None:
    found = told(Exit(0, oom=True), None, "fine")
    assert found.cause is ExitCause.EXIT
    assert found.message.startswith("exited with 0; the kernel killed a process in it at the memory limit of 512 MB")
    assert "fine" not in found.message


def test_r48_a_failure_ends_with_the_last_lines_bounded() -> None:
    lines = [f"line {n}" for n in range(50)] + ["", "x" * 10_000]
    shown = told(Exit(3), None, *lines).message.splitlines()
    assert shown[0] == "exited with 3"
    assert shown[1] == "  last output:"
    assert len(shown) == 2 + LINES
    assert shown[2].strip() == "line 41"
    assert shown[-1].strip() == "x" * (WIDTH - 1) + "…"


def test_r48_a_silent_failure_has_one_line() -> None:
    assert told(Exit(3), None, "", "  ").message == "exited with 3"


def test_r48_every_cause_can_be_asked_for_without_falling_through() -> None:
    for cause in ExitCause:
        assert told(Exit(5), cause).message
    assert told(Exit(5), ExitCause.OOM).cause is ExitCause.EXIT
