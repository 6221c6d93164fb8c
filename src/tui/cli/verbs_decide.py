"""Verbs about decisions: decisions, decide, undo."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.errors import ExitCode, Invalid
from tui.cli.call import Call, Ref, Verb, operator, run_async, verb
from tui.cli.output import interactive, put, put_json, say
from tui.cli.session import engine_for, has_project, look, no_project

if TYPE_CHECKING:
    from engine.api import Answer, DecisionCard, DecisionView

ANSWERS = ("approve", "reject", "changes", "choose", "fill", "snooze")
LATER = frozenset({"choose", "fill", "snooze"})
LONGEST = 100_000  # characters of feedback that the engine takes


@verb("decisions")
async def decisions(call: Call) -> ExitCode | None:
    """List pending decisions, most urgent first.

    An answer needs the id and the version that stand here: `pilothouse decide ID approve --version N`.
    """
    from engine.model import DecisionState
    from tui.cli.draw import decision_lines

    shown = await look(call, lambda engine: engine.decisions()) if has_project(call) else ()
    pending = [d for d in shown if d.state is DecisionState.PENDING]
    if call.as_json:
        put_json(pending)
        return None
    for line in decision_lines(pending):
        put(line)
    if not pending:
        say("nothing waits for a decision" if has_project(call) else no_project(call).message)
    for staged in (d for d in shown if d.state is DecisionState.STAGED):
        say(f"{staged.id} is answered ({staged.answer}), until it takes effect: `{call.command('undo', staged.id)}`")
    return None


@click.command("decide", cls=Verb)
@click.argument("decision", metavar="ID", type=Ref())
@click.argument("answer", type=click.Choice(ANSWERS))
@click.option("--version", "seen", type=click.IntRange(min=0), help="The version you saw; asked for on a terminal.")
@click.option("--feedback", metavar="TEXT", help="Why; reject and changes need it.")
@click.option("--feedback-file", metavar="F", help="Read the feedback from a file; - is stdin.")
@click.pass_obj
def decide(
    call: Call, decision: str, answer: str, seen: int | None, feedback: str | None, feedback_file: str | None
) -> ExitCode:
    """Answer one decision: approve, reject or changes.

    It needs the version that was seen, so that nobody answers what they have not read. Without --version it works
    on a terminal only: it shows the card and asks; leaving the question leaves the decision pending.
    """
    if answer in LATER:
        raise Invalid(f"`decide … {answer}` is not available in this version", hint="approve, reject or changes")
    if seen is None and not interactive():
        raise Invalid(
            "without a terminal `decide` needs --version N",
            hint=f"`{call.command('decisions')}` shows the version; read what it stands for before you answer",
        )
    reason = _feedback(feedback, feedback_file)
    if seen is not None:
        request = _request(answer, seen, reason)
    else:
        card = run_async(look(call, lambda engine: engine.decision(decision)))
        request = _ask(card, answer, reason)
    return run_async(_send(call, decision, request))


def _feedback(text: str | None, file: str | None) -> str:
    if text is not None and file is not None:
        raise Invalid("--feedback and --feedback-file exclude each other")
    if file is None:
        return text or ""
    try:
        return sys.stdin.read(LONGEST + 1) if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"cannot read the feedback from {file}: {error}") from error


def _request(
    answer: str, version: int, feedback: str, *, content: str | None = None, shown: float | None = None
) -> "Answer":
    from engine.api import Answer
    from engine.model import AnswerKind

    kind = AnswerKind(answer)
    if kind is not AnswerKind.APPROVE and not feedback.strip():
        raise Invalid(f"{kind.value} needs feedback that says why", hint="--feedback TEXT, --feedback-file F or -")
    if len(feedback) > LONGEST:
        raise Invalid(f"the feedback is longer than {LONGEST:,} characters")
    return Answer(
        version=version, answer=kind, feedback=feedback, by=operator(), via="cli", content=content, shown_seconds=shown
    )


def _ask(card: "DecisionCard", answer: str, feedback: str) -> "Answer":
    """Show the card and ask. Outside any event loop: Ctrl-C must end the question, and no engine is held meanwhile."""
    from engine.model import Risk
    from tui.cli.draw import card_lines
    from tui.formats import short

    for line in card_lines(card):
        click.echo(line, err=True)
    begun = time.monotonic()
    _forget_typed_ahead()
    name = f"{card.decision.id} v{card.decision.version}"
    try:
        if answer != "approve" and not feedback.strip():
            feedback = click.prompt(f"{answer} {name}; why", err=True)
        elif card.decision.risk is Risk.HIGH:
            typed = click.prompt(f"high risk: type {short(card.decision.id)} to {answer}", err=True)
            if typed.strip() not in (short(card.decision.id), card.decision.id):
                raise click.Abort
        elif not click.confirm(f"{answer} {name}?", default=False, err=True):
            raise click.Abort
    except click.Abort:
        say(f"\n{name} is still pending")
        raise
    seconds = time.monotonic() - begun
    return _request(answer, card.decision.version, feedback, content=card.decision.content, shown=seconds)


def _forget_typed_ahead() -> None:
    """What was typed or pasted before the question stood there answers nothing."""
    import termios

    termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)


async def _send(call: Call, decision: str, request: "Answer") -> ExitCode:
    async with engine_for(call) as engine:
        visiting = (await engine.info()).state == "visiting"  # asked first: the engine may go with its goal
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
        outcome = await engine.undo(decision)
    _tell(call, outcome)
    return None
