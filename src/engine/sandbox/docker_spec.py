"""The one place that says what a container is (R43): SandboxSpec in, the daemon's create request out."""

import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from engine.errors import Invalid
from engine.ids import safe_name
from engine.model.destinations import EGRESS
from engine.paths import ProjectPaths
from engine.sandbox.driver import SandboxSpec

SANDBOX_UID = 10001  # what sandboxes run as when the engine is root
WORKSPACE = "/workspace"
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # of an image that names none
LABEL_ENGINE = "pilothouse.engine"
LABEL_RUN = "pilothouse.run"
MB = 1024**2
TMP_SIZE = 256 * MB  # bytes of /tmp at most; tmpfs counts against the memory limit
RUN_SIZE = 16 * MB
SHM_SIZE = 64 * MB
OPEN_FILES = 4096
LOG_OPTIONS = {"max-size": "10m", "max-file": "3"}  # HARDENING fact 8: smaller files lose lines while they rotate
DAEMON_SOCKETS = (
    "/var/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/podman/podman.sock",
    "/run/crio/crio.sock",
)
RESERVED_TARGETS = ("/proc", "/sys", "/dev", "/etc", "/bin", "/sbin", "/lib", "/usr")
NETWORKS = {"none": "none", EGRESS: "none", "open": "bridge"}  # egress goes through the run's own socket


def sandbox_user() -> tuple[int, int]:
    """Uid and gid inside: never root's, otherwise the operator's own."""
    uid, gid = os.getuid(), os.getgid()
    return (uid, gid) if uid else (SANDBOX_UID, SANDBOX_UID)


def container_config(
    spec: SandboxSpec, engine_id: str, mounts: Iterable[Mapping[str, object]], search_path: str = SEARCH_PATH
) -> dict[str, Any]:
    """The body of the create call. `mounts` come from `checked_mounts`; `search_path`: where the image has its
    programs."""
    uid, gid = sandbox_user()
    env = dict(spec.env)
    if spec.programs:
        env["PATH"] = f"{env.get('PATH', search_path)}:{spec.programs}"
    return {
        "Image": spec.image,
        "Entrypoint": [],
        "Cmd": list(spec.argv),
        "Env": [f"{key}={value}" for key, value in env.items()],
        "User": f"{uid}:{gid}",
        "WorkingDir": WORKSPACE,
        "Labels": {**spec.labels, LABEL_ENGINE: engine_id},
        "Tty": False,
        "OpenStdin": False,
        "AttachStdin": False,
        "AttachStdout": False,
        "AttachStderr": False,
        "NetworkDisabled": False,
        "HostConfig": _host_config(spec, uid, gid, mounts),
    }


def _host_config(spec: SandboxSpec, uid: int, gid: int, mounts: Iterable[Mapping[str, object]]) -> dict[str, Any]:
    owner = f"uid={uid},gid={gid}"
    tmp = min(TMP_SIZE, max(MB, spec.memory // 2))
    return {
        "Memory": spec.memory,
        "MemorySwap": spec.memory,
        "NanoCpus": int(spec.cpus * 1e9),
        "PidsLimit": spec.pids,
        "Ulimits": [
            {"Name": "nofile", "Soft": OPEN_FILES, "Hard": OPEN_FILES},
            {"Name": "core", "Soft": 0, "Hard": 0},
        ],
        "OomScoreAdj": 500,
        "ShmSize": SHM_SIZE,
        "IpcMode": "private",
        "NetworkMode": network_mode(spec.network),
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges:true"],
        "Privileged": False,
        "ReadonlyRootfs": True,
        "Tmpfs": {
            "/tmp": f"rw,nosuid,nodev,noexec,size={tmp},mode=1777,{owner}",
            "/run": f"rw,nosuid,nodev,noexec,size={RUN_SIZE},mode=755,{owner}",
        },
        "Mounts": list(mounts),
        "Init": True,
        "RestartPolicy": {"Name": "no"},
        "AutoRemove": False,
        "LogConfig": {"Type": "json-file", "Config": LOG_OPTIONS},
    }


def network_mode(network: str) -> str:
    """The daemon's word for a network of the goal file; Invalid for one that is refused."""
    if network in {"host", "default", "bridge"} or network.startswith("container:"):
        raise Invalid(f"network {network!r} is refused", hint="write none, egress, open or a network's name")
    return NETWORKS.get(network) or safe_name(network)


def image_search_path(image: Mapping[str, Any]) -> str:
    """The PATH that an inspected image sets."""
    for entry in (image.get("Config") or {}).get("Env") or ():
        name, _, value = str(entry).partition("=")
        if name == "PATH" and value:
            return value
    return SEARCH_PATH


def is_named(network: str) -> bool:
    """Whether it is a network of the daemon that must exist under exactly this name."""
    return network not in NETWORKS


def checked_mounts(spec: SandboxSpec, paths: ProjectPaths, docker_socket: str) -> list[dict[str, object]]:
    """The bind mounts with real sources; Invalid for one that is missing, outside the project's state, or a socket's.

    Blocks on the disk.
    """
    wanted = [(spec.workspace, WORKSPACE, False)]
    wanted += [(mount.source, mount.target, mount.read_only) for mount in spec.mounts]
    targets = [_checked_target(target) for _, target, _ in wanted]
    if len(set(targets)) != len(targets):
        raise Invalid(f"two mounts of {spec.name} have one target")
    return [
        {
            "Type": "bind",
            "Source": str(_checked_source(source, paths, docker_socket)),
            "Target": target,
            "ReadOnly": read_only,
        }
        for (source, _, read_only), target in zip(wanted, targets, strict=True)
    ]


def _checked_target(target: str) -> str:
    path = PurePosixPath(target)
    plain = path.is_absolute() and ".." not in path.parts and str(path) == target and target != "/"
    if not plain or any(path.is_relative_to(reserved) for reserved in RESERVED_TARGETS):
        raise Invalid(f"{target!r} is no place for a mount")
    return target


def _checked_source(source: Path, paths: ProjectPaths, docker_socket: str) -> Path:
    try:
        real, state = source.resolve(strict=True), paths.state.resolve(strict=True)
        kind = real.stat().st_mode
    except OSError as error:
        raise Invalid(f"mount source {source} cannot be used: {error.strerror}") from error
    if not real.is_relative_to(state) or real == state:
        raise Invalid(f"mount source {source} lies outside the state folder of this project")
    if not (stat.S_ISDIR(kind) or stat.S_ISREG(kind)):
        raise Invalid(f"mount source {source} is neither a folder nor a file")
    sockets = (docker_socket, *DAEMON_SOCKETS, str(paths.socket))
    if any(Path(socket).resolve().is_relative_to(real) for socket in sockets):
        raise Invalid(f"mount source {source} holds a socket that controls this machine or this engine")
    return real


def give_to_sandbox(folder: Path, paths: ProjectPaths) -> None:
    """Make the sandbox's user the owner of a folder and everything in it, links not followed. Blocks on the disk.

    Does nothing unless we are root: otherwise the sandbox runs with our own ids.
    """
    if os.getuid():
        return
    uid, gid = sandbox_user()
    real = folder.resolve(strict=True)
    if not real.is_relative_to(paths.state.resolve()) or real == paths.state.resolve():
        raise Invalid(f"{folder} lies outside the state folder of this project")
    for _, folders, files, here in os.fwalk(real, follow_symlinks=False):
        os.fchown(here, uid, gid)
        for name in (*folders, *files):
            os.chown(name, uid, gid, dir_fd=here, follow_symlinks=False)
