"""An engine that is killed before or after any commit or driver call leaves nothing lost and nothing twice (case 1)."""

import json
import os
import random
import sqlite3
import sys
from pathlib import Path

import pytest
from killed_engines import KILLED, Engines
from seeds import SEED

SAMPLE = {"pair": 10, "cancel": 6}  # points per scene; FAULT_POINTS=all walks every one
ALWAYS = {"pair": [], "cancel": ["after stop 1"]}  # a cancel that is half carried out when the next engine starts
REAL_POINTS = ["after start 1", "before commit 9", "after wait 2", "before remove 1"]


def points_of(project: Path) -> list[str]:
    """Every point that the undisturbed run has passed."""
    passed = json.loads((project / "points").read_text())
    return [f"{when} {what} {n}" for what in passed for n in range(1, passed[what] + 1) for when in ("before", "after")]


def sample(points: list[str], size: int) -> list[str]:
    if os.environ.get("FAULT_POINTS") == "all":
        return points
    sys.stdout.write(f"FAULT_SEED={SEED}\n")
    return random.Random(SEED).sample(points, min(size, len(points)))


def check_store(project: Path) -> None:
    """The file is whole, its events have no gap, and what was published or acknowledged is in it."""
    store = sqlite3.connect(project / ".pilothouse" / "engine.db")
    try:
        assert store.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert store.execute("PRAGMA foreign_key_check").fetchall() == []
        events = dict(store.execute("SELECT seq, type FROM events ORDER BY seq").fetchall())
        assert list(events) == list(range(1, len(events) + 1))
        goals = dict(store.execute("SELECT id, state FROM goals").fetchall())
        decisions = dict(store.execute("SELECT id, state FROM decisions").fetchall())
    finally:
        store.close()
    for line in (project / "acknowledged").read_text().splitlines():
        match line.split():
            case ["event", seq, type_]:
                assert events[int(seq)] == type_
            case ["goal" | "started", goal]:
                assert goals[goal] != "draft"
            case ["answered", decision]:
                assert decisions[decision] == "answered"
            case ["cancelled", goal]:
                assert goals[goal] == "cancelled"


def check_nothing_is_left(project: Path) -> None:
    state = project / ".pilothouse"
    for folder in (project / "sandboxes", project / "work", state / "sandboxes", state / "work"):
        assert not folder.exists() or list(folder.iterdir()) == []
    assert {path.name for path in state.iterdir() if path.is_file()} == {"engine.db"}


def check_one_sandbox_per_run(project: Path) -> None:
    made = [line.split()[:2] for line in (project / "ledger").read_text().splitlines()]
    assert [words for words in made if words[0] == "twice"] == []
    assert len({name for _, name in made}) == len(made)


@pytest.mark.parametrize("scene", ["pair", "cancel"])
def test_case_1_r91_r3_killed_at_any_point_it_ends_the_same(engines: Engines, tmp_path: Path, scene: str) -> None:
    undisturbed = tmp_path / "undisturbed"
    undisturbed.mkdir()
    assert engines.run(undisturbed, scene) == 0
    expected = (undisturbed / "report").read_text()
    for point in dict.fromkeys([*ALWAYS[scene], *sample(points_of(undisturbed), SAMPLE[scene])]):
        project = tmp_path / point.replace(" ", "-")
        project.mkdir()
        # How writes share commits depends on the machine: a late point may lie behind the end.
        assert engines.run(project, scene, armed=point) in (KILLED, 0), point
        assert engines.run(project, scene) == 0, point
        check_store(project)
        assert (project / "report").read_text() == expected, point
        check_one_sandbox_per_run(project)
        check_nothing_is_left(project)


def test_case_1_r46_r97_real_processes_outlive_the_engine_and_end_once(engines: Engines, tmp_path: Path) -> None:
    expected = ""
    for point in ["", *REAL_POINTS]:
        project = tmp_path / f"at {point}".replace(" ", "-")
        project.mkdir()
        if point:
            assert engines.run(project, "pair", real=True, armed=point) in (KILLED, 0), point
        assert engines.run(project, "pair", real=True) == 0, point
        check_store(project)
        report = (project / "report").read_text()
        assert report == (expected or report), point
        expected = report
        check_nothing_is_left(project)
        assert not Path(f"/var/tmp/pilothouse-{project_id(project)[2:10]}").exists(), point


def project_id(project: Path) -> str:
    store = sqlite3.connect(project / ".pilothouse" / "engine.db")
    try:
        return str(store.execute("SELECT value FROM facts WHERE name = 'engine'").fetchone()[0])
    finally:
        store.close()
