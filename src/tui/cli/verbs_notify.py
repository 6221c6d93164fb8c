"""The verb notify: what was told to people who are elsewhere, and a trial of it."""

import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from engine.errors import ExitCode
from engine.model import Desktop
from tui.cli.call import Call, operator, verb
from tui.cli.output import narrates_live, put, put_json, say, table
from tui.cli.session import engine_for, look

if TYPE_CHECKING:
    from engine.api import NoticeView


@verb("notify")
@click.argument("action", type=click.Choice(["test", "list"]))
@click.option("--limit", type=click.IntRange(1, 1000), default=20, metavar="N", help="With list: how many (20).")
async def notify(call: Call, action: str, limit: int) -> ExitCode | None:
    """Send a test notification, or list what was sent.

    `notify test` rings here as the settings say, and lets the engine send one through notify.command and notify.url;
    exit code 1 when one did not arrive. `notify list` shows the newest ones, what became of each, and why.
    """
    if action == "list":
        await _list(call, limit)
        return None
    here = [] if call.engine is not None else _ring(call)
    async with engine_for(call) as engine:
        outcomes = await engine.try_notices(by=operator())
    failed = [outcome for outcome in outcomes if outcome.message]
    if call.as_json:
        rows = [{"channel": name, "message": ""} for name in here]
        put_json({"channels": [*rows, *(outcome.model_dump(mode="json") for outcome in outcomes)]})
    else:
        from tui.formats import one_line

        for name in here:
            put(f"{name}: sent to this terminal")
        for outcome in outcomes:
            put(f"{outcome.channel}: " + (one_line(outcome.message) or "sent"))
        if not here and not outcomes:
            say("nothing is set up to be told: see [notify] in docs/notifications.md")
    return ExitCode.TASK_FAILED if failed else None


def _ring(call: Call) -> list[str]:
    """What this terminal was asked to do."""
    from engine.api.notices import trial
    from tui.calling.ringing import BELL, desktop

    settings, told = call.settings.notify, []
    if not narrates_live():
        return []
    notice = trial(operator(), datetime.now(UTC))
    if settings.bell:
        sys.stderr.write(BELL)
        told.append("bell")
    if settings.desktop is not Desktop.OFF:
        sys.stderr.write(desktop(settings.desktop, notice.title, notice.text, os.environ))
        told.append("desktop")
    sys.stderr.flush()
    return told


async def _list(call: Call, limit: int) -> None:
    found = await look(call, lambda engine: engine.notices(limit))
    if call.as_json:
        put_json(found)
        return
    if not found:
        say("nothing was sent yet")
        return
    for line in table([("AT", "THROUGH", "STATE", "ABOUT", "STAGE", "TOLD"), *map(_row, found)]):
        put(line)


def _row(view: "NoticeView") -> tuple[str, ...]:
    from tui.formats import hour, one_line

    told = f"{view.notice.title}" + (f" ({view.message})" if view.message else "")
    return hour(view.at), view.channel.value, view.state.value, view.notice.subject, view.notice.stage, one_line(told)
