"""One engine per project: a lock file that the kernel frees when its holder dies, and that says who holds it.

The lock is an flock held for life on `engine.lock`, so kill -9 leaves nothing to prove: a file without the flock is
stale. The content (pid, process create time, host) names the holder in messages, and says whether it only visits: that
is over in a moment, an engine is not. Where a file system knows no flock,
the content alone decides: a holder of this machine is stale when its pid is gone or belongs to a younger process,
one of another machine can never be proven stale and is left to the operator.
"""

import errno
import fcntl
import json
import os
import socket
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from engine.errors import EngineRunning, Unavailable

SAME_START = 0.5  # seconds: create times are rounded to clock ticks; a pid is not reused that fast
NO_FLOCK = frozenset({errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK, errno.EINVAL})
NAMING_TRIES, NAMING_WAIT = 10, 0.02  # a holder writes its name right after it has the lock


@dataclass(frozen=True)
class LockHolder:
    """A process that holds, or held, a project. `created` in seconds since the epoch, as the system tells it;
    `visiting`: a verb that looks or stores, and starts nothing."""

    pid: int
    created: float
    host: str
    visiting: bool = False

    @property
    def started_at(self) -> datetime:
        return datetime.fromtimestamp(self.created, UTC)

    @property
    def gone(self) -> bool:
        """Proven dead: a process of this host that ended, whether or not its pid was given away again."""
        if self.host != socket.gethostname():
            return False
        try:
            process = psutil.Process(self.pid)
            return process.status() == psutil.STATUS_ZOMBIE or abs(process.create_time() - self.created) > SAME_START
        except psutil.NoSuchProcess:
            return True
        except psutil.AccessDenied:
            return False


class InstanceLock:
    """The lock of one project. Not reentrant; its file's folder must exist. `visiting`: what is told of its holder."""

    def __init__(self, path: Path, *, visiting: bool = False) -> None:
        self._path = path
        self._visiting = visiting
        self._file: int | None = None
        self._claimed = False

    def acquire(self) -> None:
        """Hold the project until `release` or the end of this process; EngineRunning names who has it."""
        if self._file is not None or self._claimed:
            raise EngineRunning(f"this process ({os.getpid()}) holds {self._path} already")
        try:
            while not self._lock_file():
                pass  # the file was unlinked by a leaving holder between open and flock
        except OSError as error:
            raise Unavailable(
                f"cannot take the lock {self._path}: {error.strerror}", hint="the project folder must be writable"
            ) from error

    def release(self) -> None:
        """Let go and remove the file; fine when nothing is held."""
        if self._file is not None:
            # Unlinked while still held: whoever locks the old file meanwhile sees that the path moved on.
            self._path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = None
        if self._claimed:
            self._claimed = False
            if _read(self._path) == _ourselves(self._visiting):
                self._path.unlink(missing_ok=True)

    def holder(self) -> LockHolder | None:
        """Who the file names, unless that process is proven gone. For messages: only `acquire` decides."""
        named = _read(self._path)
        return None if named is None or named.gone else named

    def _lock_file(self) -> bool:
        """One try; False when the file that was locked is no longer the one at the path."""
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            raise self._refusal() from None
        except OSError as error:
            os.close(file)
            if error.errno not in NO_FLOCK:
                raise
            self._claim_by_content()
            return True
        if not _is_at(file, self._path):
            os.close(file)
            return False
        os.ftruncate(file, 0)
        os.pwrite(file, _ourselves_text(self._visiting), 0)
        self._file = file
        return True

    def _claim_by_content(self) -> None:
        """Without flock: the file is created whole, and one stale file is replaced by one starter only."""
        mine = self._path.with_name(f"{self._path.name}.{socket.gethostname()}.{os.getpid()}")
        mine.write_bytes(_ourselves_text(self._visiting))
        try:
            if self._path.stat().st_size == 0:  # made by `_lock_file` a moment ago, by us or by another starter
                self._replace(None, mine)
            else:
                named = _read(self._path)
                if named is None or not named.gone:
                    raise self._refusal(f"if no engine runs on this project anywhere, delete {self._path}")
                self._replace(named, mine)
            self._claimed = True
        finally:
            mine.unlink(missing_ok=True)

    def _replace(self, stale: LockHolder | None, mine: Path) -> None:
        """Put `mine` in the place of what was proven stale. A link of a fixed name lets in one starter at a time,
        which looks again once it is in: what another one put there meanwhile stays."""
        turn = self._path.with_name(f"{self._path.name}.turn")
        try:
            os.link(mine, turn)
        except FileExistsError:
            raise self._refusal(f"try again in a second; if that does not help, delete {turn}") from None
        try:
            if _read(self._path) != stale:
                raise self._refusal()
            mine.replace(self._path)
        finally:
            turn.unlink()

    def _refusal(self, hint: str = "try again in a second") -> EngineRunning:
        for _ in range(NAMING_TRIES):
            holder = self.holder()
            if holder is not None:
                break
            time.sleep(NAMING_WAIT)
        else:
            words = f"another engine is starting on this project ({self._path})"
            return EngineRunning(words, hint=hint, passing=True)
        return _refused_by(holder, self._path)


def _refused_by(holder: LockHolder, path: Path) -> EngineRunning:
    who = f"pid {holder.pid} on {holder.host} since {holder.started_at:%Y-%m-%d %H:%M:%S} UTC"
    words, hint = (
        "an engine is running on",
        "`pilothouse` and its verbs attach to it by themselves; a project has one engine",
    )
    if holder.visiting:
        words, hint = "a command is looking into", "try again once it has ended"
    if holder.host != socket.gethostname():
        hint += f". If {holder.host} is gone for good, delete {path}"
    details: dict[str, object] = {"pid": holder.pid, "host": holder.host, "since": holder.started_at.isoformat()}
    return EngineRunning(f"{words} this project: {who}", hint=hint, details=details, passing=holder.visiting)


def _ourselves(visiting: bool) -> LockHolder:
    return LockHolder(os.getpid(), psutil.Process().create_time(), socket.gethostname(), visiting)


def _ourselves_text(visiting: bool) -> bytes:
    me = _ourselves(visiting)
    return json.dumps(asdict(me) | {"started_at": me.started_at.isoformat()}).encode() + b"\n"


def _read(path: Path) -> LockHolder | None:
    """Who the file names; None when it is absent, empty or unreadable."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        data = json.loads(path.read_bytes())
        visiting = data.get("visiting") is True
        return LockHolder(int(data["pid"]), float(data["created"]), str(data["host"]), visiting)
    return None


def _is_at(file: int, path: Path) -> bool:
    """Whether the open file is the one that carries this name."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False
