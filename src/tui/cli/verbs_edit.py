"""Verbs about the engine itself: the caps it has, and its numbers."""

import click

from engine.errors import ExitCode, Invalid
from tui.cli.call import Call, operator, verb
from tui.cli.output import put, put_json, say
from tui.cli.session import look, running_engine

MOST = 50  # settings at once


@verb("set")
@click.argument("settings", metavar="KEY=VALUE…", nargs=-1, required=True)
async def set_(call: Call, settings: tuple[str, ...]) -> ExitCode | None:
    """Change caps of the running engine, such as engine.max_parallel=8.

    They hold until the engine ends; pilothouse.toml is not touched. A setting that needs a restart is refused.
    """
    from engine.api.edits import ChangeSettings

    pairs = dict(text.partition("=")[::2] for text in settings)
    if not all("=" in text for text in settings) or len(pairs) > MOST:
        raise Invalid("a setting is KEY=VALUE", hint="engine.max_parallel=8")
    engine = await running_engine(call)
    try:
        info = await engine.change_settings(ChangeSettings(changes=dict(pairs), by=operator()))
    finally:
        await engine.close()
    if call.as_json:
        put_json(info)
    else:
        put("\n".join(f"{name} = {value}" for name, value in pairs.items()))
        say("until the engine ends; pilothouse.toml keeps what it says")
    return None


@verb("metrics")
async def metrics(call: Call) -> ExitCode | None:
    """Print what the engine counts and measures, in the text format of Prometheus."""
    text = await look(call, lambda engine: engine.metrics())
    if call.as_json:
        put_json({"metrics": text})
    else:
        put(text.removesuffix("\n"))
    return None
