"""What a command of the process driver may touch: namespaces, user, limits. Standard library only: the shim uses it."""

import ctypes
import errno
import fcntl
import os
import resource
import signal
import socket
import struct
import termios
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

NEW_MOUNTS, NEW_IPC, NEW_PIDS, NEW_NETWORK = 0x00020000, 0x08000000, 0x20000000, 0x40000000  # clone(2)
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_PRIVATE = 2, 4, 8, 16384, 1 << 18  # mount(2)
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 36, 38  # prctl(2)
SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1
OPEN_FILES = 4096
NICENESS = 5  # the engine and its screen go first
OOM_SCORE = 500  # when the host runs out of memory, sandboxes go before the engine


@dataclass(frozen=True)
class Launch:
    """A command and its confinement, complete. `memory` in bytes; `uid` None: stay the engine's user."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: str
    memory: int
    processes: int | None = None
    uid: int | None = None
    isolate: bool = False
    network: bool = True
    wrapper: Sequence[str] = ()


def libc_call(function: str, *arguments: object) -> None:
    """Call a C function that answers 0 for success; OSError otherwise."""
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, function)(*arguments) != 0:
        number = ctypes.get_errno() or errno.EINVAL
        raise OSError(number, f"{function}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    libc_call("unshare", flags)


def adopt_orphans() -> None:
    """Descendants that lose their parent become children of this process instead of init's."""
    libc_call("prctl", PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent() -> None:
    libc_call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def enter_own_world(*, network: bool) -> None:
    """As process 1 of a new PID namespace: a /proc of its own, own IPC, and without `network` only loopback."""
    unshare(NEW_MOUNTS | NEW_IPC | (0 if network else NEW_NETWORK))
    libc_call("mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    libc_call("mount", b"proc", b"/proc", b"proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, None)
    if not network:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def can_isolate() -> bool:
    """Whether this process may make namespaces; tried for real in a child."""

    def isolate() -> int:
        unshare(NEW_PIDS)
        inner = os.fork()
        if inner == 0:
            enter_own_world(network=False)
            os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(inner, 0)[1])

    return _works(isolate)


def can_become(uid: int) -> bool:
    """Whether this process may turn into that user; tried for real in a child."""

    def drop() -> int:
        _drop_to(uid)
        return 0

    return _works(drop)


def _works(step: Callable[[], int]) -> bool:
    """Whether a step ends well, with 0, in a child of its own, which ends with it whatever it raises."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = step()
        except OSError:
            code = 1
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1] == 0


def become(launch: Launch) -> None:
    """Turn this freshly forked process into the command; returns only by OSError or ValueError."""
    os.setsid()
    if os.isatty(0):  # an operator's shell: its keys are for whatever runs in the foreground of this session
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE))
    if launch.uid is not None:
        _drop_to(launch.uid)
    if not launch.wrapper:  # bubblewrap does it itself, and where it is setuid it could not start with it
        libc_call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    die_with_parent()
    os.umask(0o022)
    os.chdir(launch.cwd)
    argv, env = [*launch.wrapper, *launch.argv], dict(launch.env)
    _set_limits(launch)
    os.execvpe(argv[0], argv, env)


def _drop_to(uid: int) -> None:
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def _set_limits(launch: Launch) -> None:
    os.nice(NICENESS)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, OPEN_FILES)
    if launch.processes is not None:
        _limit(resource.RLIMIT_NPROC, launch.processes)
    # DATA counts the writable private memory a process really asks for. AS would count reserved address space too, of
    # which Go, Java and JavaScript engines take gigabytes without using them.
    _limit(resource.RLIMIT_DATA, launch.memory)


def _limit(what: int, value: int) -> None:
    hard = resource.getrlimit(what)[1]
    allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(what, (allowed, allowed))
