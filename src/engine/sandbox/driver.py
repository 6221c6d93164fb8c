"""The driver protocol: what dispatch asks of whatever executes sandboxes (DESIGN section 6)."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from engine.ids import SafeName
from engine.model import DriverName, Stream


@dataclass(frozen=True)
class Mount:
    """A folder or file of the host inside the sandbox."""

    source: Path
    target: str
    read_only: bool = False


@dataclass(frozen=True)
class SandboxSpec:
    """A sandbox, complete before it is created (R43). Memory in bytes; `programs`: a folder inside it that comes last
    on its PATH."""

    name: SafeName
    image: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    memory: int
    cpus: float
    pids: int
    network: str
    workspace: Path
    mounts: tuple[Mount, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    programs: str = ""


@dataclass(frozen=True)
class Started:
    """What `start` found or made. `adopted`: a sandbox of this name was there already."""

    name: SafeName
    container_id: str | None
    adopted: bool


@dataclass(frozen=True)
class Exit:
    """How a sandbox ended, as its runtime tells it. `lost`: it is gone and no exit code is to be had."""

    code: int | None
    signal: int | None = None
    oom: bool = False
    lost: bool = False
    error: str = ""
    finished_at: datetime | None = None


@dataclass(frozen=True)
class OwnedSandbox:
    """A sandbox that carries our engine id; `running` false: it has ended and waits for removal."""

    name: SafeName
    container_id: str | None
    running: bool
    labels: Mapping[str, str]


@dataclass(frozen=True)
class Chunk:
    """Output of one stream as it came: `at` is the source's time of the first byte, in nanoseconds since the epoch.
    `data` ends with a newline unless the line goes on in the next chunk of the same stream."""

    stream: Stream
    at: int
    data: bytes


@dataclass(frozen=True)
class DriverHealth:
    """A driver that answers: its version and sentences worth showing."""

    version: str
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stats:
    """What a sandbox has used: seconds of CPU since it began, bytes of memory at this moment."""

    cpu_seconds: float
    memory: int


class Driver(Protocol):
    """Everything dispatch may ask. Each call has a deadline of its own; a daemon that is down raises
    DaemonUnavailable, a call whose effect is unknown OutcomeUnknown; nothing here changes a task's state (R51)."""

    name: DriverName

    @property
    def confined(self) -> bool:
        """False: its sandboxes could reach the engine's own gates. Known once `check` has run."""
        ...

    @property
    def cuts_network(self) -> bool:
        """False: its sandboxes keep the network of this machine. Known once `check` has run."""
        ...

    async def check(self) -> DriverHealth:
        """Raise DaemonUnavailable with advice unless sandboxes can be started."""
        ...

    async def require_image(self, image: str) -> str:
        """The image a spec should name, `auto` resolved; ImageNotFound with advice when it is not here."""
        ...

    def work_folder(self, run: str) -> Path:
        """Where the private work folder of a run belongs so that its sandbox can reach it (not created)."""
        ...

    async def prepare(self, workspace: Path) -> None:
        """Give a filled work folder to the user the sandbox runs as."""
        ...

    async def start(self, spec: SandboxSpec) -> Started:
        """Create and start, or adopt the one of ours with this name; NameTaken when a stranger has it."""
        ...

    def logs(self, name: SafeName, after: int | None) -> AsyncIterator[Chunk]:
        """Output from the start, or what came after that time in nanoseconds; ends when the sandbox has ended."""
        ...

    async def wait(self, name: SafeName) -> Exit:
        """Return when the sandbox has ended; survives a daemon that restarts."""
        ...

    async def stop(self, name: SafeName, grace: float) -> None:
        """TERM, then KILL of the whole tree after `grace` seconds; fine when it has ended or is gone."""
        ...

    async def kill(self, name: SafeName) -> None: ...

    async def interrupt(self, name: SafeName) -> None:
        """INT to its main process alone, which may end by it or go on. NotFound when it is gone, Conflict when it has
        ended."""
        ...

    async def pause(self, name: SafeName) -> None:
        """Freeze every process of it; fine when it stands still already. NotFound when it is gone, Conflict when it
        has ended, OutcomeUnknown when not all of them are known to stand still."""
        ...

    async def unpause(self, name: SafeName) -> None:
        """Let it go on; fine when it does, has ended or is gone."""
        ...

    async def remove(self, name: SafeName) -> None:
        """Remove it and its scratch; fine when it is gone."""
        ...

    async def exec(self, name: SafeName, argv: Sequence[str]) -> tuple[int, bytes]:
        """Exit code and output of a command inside."""
        ...

    async def stats(self, name: SafeName) -> Stats:
        """What it uses; NotFound when it is gone or has ended."""
        ...

    async def list_owned(self) -> Sequence[OwnedSandbox]:
        """Every sandbox with our exact engine id; raises when it cannot be told (R42)."""
        ...

    async def close(self) -> None: ...
