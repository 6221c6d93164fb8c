"""Large work trees: the event loop stays free (the guard of every test watches it), and bounds hold."""

import asyncio
from pathlib import Path

import pytest
from git_repositories import BRANCH, commit_all, git

import engine.workspace.import_stream
import engine.workspace.snapshot
from engine.errors import Conflict
from engine.workspace import GoalRepository

FILES = 3000


def fill(folder: Path, text: str) -> None:
    for n in range(FILES):
        path = folder / f"d{n % 40}" / f"f{n}.txt"
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(f"{text} {n}\n")


@pytest.fixture
def large(tmp_path: Path) -> Path:
    folder = tmp_path / "large"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    fill(folder, "old")
    commit_all(folder)
    return folder


async def test_the_loop_stays_free_while_thousands_of_files_are_stored(large: Path, tmp_path: Path) -> None:
    repository = await GoalRepository.create(tmp_path / "g.git", large, BRANCH)
    folder = tmp_path / "w"
    base = await repository.checkout("r-1", folder)
    assert await repository.snapshot("r-1", folder, "m") == base
    await asyncio.to_thread(fill, folder, "new")
    commit = await repository.snapshot("r-1", folder, "m")
    await repository.integrate(commit, "m")
    diff = await repository.diff(base, commit)
    assert len(diff.files) == FILES
    assert (await repository.merge_into(large, "main", "m")).commit == commit
    assert await asyncio.to_thread(git, large, "status", "--porcelain") == ""
    await repository.remove(folder)
    assert not await asyncio.to_thread(folder.exists)


async def test_bounds_of_a_snapshot_are_kept(
    repository: GoalRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "w"
    base = await repository.checkout("r-1", folder)
    (folder / "big").write_text("x" * 1000)
    monkeypatch.setattr(engine.workspace.import_stream, "MOST_CHANGED", 500)
    with pytest.raises(Conflict, match="more than 4 GB"):
        await repository.snapshot("r-1", folder, "m")
    monkeypatch.setattr(engine.workspace.import_stream, "MOST_CHANGED", 5000)
    monkeypatch.setattr(engine.workspace.snapshot, "MOST_ENTRIES", 3)
    with pytest.raises(Conflict, match="too many files"):
        await repository.snapshot("r-1", folder, "m")
    monkeypatch.setattr(engine.workspace.snapshot, "MOST_ENTRIES", 4)
    assert await repository.snapshot("r-1", folder, "m") != base
