"""Sandboxes as Docker containers."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

from engine.errors import DaemonUnavailable, NameTaken, NotFound, OutcomeUnknown, Unavailable
from engine.ids import SafeName, safe_name
from engine.model import DriverName
from engine.paths import ProjectPaths
from engine.sandbox.docker_calls import DaemonCalls, image_missing
from engine.sandbox.docker_containers import GONE, Containers
from engine.sandbox.docker_ends import (
    TAKEN_ALONG,
    delivered_signals,
    exit_of,
    moment,
    needs_events,
    running,
    taken_along,
)
from engine.sandbox.docker_logs import FIRST_PAUSE, LONGEST_PAUSE, LogFollower
from engine.sandbox.docker_spec import SEARCH_PATH, checked_mounts, give_to_sandbox, image_search_path, network_mode
from engine.sandbox.docker_stats import stats_of
from engine.sandbox.docker_streams import DaemonStreams
from engine.sandbox.driver import Chunk, DriverHealth, Exit, OwnedSandbox, SandboxSpec, Started, Stats
from engine.sandbox.log_lines import HEAD, LINE_LIMIT, STREAMS, Lines, Seen, parse_stamp, stamp
from engine.sandbox.log_stream import LogRequest, LogStream, open_log, require_answer

PING = 5.0  # seconds
EXEC = 60.0  # seconds a command inside may take
EXEC_OUTPUT = 1024**2  # bytes kept of what it prints
KILL_LIMIT = 10.0  # seconds from KILL to the end of the last process
RECHECK = 8.0  # seconds after which a wait looks at the container anew: as often as rows and sandboxes are compared
LIMITS = {"MemoryLimit": "memory", "PidsLimit": "process", "CpuCfsQuota": "CPU"}


class DockerDriver:
    """Implements Driver. Touches only containers whose `pilothouse.engine` label is exactly `engine_id` (R41).

    `host` is `unix:///path/to/socket`, else Invalid. Nothing is loaded or connected before the first call.
    """

    name = DriverName.DOCKER
    confined = True
    cuts_network = True

    def __init__(self, host: str, engine_id: str, paths: ProjectPaths) -> None:
        self._calls = DaemonCalls(host)
        self._streams = DaemonStreams(host, self._calls.path, self._calls.executor)
        self._containers = Containers(self._calls, engine_id)
        self._paths = paths
        self._search_paths: dict[str, str] = {}

    async def check(self) -> DriverHealth:
        """The daemon's version, and which limits its kernel cannot hold. DaemonUnavailable with advice otherwise."""
        version = await self._calls.call("tell its version", lambda c: c.version(), deadline=PING)
        info: Mapping[str, Any] = await self._calls.call("tell its state", lambda c: c.info(), deadline=PING)
        if info.get("OSType", "linux") != "linux":
            raise DaemonUnavailable(f"the container daemon at {self._calls.host} runs no Linux containers")
        missing = [word for key, word in LIMITS.items() if info.get(key) is False]
        notices = tuple(f"this machine's kernel holds no {word} limit for containers" for word in missing)
        return DriverHealth(f"Docker {version['Version']}", notices)

    async def require_image(self, image: str) -> str:
        """The image a spec should name, `auto` resolved; ImageNotFound with advice when it is not here."""
        from engine.sandbox.image import resolve_image

        wanted = resolve_image(image)
        try:
            found = await self._calls.call("inspect an image", lambda c: c.inspect_image(wanted))  # type: ignore[no-untyped-call]  # the stubs leave it bare
        except NotFound as error:
            raise image_missing(wanted) from error
        self._search_paths[wanted] = image_search_path(found)
        return wanted

    def work_folder(self, run: str) -> Path:
        return self._paths.run_work(run)

    async def prepare(self, workspace: Path) -> None:
        """Give the folder to the sandbox's user; does nothing unless we are root."""
        await asyncio.to_thread(give_to_sandbox, workspace, self._paths)

    async def start(self, spec: SandboxSpec) -> Started:
        """Create and start, or adopt this run's own container of the name.

        Raises Invalid for what is refused (HARDENING section 2) or can never run, ImageNotFound, NameTaken for a
        stranger's container, DaemonUnavailable, OutcomeUnknown.
        """
        safe_name(spec.name)
        network_mode(spec.network)
        mounts = await asyncio.to_thread(checked_mounts, spec, self._paths, self._calls.path)
        return await self._containers.start(spec, mounts, self._search_paths.get(spec.image, SEARCH_PATH))

    def lines(self, name: SafeName, seen: Seen, line_limit: int) -> AsyncIterator[Lines]:
        """Output after the position `seen` as stored lines; ends when the container has ended or is gone."""
        return self._follow(safe_name(name), seen, line_limit, anchored=bool(seen.newest))

    async def logs(self, name: SafeName, after: int | None) -> AsyncIterator[Chunk]:
        """The same, one chunk a line; gap markers are chunks of their own stream."""
        position = b"" if after is None else stamp(after)
        async with aclosing(
            self._follow(safe_name(name), Seen(position, position), LINE_LIMIT, anchored=False)
        ) as found:
            async for lines in found:
                for row in lines.data.split(b"\n")[:-1]:
                    yield Chunk(STREAMS[row[0]], parse_stamp(row[1 : HEAD - 1]), row[HEAD:] + b"\n")

    async def wait(self, name: SafeName) -> Exit:
        """Return when an inspection says that it is not running; a daemon that is away is asked until it tells."""
        pause, away = FIRST_PAUSE, 0.0
        while True:
            try:
                container = await self._containers.require(name)
                with suppress(TimeoutError):
                    async with asyncio.timeout(RECHECK):
                        await self._streams.ended(container)
                state = await self._containers.state(container)
                if not running(state):
                    if away and taken_along(state, away):
                        return Exit(code=None, lost=True, error=TAKEN_ALONG)
                    return exit_of(state, await self._delivered(container, state))
                pause, away = FIRST_PAUSE, 0.0
            except (NotFound, NameTaken):
                self._containers.forget(name)
                return Exit(code=None, lost=True, error=GONE)
            except Unavailable:
                pause, away = min(LONGEST_PAUSE, pause * 2), away or time.time()
            await asyncio.sleep(pause)

    async def stop(self, name: SafeName, grace: float) -> None:
        """TERM, then KILL after `grace` seconds; OutcomeUnknown when even that does not end it in time."""
        container = await self._containers.find(name)
        if container is None:
            return
        await self._containers.signal(container, "SIGTERM")
        if await self._ends_within(name, grace):
            return
        await self._containers.signal(container, "SIGKILL")
        if not await self._ends_within(name, KILL_LIMIT):
            raise OutcomeUnknown(f"{name} did not end within {KILL_LIMIT:g} s of KILL")

    async def kill(self, name: SafeName) -> None:
        """End it at once; fine when it has ended or is gone."""
        container = await self._containers.find(name)
        if container is not None:
            await self._containers.signal(container, "SIGKILL")

    async def interrupt(self, name: SafeName) -> None:
        """INT through the daemon; NotFound when it is gone, Conflict when it has ended."""
        await self._containers.interrupt(await self._containers.require(name))

    async def pause(self, name: SafeName) -> None:
        """Freeze the whole container by the daemon; NotFound when it is gone, Conflict when it has ended."""
        await self._containers.pause(await self._containers.require(name))

    async def unpause(self, name: SafeName) -> None:
        """Let it go on; fine when it does, has ended or is gone."""
        container = await self._containers.find(name)
        if container is not None:
            await self._containers.unpause(container)

    async def remove(self, name: SafeName) -> None:
        """Remove the container; fine when it is gone."""
        await self._containers.remove(name)

    async def exec(self, name: SafeName, argv: Sequence[str]) -> tuple[int, bytes]:
        """Exit code and output (at most EXEC_OUTPUT bytes) of a command inside; NotFound when the sandbox is gone."""
        container = await self._containers.require(name)
        made = await self._calls.call("prepare a command", lambda c: c.exec_create(container, list(argv)), changes=True)
        try:
            async with asyncio.timeout(EXEC):
                output = await self._streams.output(made["Id"], EXEC_OUTPUT)
        except TimeoutError as error:
            raise OutcomeUnknown(f"a command in {name} did not end within {EXEC:g} s") from error
        ended = await self._calls.call("inspect a command", lambda c: c.exec_inspect(made["Id"]))
        if ended["ExitCode"] is None:
            raise OutcomeUnknown(f"a command in {name} prints more than {EXEC_OUTPUT} bytes and goes on")
        return int(ended["ExitCode"]), output

    async def stats(self, name: SafeName) -> Stats:
        """CPU time and memory as the daemon counts them; NotFound when it is gone or has ended."""
        return await stats_of(self._calls, name, await self._containers.require(name))

    async def list_owned(self) -> Sequence[OwnedSandbox]:
        return await self._containers.owned()

    async def close(self) -> None:
        await self._streams.close()
        self._calls.close()

    def _follow(self, name: SafeName, seen: Seen, line_limit: int, *, anchored: bool) -> AsyncGenerator[Lines, None]:
        async def open_stream(request: LogRequest) -> LogStream:
            return await open_log(self._calls.host, self._calls.path, await self._containers.require(name), request)

        async def is_running() -> bool:
            return running(await self._containers.state(await self._containers.require(name)))

        async def ping() -> None:
            await require_answer(self._calls.host, self._calls.path)

        return LogFollower(open_stream, is_running, ping, seen, line_limit, anchored=anchored).lines()

    async def _ends_within(self, name: SafeName, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self.wait(name)
        except TimeoutError:
            return False
        return True

    async def _delivered(self, container: str, state: Mapping[str, Any]) -> set[int]:
        """Signals the daemon delivered while it ran, as far as its memory goes; none when it cannot say."""
        if not needs_events(state):
            return set()
        started = moment(state.get("StartedAt"))
        since = started.timestamp() if started else 0.0
        try:
            return delivered_signals(await self._streams.events(container, since, time.time()))
        except (Unavailable, TimeoutError, ValueError):
            return set()
