"""Long answers of the daemon over httpx: the end of a container, its events, the output of a command in it."""

import asyncio
import importlib
import json
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from engine.errors import DaemonUnavailable, NotFound
from engine.sandbox.demux import payloads
from engine.sandbox.docker_calls import CALL, unreachable

if TYPE_CHECKING:
    import httpx

EVENTS_LIMIT = 256 * 1024  # bytes of the daemon's event history for one container


class DaemonStreams:
    """One client without a read timeout: whoever waits looks at the container now and then. The library is loaded at
    the first use, on a thread."""

    def __init__(self, host: str, path: str, aside: Executor) -> None:
        self._host = host
        self._path = path
        self._aside = aside
        self._client: httpx.AsyncClient | None = None

    async def ended(self, container: str) -> None:
        """Return when the daemon says that the container is not running. NotFound when it is gone."""
        async with self._answer(
            "POST", f"/containers/{quote(container, safe='')}/wait?condition=not-running"
        ) as answer:
            await answer.aread()

    async def events(self, container: str, since: float, until: float) -> list[dict[str, Any]]:
        """What the daemon remembers of a container between two times, in seconds since the epoch."""
        filters = json.dumps({"container": [container]})
        target = f"/events?since={since:.9f}&until={until:.9f}&filters={quote(filters)}"
        found = bytearray()
        async with asyncio.timeout(CALL), self._answer("GET", target) as answer:
            async for data in answer.aiter_bytes():
                found += data
                if len(found) > EVENTS_LIMIT:
                    break
        return [json.loads(row) for row in bytes(found).splitlines() if row.endswith(b"}")]

    async def output(self, execution: str, limit: int) -> bytes:
        """Both streams of a command in a container as they come, at most `limit` bytes."""
        found, frames = bytearray(), bytearray()
        target = f"/exec/{quote(execution, safe='')}/start"
        async with self._answer("POST", target, {"Detach": False, "Tty": False}) as answer:
            async for data in answer.aiter_raw():
                frames += data
                found += payloads(frames)
                if len(found) > limit:
                    break
        return bytes(found[:limit])

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    @asynccontextmanager
    async def _answer(self, method: str, target: str, body: object = None) -> "AsyncIterator[httpx.Response]":
        client = await self._connected()
        import httpx

        try:
            async with client.stream(method, target, json=body) as answer:
                if answer.status_code == httpx.codes.NOT_FOUND:
                    raise NotFound("the container is gone")
                if not answer.is_success:
                    raise DaemonUnavailable(f"the container daemon answered {answer.status_code} to {method} {target}")
                yield answer
        except (httpx.TransportError, httpx.StreamError) as error:
            raise unreachable(self._host, error) from error

    async def _connected(self) -> "httpx.AsyncClient":
        if self._client is None:
            await asyncio.get_running_loop().run_in_executor(self._aside, importlib.import_module, "httpx")
        if self._client is None:
            self._client = _new_client(self._path)
        return self._client


def _new_client(path: str) -> "httpx.AsyncClient":
    import httpx

    # A bounded pool leaks connections of cancelled streams; a read timeout would end quiet ones (HARDENING fact 7).
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=8)
    transport = httpx.AsyncHTTPTransport(uds=path, limits=limits, verify=False)
    return httpx.AsyncClient(
        transport=transport, base_url="http://docker", timeout=httpx.Timeout(CALL, read=None), trust_env=False
    )
