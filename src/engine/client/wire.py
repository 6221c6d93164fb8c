"""HTTP over one Unix socket: requests, streams, and every failure as one of our errors."""

import os
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, to_json

from engine.client.problems import error_of
from engine.client.sse import ServerEvent, server_events
from engine.errors import EngineUnavailable, Invalid

CONNECT = 2.0  # seconds
READ = 30.0  # seconds an ordinary answer may take; a stream may be silent for ever
LONGEST = 100  # bytes; the address of a Unix socket has room for 108
START = "start one with `pilothouse --no-ui`, or look whether it has ended: `pilothouse status`"

Params = Mapping[str, str | int]


class Wire:
    """One client. The folder stays open so that a long path can be reached through it on every new connection."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        try:
            self._folder = os.open(socket.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise EngineUnavailable(f"no engine at {socket}: {error.strerror}", hint=START) from error
        long = len(os.fsencode(socket)) > LONGEST
        address = f"/proc/self/fd/{self._folder}/{socket.name}" if long else str(socket)
        # A bounded pool loses connections when a request is cancelled; an unbounded one does not.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=10, keepalive_expiry=5.0)
        self._client = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=address, limits=limits),
            base_url="http://localhost",
            timeout=httpx.Timeout(READ, connect=CONNECT, pool=None),
            trust_env=False,
        )

    async def get(self, path: str, params: Params | None = None) -> bytes:
        with self._translated():
            return _body(await self._client.get(path, params=dict(params or {})))

    async def post(
        self, path: str, body: BaseModel | Mapping[str, object] | None = None, *, patience: float = READ
    ) -> bytes:
        """`patience`: seconds the answer may take."""
        timeout = httpx.Timeout(patience, connect=CONNECT, pool=None)
        with self._translated():
            if body is None:
                return _body(await self._client.post(path, timeout=timeout))
            headers = {"content-type": "application/json"}
            return _body(await self._client.post(path, content=_json(body), headers=headers, timeout=timeout))

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
        if self._folder >= 0:
            os.close(self._folder)
            self._folder = -1

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except httpx.ConnectError as error:
            raise EngineUnavailable(f"no engine answers at {self.socket}", hint=START) from error
        except httpx.TimeoutException as error:
            message = f"the engine at {self.socket} did not answer in time"
            raise EngineUnavailable(
                message, hint="an order may have been carried out: look before repeating"
            ) from error
        except httpx.TransportError as error:
            message = f"the connection to the engine at {self.socket} broke: {error}"
            raise EngineUnavailable(
                message, hint="an order may have been carried out: look before repeating"
            ) from error


def _body(response: httpx.Response) -> bytes:
    if not response.is_success:
        raise error_of(response.status_code, response.content)
    return response.content


def _json(body: BaseModel | Mapping[str, object]) -> bytes:
    try:
        return to_json(body)
    except (PydanticSerializationError, UnicodeEncodeError) as error:
        raise Invalid("the text holds bytes that are no UTF-8", hint="save it as UTF-8 and try again") from error
