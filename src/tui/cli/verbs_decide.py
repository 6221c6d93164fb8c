"""Verbs about decisions: decisions, decide, undo."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from engine.errors import ExitCode, Invalid
from tui.cli import answering
from tui.cli.call import Call, Ref, Verb, operator, run_async, verb
from tui.cli.output import interactive, put, put_json, say
from tui.cli.session import engine_for, has_project, look, no_project
from tui.cli.verbs_wait import Length

if TYPE_CHECKING:
    from engine.api import Answer, DecisionView, Snooze

ANSWERS = ("approve", "reject", "changes", "choose", "fill", "snooze")


@verb("decisions")
@click.option("--history", is_flag=True, help="What was done to decisions instead, newest first.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=100, show_default=True, help="Rows of the history.")
async def decisions(call: Call, history: bool, limit: int) -> ExitCode | None:
    """List pending decisions, most urgent first.

    An answer needs the id and the version that stand here: `pilothouse decide ID approve --version N`.
    """
    from engine.model import DecisionState
    from tui.cli.draw import decision_lines
    from tui.cli.draw_deciding import put_off, put_off_words
    from tui.formats import one_line

    if history:
        return await _history(call, limit)

    shown = await look(call, lambda engine: engine.decisions()) if has_project(call) else ()
    pending = [d for d in shown if d.state is DecisionState.PENDING]
    if call.as_json:
        put_json(pending)
        return None
    shown_now = [d for d in pending if not put_off(d)]
    for line in decision_lines(shown_now):
        put(line)
    if not shown_now:
        say("nothing waits for a decision" if has_project(call) else no_project(call).message)
    for later in (d for d in pending if put_off(d)):
        say(f"{later.id} v{later.version} is {put_off_words(later, datetime.now(UTC))}: {one_line(later.question)}")
    for staged in (d for d in shown if d.state is DecisionState.STAGED):
        say(f"{staged.id} is answered ({staged.answer}), until it takes effect: `{call.command('undo', staged.id)}`")
    return None


async def _history(call: Call, limit: int) -> ExitCode | None:
    from tui.cli.draw_deciding import attention_lines, history_lines

    entries = await look(call, lambda engine: engine.history(limit)) if has_project(call) else ()
    if call.as_json:
        put_json(list(entries))
        return None
    for line in history_lines(entries):
        put(line)
    if not entries:
        say("nothing was decided yet" if has_project(call) else no_project(call).message)
        return None
    for line in attention_lines(await look(call, lambda engine: engine.attention())):
        say(line)
    return None


@click.command("decide", cls=Verb)
@click.argument("decision", metavar="ID", type=Ref())
@click.argument("answer", type=click.Choice(ANSWERS))
@click.option("--version", "seen", type=click.IntRange(min=0), help="The version you saw; asked for on a terminal.")
@click.option("--option", metavar="X", help="choose: which one, in its own words.")
@click.option("--field", "pairs", multiple=True, metavar="NAME=VALUE", help="fill: one field of the form.")
@click.option("--for", "span", type=Length(), metavar="T", help="snooze: hide it so long (15m, 2h).")
@click.option("--until", type=click.Choice(["news"]), help="snooze: hide it until what it asks about changes.")
@click.option("--feedback", metavar="TEXT", help="Why; reject and changes need it.")
@click.option("--feedback-file", metavar="F", help="Read the feedback from a file; - is stdin.")
@click.pass_obj
def decide(
    call: Call,
    decision: str,
    answer: str,
    seen: int | None,
    option: str | None,
    pairs: tuple[str, ...],
    span: float | None,
    until: str | None,
    feedback: str | None,
    feedback_file: str | None,
) -> ExitCode:
    """Answer one decision, or put it off.

    It needs the version that was seen, so that nobody answers what they have not read. Without --version it works
    on a terminal only: it shows the card and asks; leaving the question leaves the decision pending.
    """
    if seen is None and not interactive():
        raise Invalid(
            "without a terminal `decide` needs --version N",
            hint=f"`{call.command('decisions')}` shows the version; read what it stands for before you answer",
        )
    what = answering.said(answer, answering.feedback_from(feedback, feedback_file), option, pairs, span, until)
    if seen is not None:
        wanted = answering.request(what, seen)
    else:
        card = run_async(look(call, lambda engine: engine.decision(decision)))
        wanted = answering.ask(card, what)
    return run_async(_send(call, decision, wanted))


async def _send(call: Call, decision: str, request: "Answer | Snooze") -> ExitCode:
    from engine.api import Snooze

    async with engine_for(call) as engine:
        visiting = (await engine.info()).state == "visiting"  # asked first: the engine may go with its goal
        if isinstance(request, Snooze):
            outcome = await engine.snooze(decision, request)
        else:
            outcome = await engine.answer(decision, request)
    _tell(call, outcome)
    if visiting and not call.as_json:
        say(f"no engine runs; to go on: `{call.command('--no-ui', '--until', 'idle')}`")
    return ExitCode.DONE


def _tell(call: Call, outcome: "DecisionView") -> None:
    from tui.cli.draw import decision_words

    if call.as_json:
        put_json(outcome)
    else:
        put(decision_words(outcome))


@verb("undo")
@click.argument("decision", metavar="ID", type=Ref())
async def undo(call: Call, decision: str) -> ExitCode | None:
    """Take back an answer inside its undo window.

    An answer given on the screen takes effect after `engine.undo_window`; one given by `decide` at once.
    """
    async with engine_for(call) as engine:
        outcome = await engine.undo(decision, operator())
    _tell(call, outcome)
    return None
