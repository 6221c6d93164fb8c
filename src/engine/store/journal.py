"""Which journal a store may use: WAL needs shared memory, which network file systems do not give (R12)."""

from collections.abc import Iterable
from pathlib import Path

NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "afs", "ceph", "glusterfs", "lustre"})


def journal_mode(path: Path, mounts: Iterable[tuple[str, str]] | None = None) -> str:
    """`WAL`, or `DELETE` when the longest mount above `path` is a network file system."""
    return "DELETE" if file_system(path, mounts) in NETWORK else "WAL"


def file_system(path: Path, mounts: Iterable[tuple[str, str]] | None = None) -> str:
    """The file system type of the longest mount point that is `path` or a folder above it."""
    resolved = path.resolve()
    best, kind = Path(), ""
    for point, name in mounts if mounts is not None else _mounts():
        mount = Path(point)
        if (resolved == mount or mount in resolved.parents) and len(mount.parts) >= len(best.parts):
            best, kind = mount, name
    return kind


def _mounts() -> list[tuple[str, str]]:
    try:
        lines = Path("/proc/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    fields = [line.split(" ") for line in lines]
    return [(f[1].replace("\\040", " "), f[2]) for f in fields if len(f) > 2]
