"""The verb `rules`: answers that are given before anybody is asked."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from engine.errors import ExitCode, Invalid
from tui.cli.call import Call, Ref, Verb, operator, run_async
from tui.cli.output import interactive, put, put_json, say
from tui.cli.session import engine_for, look
from tui.cli.verbs_wait import Length

if TYPE_CHECKING:
    from engine.api import Rehearsal, RuleDraft

KINDS = ("permission", "egress", "review")


@click.command("rules", cls=Verb)
@click.argument("action", type=click.Choice(["list", "try", "add", "revoke"]))
@click.argument("rule", required=False, type=Ref())
@click.option("--kind", type=click.Choice(KINDS), help="What it answers.")
@click.option("--effect", type=click.Choice(["approve", "reject"]), help="What it says.")
@click.option("--goal", default="*", show_default=True, metavar="GLOB", help="Only goals with such a title.")
@click.option("--task", default="*", show_default=True, metavar="GLOB", help="Only tasks with such a key.")
@click.option("--tool", default="*", show_default=True, metavar="GLOB", help="Only this tool.")
@click.option("--argument", "pairs", multiple=True, metavar="NAME=GLOB", help="Only with such an argument.")
@click.option("--expires", type=Length(), metavar="AGE", help="It ends so long from now (8h, 30d).")
@click.option("--max-uses", type=click.IntRange(1, 1_000_000), help="It ends after so many answers.")
@click.option("--reason", default="", metavar="TEXT", help="What the record says; a rejecting rule needs it.")
@click.option("--rehearsed", metavar="HASH", help="add: the hash that `try` showed.")
@click.pass_obj
def rules(
    call: Call, /, action: str, rule: str | None, rehearsed: str | None, pairs: tuple[str, ...], **scope: object
) -> ExitCode:
    """List, try, add or revoke rules that answer requests of runs.

    A rule answers permissions, contacts and reviews of low or normal risk, never a gate of a goal file. `try` runs it
    over the history; `add` takes the hash that `try` showed, or shows the rehearsal and asks on a terminal. A wildcard
    in an argument never stands for a character that means something to a shell.
    """
    if action == "list":
        _list(call)
    elif action == "revoke":
        _revoke(call, rule)
    elif rule is not None:
        raise Invalid(f"`rules {action}` takes no id", hint="describe the rule with its options")
    else:
        draft = _draft(pairs, **scope)
        _try(call, draft) if action == "try" else _add(call, draft, rehearsed)
    return ExitCode.DONE


def _list(call: Call) -> None:
    from tui.cli.draw_deciding import rule_lines

    found = run_async(look(call, lambda engine: engine.rules()))
    if call.as_json:
        put_json(list(found))
        return
    for line in rule_lines(found):
        put(line)
    if not found:
        say("no rules: every request asks a human")


def _revoke(call: Call, rule: str | None) -> None:
    if rule is None:
        raise Invalid("`rules revoke` needs the id of a rule", hint=f"`{call.command('rules', 'list')}`")

    async def revoke() -> None:
        async with engine_for(call) as engine:
            gone = await engine.revoke_rule(rule, operator())
        put_json(gone) if call.as_json else put(f"{gone.id} answers nothing more")

    run_async(revoke())


def _try(call: Call, draft: "RuleDraft") -> None:
    found = run_async(look(call, lambda engine: engine.rehearse(draft)))
    if call.as_json:
        put_json(found)
    else:
        _show(found)


def _show(found: "Rehearsal", *, err: bool = False) -> None:
    from tui.cli.draw_deciding import rehearsal_lines

    for line in rehearsal_lines(found):
        click.echo(line, err=err)


def _add(call: Call, draft: "RuleDraft", rehearsed: str | None) -> None:
    from engine.api import AddRule

    if rehearsed is None:
        if not interactive():
            raise Invalid("without a terminal `rules add` needs --rehearsed HASH", hint="`rules try` shows it")
        found = run_async(look(call, lambda engine: engine.rehearse(draft)))
        _show(found, err=True)
        if not click.confirm("make it a rule?", default=False, err=True):
            raise click.Abort
        rehearsed = found.hash
    request = AddRule(draft=draft, rehearsed=rehearsed, by=operator())

    async def add() -> None:
        async with engine_for(call) as engine:
            made = await engine.add_rule(request)
        put_json(made) if call.as_json else put(f"{made.id} answers from now on")

    run_async(add())


def _draft(
    pairs: Sequence[str], *, kind: object = None, effect: object = None, expires: object = None, **rest: object
) -> "RuleDraft":
    from pydantic import ValidationError

    from engine.api import RuleDraft, mistakes

    if kind is None or effect is None:
        raise Invalid("a rule needs --kind and --effect")
    arguments = dict(pair.partition("=")[::2] for pair in pairs)
    if any("=" not in pair for pair in pairs) or len(arguments) < len(pairs):
        raise Invalid("each argument once, as --argument NAME=GLOB")
    until = datetime.now(UTC) + timedelta(seconds=expires) if isinstance(expires, float) else None
    values = {"kind": kind, "effect": effect, "arguments": arguments, "expires": until, **rest}
    try:
        return RuleDraft.model_validate(values)
    except ValidationError as error:
        raise Invalid(mistakes(error)) from error
