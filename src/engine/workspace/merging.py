"""Merging commits inside a bare repository: no work tree, no index, no program but git."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from engine.workspace.git import Git
from engine.workspace.git_process import GitFailed

MOST_CONFLICTS = 200  # paths named in a result
UNSAID = "both sides changed it"
KINDS = {
    "contents": "both sides changed the same lines",
    "binary": "both sides changed it, and it is no text",
    "modify/delete": "one side changed it, the other deleted it",
    "rename/delete": "one side renamed it, the other deleted it",
    "rename/rename": "both sides renamed it",
    "file/directory": "a file on one side, a folder on the other",
    "distinct modes": "a file on one side, something else on the other",
    "submodule": "both sides name another commit of a nested repository",
}


@dataclass(frozen=True)
class Integration:
    """`commit` is the tip of the target branch afterwards; with conflicts it is the tip it had, and still has, `other`
    is what did not fit, `base` where both come from, and `how` says of each path what stands against what."""

    commit: str
    conflicts: tuple[str, ...] = ()
    how: tuple[str, ...] = ()
    other: str = ""
    base: str = ""


Now = Callable[[], datetime]


async def commit_of(git: Git, name: str) -> str | None:
    """The commit a ref or id names; None when there is none."""
    output = await git.run("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", fine=(0, 1, 128))
    return output.text if output.code == 0 else None


async def tree_of(git: Git, commit: str) -> str:
    return (await git.run("rev-parse", "--verify", f"{commit}^{{tree}}")).text


async def is_ancestor(git: Git, older: str, newer: str) -> bool:
    return (await git.run("merge-base", "--is-ancestor", older, newer, fine=(0, 1))).code == 0


async def merged(git: Git, ours: str, theirs: str, message: str, now: Now) -> Integration:
    """The commit that holds both: one of them when it contains the other, else a merge commit. Moves no ref."""
    if await is_ancestor(git, theirs, ours):
        return Integration(ours)
    if await is_ancestor(git, ours, theirs):
        return Integration(theirs)
    output = await git.run("merge-tree", "--write-tree", "--name-only", "--messages", "-z", ours, theirs, fine=(0, 1))
    tree, *rows = output.out.split(b"\0")
    end = rows.index(b"") if b"" in rows else len(rows)
    if output.code == 1 and end:
        paths, said = rows[:end][:MOST_CONFLICTS], _said(rows[end + 1 :])
        how = tuple(said.get(path, UNSAID) for path in paths)
        return Integration(ours, tuple(map(shown_path, paths)), how, theirs, await _common(git, ours, theirs))
    if output.code == 1:
        raise GitFailed(f"git merge-tree failed: {output.err.strip() or 'conflicts without a path'}")
    return Integration(await _commit(git, tree.decode().strip(), (ours, theirs), message, now))


async def _common(git: Git, ours: str, theirs: str) -> str:
    """The newest commit that both hold; any one of them where there are several."""
    return (await git.run("merge-base", ours, theirs)).text.split()[0]


def _said(rows: list[bytes]) -> dict[bytes, str]:
    """What git says of each path: a count of paths, the paths, a kind that is the same in every version, a text."""
    found: dict[bytes, str] = {}
    at = 0
    while at < len(rows) and rows[at].isdigit():
        first = at + 1
        kind = first + int(rows[at])
        if kind >= len(rows):
            break
        words = rows[kind].decode("ascii", "replace")
        if words.startswith("CONFLICT"):
            name = words.removeprefix("CONFLICT").strip(" ()")
            for path in rows[first:kind]:
                found.setdefault(path, KINDS.get(name, name))
        at = kind + 2
    return found


async def _commit(git: Git, tree: str, parents: tuple[str, ...], message: str, now: Now) -> str:
    date = f"@{int(now().timestamp())} +0000"
    dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
    flags = [word for parent in parents for word in ("-p", parent)]
    output = await git.run("commit-tree", tree, *flags, stdin=clean_message(message), env=dates)
    return output.text


async def move_ref(git: Git, ref: str, to: str, seen: str, reason: str) -> bool:
    """Set a ref if it still points at `seen`; False when somebody was faster."""
    output = await git.run("update-ref", "-m", reason, ref, to, seen, fine=(0, 1, 128))
    if output.code == 0:
        return True
    if await commit_of(git, ref) != seen:
        return False
    raise GitFailed(f"git update-ref failed: {output.err.strip()}")


def clean_message(message: str) -> bytes:
    """A commit message without NUL, never empty."""
    text = message.replace("\0", "").strip() or "Work of Pilothouse"
    return (text + "\n").encode("utf-8", "backslashreplace")


def shown_path(path: bytes) -> str:
    """A path as text; what is not UTF-8 is written as escapes."""
    return path.decode("utf-8", "backslashreplace")
