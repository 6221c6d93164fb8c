"""Case 43: removing a work tree removes all of it and nothing else, whatever a sandbox made of it."""

import os
from pathlib import Path

import pytest

from engine.errors import Conflict
from engine.workspace import remove_folder


def test_a_missing_folder_is_fine(tmp_path: Path) -> None:
    remove_folder(tmp_path / "missing")


def test_case_43_links_are_removed_and_their_targets_stay(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    folder = tmp_path / "w"
    (folder / "sub").mkdir(parents=True)
    (folder / "link").symlink_to(outside)
    (folder / "sub" / "up").symlink_to("../../outside")
    os.mkfifo(folder / "pipe")
    os.link(outside / "kept", folder / "hard")
    remove_folder(folder)
    assert not folder.exists()
    assert (outside / "kept").read_text() == "kept"


def test_case_43_a_folder_that_became_a_link_is_left_to_a_person(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "w").symlink_to(outside)
    with pytest.raises(Conflict, match="is a link"):
        remove_folder(tmp_path / "w")
    assert outside.is_dir()


def test_folders_may_be_deeper_than_any_path_is_long(tmp_path: Path) -> None:
    folder = tmp_path / "w"
    folder.mkdir()
    here = os.open(folder, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("deep", dir_fd=here)
        inner = os.open("deep", os.O_RDONLY, dir_fd=here)
        os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=here))
        os.close(here)
        here = inner
    os.close(here)
    remove_folder(folder)
    assert not folder.exists()


def test_case_43_folders_without_permissions_go_too(tmp_path: Path) -> None:
    """As a plain user, in a process of its own: root needs no permission."""
    place = tmp_path / "place"
    place.mkdir()
    place.chmod(0o777)
    child = os.fork()
    if child == 0:
        os._exit(_remove_closed_folders(place))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert not (place / "w").exists()


def _remove_closed_folders(place: Path) -> int:
    os.chdir(place)
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    folder = Path("w")
    (folder / "a" / "b" / "c").mkdir(parents=True)
    (folder / "a" / "b" / "file").write_text("x")
    for path in (folder / "a" / "b" / "c", folder / "a" / "b", folder / "a", folder):
        path.chmod(0)
    try:
        remove_folder(folder)
    except (Conflict, OSError):
        return 1
    return 0
