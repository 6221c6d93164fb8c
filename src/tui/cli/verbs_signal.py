"""The verb that speaks for the outside: signal."""

from typing import TYPE_CHECKING

import click

from engine.errors import ExitCode, Invalid
from tui.cli.call import Call, Ref, operator, verb
from tui.cli.output import put, put_json, say
from tui.cli.session import engine_for

if TYPE_CHECKING:
    from engine.api import CallbackToken, Signal, SignalOutcome

FIELDS = ("repo", "pr", "pr_url", "head_sha", "name", "key")


@verb("signal")
@click.argument("kind", required=False)
@click.argument("fields", metavar="[k=v]…", nargs=-1)
@click.option("--status", type=click.Choice(["pass", "fail"]), default="pass", show_default=True, help="What it says.")
@click.option("--key", metavar="K", help="The key of a webhook, like key=K.")
@click.option("--gate", metavar="ID", type=Ref(), help="One opening: the id of a gate, or GOAL/KEY of its task.")
@click.option("--callback", metavar="GATE", type=Ref(), help="Send nothing: print a new token that resolves this gate.")
async def signal(
    call: Call, kind: str | None, fields: tuple[str, ...], status: str, key: str | None, gate: str | None,
    callback: str | None,
) -> ExitCode | None:  # fmt: skip
    """Deliver a signal: KIND is a gate kind, k=v what the gate must name.

    It resolves every open gate whose repo, pr, head_sha, name and key are those given; any other k=v is data that
    comes with it (option=X answers a choice). Without such a gate it waits for one: `queued`. A gate that a human
    answers takes --gate only.
    """
    if callback is not None:
        if kind is not None or gate is not None:
            raise Invalid(
                "--callback sends no signal", hint=f"`{call.command('signal', '--callback', callback)}` alone"
            )
        async with engine_for(call) as engine:
            _tell_token(call, await engine.callback_token(callback, operator()))
        return None
    if kind is None:
        raise Invalid("which kind of gate is it for?", hint="`pilothouse signal KIND [k=v]…`, or --callback GATE")
    made = _signal(kind, fields, status, key, gate)
    async with engine_for(call) as engine:
        visiting = (await engine.info()).state == "visiting"
        _tell(call, await engine.signal(made))
    if visiting and not call.as_json:
        say(f"no engine runs; to go on: `{call.command('--no-ui', '--until', 'idle')}`")
    return None


def _signal(kind: str, fields: tuple[str, ...], status: str, key: str | None, gate: str | None) -> "Signal":
    from pydantic import ValidationError

    from engine.api import Signal, mistakes
    from engine.model import GateKind

    if kind not in set(GateKind):
        raise Invalid(f"{kind[:60]!r} is no kind of gate", hint=", ".join(GateKind))
    said: dict[str, object] = {"type": kind, "status": status, "gate": gate, "by": operator(), "via": "cli"}
    data: dict[str, object] = {}
    for field in fields:
        name, equals, value = field.partition("=")
        if not equals or not name:
            raise Invalid(f"{field[:60]!r} is not of the form k=v")
        (said if name in FIELDS else data)[name] = value
    if key is not None:
        said["key"] = key
    if kind == GateKind.FORM:
        data = {"fields": data}
    try:
        return Signal.model_validate({**said, "data": data})
    except ValidationError as error:
        raise Invalid(mistakes(error), hint="`pilothouse signal --help`") from error


def _tell(call: Call, outcome: "SignalOutcome") -> None:
    if call.as_json:
        put_json(outcome)
        return
    for gate in outcome.matched:
        put(gate)
    if outcome.queued:
        put("queued")


def _tell_token(call: Call, made: "CallbackToken") -> None:
    if call.as_json:
        put_json(made)
        return
    put(made.token)
    say(f'POST {made.path} with `Authorization: Bearer TOKEN` and {{"status": "pass"}}; it ends with the gate')
