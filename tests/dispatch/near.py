"""A server on this machine that stands for the world outside, and the names under which a sandbox may find it."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address

from engine.dispatch.egress.reach import Reach
from engine.model.addresses import Address, not_public

HERE = ip_address("127.0.0.1")
BODY = b"from outside\n" * 1000


def here_only(address: Address) -> str:
    """The rule of the engine, but for this machine's own loopback, where the server of the test is."""
    return "" if address == HERE else not_public(address)


@dataclass
class World:
    """What names stand for, which were looked up, and the server's port and requests."""

    port: int = 0
    names: dict[str, list[str]] = field(default_factory=dict)
    looked_up: list[str] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)
    open: int = 0
    sent: int = 0
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def reach(self) -> Reach:
        return Reach(rule=here_only, lookup=self._lookup)

    async def _lookup(self, host: str) -> Sequence[str]:
        self.looked_up.append(host)
        if host not in self.names:
            raise socket.gaierror(-2, "Name or service not known")
        return self.names[host]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request with what was asked and a long body; echo what comes after a line `echo`."""
        self.open += 1
        try:
            head = await reader.readuntil(b"\n")
            if head == b"flood\n":
                while True:
                    writer.write(bytes(65536))
                    await writer.drain()
                    self.sent += 65536
            if head == b"echo\n":
                while block := await reader.read(65536):
                    writer.write(block)
                    await writer.drain()
                writer.write(b"end")
                writer.write_eof()
                return
            head += await reader.readuntil(b"\r\n\r\n")
            self.requests.append(head)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY)
            await writer.drain()
        except (OSError, EOFError):
            return
        finally:
            self.open -= 1
            self.gone.set()
            writer.close()


@asynccontextmanager
async def world(**names: str) -> AsyncIterator[World]:
    """The server runs while the block does; every name stands for it unless another address is given."""
    here = World()
    server = await asyncio.start_server(here.serve, "127.0.0.1", 0)
    here.port = server.sockets[0].getsockname()[1]
    here.names = {"web.test": ["127.0.0.1"], "other.test": ["127.0.0.1"], **{k: v.split() for k, v in names.items()}}
    try:
        yield here
    finally:
        server.close()


def egress(*listed: str, ask: bool = False) -> dict[str, object]:
    """The sandbox of a task that reaches these."""
    return {"network": "egress", "egress": list(listed), **({"ask": True} if ask else {})}


def fetching(*urls: str) -> list[str]:
    """A command that fetches each with the proxy its environment names, and prints what came, one JSON a line."""
    return ["python3", "-c", FETCH, json.dumps(urls)]


FETCH = """
import json, sys, urllib.request, urllib.error
for url in json.loads(sys.argv[1]):
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            print(json.dumps([answer.status, len(answer.read())]), flush=True)
    except urllib.error.HTTPError as error:
        print(json.dumps([error.code, error.read().decode()]), flush=True)
    except OSError as error:
        print(json.dumps([0, str(error)]), flush=True)
"""
