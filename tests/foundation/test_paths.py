"""Where a project keeps its state."""

import os
from pathlib import Path

import pytest

from engine.clock import SystemClock
from engine.errors import Invalid
from engine.paths import ProjectPaths, find_project


def test_the_nearest_folder_upwards_with_state_is_the_project(project: Path) -> None:
    inner = project / "a" / "b"
    inner.mkdir(parents=True)
    assert find_project(inner) == inner
    (project / ".pilothouse").mkdir()
    assert find_project(inner) == project.resolve()
    (inner / ".pilothouse").mkdir()
    assert find_project(inner) == inner.resolve()


def test_a_file_of_that_name_is_no_project(project: Path) -> None:
    (project / ".pilothouse").write_text("")
    inner = project / "a"
    inner.mkdir()
    assert find_project(inner) == inner


def test_r116_the_state_folder_is_private_whatever_the_umask(project: Path) -> None:
    paths = ProjectPaths(project)
    before = os.umask(0)
    try:
        paths.create()
        paths.create()
    finally:
        os.umask(before)
    assert paths.state.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("run", ["../x", "a/b", "", "..", "r-1\x00"])
def test_r45_no_run_id_leaves_the_state_folder(project: Path, run: str) -> None:
    paths = ProjectPaths(project)
    for place in (paths.run_log, paths.run_work, paths.goal_repository):
        with pytest.raises(Invalid):
            place(run)


def test_r14_time_is_utc_aware_for_records_and_monotonic_for_waits() -> None:
    clock = SystemClock()
    offset = clock.now().utcoffset()
    assert offset is not None
    assert offset.total_seconds() == 0
    assert clock.monotonic() <= clock.monotonic()
