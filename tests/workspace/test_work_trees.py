"""Work trees: filled from the branch, stored as they are found, removed without touching anything else."""

import os
from pathlib import Path

import pytest
from git_repositories import BRANCH, change, commit_all, git, listing, mode_of

from engine.errors import Conflict, Invalid, NotFound
from engine.workspace import GoalRepository, remove_folder

pytestmark = pytest.mark.allow_blocking("the operator's own git runs between the calls")


async def test_a_new_repository_starts_at_the_operators_head(
    repository: GoalRepository, operator: Path, ours: Path
) -> None:
    head = git(operator, "rev-parse", "HEAD")
    assert await repository.tip() == head
    assert await repository.base() == head
    assert not (ours / "hooks").exists()
    assert mode_of(ours) == 0o700


async def test_r91_creating_again_keeps_what_is_there(
    repository: GoalRepository, operator: Path, ours: Path, tmp_path: Path
) -> None:
    commit = await change(repository, "r-1", tmp_path / "w", {"a.txt": "changed\n"})
    await repository.integrate(commit, "m")
    (operator / "later.txt").write_text("later\n")
    commit_all(operator)
    again = await GoalRepository.create(ours, operator, BRANCH)
    assert await again.tip() == commit


async def test_r91_a_half_made_repository_is_made_again(operator: Path, tmp_path: Path) -> None:
    git_dir = tmp_path / "g.git"
    partial = tmp_path / "g.git.partial"
    (partial / "objects").mkdir(parents=True)
    (partial / "HEAD").write_text("broken")
    repository = await GoalRepository.create(git_dir, operator, BRANCH)
    assert await repository.tip() == git(operator, "rev-parse", "HEAD")
    assert not partial.exists()


async def test_what_is_no_repository_of_its_own_is_refused(operator: Path, tmp_path: Path) -> None:
    target = tmp_path / "x.git"
    with pytest.raises(Invalid, match="is not a folder"):
        await GoalRepository.create(target, tmp_path / "missing", BRANCH)
    (tmp_path / "plain").mkdir()
    with pytest.raises(Invalid, match="is no git repository") as plain:
        await GoalRepository.create(target, tmp_path / "plain", BRANCH)
    assert "git init" in plain.value.hint
    with pytest.raises(Invalid, match="is no git repository") as inside:
        await GoalRepository.create(target, operator / "lib", BRANCH)
    assert str(operator) in inside.value.hint
    empty = tmp_path / "empty"
    empty.mkdir()
    git(empty, "init", "--quiet")
    with pytest.raises(Invalid, match="has no commit yet"):
        await GoalRepository.create(target, empty, BRANCH)
    (tmp_path / "broken" / ".git").mkdir(parents=True)
    with pytest.raises(Invalid, match="is no git repository"):
        await GoalRepository.create(target, tmp_path / "broken", BRANCH)
    assert not target.exists()
    assert not (tmp_path / "x.git.partial").exists()


@pytest.mark.parametrize("branch", ["-x", "a b", "a..b", "a/", "a.lock", "", "x" * 300, "a\nb", "a//b", "a@{1}"])
async def test_r45_a_branch_that_is_no_name_never_reaches_git(branch: str, tmp_path: Path, operator: Path) -> None:
    with pytest.raises(Invalid, match="not a branch name"):
        GoalRepository(tmp_path, branch)
    repository = await GoalRepository.create(tmp_path / "g.git", operator, BRANCH)
    with pytest.raises(Invalid, match="not a branch name"):
        await repository.merge_into(operator, branch, "m")


@pytest.mark.parametrize("run", ["../x", "a/b", "", "-x", "x.lock", "a..b"])
async def test_r45_a_run_that_is_no_name_never_reaches_git(
    run: str, repository: GoalRepository, tmp_path: Path
) -> None:
    with pytest.raises(Invalid):
        await repository.checkout(run, tmp_path / "w")
    with pytest.raises(Invalid):
        await repository.snapshot(run, tmp_path / "w", "m")
    assert not (tmp_path / "w").exists()


async def test_r45_a_commit_that_is_no_id_never_reaches_git(repository: GoalRepository) -> None:
    for commit in ("HEAD", "--output=/tmp/x", "abc", "main~1"):
        with pytest.raises(Invalid, match="not a commit id"):
            await repository.integrate(commit, "m")
        with pytest.raises(Invalid, match="not a commit id"):
            await repository.diff(commit, await repository.tip())


async def test_a_work_tree_is_a_plain_folder(repository: GoalRepository, operator: Path, tmp_path: Path) -> None:
    base = await repository.checkout("r-1", tmp_path / "w")
    assert base == await repository.tip()
    assert listing(tmp_path / "w") == listing(operator)
    assert not (tmp_path / "w" / ".git").exists()
    assert await repository.base_of("r-1") == base


async def test_r59_a_missing_work_tree_is_made_again_from_the_same_commit(
    repository: GoalRepository, tmp_path: Path
) -> None:
    base = await repository.checkout("r-1", tmp_path / "w")
    await repository.integrate(await change(repository, "r-2", tmp_path / "w2", {"c.txt": "c\n"}), "m")
    await repository.remove(tmp_path / "w")
    assert await repository.checkout("r-1", tmp_path / "w") == base
    assert sorted(listing(tmp_path / "w")) == ["a.txt", "lib/b.txt"]


async def test_r91_a_filled_work_tree_is_left_alone_and_a_half_filled_one_started_over(
    repository: GoalRepository, ours: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "w"
    base = await repository.checkout("r-1", folder)
    (folder / "a.txt").write_text("the agent's work\n")
    assert await repository.checkout("r-1", folder) == base
    assert (folder / "a.txt").read_text() == "the agent's work\n"
    (ours / "r-1.filling").touch()
    assert await repository.checkout("r-1", folder) == base
    assert (folder / "a.txt").read_text() == "one\ntwo\nthree\n"


async def test_a_folder_that_holds_something_else_is_never_filled(repository: GoalRepository, tmp_path: Path) -> None:
    folder = tmp_path / "w"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    with pytest.raises(Conflict, match="is not empty"):
        await repository.checkout("r-1", folder)
    assert listing(folder) == {"mine.txt": "mine"}


async def test_nothing_changed_is_the_commit_it_started_from(repository: GoalRepository, tmp_path: Path) -> None:
    base = await repository.checkout("r-1", tmp_path / "w")
    assert await repository.snapshot("r-1", tmp_path / "w", "m") == base
    (tmp_path / "w" / "a.txt").touch()
    (tmp_path / "w" / "empty").mkdir()
    assert await repository.snapshot("r-1", tmp_path / "w", "m") == base
    assert (await repository.integrate(base, "m")).commit == base


async def test_r61_what_is_in_the_work_tree_is_what_is_stored(
    repository: GoalRepository, ours: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "w"
    base = await repository.checkout("r-1", folder)
    (folder / "a.txt").write_text("new\n")
    (folder / "lib" / "b.txt").unlink()
    (folder / "lib").rmdir()
    (folder / "lib").write_text("a file now\n")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "empty.txt").touch()
    (folder / "binary").write_bytes(bytes(range(256)) * 100)
    (folder / "crlf.txt").write_bytes(b"a\r\nb\r\n")
    commit = await repository.snapshot("r-1", folder, "all of it")
    assert (
        git(ours, "log", "-1", "--format=%an %ae|%cn|%s", commit)
        == "Pilothouse pilothouse@localhost|Pilothouse|all of it"
    )
    assert git(ours, "rev-parse", f"{commit}^") == base
    rows = [row.split() for row in git(ours, "ls-tree", "-r", commit).splitlines()]
    assert {row[3]: row[0] for row in rows} == {
        "a.txt": "100644", "lib": "100644", "run.sh": "100755", "empty.txt": "100644", "binary": "100644",
        "crlf.txt": "100644",
    }  # fmt: skip
    await repository.integrate(commit, "m")
    await repository.checkout("r-2", tmp_path / "again")
    assert listing(tmp_path / "again") == listing(folder)
    assert os.access(tmp_path / "again" / "run.sh", os.X_OK)
    git(ours, "fsck", "--strict")


async def test_a_file_may_become_a_folder_and_only_a_mode_may_change(
    repository: GoalRepository, ours: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "w"
    await repository.checkout("r-1", folder)
    (folder / "a.txt").unlink()
    (folder / "a.txt").mkdir()
    (folder / "a.txt" / "deep").write_text("x\n")
    (folder / "lib" / "b.txt").chmod(0o755)
    commit = await repository.snapshot("r-1", folder, "m")
    assert git(ours, "ls-tree", "-r", "--format=%(objectmode) %(path)", commit).splitlines() == [
        "100644 a.txt/deep",
        "100755 lib/b.txt",
    ]


async def test_unicode_and_odd_names_come_back(repository: GoalRepository, tmp_path: Path) -> None:
    folder = tmp_path / "w"
    await repository.checkout("r-1", folder)
    names = [
        *(
            "häßlich.txt",
            "日本/語.md",
            "with space",
            '"quoted"',
            "back\\slash",
            "line\nbreak",
            "-flag",
            ":(top)x",
            ":!y",
        ),
        *("*", "a\tb", "😀", "git", "xgit~1", ".gitx", "...", "#x", "!y", "[a]"),
    ]
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)
    (folder / os.fsdecode(b"not-utf8-\xff\xfe")).write_text("raw")
    commit = await repository.snapshot("r-1", folder, "m")
    await repository.integrate(commit, "m")
    await repository.checkout("r-2", tmp_path / "again")
    assert listing(tmp_path / "again") == listing(folder)
    assert len((await repository.diff(await repository.base(), commit)).files) == len(names) + 1
    for path in (tmp_path / "again").iterdir():
        remove_folder(path) if path.is_dir() else path.unlink()
    emptied = await repository.snapshot("r-2", tmp_path / "again", "m")
    assert len((await repository.diff(commit, emptied)).files) == len(names) + 3


async def test_ignored_files_stay_out_and_tracked_ones_stay_in(
    repository: GoalRepository, ours: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "w"
    await repository.checkout("r-1", folder)
    (folder / ".gitignore").write_text("build/\n*.log\n!keep.log\n/lib/\n/a.txt\n")
    for name in ("build/out", "x.log", "keep.log", "sub/build/deep/er", "lib/new.txt", "sub/y.log"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    (folder / "lib" / "b.txt").write_text("changed\n")
    commit = await repository.snapshot("r-1", folder, "m")
    assert git(ours, "ls-tree", "-r", "--name-only", commit).splitlines() == [
        ".gitignore",
        "a.txt",
        "keep.log",
        "lib/b.txt",
    ]
    assert git(ours, "show", f"{commit}:lib/b.txt") == "changed"


async def test_r91_the_same_work_stored_twice_is_one_commit(repository: GoalRepository, tmp_path: Path) -> None:
    first = await change(repository, "r-1", tmp_path / "w", {"a.txt": "x\n"})
    assert await repository.snapshot("r-1", tmp_path / "w", "another message") == first
    (tmp_path / "w" / "a.txt").write_text("y\n")
    assert await repository.snapshot("r-1", tmp_path / "w", "m") != first


async def test_r61_a_work_tree_that_is_gone_or_unknown_is_a_clear_refusal(
    repository: GoalRepository, tmp_path: Path
) -> None:
    with pytest.raises(NotFound, match="has no work tree"):
        await repository.snapshot("r-9", tmp_path, "m")
    await repository.checkout("r-1", tmp_path / "w")
    await repository.remove(tmp_path / "w")
    with pytest.raises(Conflict, match="work tree"):
        await repository.snapshot("r-1", tmp_path / "w", "m")


async def test_r61_a_commit_that_is_claimed_and_absent_is_refused(repository: GoalRepository) -> None:
    with pytest.raises(NotFound, match="is not in the goal's repository"):
        await repository.integrate("0123456789" * 4, "m")


async def test_messages_of_any_text_are_kept(repository: GoalRepository, ours: Path, tmp_path: Path) -> None:
    message = "two\n\ndata 5\nfrom x\n\0\udc80 end"
    commit = await change(repository, "r-1", tmp_path / "w", {"a.txt": "x\n"}, message)
    assert git(ours, "log", "-1", "--format=%B", commit) == "two\n\ndata 5\nfrom x\n\\udc80 end"
    empty = await change(repository, "r-2", tmp_path / "w2", {"a.txt": "x\n"}, " ")
    assert git(ours, "log", "-1", "--format=%s", empty) == "Work of Pilothouse"
