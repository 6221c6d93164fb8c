"""The verb `schedule`: goals that start by themselves."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from engine.errors import ExitCode, Invalid, NotFound
from tui.cli.call import Call, Name, Verb, operator, run_async
from tui.cli.output import put, put_json, say
from tui.cli.session import engine_for, look

if TYPE_CHECKING:
    from engine.api import Engine, ScheduleView
    from engine.model.schedules import ScheduleTerms

ORDERS = ("start", "stop", "pause", "resume")
DONE = {
    "remove": "starts nothing more",
    "start": "starts now",
    "stop": "is held",
    "pause": "starts nothing until it is resumed",
    "resume": "starts again",
}


@click.command("schedule", cls=Verb)
@click.argument("action", type=click.Choice(["list", "add", "remove", *ORDERS]))
@click.argument("name", required=False, type=Name())
@click.option("--goal", metavar="FILE", help="add: the goal file to start, from the project's folder.")
@click.option("--template", metavar="NAME", help="add: the template to start.")
@click.option("--set", "given", multiple=True, metavar="k=v", help="add: a variable of it.")
@click.option("--window", "windows", multiple=True, metavar="TEXT", help='add: "mon-fri 22:00-06:00", "daily 03:00".')
@click.option("--cron", metavar="TEXT", help='add: minute, hour, day, month, weekday, such as "0 3 * * mon".')
@click.option("--every", metavar="AGE", help="add: so often (30m), inside the windows where there are some.")
@click.option("--zone", metavar="ZONE", help="add: whose clock (Europe/Berlin); UTC unless given.")
@click.option("--overlap", type=click.Choice(["skip", "queue", "replace"]), help="add: if its last goal still runs.")
@click.option("--missed", type=click.Choice(["once", "skip"]), help="add: if no engine ran at its time.")
@click.option("--external-ref", metavar="REF", help="add: what its goals are about elsewhere: one live goal each.")
@click.option("--runtime", type=click.Choice(["auto", "docker", "process"]), help="add: where its sandboxes run.")
@click.option("--max-parallel", type=click.IntRange(1, 1000), metavar="N", help="add: sandboxes of its goal at once.")
@click.option("--allow-unconfined", is_flag=True, help="add: run gates although a process sandbox could reach them.")
@click.pass_obj
def schedule(call: Call, /, action: str, name: str | None, given: tuple[str, ...], **terms: object) -> ExitCode:
    """List, add, remove, start, stop, pause or resume schedules.

    A schedule starts a goal in windows, by a cron expression or at an interval, while an engine runs; what it missed
    it starts once, when one runs again. `start` and `stop` last to the end of a window, `pause` until `resume`. Those
    of the settings ([schedules.NAME]) are changed there.
    """
    if action == "list":
        _list(call, name)
        return ExitCode.DONE
    if name is None:
        raise Invalid(f"`schedule {action}` needs the name of a schedule", hint=f"`{call.command('schedule', 'list')}`")
    if action == "add":
        told = run_async(_add(call, name, _terms(given, terms)))
        words = f"{name} starts" if told.next_start else f"{name} never starts"
    else:
        told = run_async(_order(call, action, name))
        words = f"{name} {DONE[action]}"
    if call.as_json:
        put_json(told)
    else:
        _tell(told, words, gone=action == "remove")
    return ExitCode.DONE


def _list(call: Call, name: str | None) -> None:
    async def ask(engine: "Engine") -> "tuple[Sequence[ScheduleView], bool]":
        return await engine.schedules(), (await engine.info()).state == "visiting"

    from tui.cli.draw_schedules import schedule_lines

    found, alone = run_async(look(call, ask))
    found = [view for view in found if name in (None, view.name)]
    if name is not None and not found:
        raise NotFound(f"no schedule {name!r}", hint=f"`{call.command('schedule', 'list')}`")
    if call.as_json:
        put_json(found)
        return
    for line in schedule_lines(found):
        put(line)
    if not found:
        say("no schedules: `pilothouse schedule add`, or [schedules.NAME] in the settings")
    elif alone:
        say(f"no engine runs, so nothing starts: `{call.command('serve')}`")


async def _add(call: Call, name: str, terms: "ScheduleTerms") -> "ScheduleView":
    from engine.api import AddSchedule

    request = AddSchedule(name=name, terms=terms, by=operator())
    async with engine_for(call) as engine:
        return await engine.add_schedule(request)


async def _order(call: Call, action: str, name: str) -> "ScheduleView":
    from engine.api import ScheduleOrder

    async with engine_for(call) as engine:
        if action == "remove":
            return await engine.remove_schedule(name, operator())
        told = await engine.order_schedule(name, ScheduleOrder(action), operator())
        if action == "start" and (await engine.info()).state == "visiting":
            say(f"no engine runs, so it starts with the next one: `{call.command('serve')}`")
        return told


def _tell(told: "ScheduleView", words: str, *, gone: bool) -> None:
    from tui.cli.draw_schedules import moment

    until = told.override_until if told.override else None
    zone = told.terms.zone if told.terms else "UTC"
    if until is not None:
        words += f", until {moment(until, zone)}"
    elif told.next_start is not None and not gone:
        words += f"; the next start is {moment(told.next_start, zone)}"
    put(words)


def _terms(given: Sequence[str], said: dict[str, object]) -> "ScheduleTerms":
    from pydantic import ValidationError

    from engine.api import mistakes
    from engine.model.schedules import ScheduleTerms
    from tui.cli.goalfile import variables

    values = {key: value for key, value in said.items() if value not in (None, ())}
    try:
        return ScheduleTerms.model_validate({**values, "vars": variables(given)})
    except ValidationError as error:
        raise Invalid(mistakes(error), hint="docs/schedules.md") from error
