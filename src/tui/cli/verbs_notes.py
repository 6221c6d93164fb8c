"""Verbs that pass a decision on or add words: delegate, note."""

import sys

import click

from engine.errors import ExitCode
from tui.cli.call import Call, Ref, operator, verb
from tui.cli.output import put, put_json
from tui.cli.session import engine_for


@verb("delegate")
@click.argument("decision", metavar="ID", type=Ref())
@click.argument("who")
async def delegate(call: Call, decision: str, who: str) -> ExitCode | None:
    """Label a pending decision with who should answer it.

    Anybody still may. An empty WHO ('') takes the label away.
    """
    from tui.formats import one_line

    async with engine_for(call) as engine:
        outcome = await engine.delegate(decision, who, operator())
    if call.as_json:
        put_json(outcome)
    else:
        put(f"{outcome.id} is for {one_line(outcome.delegate)}" if outcome.delegate else f"{outcome.id} is for anybody")
    return None


@verb("note")
@click.argument("ref", metavar="ID", type=Ref())
@click.argument("text")
async def note(call: Call, ref: str, text: str) -> ExitCode | None:
    """Add a note to a decision or a task.

    TEXT may be -: then it is read from stdin. It stands on the card and in the task's details, and is news to a
    decision that was put off until there is some.
    """
    words = sys.stdin.read(20_001) if text == "-" else text
    async with engine_for(call) as engine:
        kept = await engine.note(ref, words, operator())
    if call.as_json:
        put_json(kept)
    else:
        put(f"noted at {kept.subject}")
    return None
