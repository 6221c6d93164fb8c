"""Verbs that print what came: logs of runs, events of the engine."""

from datetime import datetime
from typing import TYPE_CHECKING

import click

from engine.errors import ExitCode, Invalid
from tui.cli.call import Call, Moment, Ref, verb
from tui.cli.output import say
from tui.cli.session import has_project, no_project

if TYPE_CHECKING:
    from engine.api import LogQuery


@verb("logs")
@click.argument("ref", metavar="RUN_OR_TASK", type=Ref())
@click.option("-f", "--follow", "following", is_flag=True, help="Go on until the run has ended.")
@click.option(
    "--tail", type=click.IntRange(0, 50_000), metavar="N", help="Begin with the last N lines that are wanted."
)
@click.option("--since", type=Moment(), metavar="T", help="Leave out what is older: 10m, or an ISO time.")
@click.option("--grep", metavar="RE", help="Only lines in which this regular expression is found.")
@click.option("--stream", type=click.Choice(["out", "err"]), help="Only this stream.")
async def logs(
    call: Call,
    ref: str,
    following: bool,
    tail: int | None,
    since: datetime | None,
    grep: str | None,
    stream: str | None,
) -> ExitCode | None:
    """Print the log of a run or of a task's newest run.

    The run may be alive or gone. On a terminal control sequences are taken out; into a file or a pipe the text goes as
    it came. With --json each line is {"n", "at", "stream", "text"}.
    """
    from tui.cli.reading_logs import follow_log, print_log

    query = _query(tail, since, grep, stream)
    await (follow_log if following else print_log)(call, ref, query)
    return None


def _query(tail: int | None, since: datetime | None, grep: str | None, stream: str | None) -> "LogQuery":
    """What was asked for; Invalid for an expression that is none."""
    from pydantic import ValidationError

    from engine.api import LogQuery
    from engine.model import Stream
    from tui.cli.reading_logs import PAGE

    only = None if stream is None else Stream(stream)
    try:
        return LogQuery(tail=tail, since=since, grep=grep, stream=only, limit=max(PAGE, tail or 0))
    except ValidationError as error:
        message = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise Invalid(f"--grep: {message}", hint="a regular expression as Python's re has them") from error


@verb("events")
@click.option("--after", type=click.IntRange(min=0), default=0, metavar="N", help="Only events above this number.")
@click.option("-f", "--follow", "following", is_flag=True, help="Go on with every new event.")
async def events(call: Call, after: int, following: bool) -> ExitCode | None:
    """Print events, oldest first.

    With --json one object a line. With -f it waits for an engine where none runs, and goes on when one was replaced.
    """
    from tui.cli.reading_events import follow_events, print_events

    if not has_project(call) and not following:
        say(no_project(call).message)
        return None
    if following:
        await follow_events(call, after)
        return None
    await print_events(call, after)
    return None
