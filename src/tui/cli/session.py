"""How a verb gets an engine: attach to the one that runs, visit the store for a moment, or start one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from engine.errors import EngineRunning, EngineUnavailable, Invalid, NotFound
from tui.cli.call import Call
from tui.cli.interrupts import held_off
from tui.cli.output import say

if TYPE_CHECKING:
    from engine.api import Engine
    from engine.client import RemoteEngine
    from engine.local.engine import LocalEngine
    from engine.local.project import ProjectPaths
    from engine.server import TcpDoor

T = TypeVar("T")
# Seconds: another verb's visit, or an engine between its lock and its socket, is over by then. One that leaves may
# take 15 to remove its last sandboxes.
VISITS_END = 20.0
POLL = 0.05
WAIT = 0.5  # seconds between looks for news


class NoProject(NotFound):
    """There is no `.pilothouse/` here or above."""

    code = "no_project"


@dataclass(frozen=True)
class Seat:
    """An engine to work with; `own` is set when this process runs it."""

    engine: "Engine"
    own: "LocalEngine | None"


def has_project(call: Call) -> bool:
    """Whether there is a project, or an engine elsewhere that has one; looking never makes one."""
    return call.engine is not None or call.paths.state.is_dir()


def no_project(call: Call) -> NoProject:
    """What to say where there is none."""
    return NoProject(
        f"there is no project in {call.paths.root}",
        hint="`pilothouse init`, `run FILE` or `demo` begins one; --project DIR names one elsewhere",
    )


async def connect(call: Call) -> "RemoteEngine | None":
    """The engine that runs on this project, or None. One that was named by its address must be there: raises
    EngineUnavailable, Refused or Invalid."""
    if call.engine is not None:
        from engine.client import RemoteEngine

        return await RemoteEngine.connect(call.engine, call.token)
    if not call.paths.socket.is_socket():
        return None
    from engine.client import RemoteEngine

    try:
        return await RemoteEngine.connect(f"unix:{call.paths.socket}")
    except EngineUnavailable:
        return None


async def connect_again(call: Call, *, lost: bool) -> "RemoteEngine | None":
    """The same for a follower: one elsewhere that answered before and was `lost` is waited for, for ever."""
    while True:
        try:
            return await connect(call)
        except EngineUnavailable:
            if not lost:
                raise
            await asyncio.sleep(WAIT)


async def running_engine(call: Call) -> "RemoteEngine":
    """The engine that runs on this project; raises NoProject or EngineUnavailable."""
    if not has_project(call):
        raise no_project(call)
    engine = await connect(call)
    if engine is None:
        raise EngineUnavailable(
            f"no engine runs on {call.paths.root}",
            hint=f"`{call.command()}` or `{call.command('serve')}` starts one",
        )
    return engine


@asynccontextmanager
async def engine_for(call: Call) -> "AsyncIterator[Engine]":
    """For answering: the running engine, else a short-lived one that never starts a sandbox."""
    if not has_project(call):
        raise no_project(call)

    async def begin() -> "Engine":
        from engine.local.opening import open_local

        return await connect(call) or await open_local(call.paths.root, call.settings, visiting=True)

    engine = await patiently(begin)
    try:
        yield engine
    finally:
        with held_off():
            await engine.close()


async def look(call: Call, query: "Callable[[Engine], Awaitable[T]]") -> T:
    """The answer to a question that changes nothing; asked again when the engine left while it was asked."""
    deadline = asyncio.get_running_loop().time() + VISITS_END
    while True:
        try:
            async with engine_for(call) as engine:
                return await query(engine)
        except EngineUnavailable:
            if call.engine is not None or asyncio.get_running_loop().time() >= deadline:
                raise
            await asyncio.sleep(POLL)


@asynccontextmanager
async def seat_for(call: Call, door: "TcpDoor | None" = None) -> AsyncIterator[Seat]:
    """For running goals: the running engine, else one of our own that serves the project's socket."""
    async with AsyncExitStack() as stack:

        async def begin() -> Seat:
            remote = await connect(call)
            if remote is not None:
                stack.push_async_callback(remote.close)
                return Seat(remote, None)
            own = await stack.enter_async_context(own_engine(call, door))
            return Seat(own, own)

        yield await patiently(begin)


@asynccontextmanager
async def own_engine(call: Call, door: "TcpDoor | None" = None) -> "AsyncIterator[LocalEngine]":
    """An engine in this process, serving the socket, and TCP behind `door`; raises EngineRunning when the project has
    one."""
    from engine.collector import leave_alone_what_is_loaded
    from engine.local.opening import open_local
    from engine.server import serve
    from tui.cli.journal import log_to

    make_state(call.paths)
    with log_to(call.paths.engine_log):
        engine = await open_local(call.paths.root, call.settings, source=call.source)
        leave_alone_what_is_loaded()
        try:
            async with serve(engine, call.paths.socket, door) as listening:
                if listening is not None:
                    say(f"the control API listens on http://{listening}")
                yield engine
        finally:
            with held_off():
                await engine.close()


def make_state(paths: "ProjectPaths") -> None:
    """Make the state folder and keep it out of the operator's commits, whatever repository it stands in."""
    from tui.cli.starter import IGNORED

    paths.create()
    ignore = paths.state / ".gitignore"
    if not ignore.exists():
        ignore.write_text(IGNORED, encoding="utf-8")


async def patiently(begin: Callable[[], Awaitable[T]], *, patience: float = VISITS_END) -> T:
    """Begin, again and again while somebody else holds the project for a moment. `patience`: seconds an engine may
    hold it; a visit may hold it until VISITS_END."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    while True:
        try:
            return await begin()
        except EngineRunning as running:
            if loop.time() - begun >= (max(patience, VISITS_END) if running.passing else patience):
                raise
            await asyncio.sleep(POLL)


def here_only(call: Call, what: str) -> None:
    """Refuse what needs the project's own machine; raises Invalid where an engine elsewhere was named."""
    if call.engine is not None:
        raise Invalid(f"{what} needs the project's own machine", hint="run it there, with --project and not --engine")


async def news(call: Call, *, told: bool) -> None:
    """Return when an engine answers, or when the store was written by one that has gone again."""
    if not told:
        say(f"no engine runs on {call.paths.root}; waiting for one")
    seen = _written(call)
    while _written(call) == seen:
        remote = await connect(call)
        if remote is not None:
            await remote.close()
            return
        await asyncio.sleep(WAIT)


def _written(call: Call) -> tuple[int, int]:
    """A mark of the store's file that changes when something was written; a look at it opens nothing."""
    with suppress(OSError):
        found = call.paths.database.stat()
        return found.st_mtime_ns, found.st_size
    return 0, 0
