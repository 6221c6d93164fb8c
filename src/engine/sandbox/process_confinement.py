"""How far a process sandbox is kept apart on this machine, found by trying, and what follows from it."""

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import engine
from engine.errors import DaemonUnavailable, OutcomeUnknown
from engine.sandbox.driver import Mount

SANDBOX_UID = 10001
PROBE_LIMIT = 10.0
SYSTEM_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
SECRET_FOLDERS = (".ssh", ".gnupg", ".aws", ".azure", ".config", ".docker", ".kube")
PACKAGE_ROOT = str(Path(engine.__file__).resolve().parent.parent)

OWN_PROGRAMS = (
    "process sandboxes run this machine's own programs: images and cpus are not applied, "
    "the memory limit counts for each process"
)
REACHES_GATE = (
    "process sandboxes run as your own user here and could reach this engine, its state and their own gate: "
    "run the engine as root, or install bubblewrap (apt-get install bubblewrap)"
)
OPEN_NETWORK = "process sandboxes keep their network here, `network: none` included: namespaces are not allowed"


@dataclass(frozen=True)
class Confinement:
    """What holds for every sandbox of this engine. `uid`: the user they drop to; `isolate`: own namespaces."""

    uid: int | None = None
    isolate: bool = False
    bubblewrap: str | None = None

    @property
    def confined(self) -> bool:
        """Whether a sandbox is kept from the engine's socket, store and files."""
        return self.uid is not None or self.bubblewrap is not None

    @property
    def cuts_network(self) -> bool:
        """Whether a sandbox can be left with loopback alone."""
        return self.isolate or self.bubblewrap is not None

    @property
    def notices(self) -> tuple[str, ...]:
        unconfined = () if self.confined else (REACHES_GATE,)
        network = () if self.cuts_network else (OPEN_NETWORK,)
        return (*unconfined, *network, OWN_PROGRAMS)


def stdlib_python(code: str, *arguments: str) -> list[str]:
    """A command line that runs a piece of the engine in a bare interpreter, without its site packages."""
    start = f"import sys; sys.path.append({PACKAGE_ROOT!r}); {code}"
    return [sys.executable, "-I", "-S", "-c", start, *arguments]


def probe() -> Confinement:
    """Try what this process may do (blocking); DaemonUnavailable where process sandboxes cannot work at all."""
    if not sys.platform.startswith("linux"):
        raise DaemonUnavailable("process sandboxes need Linux", hint="start a container daemon: `--runtime docker`")
    if os.geteuid() == 0:
        facts = _may()
        if facts["drop"]:
            return Confinement(uid=SANDBOX_UID, isolate=facts["isolate"])
    return Confinement(bubblewrap=_working_bubblewrap())


def _may() -> dict[str, bool]:
    code = "import json; from engine.sandbox import process_jail as jail; print(json.dumps({"
    code += f"'drop': jail.can_become({SANDBOX_UID}), 'isolate': jail.can_isolate()}}))"
    try:
        done = subprocess.run(stdlib_python(code), capture_output=True, timeout=PROBE_LIMIT, check=True)
    except subprocess.TimeoutExpired as error:
        raise OutcomeUnknown("the probe of this machine's process confinement did not end") from error
    except (OSError, subprocess.CalledProcessError) as error:
        raise DaemonUnavailable(f"process sandboxes cannot be started: {error}") from error
    facts: dict[str, bool] = json.loads(done.stdout)
    return facts


def _working_bubblewrap() -> str | None:
    found = shutil.which("bwrap")
    if found is None:
        return None
    trial = [found, "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--unshare-pid", "--unshare-net", "true"]
    try:
        done = subprocess.run(trial, capture_output=True, stdin=subprocess.DEVNULL, timeout=PROBE_LIMIT, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found if done.returncode == 0 else None


def bubblewrap_arguments(
    program: str, *, state: Path, writable: Sequence[Path], mounts: Sequence[Mount], cwd: Path, network: bool
) -> list[str]:
    """Everything read-only, the engine's state, /run and the operator's credentials out of sight, own processes only.

    It does not die with its parent: the shim decides when a sandbox ends, not whoever started the shim.
    """
    line = [program, "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--tmpfs", "/run"]
    hidden = [path for name in SECRET_FOLDERS if (path := Path.home() / name).is_dir()]
    for path in (*hidden, state):
        line += ["--tmpfs", str(path)]
    resolver = Path("/etc/resolv.conf").resolve()
    if network and resolver.is_relative_to("/run"):
        line += ["--ro-bind-try", str(resolver), str(resolver)]
    for path in writable:
        line += ["--bind", str(path), str(path)]
    for mount in mounts:
        line += ["--ro-bind" if mount.read_only else "--bind", str(mount.source), str(mount.source)]
    line += ["--unshare-pid", "--unshare-ipc", "--unshare-uts", *([] if network else ["--unshare-net"])]
    return [*line, "--new-session", "--chdir", str(cwd), "--"]


def search_path(uid: int | None, environ: Mapping[str, str]) -> str:
    """The engine's PATH without what the sandbox's user cannot enter, and the system's folders after it."""
    own = [entry for entry in environ.get("PATH", "").split(":") if entry.startswith("/")]
    usable = own if uid is None else [entry for entry in own if open_to_all(Path(entry))]
    return ":".join(dict.fromkeys((*usable, *SYSTEM_PATH)))


def open_to_all(folder: Path) -> bool:
    """Whether every user may enter a folder and each folder above it."""
    try:
        real = folder.resolve(strict=True)
        return all(part.stat().st_mode & stat.S_IXOTH for part in (real, *real.parents))
    except OSError:
        return False
