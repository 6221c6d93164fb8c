"""Checks of the machine and the project, each with a fix in words. Nothing is changed or started."""

import asyncio
import os
import re
import shutil
import socket
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path

from engine.api import Engine, LeftoverKind, SweepOrder
from engine.errors import NotFound, PilothouseError
from engine.ids import Kind, random_id
from engine.instance_lock import InstanceLock
from engine.local.doctor_limits import clock, daemon, inotify, memory, open_files
from engine.local.doctor_notify import notifications
from engine.local.finding import Finding
from engine.model import Runtime
from engine.paths import ProjectPaths
from engine.settings import Settings
from engine.units import format_size

OLDEST_SQLITE = (3, 37, 0)  # STRICT tables
UNSAFE_SQLITE = ((3, 7, 0), (3, 51, 2))  # two connections that write and checkpoint at once can corrupt the file
OLDEST_GIT = (2, 38)  # merge-tree --write-tree
SOCKET_LIMIT = 100  # bytes of a Unix socket path that every system takes
FREE_DISK = 1024**3
GIT_SECONDS = 5.0
WORDS = {
    LeftoverKind.SANDBOX: "sandboxes without a run",
    LeftoverKind.WORK: "work folders of ended runs",
    LeftoverKind.LOG: "old logs",
}


async def examine(root: Path, settings: Settings) -> list[Finding]:
    """Look at everything a goal needs on this machine, in a fixed order. Raises nothing for what is missing."""
    paths = ProjectPaths(await asyncio.to_thread(root.resolve))
    here, time, git, containers, kernel, processes = await asyncio.gather(
        asyncio.to_thread(_here, paths, settings), clock(), _git(), _containers(paths, settings),
        daemon(settings.sandbox.docker_host), _processes(paths, settings),
    )  # fmt: skip
    told = await asyncio.to_thread(notifications, paths.root, settings.notify)
    return [*here, time, git, *containers, *kernel, processes, told]


def _here(paths: ProjectPaths, settings: Settings) -> Sequence[Finding]:
    place = [_file_system(paths), _disk(paths), _engine(paths), _socket(paths)]
    return [_python(), _sqlite(), *place, _terminal(), open_files(), inotify(), memory(settings)]


async def leftovers(engine: Engine) -> Finding:
    """What ended runs of this project left behind, and what of their work only a salvage branch keeps."""
    sweep = await engine.gc(SweepOrder(dry_run=True))
    count = {kind: sum(left.kind is kind for left in sweep.leftovers) for kind in LeftoverKind}
    found = [f"{n} {WORDS[kind]}" for kind, n in count.items() if n]
    detail = ", ".join([*found, *sweep.unknown]) or "none"
    fix = "`pilothouse gc --dry-run` names them, `pilothouse gc` removes them" if found else ""
    return Finding(name="leftovers", ok=not count[LeftoverKind.SANDBOX], detail=detail, fix=fix)


def _python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return Finding(name="python", ok=sys.version_info >= (3, 11), detail=version, fix="install Python 3.11 or later")


def _sqlite() -> Finding:
    found, version = sqlite3.sqlite_version_info, sqlite3.sqlite_version
    if found < OLDEST_SQLITE:
        return Finding(name="sqlite", ok=False, detail=version, fix="use a Python built with SQLite 3.37 or later")
    if UNSAFE_SQLITE[0] <= found <= UNSAFE_SQLITE[1]:
        detail = f"{version}: of those (3.7.0 to 3.51.2) that can corrupt a database which two programs write at once"
        fix = "the engine writes through one connection only; let no other program write to engine.db"
        return Finding(name="sqlite", ok=True, detail=detail, fix=fix)
    return Finding(name="sqlite", ok=True, detail=version)


async def _git() -> Finding:
    fix = "install git 2.38 or later; goals with `repo:` need it"
    try:
        process = await asyncio.create_subprocess_exec(
            "git", "--version", stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(GIT_SECONDS):
            out, _ = await process.communicate()
    except (OSError, TimeoutError) as error:
        return Finding(name="git", ok=False, detail=str(error) or "no answer", fix=fix)
    text = out.decode(errors="replace").strip()
    match = re.search(r"(\d+)\.(\d+)", text)
    ok = match is not None and (int(match[1]), int(match[2])) >= OLDEST_GIT
    return Finding(name="git", ok=ok, detail=text, fix="" if ok else fix)


async def _containers(paths: ProjectPaths, settings: Settings) -> Sequence[Finding]:
    """The daemon and the default image; without a daemon the image is not asked for."""
    from engine.sandbox.docker_driver import DockerDriver
    from engine.sandbox.image import check_image, resolve_image

    host, image = settings.sandbox.docker_host, settings.sandbox.defaults.image
    optional = settings.sandbox.runtime is Runtime.PROCESS
    driver = DockerDriver(host, random_id(Kind.ENGINE), paths)
    try:
        health = await driver.check()
    except PilothouseError as error:
        return [Finding(name="docker", ok=optional, detail=error.message, fix=error.hint)]
    finally:
        await driver.close()
    daemon = Finding(name="docker", ok=True, detail=f"{health.version} at {host}", fix=" ".join(health.notices))
    try:
        found = await check_image(host, image)
    except NotFound as error:
        fix = error.hint or "pilothouse image build"
        return [daemon, Finding(name="image", ok=optional, detail=error.message, fix=fix)]
    except PilothouseError as error:
        return [daemon, Finding(name="image", ok=optional, detail=error.message, fix=error.hint)]
    return [daemon, Finding(name="image", ok=True, detail=f"{resolve_image(image)}: {found}")]


async def _processes(paths: ProjectPaths, settings: Settings) -> Finding:
    """How far a sandbox is kept apart when it is a plain process."""
    from engine.sandbox.process_driver import ProcessDriver

    optional = settings.sandbox.runtime is not Runtime.PROCESS
    driver = ProcessDriver(random_id(Kind.ENGINE), paths)
    try:
        health = await driver.check()
    except PilothouseError as error:
        return Finding(name="processes", ok=optional, detail=error.message, fix=error.hint)
    finally:
        await driver.close()
    detail = "kept from the engine and its state" if driver.confined else "could reach the engine and their own gates"
    return Finding(name="processes", ok=optional or driver.confined, detail=detail, fix="; ".join(health.notices))


def _file_system(paths: ProjectPaths) -> Finding:
    from engine.store.journal import NETWORK, file_system

    kind = file_system(paths.database)
    if kind in NETWORK:
        fix = "put the project on a local disk; here the store runs slower, without WAL"
        return Finding(name="file system", ok=False, detail=f"{kind}: a network file system", fix=fix)
    place = next(folder for folder in (paths.state, *paths.state.parents) if folder.exists())
    if not os.access(place, os.W_OK):
        fix = f"make {place} writable, or choose another --project"
        return Finding(name="file system", ok=False, detail=f"{place} cannot be written", fix=fix)
    return Finding(name="file system", ok=True, detail=f"{kind or 'local'}, writable")


def _disk(paths: ProjectPaths) -> Finding:
    place = next(folder for folder in (paths.state, *paths.state.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    fix = "" if free >= FREE_DISK else "free some space: logs and work trees of runs live in .pilothouse/"
    return Finding(name="disk", ok=free >= FREE_DISK, detail=f"{format_size(free)} free", fix=fix)


def _engine(paths: ProjectPaths) -> Finding:
    holder = InstanceLock(paths.lock).holder()
    if holder is None:
        dead = [path.name for path in (paths.lock, paths.socket) if path.exists()]
        left = f" ({' and '.join(dead)} of one that died: the next start takes it over)" if dead else ""
        return Finding(name="engine", ok=True, detail=f"none is running on this project{left}")
    detail = f"pid {holder.pid} on {holder.host} since {holder.started_at:%Y-%m-%d %H:%M:%S} UTC"
    if holder.visiting:
        return Finding(
            name="engine", ok=True, detail=f"none is running on this project; a command looks into it: {detail}"
        )
    if holder.host != socket.gethostname() or _answers(paths.socket):
        return Finding(name="engine", ok=True, detail=detail)
    fix = f"it holds the project but does not answer: look at {paths.engine_log}, or end it with kill {holder.pid}"
    return Finding(name="engine", ok=False, detail=f"{detail}; its socket does not answer", fix=fix)


def _answers(path: Path) -> bool:
    """Whether somebody listens on a Unix socket; through a folder's descriptor, so that any length will do."""
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1.0)
            probe.connect(f"/proc/self/fd/{folder}/{path.name}")
    except OSError:
        return False
    finally:
        os.close(folder)
    return True


def _socket(paths: ProjectPaths) -> Finding:
    length = len(os.fsencode(paths.socket))
    if length <= SOCKET_LIMIT:
        return Finding(name="socket path", ok=True, detail=f"{length} bytes")
    fix = "Pilothouse reaches it all the same; other programs (curl) need a shorter path to the project"
    return Finding(name="socket path", ok=Path("/proc/self/fd").exists(), detail=f"{length} bytes, long", fix=fix)


def _terminal() -> Finding:
    if not sys.stdout.isatty():
        return Finding(name="terminal", ok=True, detail="none: output goes to a file or a pipe; use --no-ui")
    kind, size = os.environ.get("TERM", ""), shutil.get_terminal_size()
    detail = f"{kind or 'TERM is not set'}, {size.columns}x{size.lines}, {sys.stdout.encoding}"
    if kind in ("", "dumb") or "utf" not in sys.stdout.encoding.lower():
        fix = "set TERM (for example xterm-256color) and a UTF-8 locale, or use --no-ui"
        return Finding(name="terminal", ok=False, detail=detail, fix=fix)
    small = size.columns < 80 or size.lines < 24
    return Finding(
        name="terminal", ok=not small, detail=detail, fix="the screens are made for 80x24 and more" if small else ""
    )
