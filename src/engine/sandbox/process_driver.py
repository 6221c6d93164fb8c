"""Sandboxes as plain processes: the embedded fallback that needs no daemon (DESIGN section 6)."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from platform import release
from typing import ParamSpec, TypeVar

from engine.errors import Conflict, Invalid, NotFound, OutcomeUnknown
from engine.ids import SafeName
from engine.model import DriverName
from engine.paths import ProjectPaths
from engine.sandbox.driver import Chunk, DriverHealth, Exit, OwnedSandbox, SandboxSpec, Started, Stats
from engine.sandbox.log_lines import HEAD, LINE_LIMIT, STREAMS, Lines, Seen, parse_stamp, stamp
from engine.sandbox.process_confinement import Confinement, probe
from engine.sandbox.process_exec import run_inside
from engine.sandbox.process_folders import Folders, SandboxFolder, give_to, remove_tree
from engine.sandbox.process_freeze import freeze_all, thaw_all
from engine.sandbox.process_launch import start
from engine.sandbox.process_life import end_all, send_int, send_term, shim_end, supervision_ended
from engine.sandbox.process_reader import OutputReader
from engine.sandbox.process_stats import stats_of

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 4
STATS = 10.0  # seconds one measurement may take
INTERRUPT = 10.0  # seconds a look at the process table and one signal may take
POLL_SOON, POLL_LATE = 0.02, 0.1  # seconds between looks at a quiet output file


class ProcessDriver:
    """Each sandbox is a session below a small shim that outlives the engine and keeps the exit record.

    As root its commands run as uid 10001, in namespaces of their own where the kernel lets us; otherwise in bubblewrap
    where that is installed; else as the engine's own user, and then `confined` is false. Memory is limited per process
    (RLIMIT_DATA): an excess is a failed allocation, so `Exit.oom` is never set.
    """

    name = DriverName.PROCESS

    def __init__(self, engine_id: str, paths: ProjectPaths) -> None:
        self._paths = paths
        self._folders = Folders(engine_id, paths)
        self._threads = ThreadPoolExecutor(THREADS, "process-driver")
        self._found: Confinement | None = None

    @property
    def confined(self) -> bool:
        """Whether a sandbox is kept from the engine's socket, store and files; false until `check` has found out."""
        return self._found is not None and self._found.confined

    @property
    def cuts_network(self) -> bool:
        """Whether a sandbox can be left with loopback alone; false until `check` has found out."""
        return self._found is not None and self._found.cuts_network

    async def check(self) -> DriverHealth:
        confinement = await self._confinement()
        return DriverHealth(f"Linux {release()}", confinement.notices)

    async def require_image(self, image: str) -> str:
        """Whatever was asked for: processes run this machine's own programs."""
        return "host" if image == "auto" else image

    def work_folder(self, run: str) -> Path:
        return self._folders.work(run, self._drops())

    async def prepare(self, workspace: Path) -> None:
        """Give the work folder to the sandbox's user; Invalid for a folder that `work_folder` did not name."""
        confinement = await self._confinement()
        if confinement.uid is None:
            return
        if not self._folders.is_shared(workspace):
            raise Invalid(f"{workspace} is no work folder of this engine's process sandboxes")
        await self._call(give_to, workspace, confinement.uid)

    async def start(self, spec: SandboxSpec) -> Started:
        return await self._call(start, spec, self._folders, await self._confinement(), self._paths.state)

    async def logs(self, name: SafeName, after: int | None) -> AsyncIterator[Chunk]:
        """One chunk per line; see `lines` for whole blocks of them."""
        seen = Seen() if after is None else Seen(out=stamp(after))
        async for lines in self.lines(name, seen, LINE_LIMIT):
            for row in lines.data[:-1].split(b"\n"):
                yield Chunk(STREAMS[row[0]], parse_stamp(row[1 : HEAD - 1]), row[HEAD:] + b"\n")

    async def lines(self, name: SafeName, seen: Seen, line_limit: int) -> AsyncIterator[Lines]:
        """Output after the position `seen` in the stored form of log lines, until the sandbox has ended."""
        folder = self._require(name)
        reader = OutputReader(folder.path, seen, line_limit)
        try:
            with shim_end(folder) as ended:
                while True:
                    last = ended.is_set() or not folder.supervised()
                    found = await self._call(reader.read)
                    if found is not None:
                        yield found
                    elif last:
                        return
                    else:
                        await _growth(reader, ended)
        finally:
            reader.close()

    async def wait(self, name: SafeName) -> Exit:
        folder = self._folders.ours(name)
        if folder is None:
            return Exit(None, lost=True, error="its records are gone")
        await supervision_ended(folder)
        return folder.ended()

    async def stop(self, name: SafeName, grace: float) -> None:
        folder = self._folders.ours(name)
        if folder is None:
            return
        await self._call(send_term, folder)
        with suppress(TimeoutError):
            await asyncio.wait_for(supervision_ended(folder), grace)
        await self.kill(name)

    async def kill(self, name: SafeName) -> None:
        """End the whole tree; OutcomeUnknown when a process resists longer than the kernel should need."""
        folder = self._folders.ours(name)
        if folder is not None and not await self._call(end_all, folder, name, await self._uid()):
            raise OutcomeUnknown(f"a process of {name} does not end", hint="it may hang in the kernel; see ps")

    async def interrupt(self, name: SafeName) -> None:
        """INT to the command and to nothing that it started; OutcomeUnknown when that takes too long."""
        folder = self._require(name)
        try:
            async with asyncio.timeout(INTERRUPT):
                sent = await self._call(send_int, folder)
        except TimeoutError:
            raise OutcomeUnknown(f"{name} may not have been interrupted", hint="order it again") from None
        if not sent:
            raise Conflict(f"{name} has ended")

    async def pause(self, name: SafeName) -> None:
        """SIGSTOP to the whole tree until all of it stands still."""
        folder = self._require(name)
        if not await self._call(freeze_all, folder):
            raise OutcomeUnknown(f"not every process of {name} stands still", hint="order it again, or thaw it")
        if not folder.supervised():
            raise Conflict(f"{name} has ended")

    async def unpause(self, name: SafeName) -> None:
        folder = self._folders.ours(name)
        if folder is not None:
            await self._call(thaw_all, folder)

    async def remove(self, name: SafeName) -> None:
        await self.kill(name)
        folder = self._folders.ours(name)
        if folder is None:
            return
        await self._call(remove_tree, self._folders.private(name, self._drops()))
        await self._call(remove_tree, folder.path)

    async def exec(self, name: SafeName, argv: Sequence[str]) -> tuple[int, bytes]:
        """Run a command beside the sandbox's own, as its user and in its namespaces; its output is bounded."""
        return await run_inside(self._require(name), argv)

    async def stats(self, name: SafeName) -> Stats:
        """CPU time and memory of the whole tree below its shim; NotFound when it is gone or has ended."""
        async with asyncio.timeout(STATS):
            return await self._call(stats_of, self._require(name), name)

    async def list_owned(self) -> Sequence[OwnedSandbox]:
        return await self._call(self._list_owned)

    async def close(self) -> None:
        """Let go; the sandboxes go on."""
        await self._call(self._folders.tidy)
        self._threads.shutdown(wait=False)

    def _list_owned(self) -> list[OwnedSandbox]:
        owned = self._folders.all_ours()
        return [OwnedSandbox(name, None, folder.supervised(), labels) for name, folder, labels in owned]

    def _require(self, name: SafeName) -> SandboxFolder:
        folder = self._folders.ours(name)
        if folder is None:
            raise NotFound(f"there is no process sandbox {name}")
        return folder

    async def _confinement(self) -> Confinement:
        if self._found is None:
            self._found = await self._call(probe)
        return self._found

    def _drops(self) -> bool:
        return os.geteuid() == 0 if self._found is None else self._found.uid is not None

    async def _uid(self) -> int:
        found = (await self._confinement()).uid
        return os.geteuid() if found is None else found

    async def _call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: function(*args, **kwargs))


async def _growth(reader: OutputReader, ended: asyncio.Event) -> None:
    """Return when there may be more to read: by a look that gets rarer, as the file does not tell by itself."""
    pause = POLL_SOON
    while pause < POLL_LATE * 8 and not ended.is_set() and not reader.grown():
        with suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), min(pause, POLL_LATE))
        pause *= 1.25
