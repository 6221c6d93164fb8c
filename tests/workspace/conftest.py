"""A real operator's repository and a goal's repository made from it."""

from pathlib import Path

import pytest
from git_repositories import BRANCH, commit_all, git

from engine.workspace import GoalRepository


@pytest.fixture
def operator(tmp_path: Path) -> Path:
    """A repository on `main` with two files."""
    folder = tmp_path / "operator"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    (folder / "a.txt").write_text("one\ntwo\nthree\n")
    (folder / "lib").mkdir()
    (folder / "lib" / "b.txt").write_text("b\n")
    commit_all(folder, "first")
    return folder


@pytest.fixture
async def repository(tmp_path: Path, operator: Path) -> GoalRepository:
    return await GoalRepository.create(tmp_path / "state" / "g-1.git", operator, BRANCH)


@pytest.fixture
def ours(repository: GoalRepository, tmp_path: Path) -> Path:
    """The git dir of the goal's repository."""
    return tmp_path / "state" / "g-1.git"
