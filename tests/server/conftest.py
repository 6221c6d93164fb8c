"""A served stub engine, a client on its socket, and plain HTTP on the same socket."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from engine_stub import StubEngine

from engine.client import RemoteEngine
from engine.server import serve


@pytest.fixture
def stub() -> StubEngine:
    return StubEngine()


@pytest_asyncio.fixture
async def socket(stub: StubEngine, tmp_path: Path) -> AsyncIterator[Path]:
    path = tmp_path / "state" / "engine.sock"
    async with serve(stub, path):
        yield path


@pytest_asyncio.fixture
async def remote(socket: Path) -> AsyncIterator[RemoteEngine]:
    engine = await RemoteEngine.connect(f"unix:{socket}")
    yield engine
    await engine.close()


@pytest_asyncio.fixture
async def http(socket: Path) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.AsyncHTTPTransport(uds=str(socket))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=10) as client:
        yield client
