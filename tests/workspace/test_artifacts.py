"""Artefacts are plain files and nothing else (HARDENING case 42)."""

import os
from pathlib import Path

import pytest

from engine.workspace import artifacts
from engine.workspace.artifacts import collect


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    work = tmp_path / "work"
    (work / "out" / "deep").mkdir(parents=True)
    (work / "out" / "a.txt").write_text("one")
    (work / "out" / "b.log").write_text("two")
    (work / "out" / "deep" / "c.txt").write_text("three")
    return work


@pytest.mark.parametrize(
    ("pattern", "kept"),
    [
        ("out/*.txt", ["out/a.txt"]),
        ("out/**", ["out/a.txt", "out/b.log", "out/deep/c.txt"]),
        ("**/*.txt", ["out/a.txt", "out/deep/c.txt"]),
        ("out/?.log", ["out/b.log"]),
        ("out/a[.]txt", []),
        ("../*", []),
    ],
)
def test_patterns_name_files_within_the_folder(folder: Path, tmp_path: Path, pattern: str, kept: list[str]) -> None:
    found = collect(folder, [pattern], tmp_path / "kept")
    assert sorted(name for name, _ in found.kept) == kept
    assert sorted(str(p.relative_to(tmp_path / "kept")) for p in (tmp_path / "kept").rglob("*") if p.is_file()) == kept


def test_case_42_links_pipes_and_huge_files_are_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("host")
    (folder / "out" / "link.txt").symlink_to(tmp_path / "secret")
    (folder / "out" / "folder").symlink_to(tmp_path)
    os.mkfifo(folder / "out" / "pipe.txt")
    with (folder / "out" / "huge.txt").open("wb") as huge:
        huge.truncate(20 * 1024**3)
    found = collect(folder, ["out/**"], tmp_path / "kept")
    assert len(found.refused) == 4
    assert not list((tmp_path / "kept").rglob("link.txt")) + list((tmp_path / "kept").rglob("secret"))


def test_a_run_keeps_its_share_and_no_more(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts, "MOST_FILES", 2)
    found = collect(folder, ["out/**"], tmp_path / "kept")
    assert len(found.kept) == 2
    assert len(found.refused) == 1
