"""A Unix socket that is its owner's alone: mode 0600 in a folder of mode 0700, whatever the umask (R116)."""

import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import Conflict, EngineRunning, Invalid

BACKLOG = 128
LONGEST = 100  # bytes; sun_path holds 108, and a name must leave room for its folder


@contextmanager
def private_socket(path: Path) -> Iterator[socket.socket]:
    """A listening socket at `path`; its file goes when the context ends.

    A stale socket is replaced once a connect has proved that nobody listens. Raises EngineRunning when somebody
    does (or when it cannot be told), Conflict for a file that is no socket, Invalid for a folder that is shared.
    """
    folder = _open_private(path.parent)
    try:
        with _alone(folder, path):
            _clear_stale(folder, path)
            listener = _listen(folder, path)
        identity = _identity(folder, path.name)
        try:
            yield listener
        finally:
            listener.close()
            if identity is not None and _identity(folder, path.name) == identity:
                os.unlink(path.name, dir_fd=folder)
    finally:
        os.close(folder)


def _open_private(folder: Path) -> int:
    """The folder, made if missing and closed to everybody else, as a file descriptor."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise Invalid(f"{folder} cannot hold the engine's socket: {error.strerror}") from error
    try:
        if os.fstat(descriptor).st_mode & stat.S_ISVTX:  # such as /tmp: closing it would shut others out
            raise Invalid(f"{folder} is shared by all users", hint="the engine's socket needs a folder of its own")
        os.fchmod(descriptor, 0o700)
    except OSError as error:
        os.close(descriptor)
        raise Invalid(
            f"{folder} cannot be made private: {error.strerror}", hint="it belongs to another user"
        ) from error
    except Invalid:
        os.close(descriptor)
        raise
    return descriptor


@contextmanager
def _alone(folder: int, path: Path) -> Iterator[None]:
    """Hold the folder's lock, so that two starters cannot both take the other's fresh socket for stale."""
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise EngineRunning(f"another engine is starting on {path}") from error
    try:
        yield
    finally:
        fcntl.flock(folder, fcntl.LOCK_UN)


def _clear_stale(folder: int, path: Path) -> None:
    try:
        found = os.stat(path.name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise Conflict(f"{path} is not a socket", hint="it is not the engine's own: move it away")
    if not _refuses(folder, path):
        raise EngineRunning(f"another engine listens on {path}", hint="attach to it, or stop it first")
    os.unlink(path.name, dir_fd=folder)


def _refuses(folder: int, path: Path) -> bool:
    """Whether a connect proves that nobody listens. A full queue or a missing permission proves nothing."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)  # connecting to a Unix socket answers at once
        try:
            probe.connect(_address(folder, path))
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False


def _listen(folder: int, path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        os.fchmod(listener.fileno(), 0o600)  # Linux makes the file with this mode less the umask: never wider
        listener.bind(_address(folder, path))
        os.chmod(path.name, 0o600, dir_fd=folder)  # a umask that takes from the owner is undone, too
        listener.listen(BACKLOG)  # only from here on can anybody connect
    except OSError as error:
        listener.close()
        raise Invalid(f"cannot listen on {path}: {error.strerror or error}") from error
    return listener


def _address(folder: int, path: Path) -> str:
    """The path, or for a long one the same file through the open folder: an address has room for 108 bytes."""
    return str(path) if len(os.fsencode(path)) <= LONGEST else f"/proc/self/fd/{folder}/{path.name}"


def _identity(folder: int, name: str) -> tuple[int, int] | None:
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
