"""The screen in a browser: textual-serve behind a door of our own, which foreign pages do not pass (R114).

The library starts each screen by a shell: what it runs is one quoted command of ours, in which nothing comes from a
browser.
"""

import hmac
import shlex
import socket
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TYPE_CHECKING

from engine.errors import Invalid

if TYPE_CHECKING:
    from aiohttp import web

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

LEAVING = 5.0  # seconds for open screens to end with the server
HEADERS = {
    "Referrer-Policy": "no-referrer",  # the address holds the token
    "Content-Security-Policy": "frame-ancestors 'none'; style-src 'self' 'unsafe-inline'; font-src 'self'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def require_library() -> None:
    """Invalid with the command that installs what this needs, unless it is there."""
    try:
        import textual_serve.server  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise Invalid(
            f"the screen in a browser needs textual-serve, and {error.name} is not installed",
            hint='pip install "textual-serve>=1.1,<2"',
        ) from error


async def serve_screens(
    argv: Sequence[str], listener: socket.socket, token: str, names: Collection[str], title: str
) -> "web.AppRunner":
    """Serve a screen that `argv` starts to each browser that comes with the token; `names`: what it may call us.

    The token is the first part of every path: unlike a cookie it goes to no other port of this machine.
    """
    from aiohttp import web
    from rich.console import Console
    from textual_serve.server import Server

    screens = Server(f"exec {shlex.join(argv)}", title=title)
    screens.console = Console(quiet=True)

    async def guard(request: "web.Request", handler: "Handler") -> "web.StreamResponse":
        refused = _refusal(request, token, names)
        if refused:
            return web.Response(status=403, text=refused + "\n")
        screens.public_url = f"http://{request.host}"  # where this page finds the rest of itself
        return await handler(request)

    app = web.Application(middlewares=[web.middleware(guard)])
    app.add_subapp(f"/{token}", await screens._make_app())
    app.on_response_prepare.append(_add_headers)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=LEAVING)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    return runner


def _refusal(request: "web.Request", token: str, names: Collection[str]) -> str:
    """Why a request goes no further; empty when it may. A page names where it comes from, and a name that was rebound
    to our address is still a foreign name."""
    from engine.server import bare

    transport = request.transport
    own = transport.get_extra_info("sockname")[0] if transport is not None else ""
    if bare(request.headers.get("Host", "")) not in {*names, f"[{own}]" if ":" in own else own}:
        return "this is not a name of this machine: use the address that `pilothouse web` printed"
    origin = request.headers.get("Origin")
    if origin is not None and origin != f"http://{request.host}":
        return "requests from other origins are refused"
    given = request.path.split("/")[1]
    if not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), token.encode()):
        return "this needs the address that `pilothouse web` printed, with its token"
    return ""


async def _add_headers(_: "web.Request", response: "web.StreamResponse") -> None:
    response.headers.update(HEADERS)
