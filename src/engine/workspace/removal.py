"""Removing a folder that a sandbox wrote: however deep, swapped or unreadable, nothing outside it is touched."""

import os
import secrets
import stat
from pathlib import Path

from engine.errors import Conflict
from engine.workspace.tree_walk import FOLDER


def remove_folder(folder: Path) -> None:
    """Remove the folder and all in it; fine when it is gone. Raises Conflict when something cannot be removed.

    Folders inside are first moved up to the top one, so that neither depth nor path length has a limit, and only two
    descriptors are open at any time.
    """
    try:
        if stat.S_ISLNK(os.lstat(folder).st_mode):
            raise Conflict(f"{folder} is a link and no work folder", hint="look at it and remove it by hand")
        _require_open(folder)
        top = os.open(folder, FOLDER)
    except FileNotFoundError:
        return
    try:
        names = [os.fsencode(name) for name in _empty(top, top)]
        while names:
            names += _remove_one(top, names.pop())
    except OSError as error:
        raise Conflict(f"{folder} cannot be removed: {error.strerror}", hint="remove it by hand") from error
    finally:
        os.close(top)
    folder.rmdir()


def _remove_one(top: int, name: bytes) -> list[bytes]:
    """Remove one folder of the top; gives the folders that it held, which stand in the top then."""
    try:
        here = os.open(name, FOLDER, dir_fd=top)
    except PermissionError:
        os.chmod(name, 0o700, dir_fd=top)
        here = os.open(name, FOLDER, dir_fd=top)
    try:
        moved = _empty(here, top)
    finally:
        os.close(here)
    os.rmdir(name, dir_fd=top)
    return moved


def _empty(here: int, top: int) -> list[bytes]:
    """Unlink what is no folder, move the folders to the top under new names; gives those names."""
    if os.fstat(here).st_mode & 0o700 != 0o700:
        os.fchmod(here, 0o700)
    moved: list[bytes] = []
    with os.scandir(here) as found:
        entries = [(os.fsencode(item.name), item.is_dir(follow_symlinks=False)) for item in found]
    for name, is_folder in entries:
        if not is_folder:
            os.unlink(name, dir_fd=here)
        elif here == top:
            moved.append(name)
        else:
            fresh = b"gone-" + secrets.token_hex(12).encode()
            _move(name, here, fresh, top)
            moved.append(fresh)
    return moved


def _move(name: bytes, here: int, fresh: bytes, top: int) -> None:
    try:
        os.rename(name, fresh, src_dir_fd=here, dst_dir_fd=top)
    except PermissionError:
        # A folder that we may not write cannot change its parent: its `..` is an entry of its own.
        os.chmod(name, 0o700, dir_fd=here)
        os.rename(name, fresh, src_dir_fd=here, dst_dir_fd=top)


def _require_open(folder: Path) -> None:
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        folder.chmod(0o700)
