"""A stub engine behind both doors: its Unix socket, and TCP with tokens."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from engine_stub import StubEngine

from engine.server import Listen, Role, TcpDoor, TokenFile, serve

OPERATOR = "o" * 40
READER = "r" * 40


@dataclass
class Doors:
    stub: StubEngine
    socket: Path
    url: str
    tokens: Path
    readers: Path

    def client(self, token: str | None = OPERATOR, **headers: str) -> httpx.AsyncClient:
        proof = {} if token is None else {"authorization": f"Bearer {token}"}
        return httpx.AsyncClient(base_url=self.url, headers=proof | headers, timeout=10, trust_env=False)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


@asynccontextmanager
async def both_doors(folder: Path, stub: StubEngine | None = None, host: str = "127.0.0.1") -> AsyncIterator[Doors]:
    stub = stub or StubEngine()
    tokens, readers = folder / "tokens", folder / "readers"
    for path, text in ((tokens, f"ops {OPERATOR}\n"), (readers, f"# may look\neyes {READER}\n")):
        path.touch(0o600)
        path.write_text(text)
    door = TcpDoor(Listen(host, 0), [TokenFile(tokens, Role.OPERATOR), TokenFile(readers, Role.READER)])
    socket = folder / "state" / "engine.sock"
    async with serve(stub, socket, door) as listening:
        assert listening is not None
        yield Doors(stub, socket, f"http://{listening}", tokens, readers)
