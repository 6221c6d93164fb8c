"""A change between two commits, bounded, as it is: no attribute, filter or program of anybody shapes it."""

from collections.abc import Sequence

from engine.api import Diff, DiffFile
from engine.workspace.git import Git, commit_id
from engine.workspace.merging import shown_path

LITERAL = {"GIT_LITERAL_PATHSPECS": "1"}
MOST_TEXT = 512 * 1024
MOST_NAMES = 2 * 1024**2
PLAIN = (
    *("diff-tree", "-r", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-color"),
    *("--ignore-submodules=none", "--submodule=short"),
)


async def diff_of(git: Git, base: str, commit: str, paths: Sequence[str] = ()) -> Diff:
    """Files with their counts, and a unified diff cut at MOST_TEXT bytes; of these paths alone when there are any."""
    between = (commit_id(base), commit_id(commit), "--", *paths)
    counted = await git.run(*PLAIN, "--numstat", "-z", *between, most=MOST_NAMES, env=LITERAL)
    rows = counted.out.split(b"\0")[:-1]
    text = await git.run(*PLAIN, "-p", "--src-prefix=a/", "--dst-prefix=b/", *between, most=MOST_TEXT, env=LITERAL)
    shown = text.out[: text.out.rfind(b"\n") + 1] if text.cut else text.out
    return Diff(
        base=base,
        commit=commit,
        files=tuple(_file(row) for row in rows),
        text=shown.decode("utf-8", "replace"),
        truncated=text.cut or counted.cut,
    )


def _file(row: bytes) -> DiffFile:
    added, removed, path = row.split(b"\t", 2)
    # git writes `-` for what it takes as binary.
    return DiffFile(
        path=shown_path(path), added=int(added.replace(b"-", b"0")), removed=int(removed.replace(b"-", b"0"))
    )
