"""Logs of runs in a whole engine: no secret of a run is stored (R56), and all logs together are bounded."""

import asyncio
import json
import logging
from pathlib import Path
from random import Random

import pytest
from scripted import Bench, ScriptedDriver, goal_file

from engine.api import LogQuery
from engine.local.opening import open_local
from engine.model import DriverName, GoalState
from engine.sandbox.driver import SandboxSpec, Started
from engine.settings import EngineSettings, SandboxSettings, Settings

SECRET = "correct-horse-battery"
ENV = {"API_TOKEN": SECRET}


async def test_r56_no_part_of_a_run_s_record_holds_its_secret(bench: Bench, project: Path) -> None:
    task = {"id": "talk", "run": f"print the token is {SECRET}", "sandbox": {"env": ENV}}
    goal = await bench.goal(goal_file(task))
    assert (await bench.ended(goal.id)).state is GoalState.DONE
    (run,) = (await bench.engine.task(f"{goal.id}/talk")).runs
    assert run.last_lines == ("the token is [redacted: API_TOKEN]",)
    page = await bench.engine.logs(run.id, LogQuery(grep="redacted"))
    assert [line.text for line in page.lines] == ["the token is [redacted: API_TOKEN]"]
    assert [line.text async for line in bench.engine.follow(run.id, LogQuery(grep="token is"))] == [page.lines[0].text]
    for file in (project / ".pilothouse" / "logs").rglob("*"):
        assert not file.is_file() or SECRET.encode() not in file.read_bytes(), file
    assert SECRET not in json.dumps([event.data for event in await bench.events()])


async def test_r56_r57_an_error_that_quotes_a_secret_is_stored_and_logged_without_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuse(spec: SandboxSpec) -> Started:
        raise OSError(f"cannot set {spec.env}")

    monkeypatch.setattr(bench.driver, "start", refuse)
    with caplog.at_level(logging.INFO, "engine"):
        goal = await bench.goal(goal_file({"id": "talk", "run": "exit 0", "sandbox": {"env": ENV}}))
        await bench.waiting(goal.id)
    task = await bench.engine.task(f"{goal.id}/talk")
    assert "[redacted: API_TOKEN]" in (task.cause or "")
    told = json.dumps([event.data for event in await bench.events()])
    runs = " ".join(run.message or "" for run in task.runs)
    decisions = " ".join(decision.question for decision in await bench.engine.decisions())
    for words in (task.cause, caplog.text, told, runs, decisions):
        assert SECRET not in (words or "")


async def test_r56_an_event_holds_no_key_that_anybody_would_know(bench: Bench) -> None:
    key = "github" + "_pat_11ABCDEFG0abcdefghijkl_mnopqrstuv"
    goal = await bench.goal(goal_file({"id": "hang", "run": "hang"}))
    await bench.until(goal.id, lambda _, states: states["hang"] == "running")
    await bench.engine.cancel(goal.id, f"leaked {key}", "operator")
    await bench.ended(goal.id)
    told = json.dumps([event.data for event in await bench.events()])
    assert key not in told
    assert "leaked [redacted: GitHub token]" in told


async def test_r130_log_total_bounds_all_logs_but_those_of_live_runs(project: Path) -> None:
    driver = ScriptedDriver(root=project)
    settings = Settings(
        engine=EngineSettings(reconcile_interval=0.4, retry_backoff=0.01),
        sandbox=SandboxSettings(log_total=64 * 1024),
    )
    engine = await open_local(project, settings, random=Random(7), drivers={DriverName.PROCESS: driver})
    try:
        bench = Bench(engine, driver)
        goal = await bench.goal(
            goal_file({"id": "talk", "run": "print " + "x" * 90_000}, {"id": "hang", "run": "hang", "needs": ["talk"]})
        )
        await bench.until(goal.id, lambda _, states: states["hang"] == "running")
        live = f"{goal.id}/hang"
        run = (await engine.task(live)).runs[0].id
        log = engine._parts.live.log_of(run)
        assert log is not None
        log.note("y" * 100_000, engine._parts.context.clock.now())
        async with asyncio.timeout(30):
            page = await engine.logs(f"{goal.id}/talk", LogQuery())
            while "sandbox.log_total" not in page.lines[-1].text:
                await asyncio.sleep(0.02)
                page = await engine.logs(f"{goal.id}/talk", LogQuery())
        assert page.lines[0].text.startswith("1 lines are missing here")
        assert page.ended
        assert [len(line.text) for line in (await engine.logs(live, LogQuery())).lines] == [100_000]
    finally:
        driver.finish()
        await engine.close()
