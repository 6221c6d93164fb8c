"""A work tree to a commit, with nothing in it ever run or trusted.

git sees of the work tree only its `.gitignore` files. Everything else is read here, without following links, and
handed to `fast-import` as plain bytes: no index, no attribute, no filter, no `.git` of the sandbox takes part.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from engine.errors import Conflict
from engine.workspace.git import Git
from engine.workspace.merging import shown_path
from engine.workspace.tree_walk import Entry, EntryKind, list_folder, opened

DEEPEST = 200  # folders inside each other
MOST_ENTRIES = 500_000
RULES_DEADLINE = 120.0  # seconds for the .gitignore rules of one level
LINK_TO_REPOSITORY = "160000"


@dataclass(frozen=True, slots=True)
class Tracked:
    """What a commit holds at a path: git's mode and object id."""

    mode: str
    id: str


@dataclass(frozen=True)
class Scan:
    """The files and links of a work tree that count, and its folders."""

    entries: dict[bytes, Entry]
    folders: frozenset[bytes]


async def tracked_by(git: Git, commit: str) -> dict[bytes, Tracked]:
    """Everything in a commit's tree, by path."""
    listed = await git.run("ls-tree", "-r", "-z", "--full-tree", commit, most=512 * 1024**2)
    if listed.cut:
        raise Conflict("the repository lists more than 512 MB of paths", hint="it is too large for a work tree")
    return await asyncio.to_thread(_by_path, listed.paths)


def _by_path(rows: list[bytes]) -> dict[bytes, Tracked]:
    tracked: dict[bytes, Tracked] = {}
    for row in rows:
        about, _, path = row.partition(b"\t")
        mode, _, name = about.decode("ascii").split(" ", 2)
        # Very old commits hold modes such as 100664, which today's git reads as one of two.
        plain = "100755" if int(mode, 8) & 0o100 else "100644"
        tracked[path] = Tracked(plain if mode.startswith("100") else mode, name)
    return tracked


def _folders_of(paths: Iterable[bytes]) -> set[bytes]:
    """Every folder on the way to any of the paths."""
    folders: set[bytes] = set()
    for path in paths:
        above = path.rpartition(b"/")[0]
        while above and above not in folders:
            folders.add(above)
            above = above.rpartition(b"/")[0]
    return folders


async def scan(git: Git, folder: Path, tracked: dict[bytes, Tracked]) -> Scan:
    """What counts in a work tree: all that is tracked, and all the rest that no `.gitignore` names."""
    holding = await asyncio.to_thread(_folders_of, tracked)
    entries: dict[bytes, Entry] = {}
    folders: set[bytes] = set()
    level = [b""]
    for _ in range(DEEPEST + 1):
        if not level:
            return Scan(entries, frozenset(folders))
        found = await asyncio.to_thread(_list_level, folder, level, MOST_ENTRIES - len(entries) - len(folders))
        fresh = [entry.path for entry in found if entry.path not in tracked and entry.path not in holding]
        ignored = await _ignored(git, folder, fresh)
        kept = [entry for entry in found if entry.path not in ignored]
        entries.update((entry.path, entry) for entry in kept if entry.kind in (EntryKind.FILE, EntryKind.LINK))
        level = [entry.path for entry in kept if entry.kind is EntryKind.FOLDER]
        folders.update(level)
    deepest = shown_path(level[0][:200])
    raise Conflict(f"folders are nested deeper than {DEEPEST} levels: {deepest}…", hint="ignore them in .gitignore")


def _list_level(folder: Path, level: list[bytes], room: int) -> list[Entry]:
    found: list[Entry] = []
    with opened(folder) as root:
        for path in level:
            try:
                found += list_folder(root, path, room - len(found))
            except PermissionError as error:
                where = shown_path(path) or "the work tree"
                raise Conflict(f"{where} cannot be read", hint="give it back its permissions in the task") from error
    return found


async def _ignored(git: Git, folder: Path, paths: list[bytes]) -> set[bytes]:
    if not paths:
        return set()
    # With `./` in front no name is taken for pathspec magic, such as `:(top)x`.
    asked = b"".join(b"./" + path + b"\0" for path in paths)
    output = await git.run(
        *("check-ignore", "-z", "--stdin", "--no-index"),
        work_tree=folder,
        stdin=asked,
        deadline=RULES_DEADLINE,
        most=len(asked) + 1,
        fine=(0, 1),
    )
    return {path.removeprefix(b"./") for path in output.paths}
