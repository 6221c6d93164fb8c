"""What every request passes before routing: whose host it names, how much it sends, and its path as it was sent."""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.errors import Invalid
from engine.server.problems import problem_of, respond

BODY_LIMIT = 2_500_000  # bytes: a goal file of 2,000,000 characters and its surroundings
HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]", "pilothouse"})


class Door:
    """Refuses foreign hosts and origins (R114) and oversize bodies, then routes on the path as it was sent.

    The path stays percent-encoded until a route has taken it apart, so that the slash of `GOAL/KEY`, sent as `%2F`,
    never becomes a separator: a task named `why` cannot be mistaken for a route of that name.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if _is_foreign(headers):
            refused = Invalid("requests from other origins are refused", hint="name the host `localhost`, no Origin")
            await respond(problem_of(refused, 403))(scope, receive, send)
        elif _announced(headers) > BODY_LIMIT:
            await respond(problem_of(_too_large(), 413))(scope, receive, send)
        else:
            as_sent = {**scope, "path": scope["raw_path"].decode("ascii")}
            await self._app(as_sent, _Bounded(receive), send)


class _Bounded:
    """Receives a body of at most BODY_LIMIT bytes, whatever its headers announced."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._total = 0

    async def __call__(self) -> Message:
        message = await self._receive()
        self._total += len(message.get("body", b""))
        if self._total > BODY_LIMIT:
            raise HTTPException(413, _too_large().message)
        return message


def _too_large() -> Invalid:
    return Invalid(f"the body is larger than {BODY_LIMIT:,} bytes")


def _announced(headers: Headers) -> int:
    length = headers.get("content-length", "0")
    return int(length) if length.isdecimal() else 0


def _is_foreign(headers: Headers) -> bool:
    """A browser names the page a request comes from; the owner's own tools name a local host or none."""
    host = headers.get("host", "localhost").lower()
    name, colon, port = host.rpartition(":")
    bare = name if colon and port.isdecimal() else host
    return "origin" in headers or bare not in HOSTS
