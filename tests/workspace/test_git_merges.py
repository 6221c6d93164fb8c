"""Merging: into the goal's branch without a checkout, and into the operator's repository or not at all."""

import asyncio
import os
from pathlib import Path

import pytest
from git_repositories import BRANCH, change, commit_all, git, listing

from engine.errors import Conflict, NotFound
from engine.workspace import GoalRepository
from engine.workspace.git import Git
from engine.workspace.operator_repository import WorkTree

pytestmark = pytest.mark.allow_blocking("the operator's own git runs between the calls")


def state(operator: Path) -> tuple[str, str, dict[str, str]]:
    return git(operator, "rev-parse", "main"), git(operator, "status", "--porcelain"), listing(operator)


async def test_a_first_change_moves_the_branch_forward(repository: GoalRepository, tmp_path: Path) -> None:
    commit = await change(repository, "r-1", tmp_path / "w", {"a.txt": "x\n"})
    result = await repository.integrate(commit, "m")
    assert (result.commit, result.conflicts) == (commit, ())
    assert await repository.tip() == commit
    assert await repository.integrate(commit, "m") == result


async def test_three_runs_that_end_at_once_all_land(
    repository: GoalRepository, operator: Path, ours: Path, tmp_path: Path
) -> None:
    names = ["one", "two", "three"]
    commits = [await change(repository, f"r-{name}", tmp_path / name, {f"{name}.txt": name}) for name in names]
    # Independent objects on one git dir, as after a restart.
    others = [GoalRepository(ours, BRANCH) for _ in names]
    results = await asyncio.gather(
        *(other.integrate(commit, "m") for other, commit in zip(others, commits, strict=True))
    )
    assert all(result.conflicts == () for result in results)
    await repository.checkout("r-last", tmp_path / "last")
    assert {f"{name}.txt" for name in names} <= set(listing(tmp_path / "last"))
    assert git(ours, "log", "--format=%an", "--merges", BRANCH).split() == ["Pilothouse"] * 2


async def test_a_branch_moved_by_somebody_else_is_merged_again(
    repository: GoalRepository, ours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = await change(repository, "r-1", tmp_path / "w1", {"mine.txt": "x"})
    theirs = await change(repository, "r-2", tmp_path / "w2", {"theirs.txt": "x"})
    import engine.workspace.repository as module

    real, moved = module.move_ref, []

    async def late(git_: object, ref: str, to: str, seen: str, reason: str) -> bool:
        if not moved:
            moved.append(git(ours, "update-ref", f"refs/heads/{BRANCH}", theirs))
        return await real(git_, ref, to, seen, reason)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "move_ref", late)
    result = await repository.integrate(mine, "m")
    assert set(git(ours, "ls-tree", "-r", "--name-only", result.commit).split()) >= {"mine.txt", "theirs.txt"}


async def test_a_conflict_leaves_the_branch_and_names_the_files(
    repository: GoalRepository, ours: Path, tmp_path: Path
) -> None:
    first = await change(repository, "r-1", tmp_path / "w1", {"a.txt": "mine\n", "lib/b.txt": None, "ü.txt": "1\n"})
    second = await change(
        repository,
        "r-2",
        tmp_path / "w2",
        {"a.txt": "other\n", "lib/b.txt": "changed\n", "ü.txt": "2\n", "c": "fine\n"},
    )
    await repository.integrate(first, "m")
    before = git(ours, "for-each-ref")
    result = await repository.integrate(second, "m")
    assert result.conflicts == ("a.txt", "lib/b.txt", "ü.txt")
    changed, deleted, added = result.how
    assert changed == added == "both sides changed the same lines"
    assert deleted == "one side changed it, the other deleted it"
    assert result.commit == first
    assert git(ours, "for-each-ref") == before


async def test_a_diff_shows_files_counts_and_text(repository: GoalRepository, tmp_path: Path) -> None:
    base = await repository.base()
    commit = await change(
        repository, "r-1", tmp_path / "w", {"a.txt": "one\nTWO\nthree\n", "ü.txt": "x\n", "lib/b.txt": None}
    )
    diff = await repository.diff(base, commit)
    assert [(file.path, file.added, file.removed) for file in diff.files] == [
        ("a.txt", 1, 1),
        ("lib/b.txt", 0, 1),
        ("ü.txt", 1, 0),
    ]
    assert "-two\n+TWO\n" in diff.text
    assert not diff.truncated
    assert (await repository.diff(base, base)).files == ()


async def test_r55_a_huge_diff_is_cut_at_a_line_and_says_so(repository: GoalRepository, tmp_path: Path) -> None:
    text = "".join(f"line {n}\n" for n in range(200_000))
    commit = await change(repository, "r-1", tmp_path / "w", {"big.txt": text, "wide.txt": "x" * 3_000_000})
    diff = await repository.diff(await repository.base(), commit)
    assert diff.truncated
    assert len(diff.text) <= 512 * 1024
    assert diff.text.endswith("\n")
    assert [(file.path, file.added) for file in diff.files] == [("big.txt", 200_000), ("wide.txt", 1)]


async def test_the_operators_branch_goes_forward_with_its_work_tree(
    repository: GoalRepository, operator: Path, tmp_path: Path
) -> None:
    (operator / "untracked.txt").write_text("mine\n")
    files = {"a.txt": "x\n", "lib/b.txt": None, "new/deep.txt": "n\n"}
    commit = await change(repository, "r-1", tmp_path / "w", files)
    await repository.integrate(commit, "m")
    result = await repository.merge_into(operator, "main", "Merge it")
    assert (result.commit, result.conflicts) == (commit, ())
    assert state(operator) == (
        commit,
        "?? untracked.txt",
        {"a.txt": "x\n", "new/deep.txt": "n\n", "untracked.txt": "mine\n"},
    )
    assert "pilothouse: merge" in git(operator, "reflog", "show", "main")
    git(operator, "fsck", "--strict")


async def test_files_that_were_only_touched_are_no_changes(
    repository: GoalRepository, operator: Path, tmp_path: Path
) -> None:
    commit = await change(repository, "r-1", tmp_path / "w", {"a.txt": "x\n"})
    await repository.integrate(commit, "m")
    os.utime(operator / "a.txt", (1, 1))
    os.utime(operator / "lib" / "b.txt", (1, 1))
    await repository.merge_into(operator, "main", "m")
    assert state(operator)[:2] == (commit, "")


async def test_merging_again_changes_nothing(repository: GoalRepository, operator: Path, tmp_path: Path) -> None:
    await repository.integrate(await change(repository, "r-1", tmp_path / "w", {"a.txt": "x\n"}), "m")
    first = await repository.merge_into(operator, "main", "m")
    before = state(operator)
    assert await repository.merge_into(operator, "main", "m") == first
    assert state(operator) == before
    (operator / "a.txt").write_text("the operator goes on\n")
    assert (await repository.merge_into(operator, "main", "m")).commit == first.commit
    commit_all(operator)
    after = state(operator)
    assert (await repository.merge_into(operator, "main", "m")).commit == after[0]
    assert state(operator) == after


async def test_an_operator_who_went_on_gets_a_merge_commit(
    repository: GoalRepository, operator: Path, tmp_path: Path
) -> None:
    commit = await change(repository, "r-1", tmp_path / "w", {"lib/b.txt": "x\n"})
    await repository.integrate(commit, "m")
    (operator / "a.txt").write_text("theirs\n")
    theirs = commit_all(operator)
    result = await repository.merge_into(operator, "main", "Merge the goal")
    assert (
        git(operator, "log", "-1", "--format=%P|%s|%an", result.commit)
        == f"{theirs} {commit}|Merge the goal|Pilothouse"
    )
    assert state(operator) == (result.commit, "", {"a.txt": "theirs\n", "lib/b.txt": "x\n"})


async def test_a_conflict_with_the_operator_changes_nothing(
    repository: GoalRepository, operator: Path, tmp_path: Path
) -> None:
    await repository.integrate(await change(repository, "r-1", tmp_path / "w", {"a.txt": "x\n"}), "m")
    (operator / "a.txt").write_text("theirs\n")
    commit_all(operator)
    before = state(operator)
    result = await repository.merge_into(operator, "main", "m")
    assert result.conflicts == ("a.txt",)
    assert result.commit == before[0]
    assert state(operator) == before


@pytest.mark.parametrize("kind", ["unstaged", "staged", "deleted", "in the way", "mode"])
async def test_changes_of_the_operator_are_never_overwritten(
    kind: str, repository: GoalRepository, operator: Path, tmp_path: Path
) -> None:
    await repository.integrate(await change(repository, "r-1", tmp_path / "w", {"a.txt": "x\n", "new.txt": "n\n"}), "m")
    match kind:
        case "unstaged":
            (operator / "lib" / "b.txt").write_text("work in progress\n")
        case "staged":
            (operator / "lib" / "b.txt").write_text("work in progress\n")
            git(operator, "add", "--all")
            (operator / "lib" / "b.txt").write_text("b\n")
        case "deleted":
            (operator / "a.txt").unlink()
        case "mode":
            (operator / "a.txt").chmod(0o755)
        case _:
            (operator / "new.txt").write_text("untracked, and precious\n")
    before = state(operator)
    with pytest.raises(Conflict) as refused:
        await repository.merge_into(operator, "main", "m")
    assert str(operator) in refused.value.message
    assert "try" in refused.value.hint
    assert state(operator) == before
    git(operator, "reset", "--quiet", "--hard")
    git(operator, "clean", "-fdq")
    assert (await repository.merge_into(operator, "main", "m")).conflicts == ()


@pytest.mark.parametrize(
    ("name", "words"), [("MERGE_HEAD", "a merge"), ("rebase-merge", "a rebase"), ("index.lock", "another git")]
)
async def test_work_under_way_is_not_disturbed(
    name: str, words: str, repository: GoalRepository, operator: Path, tmp_path: Path
) -> None:
    await repository.integrate(await change(repository, "r-1", tmp_path / "w", {"a.txt": "x\n"}), "m")
    (operator / ".git" / name).write_text("")
    with pytest.raises(Conflict, match=words):
        await repository.merge_into(operator, "main", "m")
    assert git(operator, "rev-parse", "main") == await repository.base()


async def test_a_branch_that_is_not_checked_out_moves_alone(
    repository: GoalRepository, operator: Path, tmp_path: Path
) -> None:
    git(operator, "branch", "release/1.0")
    (operator / "a.txt").write_text("work in progress\n")
    await repository.integrate(await change(repository, "r-1", tmp_path / "w", {"a.txt": "x\n"}), "m")
    result = await repository.merge_into(operator, "release/1.0", "m")
    assert git(operator, "rev-parse", "release/1.0") == result.commit
    assert git(operator, "status", "--porcelain") == "M a.txt"
    with pytest.raises(NotFound, match="has no branch nowhere"):
        await repository.merge_into(operator, "nowhere", "m")


async def test_linked_work_trees_follow_and_can_be_the_operators_place(operator: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    git(operator, "worktree", "add", "--quiet", "-b", "side", str(linked))
    repository = await GoalRepository.create(tmp_path / "g.git", linked, BRANCH)
    await repository.integrate(await change(repository, "r-1", tmp_path / "w", {"a.txt": "x\n"}), "m")
    await repository.merge_into(operator, "side", "m")
    assert git(linked, "status", "--porcelain") == ""
    assert (linked / "a.txt").read_text() == "x\n"
    await repository.merge_into(linked, "main", "m")
    assert git(operator, "status", "--porcelain") == ""
    assert (operator / "a.txt").read_text() == "x\n"


async def test_a_bare_repository_takes_the_change(repository: GoalRepository, operator: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    git(tmp_path, "clone", "--quiet", "--bare", str(operator), str(bare))
    own = await GoalRepository.create(tmp_path / "own.git", bare, BRANCH)
    commit = await change(own, "r-1", tmp_path / "w", {"a.txt": "x\n"})
    await own.integrate(commit, "m")
    await own.merge_into(bare, "main", "m")
    assert git(bare, "rev-parse", "main") == commit


@pytest.mark.parametrize("kind", ["--depth=1", "--object-format=sha256"])
async def test_shallow_and_sha256_repositories_work(kind: str, operator: Path, tmp_path: Path) -> None:
    place = tmp_path / "place"
    if kind.startswith("--depth"):
        (operator / "a.txt").write_text("second\n")
        commit_all(operator)
        git(tmp_path, "clone", "--quiet", kind, f"file://{operator}", str(place))
    else:
        place.mkdir()
        git(place, "init", "--quiet", kind, "--initial-branch=main")
        (place / "a.txt").write_text("a\n")
        commit_all(place)
    repository = await GoalRepository.create(tmp_path / "g.git", place, BRANCH)
    base = await repository.checkout("r-1", tmp_path / "w")
    assert await repository.snapshot("r-1", tmp_path / "w", "m") == base
    (tmp_path / "w" / "a.txt").write_text("x\n")
    await repository.integrate(await repository.snapshot("r-1", tmp_path / "w", "m"), "m")
    result = await repository.merge_into(place, "main", "m")
    assert state(place)[:2] == (result.commit, "")


async def test_r91_a_merge_cut_short_after_the_branch_moved_is_completed(
    repository: GoalRepository, operator: Path, ours: Path, tmp_path: Path
) -> None:
    old = await repository.base()
    commit = await change(repository, "r-1", tmp_path / "w", {"a.txt": "x\n"})
    await repository.integrate(commit, "m")
    # The state between moving the branch and bringing the files along.
    git(ours, "update-ref", "refs/pilothouse/left/main", old)
    git(operator, "fetch", "--quiet", str(ours), commit)
    git(operator, "update-ref", "refs/heads/main", commit)
    assert git(operator, "status", "--porcelain") == "M  a.txt"
    assert (await repository.merge_into(operator, "main", "m")).commit == commit
    assert state(operator)[:2] == (commit, "")
    assert "refs/pilothouse/left" not in git(ours, "for-each-ref")


async def test_r91_files_that_did_not_follow_are_said_and_not_overwritten(
    repository: GoalRepository, operator: Path, ours: Path, tmp_path: Path
) -> None:
    old = await repository.base()
    commit = await change(repository, "r-1", tmp_path / "w", {"a.txt": "x\n"})
    await repository.integrate(commit, "m")
    git(ours, "update-ref", "refs/pilothouse/left/main", old)
    git(operator, "fetch", "--quiet", str(ours), commit)
    git(operator, "update-ref", "refs/heads/main", commit)
    (operator / "lib" / "b.txt").write_text("edited meanwhile\n")
    with pytest.raises(Conflict, match="did not all follow"):
        await repository.merge_into(operator, "main", "m")
    assert listing(operator)["lib/b.txt"] == "edited meanwhile\n"
    git(operator, "checkout", "--quiet", "--", "lib/b.txt")
    assert (await repository.merge_into(operator, "main", "m")).commit == commit
    assert state(operator)[:2] == (commit, "")


async def test_a_work_tree_that_fails_to_follow_takes_the_branch_back(
    repository: GoalRepository, operator: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    linked = tmp_path / "linked"
    git(operator, "worktree", "add", "--quiet", "--force", str(linked), "main")
    await repository.integrate(await change(repository, "r-1", tmp_path / "w", {"a.txt": "x\n"}), "m")
    before = state(operator)
    real = WorkTree.follow

    async def full_disk(self: WorkTree, ours: Git, old: str, new: str) -> None:
        if self.folder == linked:
            raise Conflict("no space left")
        await real(self, ours, old, new)

    monkeypatch.setattr(WorkTree, "follow", full_disk)
    with pytest.raises(Conflict, match="no space left"):
        await repository.merge_into(operator, "main", "m")
    assert state(operator) == before
    monkeypatch.undo()
    await repository.merge_into(operator, "main", "m")
    assert git(linked, "status", "--porcelain") == ""


async def test_two_goals_may_merge_into_one_branch_at_once(operator: Path, tmp_path: Path) -> None:
    names = ("one", "two")
    goals = [await GoalRepository.create(tmp_path / f"{name}.git", operator, f"pilothouse/{name}") for name in names]
    for name, goal in zip(names, goals, strict=True):
        await goal.integrate(await change(goal, "r-1", tmp_path / name, {f"{name}.txt": name}), "m")
    results = await asyncio.gather(*(goal.merge_into(operator, "main", "m") for goal in goals))
    assert [result.conflicts for result in results] == [(), ()]
    assert git(operator, "status", "--porcelain") == ""
    assert {"one.txt", "two.txt"} <= set(listing(operator))
