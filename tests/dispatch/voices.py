"""A sandbox's side of its own door: HTTP over the socket that its environment names."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from scripted import Bench, goal_file

BASE = "http://localhost/sandbox/v1/"


class Voice:
    """What one run can say with the environment it was given."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.env = env
        self.run = env["PILOTHOUSE_RUN"]
        self.socket = Path(env["PILOTHOUSE_SOCKET"])

    async def say(
        self, method: str, name: str, body: object = None, *, token: str | None = None, socket: Path | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Status and document of one request."""
        bearer = self.env["PILOTHOUSE_TOKEN"] if token is None else token
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        transport = httpx.AsyncHTTPTransport(uds=address(socket or self.socket))
        async with httpx.AsyncClient(transport=transport, trust_env=False, timeout=30) as client:
            url = name if name.startswith("http") else BASE + name
            kind: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"json": body}
            answer = await client.request(method, url, headers=headers, **({} if body is None else kind))
        return answer.status_code, answer.json()

    async def post(self, operation: str, /, **body: object) -> dict[str, Any]:
        """A POST that must succeed."""
        status, document = await self.say("POST", operation, body)
        assert status == 200, document
        return document

    async def refused(self, operation: str, /, **body: object) -> tuple[int, str]:
        """A POST that must not."""
        status, document = await self.say("POST", operation, body)
        assert status >= 400, document
        return status, document["detail"]

    async def get(self, name: str) -> dict[str, Any]:
        status, document = await self.say("GET", name)
        assert status == 200, document
        return document


def address(socket: Path) -> str:
    """The path, or a short one to the same file: an address has room for 108 bytes."""
    if len(str(socket)) <= 100:
        return str(socket)
    import os

    folder = os.open(socket.parent, os.O_RDONLY | os.O_DIRECTORY)  # lives as long as the test process
    return f"/proc/self/fd/{folder}/{socket.name}"


async def voices(bench: Bench, *keys: str, retries: int = 0) -> tuple[str, list[Voice]]:
    """A goal of tasks that hang side by side; their voices, in order."""
    tasks = [{"id": key, "run": f"hang {key}", "retries": retries} for key in keys]
    goal = await bench.goal(goal_file({"id": "all", "order": "parallel", "tasks": tasks}))
    await bench.until(goal.id, lambda _, states: all(states[key] == "running" for key in keys))
    return goal.id, [voice_of(bench, key) for key in keys]


def voice_of(bench: Bench, key: str) -> Voice:
    """Of the newest sandbox of this task."""
    specs = [spec for spec in bench.driver.specs if spec.argv[-1] == f"hang {key}"]
    return Voice(specs[-1].env)


@asynccontextmanager
async def meanwhile(work: Any) -> AsyncIterator["asyncio.Task[Any]"]:
    """Something that goes on while the block runs, and is ended with it."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def heard_again(bench: Bench, *voices: Voice) -> None:
    """After a restart: until the doors of these runs stand open again, as a client that asks again finds them."""
    await seen(bench, "sandbox.adopted", len(voices))
    async with asyncio.timeout(20):
        while not all(voice.run in bench.engine._parts.context.exchange.signs for voice in voices):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def seen(bench: Bench, kind: str, times: int = 1) -> list[Any]:
    """The events of a type, once there are so many."""
    async with asyncio.timeout(bench.patience):
        async for _ in bench.engine.subscribe():
            found = [event for event in await bench.events() if event.type == kind]
            if len(found) >= times:
                await bench.heard()
                return found
    raise AssertionError(kind)
