"""Words for tests of testers beside workers."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from scripted import Bench, goal_file
from voices import Voice

from engine.dispatch.steps import TESTERS
from engine.events import Event

GATE: dict[str, object] = {"id": "go", "gate": {"kind": "human_approval", "question": "Go on?"}}


def worker(key: str, **more: object) -> dict[str, object]:
    return {"id": key, "run": f"hang {key}", **more}


def done(key: str, **more: object) -> dict[str, object]:
    return {"id": key, "run": "exit 0", **more}


def group(*tasks: dict[str, object], **testers: object) -> dict[str, object]:
    return {"id": "items", "order": "parallel", "tasks": list(tasks), "testers": {"run": "hang test", **testers}}


async def begun(bench: Bench, *tasks: dict[str, object], **policy: object) -> str:
    return (await bench.goal(goal_file(*tasks, policy={"order": "parallel", **policy}))).id


async def running(bench: Bench, goal: str, *keys: str) -> None:
    await bench.until(goal, lambda _, states: all(states[key] == "running" for key in keys))


async def finish(bench: Bench, goal: str, key: str) -> None:
    await running(bench, goal, key)
    bench.driver.finish(f"hang {key}")
    await bench.until(goal, lambda _, states: states[key] == "done")


async def batches(bench: Bench) -> list[list[str]]:
    """What testers were given, in the order they were claimed."""
    runs = [event.run for event in await bench.events() if event.type == "run.created"]
    database = bench.engine._parts.context.database
    found = [[row["key"] for row in await database.all(TESTERS["batch_of"], {"run": run})] for run in runs]
    return [batch for batch in found if batch]


def inputs_of(voice: Voice) -> dict[str, Any]:
    """The file of inputs of a run that lives."""
    read: dict[str, Any] = json.loads(Path(voice.env["PILOTHOUSE_INPUTS"]).read_text())
    return read


def voice_of_tester(bench: Bench) -> Voice:
    """The tester that started last."""
    specs = [spec for spec in bench.driver.specs if spec.argv[-1] == "hang test"]
    return Voice(specs[-1].env)


async def pass_of(bench: Bench) -> None:
    """The scheduler looks at everything that is committed, not beside a pass of its own."""
    scheduler = bench.engine._parts.scheduler
    async with scheduler._passing:
        await scheduler._pass()


async def outcomes(bench: Bench) -> list[Event]:
    return [event for event in await bench.events() if event.type == "task.tested"]


async def peaks(bench: Bench) -> list[tuple[int, int]]:
    """(testers, workers) that were live just after each start of a tester."""
    live: Counter[bool] = Counter()
    found, keys = [], {}
    for event in await bench.events():
        if event.type == "task.claimed":
            keys[event.task] = ".tester-" in event.data["key"]
        if event.type == "run.created":
            live[keys[event.task]] += 1
            if keys[event.task]:
                found.append((live[True], live[False]))
        elif event.type == "run.ended":
            live[keys[event.task]] -= 1
    return found
