"""`Idempotency-Key`: an order that is sent again is answered again, and carried out once (R17)."""

import hashlib
import re

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.api.repeats import Recorded, Repeats
from engine.errors import Invalid, PilothouseError
from engine.server.problems import problem_of, respond

ORDERS = frozenset({"POST", "PATCH"})
KEY = re.compile(r"[\x21-\x7e]{1,200}")
TOLD = ("content-type", "location")  # the headers that belong to an answer
REPLAYED = {"idempotency-replayed": "true"}


class KeyedOrders:
    """Orders without a key pass through."""

    def __init__(self, app: ASGIApp, repeats: Repeats) -> None:
        self._app = app
        self._repeats = repeats

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = Headers(scope=scope).get("idempotency-key")
        if key is None or scope["method"] not in ORDERS:
            await self._app(scope, receive, send)
            return
        try:
            await self._once(key, scope, receive, send)
        except PilothouseError as error:
            await respond(problem_of(error))(scope, receive, send)
        except HTTPException as error:  # the body is too large, or does not come
            problem = problem_of(Invalid(str(error.detail)), error.status_code)
            await respond(problem)(scope, receive, send)

    async def _once(self, key: str, scope: Scope, receive: Receive, send: Send) -> None:
        if KEY.fullmatch(key) is None:
            raise Invalid("this is no Idempotency-Key", hint="1 to 200 printable ASCII characters without spaces")
        body = await _whole(receive)
        first = await self._repeats.begin(key, _digest(scope, body))
        if first is not None:
            await _send(first, send)
            return
        answer = _Answer()
        try:
            await self._app(scope, _Again(body, receive), answer.take)
        finally:
            await self._repeats.finish(key, answer.recorded)
            await answer.pass_on(send)


class _Again:
    """A body that was read already, as it would have come."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


class _Answer:
    """An answer that is kept before it is sent: once it is on its way, it is known."""

    def __init__(self) -> None:
        self._messages: list[Message] = []

    async def take(self, message: Message) -> None:
        self._messages.append(message)

    @property
    def recorded(self) -> Recorded | None:
        """None for what may be tried again: no answer, or a fault of ours."""
        if not self._messages or self._messages[0]["status"] >= 500:
            return None
        told = Headers(raw=self._messages[0]["headers"])
        body = b"".join(message.get("body", b"") for message in self._messages[1:])
        return Recorded(self._messages[0]["status"], body, {name: told[name] for name in TOLD if name in told})

    async def pass_on(self, send: Send) -> None:
        for message in self._messages:
            await send(message)


async def _whole(receive: Receive) -> bytes:
    parts = []
    while (message := await receive())["type"] == "http.request":
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            break
    return b"".join(parts)


def _digest(scope: Scope, body: bytes) -> str:
    head = f"{scope['method']} {scope['path']}".encode() + b"?" + scope["query_string"] + b"\n"
    return hashlib.sha256(head + body).hexdigest()


async def _send(answer: Recorded, send: Send) -> None:
    headers = answer.headers | REPLAYED | {"content-length": str(len(answer.body))}
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    await send({"type": "http.response.body", "body": answer.body})
