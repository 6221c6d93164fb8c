"""What tests of the assistant's server share: an engine whose goal waits at its gate, and calls of tools."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goal_files import GATED
from mcp import ClientSession
from mcp.types import CallToolResult

from engine.api import CreateGoal, DecisionView
from engine.local.engine import LocalEngine
from engine.local.opening import open_local
from engine.local.project import ProjectPaths
from engine.model import Runtime
from engine.server import TcpDoor, serve
from engine.settings import Settings


@dataclass(frozen=True)
class Waiting:
    """An engine in this process that serves its socket; its one goal waits for a human. `url`: its TCP door."""

    engine: LocalEngine
    goal: str
    decision: DecisionView
    address: str
    url: str = ""

    async def until_done(self) -> None:
        async with asyncio.timeout(20):
            async for _ in self.engine.subscribe():
                if (await self.engine.status(self.goal)).goals[0].state == "done":
                    return


@asynccontextmanager
async def waiting(project: Path, text: str = GATED, door: TcpDoor | None = None) -> AsyncIterator[Waiting]:
    socket = ProjectPaths(project).socket
    engine = await open_local(project, Settings())
    try:
        async with serve(engine, socket, door) as listening:
            request = CreateGoal(source=text, runtime=Runtime.PROCESS, allow_unconfined=True)
            goal = (await engine.create_goal(request)).id
            async with asyncio.timeout(20):
                async for _ in engine.subscribe():
                    if found := await engine.decisions():
                        break
            url = "" if listening is None else f"http://{listening}"
            yield Waiting(engine, goal, found[0], f"unix:{socket}", url)
    finally:
        await engine.close()


async def data(session: ClientSession, tool: str, **arguments: object) -> Any:
    """What a tool answers; it must not refuse."""
    result = await session.call_tool(tool, arguments)
    assert not result.isError, result
    assert result.structuredContent is not None
    assert "never" in result.structuredContent["notice"] or "no sentence" in result.structuredContent["notice"]
    return result.structuredContent["data"]


async def refused(session: ClientSession, tool: str, **arguments: object) -> str:
    """The code of the error a tool answers with; its words hold no trace."""
    result: CallToolResult = await session.call_tool(tool, arguments)
    assert result.isError, result
    assert result.structuredContent is not None
    assert "Traceback" not in str(result)
    return str(result.structuredContent["error"]["code"])
