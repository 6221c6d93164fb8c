"""HTTP over one line to an engine: requests, streams, and every failure as one of our errors."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import httpx
from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, to_json

from engine.client.address import Line
from engine.client.problems import error_of
from engine.client.sse import ServerEvent, server_events
from engine.errors import EngineUnavailable, Invalid

CONNECT = 2.0  # seconds
READ = 30.0  # seconds an ordinary answer may take; a stream may be silent for ever
PAUSE = 0.1  # seconds before an order whose connection broke is sent again

OURS = frozenset({"host", "content-length", "connection", "transfer-encoding", "accept-encoding"})

Params = Mapping[str, str | int]
Body = BaseModel | Mapping[str, object]


class Wire:
    """One client of one engine."""

    def __init__(self, line: Line) -> None:
        self.place = line.place
        self._line = line
        self._client = httpx.AsyncClient(
            transport=line.transport,
            base_url=line.base,
            headers=line.headers,
            timeout=httpx.Timeout(READ, connect=CONNECT, pool=None),
            trust_env=False,
        )

    async def get(self, path: str, params: Params | None = None) -> bytes:
        with self._translated():
            return _body(await self._client.get(path, params=dict(params or {})))

    async def post(self, path: str, body: Body | None = None, *, patience: float = READ) -> bytes:
        """`patience`: seconds the answer may take."""
        return await self._order("POST", path, body, patience)

    async def patch(self, path: str, body: Body) -> bytes:
        return await self._order("PATCH", path, body, READ)

    async def put(self, path: str, body: Body) -> bytes:
        """What may be said any number of times, without a key."""
        headers = {"content-type": "application/json"}
        with self._translated():
            return _body(await self._client.put(path, content=_json(body), headers=headers))

    async def _order(self, method: str, path: str, body: Body | None, patience: float) -> bytes:
        """Send an order under a key of its own. One whose connection breaks is sent again under the same key: the
        engine carries it out once and gives the first answer again."""
        content = b"" if body is None else _json(body)
        headers = {"idempotency-key": secrets.token_hex(16)} | (
            {} if body is None else {"content-type": "application/json"}
        )
        timeout = httpx.Timeout(patience, connect=CONNECT, pool=None)
        request = partial(self._client.request, method, path, content=content, headers=headers, timeout=timeout)
        with self._translated():
            try:
                return _body(await request())
            except (httpx.NetworkError, httpx.RemoteProtocolError) as broken:
                if isinstance(broken, httpx.ConnectError):
                    raise
                return await self._again(request, broken)

    async def _again(self, request: "Callable[[], Awaitable[httpx.Response]]", broken: httpx.TransportError) -> bytes:
        await asyncio.sleep(PAUSE)
        try:
            return _body(await request())
        except httpx.TransportError:
            raise broken from None  # what is known is what happened first

    async def send(self, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        """Bytes as they are, under headers of their own; those of the connection stay ours."""
        kept = {name: value for name, value in headers.items() if name.lower() not in OURS}
        with self._translated():
            return _body(await self._client.post(path, content=body, headers=kept))

    async def stream(self, path: str, params: Params | None = None) -> AsyncGenerator[ServerEvent, None]:
        """Events until the other side ends the stream; a `problem` among them is raised as its error."""
        timeout = httpx.Timeout(None, connect=CONNECT)
        request = self._client.build_request("GET", path, params=dict(params or {}), timeout=timeout)
        with self._translated():
            response = await self._client.send(request, stream=True)
            try:
                if response.status_code != httpx.codes.OK:
                    raise error_of(response.status_code, await response.aread())
                async for event in server_events(response.aiter_bytes()):
                    if event.name == "problem":
                        raise error_of(httpx.codes.OK, event.data)
                    yield event
            finally:
                await response.aclose()

    async def close(self) -> None:
        await self._client.aclose()
        self._line.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except httpx.ConnectError as error:
            raise EngineUnavailable(f"no engine answers at {self.place}", hint=self._line.hint) from error
        except httpx.TimeoutException as error:
            message = f"the engine at {self.place} did not answer in time"
            raise EngineUnavailable(
                message, hint="an order may have been carried out: look before repeating"
            ) from error
        except httpx.TransportError as error:
            message = f"the connection to the engine at {self.place} broke: {error}"
            raise EngineUnavailable(
                message, hint="an order may have been carried out: look before repeating"
            ) from error


def _body(response: httpx.Response) -> bytes:
    if not response.is_success:
        raise error_of(response.status_code, response.content)
    return response.content


def _json(body: Body) -> bytes:
    try:
        return to_json(body)
    except (PydanticSerializationError, UnicodeEncodeError) as error:
        raise Invalid("the text holds bytes that are no UTF-8", hint="save it as UTF-8 and try again") from error
