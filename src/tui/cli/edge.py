"""The top of the command line: every error becomes one sentence, a hint and an exit code, or one JSON object."""

import json
import os
import sys
import tempfile
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click

from engine.errors import ExitCode, PilothouseError
from tui.cli.call import Call

PIPE_CLOSED = 141  # what a shell reports for a program whose reader went away: 128 + SIGPIPE


@dataclass(frozen=True)
class Problem:
    """An error as the operator meets it."""

    code: str
    message: str
    exit_code: int
    hint: str = ""
    details: dict[str, object] = field(default_factory=dict)


def answered(cli: click.Group, program: str, args: list[str]) -> int:
    """Run the command and return its exit code; no error leaves this function."""
    call = Call(as_json="--json" in (args[: args.index("--")] if "--" in args else args))
    try:
        with cli.make_context(program, args, obj=call) as ctx:
            outcome = cli.invoke(ctx)
            sys.stdout.flush()
        return int(outcome or ExitCode.DONE)
    except click.exceptions.Exit as done:
        return done.exit_code
    except (KeyboardInterrupt, click.Abort):
        return ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the edge: what nobody foresaw becomes a sentence and a log entry
        return _ended_by(_root_cause(error), call)


def _ended_by(error: Exception, call: Call) -> int:
    if isinstance(error, BrokenPipeError):
        _forget_unwritten()
        return PIPE_CLOSED
    problem = _describe(error, call)
    _show(problem, as_json=call.as_json)
    _forget_unwritten()
    return problem.exit_code


def _forget_unwritten() -> None:
    """What a stdout that is gone or full did not take must not raise again when the interpreter ends."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _root_cause(error: Exception) -> Exception:
    """The error an operator can act on out of a group that concurrent work raised."""
    leaves = list(_leaves(error))
    known = [leaf for leaf in leaves if isinstance(leaf, PilothouseError | BrokenPipeError)]
    return (known or leaves)[0]


def _leaves(error: Exception) -> Iterator[Exception]:
    if isinstance(error, ExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _describe(error: Exception, call: Call) -> Problem:
    known = _foreseen(error)
    if known is not None:
        return Problem(known.code, known.message, known.exit_code, known.hint, known.details)
    if isinstance(error, click.UsageError):
        path = error.ctx.command_path if error.ctx is not None else "pilothouse"
        return Problem("usage", " ".join(error.format_message().split()), ExitCode.USAGE, f"{path} --help")
    if isinstance(error, click.ClickException):
        return Problem("usage", error.format_message(), ExitCode.USAGE)
    where = _record(error, call)
    hint = f"details are in {where}" if where else ""
    if isinstance(error, OSError):  # this machine refused: a full disk, a folder that is not ours
        place = f"{error.filename}: " if error.filename else ""
        return Problem("unavailable", f"{place}{error.strerror or error}", ExitCode.UNAVAILABLE, hint)
    return Problem("internal", f"{type(error).__name__}: {error}", ExitCode.TASK_FAILED, hint)


def _foreseen(error: Exception) -> PilothouseError | None:
    """An error with words of its own; a request that does not fit what it is for is wrong usage."""
    if isinstance(error, PilothouseError) or not isinstance(error, ValueError):
        return error if isinstance(error, PilothouseError) else None
    from engine.api import refusal

    return refusal(error)


def _record(error: Exception, call: Call) -> Path | None:
    """Append the whole trace to the project's log, or to a file of its own where there is no project."""
    from engine.redaction import Redactor

    try:
        start = call.folder or Path.cwd()
        states = (folder / ".pilothouse" for folder in (start, *start.parents))
        log = next((state / "engine.log" for state in states if state.is_dir()), None)
        if log is None:
            handle, name = tempfile.mkstemp(prefix="pilothouse-", suffix=".log")
            os.close(handle)
            log = Path(name)
        with log.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(Redactor().text("".join(traceback.format_exception(error))))
    except OSError:
        return None  # the disk is full or closed to us: the sentence on the screen is all there can be
    return log


def _show(problem: Problem, *, as_json: bool) -> None:
    from engine.redaction import Redactor
    from tui.cli.output import paint
    from tui.formats import clean

    try:
        shape = Redactor().data({k: getattr(problem, k) for k in ("code", "message", "hint", "details")})
        if as_json:
            print(json.dumps({"error": shape}, default=str), flush=True)
            return
        print(f"{paint('pilothouse:', 'red', stream=sys.stderr)} {clean(shape['message'])}", file=sys.stderr)
        if problem.hint:
            print(f"  {paint('hint:', 'dim', stream=sys.stderr)} {clean(problem.hint)}", file=sys.stderr)
    except OSError:
        pass  # nobody reads any more; the exit code still says it
