"""Eight processes with connections of their own claim two hundred tasks: each task once (R18, R131, case 12)."""

import asyncio
import json
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from lasting_driver import LastingDriver

from engine.api import CreateGoal
from engine.local.opening import open_local
from engine.model import DriverName
from engine.settings import EngineSettings, Settings

PROCESSES, TASKS = 8, 200
HEAD_START = 0.2  # seconds in which all of them are told when to begin
PROGRAM = Path(__file__).with_name("claiming_process.py")


async def store_with_tasks(project: Path) -> Path:
    drivers: Any = {DriverName.PROCESS: LastingDriver(project)}
    engine = await open_local(project, Settings(engine=EngineSettings()), visiting=True, drivers=drivers)
    tasks = [{"id": f"t{n}", "run": "exit 0"} for n in range(TASKS)]
    group = {"id": "all", "order": "parallel", "tasks": tasks}
    source = json.dumps({"goal": "test", "runtime": "process", "tasks": [group]})
    await engine.create_goal(CreateGoal(source=source, path="/goals/goal.yaml"))
    await engine.close()
    return project / ".pilothouse" / "engine.db"


def test_r18_r131_case_12_two_hundred_tasks_and_eight_processes_make_one_claim_each(project: Path) -> None:
    store = asyncio.run(store_with_tasks(project))
    claiming = [
        subprocess.Popen(
            [sys.executable, str(PROGRAM), str(store), str(place)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for place in range(PROCESSES)
    ]  # fmt: skip
    try:
        for process in claiming:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        together = time.monotonic() + HEAD_START
        for process in claiming:
            assert process.stdin is not None
            process.stdin.write(f"{together}\n")
            process.stdin.flush()
        told = [process.communicate(timeout=100) for process in claiming]
    finally:
        for process in claiming:
            process.kill()
            process.wait()
    assert [process.returncode for process in claiming] == [0] * PROCESSES, [err for _, err in told]
    won = Counter(line.split()[1] for out, _ in told for line in out.splitlines() if line.startswith("won "))
    assert len(won) == TASKS
    assert set(won.values()) == {1}
    assert sum("won" in out for out, _ in told) > 1  # more than one found something to claim
    connection = sqlite3.connect(store)
    try:
        events = [seq for (seq,) in connection.execute("SELECT seq FROM events ORDER BY seq")]
        runs = connection.execute("SELECT count(*), count(DISTINCT task) FROM runs").fetchone()
        states = dict(connection.execute("SELECT state, count(*) FROM tasks WHERE kind = 'work' GROUP BY state"))
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    finally:
        connection.close()
    assert runs == (TASKS, TASKS)
    assert events == list(range(1, len(events) + 1))
    assert states == {"claimed": TASKS}
