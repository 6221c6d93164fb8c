"""What a task needs is handed to it: facts in `inputs.json`, artefacts beside it, under every driver."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from scripted import Bench, ScriptedDriver, goal_file

from engine.api import CreateGoal, LogQuery
from engine.dispatch.runs.preparation import INPUTS
from engine.ids import SafeName
from engine.local.opening import open_local
from engine.model import GoalState
from engine.sandbox.driver import SandboxSpec, Started
from engine.settings import Settings


def inputs_of(driver: ScriptedDriver, command: str) -> dict[str, Any]:
    (spec,) = (spec for spec in driver.specs if spec.argv[-1] == command)
    found: dict[str, Any] = json.loads((spec.mounts[0].source / INPUTS).read_text())
    return found


def read_only(path: Path) -> str:
    assert path.stat().st_mode & 0o777 == 0o444
    return path.read_text()


async def test_a_dependant_finds_run_commit_words_and_artefacts(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    start = ScriptedDriver.start

    async def working(self: ScriptedDriver, spec: SandboxSpec) -> Started:
        if spec.argv[-1] == "print built":
            (spec.workspace / "out" / "deep").mkdir(parents=True)
            (spec.workspace / "out" / "deep" / "a.txt").write_text("made\n")
        return await start(self, spec)

    monkeypatch.setattr(ScriptedDriver, "start", working)
    both = [{"id": "build", "run": "print built", "artifacts": ["out/**"]}, {"id": "check", "run": "exit 0"}]
    goal = await bench.goal(
        goal_file(
            {"id": "made", "tasks": both},
            {"id": "free", "run": "exit 0"},
            {"id": "using", "needs": ["made"], "tasks": [{"id": "use", "run": "hang"}]},
        )
    )
    await bench.until(goal.id, lambda _, states: states["use"] == "running")
    handed = inputs_of(bench.driver, "hang")["dependencies"]
    assert sorted(handed) == ["build", "check"]
    (run,) = (await bench.engine.task(f"{goal.id}/build")).runs
    build = handed["build"]
    assert (build["state"], build["run"], build["last_lines"]) == ("done", run.id, ["built"])
    assert build["message"] == "exited with 0"
    (artifact,) = build["artifacts"]
    assert artifact["name"] == "out/deep/a.txt"
    assert read_only(Path(artifact["path"])) == "made\n"
    assert handed["check"]["artifacts"] == []
    bench.driver.finish()
    assert (await bench.ended(goal.id)).state is GoalState.DONE


async def test_a_dependency_that_was_given_up_is_told_as_it_is(opened: Callable[..., Awaitable[Bench]]) -> None:
    bench = await opened()
    tasks = [{"id": "slow", "run": "hang slow"}, {"id": "quick", "run": "exit 0"}]
    goal = await bench.goal(
        goal_file(
            {"id": "one", "order": "parallel", "require": "any", "tasks": tasks},
            {"id": "use", "run": "hang", "needs": ["one"]},
        )
    )
    await bench.until(goal.id, lambda _, states: states["use"] == "running")
    handed = inputs_of(bench.driver, "hang")["dependencies"]
    assert handed["quick"]["state"] == "done"
    assert handed["slow"]["state"] != "done"
    assert set(handed["slow"]) == set(handed["quick"])
    bench.driver.finish()
    await bench.ended(goal.id)


USE = """\
goal: Hand over
tasks:
  - {id: build, run: "mkdir out; echo made > out/a.txt", artifacts: [out/*.txt]}
  - id: use
    needs: [build]
    run: >
      path=$(sed -n 's/.*"path": "\\(.*\\)".*/\\1/p' "$PILOTHOUSE_INPUTS"); echo "found $(cat "$path")";
      if touch "$path.more" 2> /dev/null; then echo writable; fi
"""


async def test_real_sandboxes_read_what_was_handed_over(runtime: str, project: Path) -> None:
    engine = await open_local(project, Settings.model_validate({"sandbox": {"runtime": runtime}}))
    try:
        goal = await engine.create_goal(CreateGoal(source=USE, path=str(project / "goal.yaml")))
        async with asyncio.timeout(60):
            async for _ in engine.subscribe():
                if (await engine.status(goal.id)).goals[0].ended_at is not None:
                    break
        page = await engine.logs(f"{goal.id}/use", LogQuery())
        assert "found made" in [line.text for line in page.lines], page
        if runtime == "docker":
            assert "writable" not in [line.text for line in page.lines]
        await engine._parts.live.ended()
        for run in (await engine.task(f"{goal.id}/use")).runs:
            driver = engine._parts.context.drivers[run.driver]
            assert SafeName(run.sandbox) not in [owned.name for owned in await driver.list_owned()]
            assert not driver.work_folder(run.id).exists()
    finally:
        await engine.close()
