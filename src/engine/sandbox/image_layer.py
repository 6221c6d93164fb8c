"""One layer of files for an image: planned as paths first, written as a tar afterwards."""

import hashlib
import io
import posixpath
import stat
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

MERGED = ("bin", "sbin", "lib", "lib32", "lib64")  # top folders that are links into /usr in the image


@dataclass(frozen=True)
class Entry:
    """A folder, a link (`target`), a text (`data`) or a regular file of the host (`source`)."""

    mode: int = 0o755
    owner: int = 0
    source: Path | None = None
    data: bytes | None = None
    target: str | None = None


def merged(path: str) -> str:
    """Where a path of any host lies in the image: `/lib/x` becomes `/usr/lib/x`."""
    clean = posixpath.normpath(path).lstrip("/")
    return f"/usr/{clean}" if clean.partition("/")[0] in MERGED else f"/{clean}"


class Layer:
    """Paths of the image in a fixed order; parent folders come by themselves, readable by everybody."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        for name in MERGED:
            self.folder(f"/usr/{name}")
            self._entries[f"/{name}"] = Entry(target=f"usr/{name}")

    def __contains__(self, path: str) -> bool:
        return merged(path) in self._entries

    def folder(self, path: str, mode: int = 0o755, owner: int = 0) -> None:
        self._put(path, Entry(mode=mode, owner=owner))

    def text(self, path: str, text: str) -> None:
        self._put(path, Entry(mode=0o644, data=text.encode()))

    def link(self, path: str, target: str) -> None:
        self._put(path, Entry(target=target))

    def host_file(self, path: str, source: Path | None = None) -> None:
        """The content of a host file at the same place; a link is followed, bits beyond rwxr-xr-x are dropped."""
        real = (source or Path(path)).resolve(strict=True)
        self._put(path, Entry(mode=(real.stat().st_mode & 0o755) | 0o444, source=real))

    def sources(self) -> list[Path]:
        """The host files in it, each once."""
        return sorted({entry.source for entry in self._entries.values() if entry.source is not None})

    def fingerprint(self) -> str:
        """Changes when any path, content, size or time of change in it does."""
        digest = hashlib.sha256()
        for path, entry in sorted(self._entries.items()):
            content: object = entry.data
            if entry.source is not None:
                status = entry.source.stat()
                content = (str(entry.source), status.st_size, status.st_mtime_ns)
            digest.update(repr((path, entry.mode, entry.owner, entry.target, content)).encode())
        return digest.hexdigest()[:16]

    def write(self, to: IO[bytes]) -> None:
        """Write the tar: sorted by path, times of the host's files in whole seconds, files of one inode as links."""
        first: dict[tuple[int, int], str] = {}
        with tarfile.open(fileobj=to, mode="w|", format=tarfile.GNU_FORMAT) as tar:
            for path, entry in sorted(self._entries.items()):
                _add(tar, path.lstrip("/"), entry, first)

    def _put(self, path: str, entry: Entry) -> None:
        place = merged(path)
        parent = posixpath.dirname(place)
        if parent != "/" and parent not in self._entries:
            self._put(parent, Entry())
        self._entries[place] = entry


def _add(tar: tarfile.TarFile, name: str, entry: Entry, first: dict[tuple[int, int], str]) -> None:
    info = tarfile.TarInfo(name)
    info.mode, info.uid, info.gid = entry.mode, entry.owner, entry.owner
    if entry.target is not None:
        info.type, info.linkname, info.mode = tarfile.SYMTYPE, entry.target, 0o777
        tar.addfile(info)
    elif entry.data is not None:
        info.size = len(entry.data)
        tar.addfile(info, io.BytesIO(entry.data))
    elif entry.source is not None:
        _add_file(tar, info, entry.source, first)
    else:
        info.type = tarfile.DIRTYPE
        tar.addfile(info)


def _add_file(tar: tarfile.TarFile, info: tarfile.TarInfo, source: Path, first: dict[tuple[int, int], str]) -> None:
    status = source.stat()
    if not stat.S_ISREG(status.st_mode):
        return
    info.mtime = int(status.st_mtime)  # compiled Python files carry the time of their source
    earlier = first.setdefault((status.st_dev, status.st_ino), info.name)
    if earlier != info.name:
        info.type, info.linkname = tarfile.LNKTYPE, earlier
        tar.addfile(info)
        return
    with source.open("rb") as file:
        info.size = status.st_size
        tar.addfile(info, file)
