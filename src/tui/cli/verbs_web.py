"""The verb `web`: the screen in a browser."""

import asyncio
import contextlib
import secrets
import socket
import sys
from typing import TYPE_CHECKING

import click

from engine.errors import ExitCode, Invalid
from tui.cli.call import Call, verb
from tui.cli.interrupts import ENDS, heard
from tui.cli.output import put, put_json, say
from tui.program import own_command

if TYPE_CHECKING:
    from engine.server import Listen

PORT = 7422
EVERYWHERE = ("0.0.0.0", "::", "")


@verb("web")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65_535), default=PORT, show_default=True, help="0: any that is free.")
@click.option("--expose", is_flag=True, help="Listen on an address that other machines reach.")
async def web(call: Call, host: str, port: int, expose: bool) -> ExitCode | None:
    """Serve the screen to a browser.

    Prints the address to open, which holds a token: whoever has it operates the engine. Other pages and other names
    of this machine are refused. Attaches to the engine that runs, or starts one in the background that goes on
    afterwards. Ends with Ctrl-C. Needs textual-serve.
    """
    from engine.server import HOSTS, Listen, known_hosts, open_listener
    from tui.cli.browser import require_library, serve_screens

    require_library()
    listen = Listen(host.strip("[]"), port)
    _require_local(listen, expose)
    listener = open_listener(listen)
    argv = await _screen(call)
    token = secrets.token_urlsafe(32)
    here = Listen(_name(listen.host), listener.getsockname()[1])
    with contextlib.redirect_stdout(sys.stderr):  # what a screen says when it dies is no data
        runner = await serve_screens(argv, listener, token, HOSTS | known_hosts(listen), "Pilothouse")
    try:
        _tell(call, here, f"http://{here}/{token}/")
        with contextlib.redirect_stdout(sys.stderr):
            await _interrupted()
    finally:
        await runner.cleanup()
    return None


def _require_local(listen: "Listen", expose: bool) -> None:
    if not listen.local and not expose:
        raise Invalid(
            f"other machines could reach {listen}, and whoever opens the page there operates this engine",
            hint="leave --host out and forward the port (ssh -L), or say --expose: the token travels unencrypted",
        )


async def _screen(call: Call) -> list[str]:
    """The command of one screen on the engine that runs, or on one that is started for it."""
    from tui.cli.background import start_in_background
    from tui.cli.session import connect

    engine = await connect(call) or await start_in_background(call)
    info = await engine.info()
    await engine.close()
    say(f"engine {info.pid} on {info.project}; it goes on when this ends")
    if call.engine is None:
        return own_command("--project", str(call.paths.root), "attach", f"unix:{call.paths.socket}")
    file = [] if call.token_file is None else ["--token-file", str(call.token_file)]
    return own_command(*file, "attach", call.engine)


def _name(host: str) -> str:
    """What a browser calls it: an address that stands for all of them is nobody's."""
    return socket.gethostname() if host in EVERYWHERE else host


def _tell(call: Call, here: "Listen", url: str) -> None:
    if call.as_json:
        put_json({"url": url, "host": here.host, "port": here.port}, line=True)
    else:
        put(url)
        say("open this address; whoever has it operates the engine. Ctrl-C ends it")


async def _interrupted() -> None:
    """Return at SIGINT or SIGTERM."""
    told = asyncio.Event()
    with heard(dict.fromkeys(ENDS, told.set)):
        await told.wait()
