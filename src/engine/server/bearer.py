"""Who may come in: over the Unix socket the owner, over TCP whoever shows a token (R111, R114)."""

import os
from math import ceil
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from engine.errors import Refused, Unavailable
from engine.server.limits import RateLimit
from engine.server.problems import problem_of, respond
from engine.server.tokens import Role, Tokens

LOOKING = frozenset({"GET", "HEAD"})
# These prove themselves in their own way: an HMAC over the body, a token of one gate.
OWN_PROOF = ("/v1/webhooks/", "/v1/callbacks/")
NEVER_ASKED = frozenset({"token", "access_token", "api_key", "authorization"})
CHALLENGE = {"www-authenticate": 'Bearer realm="pilothouse"'}


class OwnersOnly:
    """Lets this user's processes and root's through; mode 0600 says the same, but a mode can be changed."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._welcome = {os.geteuid(), 0}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("state", {}).get("uid") in self._welcome:
            await self._app(scope, receive, send)
        else:
            hint = "its owner may open a TCP door with --listen"
            refused = Refused("this engine belongs to another user", hint=hint, status=403)
            await respond(problem_of(refused))(scope, receive, send)


class Bearer:
    """Wants `Authorization: Bearer TOKEN`; a reader's token reads. Each caller has a rate, each strange address too."""

    def __init__(self, app: ASGIApp, tokens: Tokens, rate: RateLimit) -> None:
        self._app = app
        self._tokens = tokens
        self._rate = rate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "POST" and scope["path"].startswith(OWN_PROOF):
            client, refusal = _address(scope), None
        else:
            client, refusal = await self._examined(scope)
        seconds = self._rate.wait(client)
        if seconds > 0:
            after = max(1, ceil(seconds))
            busy = Unavailable("too many requests from here", hint=f"try again in {after} s")
            await respond(problem_of(busy, 429), {"retry-after": str(after)})(scope, receive, send)
        elif refusal is not None:
            headers = CHALLENGE if refusal.status == 401 else {}
            await respond(problem_of(refusal), headers)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _examined(self, scope: Scope) -> tuple[str, Refused | None]:
        """The client that is counted, and why it is refused."""
        stranger = _address(scope)
        asked = {name.lower() for name, _ in parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)}
        if asked & NEVER_ASKED:
            hint = "addresses are logged: send it as `Authorization: Bearer TOKEN`"
            return stranger, Refused("a token does not belong into an address", hint=hint)
        scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            hint = "send `Authorization: Bearer TOKEN`; with the command line --token-file FILE or PILOTHOUSE_TOKEN"
            return stranger, Refused("this engine wants a token", hint=hint)
        caller = await self._tokens.caller(token.strip())
        if caller is None:
            hint = "it must stand in a token file of the engine; a token that was taken out is refused"
            return stranger, Refused("the token is not known here", hint=hint)
        if caller.role is Role.READER and scope["method"] not in LOOKING:
            hint = "ask for an operator's token"
            return caller.name, Refused("this token may look and change nothing", hint=hint, status=403)
        return caller.name, None


def _address(scope: Scope) -> str:
    """Where a stranger calls from, apart from every name a token may carry."""
    client = scope.get("client")
    return f"@{client[0] if client else 'unknown'}"
