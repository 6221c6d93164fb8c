"""A sandbox's side of a contact: CONNECT over the socket of its run, and what is told of it afterwards."""

import asyncio
import json
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from near import egress
from scripted import Bench, goal_file
from voices import Voice, address, voice_of

from engine.api import Answer, ContactView, DecisionView
from engine.model import AnswerKind


async def reaching(bench: Bench, *listed: str, ask: bool = False, keys: tuple[str, ...] = ("one",)) -> list[Voice]:
    """A goal of tasks that hang side by side and reach these; their voices."""
    return await side_by_side(bench, dict.fromkeys(keys, egress(*listed, ask=ask)))


async def side_by_side(bench: Bench, sandboxes: dict[str, dict[str, object]]) -> list[Voice]:
    """The same, with a sandbox for each task by its key."""
    tasks = [{"id": key, "run": f"hang {key}", "sandbox": sandbox} for key, sandbox in sandboxes.items()]
    goal = await bench.goal(goal_file({"id": "all", "order": "parallel", "tasks": tasks}))
    await bench.until(goal.id, lambda _, states: all(states[key] == "running" for key in sandboxes))
    return [voice_of(bench, key) for key in sandboxes]


@asynccontextmanager
async def dial(voice: Voice, to: str, *, token: str | None = None, early: bytes = b"") -> AsyncIterator["Line"]:
    """Ask for a contact; the answer is read by `Line.status`."""
    reader, writer = await asyncio.open_unix_connection(address(voice.socket))
    bearer = voice.env["PILOTHOUSE_TOKEN"] if token is None else token
    writer.write(f"CONNECT {to} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {bearer}\r\n\r\n".encode() + early)
    try:
        yield Line(reader, writer)
    finally:
        writer.close()


class Line:
    """One connection on its way outside."""

    def __init__(self, reader: StreamReader, writer: StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def status(self) -> int:
        async with asyncio.timeout(20):
            head = await self.reader.readuntil(b"\r\n\r\n")
        return int(head.split()[1])

    async def refused(self) -> tuple[int, str]:
        status = await self.status()
        document = json.loads(await self.reader.read())
        return status, document["detail"]

    async def get(self) -> bytes:
        self.writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        return await self.rest()

    async def rest(self) -> bytes:
        async with asyncio.timeout(20):
            return await self.reader.read(-1)


async def tried(voice: Voice, to: str) -> tuple[int, str]:
    """Status and words of a contact that ends at once."""
    async with dial(voice, to) as line:
        status = await line.status()
        return (200, "") if status == 200 else (status, json.loads(await line.reader.read())["detail"])


async def contacts(bench: Bench, voice: Voice) -> list[ContactView]:
    task = await bench.engine.task(voice.env["PILOTHOUSE_TASK"])
    return [contact for contact in task.contacts if contact.run == voice.run]


async def asked(bench: Bench, times: int = 1) -> list[DecisionView]:
    """The open egress decisions, once there are so many."""
    async with asyncio.timeout(20):
        async for _ in bench.engine.subscribe():
            found = [decision for decision in await bench.engine.decisions() if decision.kind == "egress"]
            if len(found) >= times:
                await bench.heard()
                return found
    raise AssertionError("nothing was asked")


async def choose(bench: Bench, decision: DecisionView, option: str, *, undoable: bool = False) -> None:
    values: dict[str, Any] = {
        "version": decision.version,
        "answer": AnswerKind.CHOOSE,
        "option": option,
        "undoable": undoable,
    }
    await bench.engine.answer(decision.id, Answer.model_validate(values))
