"""What every request passes before routing: whose host it names, how much it sends, and its path as it was sent."""

import asyncio

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.errors import Invalid
from engine.server.hosts import HOSTS, bare
from engine.server.problems import problem_of, respond

BODY_TIME = 30.0  # seconds for the whole of a body
BODY_LIMIT = 2_500_000  # bytes: a goal file of 2,000,000 characters and its surroundings


class Door:
    """Refuses foreign hosts and origins (R114) and oversize bodies, then routes on the path as it was sent.

    The path stays percent-encoded until a route has taken it apart, so that the slash of `GOAL/KEY`, sent as `%2F`,
    never becomes a separator: a task named `why` cannot be mistaken for a route of that name.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str] = frozenset()) -> None:
        """`hosts`: names of this machine besides the local ones, in lower case."""
        self._app = app
        self._hosts = HOSTS | hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if _is_foreign(headers, self._hosts | _own_address(scope)):
            refused = Invalid("requests from other origins are refused", hint="name the host `localhost`, no Origin")
            await respond(problem_of(refused, 403))(scope, receive, send)
        elif _announced(headers) > BODY_LIMIT:
            await respond(problem_of(_too_large(), 413))(scope, receive, send)
        else:
            as_sent = {**scope, "path": scope["raw_path"].decode("ascii")}
            await self._app(as_sent, _Bounded(receive), send)


class _Bounded:
    """Receives a body of at most BODY_LIMIT bytes in at most BODY_TIME seconds, whatever its headers announced."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._total = 0
        self._until: float | None = asyncio.get_running_loop().time() + BODY_TIME

    async def __call__(self) -> Message:
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError as error:
            raise HTTPException(408, "the body did not come in time") from error
        if not message.get("more_body", False):
            self._until = None  # whoever waits for the end of the connection may wait
        self._total += len(message.get("body", b""))
        if self._total > BODY_LIMIT:
            raise HTTPException(413, _too_large().message)
        return message


def _too_large() -> Invalid:
    return Invalid(f"the body is larger than {BODY_LIMIT:,} bytes")


def _announced(headers: Headers) -> int:
    length = headers.get("content-length", "0")
    return int(length) if length.isdecimal() else 0


def _own_address(scope: Scope) -> frozenset[str]:
    """The address that this connection came in on: a name that was rebound to it is still a name."""
    server = scope.get("server")
    if not server or server[1] is None:
        return frozenset()
    return frozenset({f"[{server[0]}]" if ":" in server[0] else str(server[0])})


def _is_foreign(headers: Headers, hosts: frozenset[str]) -> bool:
    """A browser names the page a request comes from; the owner's own tools name a local host or none."""
    return "origin" in headers or bare(headers.get("host", "localhost")) not in hosts
