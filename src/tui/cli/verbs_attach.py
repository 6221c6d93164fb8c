"""The verb `attach`: the screen on an engine elsewhere."""

import click

from engine.errors import ExitCode
from tui.cli.call import Call, verb
from tui.cli.output import has_screen


@verb("attach")
@click.argument("url", metavar="URL")
async def attach(call: Call, url: str) -> ExitCode | None:
    """Open the screen on an engine elsewhere.

    URL is http://HOST:PORT of an engine that was started with --listen, or unix:PATH of its socket. Over TCP it wants
    a token: --token-file FILE or PILOTHOUSE_TOKEN. With a read-only token the screen shows everything and changes
    nothing. Leaving it leaves the engine as it is.
    """
    from tui.cli.screen import show_screen

    if call.as_json or not has_screen():
        raise click.UsageError(
            "the screen needs a terminal; `--engine URL` lets every other verb speak to that engine."
        )
    call.address = url
    return await show_screen(call)
