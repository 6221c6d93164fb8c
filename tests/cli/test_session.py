"""Who holds a project for a moment is waited for; an engine that stays is not (R99, case 7)."""

from pathlib import Path

import pytest

from engine.errors import EngineRunning
from engine.instance_lock import InstanceLock
from engine.local.opening import open_local
from engine.local.project import ProjectPaths
from engine.settings import Settings
from tui.cli import session
from tui.cli.session import patiently


class Held:
    """A project that another one holds for so many tries."""

    def __init__(self, tries: int, *, passing: bool) -> None:
        self.left = tries
        self._passing = passing

    async def begin(self) -> str:
        if self.left:
            self.left -= 1
            raise EngineRunning("held", passing=self._passing)
        return "begun"


async def test_r99_a_visit_is_outlasted_however_short_the_patience_for_an_engine_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session, "POLL", 0.001)
    assert await patiently(Held(20, passing=True).begin, patience=0.0) == "begun"
    with pytest.raises(EngineRunning):
        await patiently(Held(20, passing=False).begin, patience=0.0)


async def test_r99_a_visit_that_never_ends_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "POLL", 0.001)
    monkeypatch.setattr(session, "VISITS_END", 0.02)
    with pytest.raises(EngineRunning):
        await patiently(Held(10_000, passing=True).begin, patience=0.0)


@pytest.mark.parametrize("visiting", [True, False])
async def test_r99_an_engine_that_visits_says_so_to_whoever_wants_the_project(project: Path, visiting: bool) -> None:
    engine = await open_local(project, Settings(), visiting=visiting, drivers={})
    try:
        with pytest.raises(EngineRunning) as refused:
            InstanceLock(ProjectPaths(project).lock).acquire()
    finally:
        await engine.close()
    assert refused.value.passing is visiting
