"""`doctor --drill`: every step can fail, tells why, and nothing of it stays."""

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from engine.local.finding import Finding
from engine.local.store_check import store_damage
from engine.model import Runtime
from engine.paths import ProjectPaths
from engine.settings import SandboxSettings, Settings
from tui.cli import drill
from tui.cli.scratch import Drill, NotHeld

PENDING = {"id": "d-1", "version": 1}
WHY: dict[str, Sequence[tuple[int, Any]]] = {"why": [(0, {"summary": "ended by SIGKILL"})]}
BOX = {"name": "ph-1", "run": "r-1", "state": "running"}


class Scripted(Drill):
    """Answers verbs from a table; the last answer of a verb stays."""

    def __init__(self, folder: Path, answers: dict[str, Sequence[tuple[int, Any]]]) -> None:
        super().__init__(folder, "process")
        self._answers = {verb: list(rows) for verb, rows in answers.items()}

    async def ask(self, *words: str) -> tuple[int, Any]:
        rows = self._answers.get(words[0], [(0, {})])
        return rows.pop(0) if len(rows) > 1 else rows[0]

    @asynccontextmanager
    async def served(self) -> AsyncIterator[None]:
        yield


def goals(state: str, task: str, runs: int = 1, engine: str = "running") -> dict[str, Sequence[tuple[int, Any]]]:
    """What status and tree tell of one goal with one task."""
    goal = {"id": "g-1", "state": state, "created_at": "2030-01-31"}
    status = {"engine": {"state": engine, "pid": 0, "live_runs": 0}, "goals": [goal]}
    return {"status": [(0, status)], "tree": [(0, {"children": [{"id": "t-1", "state": task, "runs": runs}]})]}


STRAY = {"matched": [], "queued": True}


def waits(state: str = "active") -> dict[str, Sequence[tuple[int, Any]]]:
    """What status and tree tell of one goal whose gate is open."""
    told = goals(state, "waiting")
    told["status"][0][1]["goals"][0]["waiting_on"] = [{"kind": "gate"}]
    return told


def lines(*texts: str) -> list[tuple[int, Any]]:
    return [(0, [{"stream": "out", "text": text} for text in texts])]


def inside(folder: Path) -> list[Path]:
    return list(folder.iterdir())


@pytest.mark.parametrize(
    ("step", "answers", "says"),
    [
        (drill.gates, {"run": [(0, {})]}, "an open gate ended with 0"),
        (drill.gates, {"run": [(5, {})], "decisions": [(0, [PENDING])], "decide": [(0, {})]}, "nobody has seen"),
        (
            drill.gates,
            {
                **goals("done", "done"),
                "run": [(5, {})],
                "decide": [(4, {})],
                "decisions": [(0, [PENDING]), (0, [{**PENDING, "version": 2}])],
            },
            "did not wait over a restart",
        ),
        (drill.signals, {**waits(), "signal": [(0, {"matched": ["x-1"], "queued": False})]}, "for another gate did"),
        (drill.signals, {**waits(state="done"), "signal": [(0, STRAY)]}, "did not wait over kill -9"),
        (drill.signals, {**waits(), "signal": [(0, STRAY), (0, STRAY)]}, "its own signal did"),
        (drill.nothing_lost, {"sandboxes": [(0, [BOX])], **goals("done", "done", engine="visiting")}, "does not run"),
        (drill.nothing_lost, {"sandboxes": [(0, [BOX])], **goals("done", "done", runs=2)}, "it ran 2 times"),
        (drill.nothing_lost, {"sandboxes": [(0, [BOX])], **goals("failed", "failed")}, "the task is failed"),
        (
            drill.nothing_lost,
            {"sandboxes": [(0, [BOX])], **goals("done", "done"), "logs": lines("line 0", "line 2")},
            "its log is ['line 0', 'line 2']",
        ),
        (drill.true_ends, {"sandboxes": [(0, [BOX])], **goals("done", "done")}, "counts as done"),
        (drill.true_ends, {"sandboxes": [(0, [BOX])], **goals("failed", "failed")}, "does not name the signal"),
        (drill.true_ends, {"sandboxes": [(0, [BOX])], **goals("failed", "failed"), **WHY}, "still listed"),
        (
            drill.true_ends,
            {"sandboxes": [(0, [BOX]), (0, [])], **goals("failed", "failed"), **WHY, "events": [(0, [{"seq": 2}])]},
            "gaps",
        ),
        (drill.caged, {"run": [(1, {})], **goals("failed", "failed"), "logs": lines("it has a network")}, "a network"),
        (drill.stays_fast, {**goals("done", "done"), "logs": lines("7")}, "the end of its log is missing"),
    ],
)
async def test_a_broken_promise_is_told_in_words(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: Callable[[Drill], Awaitable[str]],
    answers: dict[str, Sequence[tuple[int, Any]]],
    says: str,
) -> None:
    killed: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: killed.append(number))
    with pytest.raises(NotHeld) as broken:
        await step(Scripted(tmp_path, answers))
    assert says in str(broken.value)
    assert set(killed) <= {signal.SIGKILL}


async def test_a_drill_tries_real_sandboxes_goes_on_after_a_failure_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def broken(scratch: Drill) -> str:
        raise KeyError(str(scratch.paths.root))

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    steps = (("outside", drill.signals), ("caged", drill.caged), ("broken", broken), ("sound", drill.sound_store))
    monkeypatch.setattr(drill, "STEPS", steps)
    told: list[Finding] = []
    found = await drill.drill(Settings(sandbox=SandboxSettings(runtime=Runtime.PROCESS)), told.append)
    assert told == found
    outside, caged, failed, sound, left = found
    assert outside.ok, outside
    assert caged.ok or "it reads the store" in caged.detail or "it has a network" in caged.detail, caged
    assert (failed.ok, "KeyError" in failed.detail, bool(failed.fix)) == (False, True, True)
    assert sound.ok, sound
    assert left.ok
    assert inside(tmp_path) == []


def test_damage_of_a_store_is_found(project: Path) -> None:
    paths = ProjectPaths(project)
    paths.create()
    paths.database.write_bytes(b"SQLite format 3\x00" + b"\x07" * 4096)
    assert store_damage(paths)
