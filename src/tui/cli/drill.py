"""The promises of the project, tried on this machine: a scratch project, the real command, kills and a full quota."""

import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from engine.local.finding import Finding
from engine.local.project import ProjectPaths
from engine.local.store_check import store_damage
from engine.settings import Settings
from tui.cli.scratch import PATIENCE, Drill, NotHeld, held

ANSWER = 5.0  # seconds in which an engine answers while a sandbox prints without end
LOG_LIMIT, PRINTED = 64 * 1024, 100_000
GATED = """\
goal: A gate over a restart
tasks:
  - {id: work, run: echo done}
  - {id: ship, gate: {kind: human_approval, question: Ship it?}}
"""
OUTSIDE = """\
goal: A gate that waits for something outside
tasks:
  - {id: deployed, gate: {kind: webhook, name: drill.done}}
"""
LONG = """\
goal: An engine that is killed
tasks:
  - {id: count, run: 'for i in 0 1 2 3 4 5; do echo line $i; sleep 1; done'}
"""
KILLED = """\
goal: A sandbox that is killed
tasks:
  - {id: nap, run: 'echo $$ >victim; sleep 600; true'}
"""
KILL = "until [ -s victim ]; do sleep 0.1; done; kill -9 $(cat victim)"
LOUD = f"""\
goal: A sandbox that prints too much
tasks:
  - {{id: loud, run: 'i=0; while [ $i -lt {PRINTED} ]; do echo $i; i=$((i+1)); done'}}
"""
CAGED = """\
goal: A sandbox that looks around
tasks:
  - id: look
    run: |
      if cat "STATE/engine.db" >/dev/null 2>&1; then echo it reads the store; exit 1; fi
      if grep -v -e 'lo:' -e Inter -e face /proc/net/dev; then echo it has a network; exit 1; fi
"""


async def gates(drill: Drill) -> str:
    code, _ = await drill.run(GATED, "--no-ui", "--on-gate", "fail")
    held(code == 5, f"a run with an open gate ended with {code}")
    [before] = (await drill.ask("decisions"))[1]
    code, _ = await drill.ask("decide", before["id"], "approve", "--version", str(before["version"] + 1))
    held(code == 4, f"an answer to a version nobody has seen was taken (exit code {code})")
    await drill.ask("--no-ui", "--until", "idle")
    [after] = (await drill.ask("decisions"))[1]
    same = (before["id"], before["version"]) == (after["id"], after["version"])
    held(same and (await drill.goal())["state"] == "active", "the gate did not wait over a restart")
    code, _ = await drill.ask("decide", after["id"], "approve", "--version", str(after["version"]))
    held(code == 0, f"the approval ended with {code}")
    await drill.ask("--no-ui", "--until", "idle")
    held((await drill.goal())["state"] == "done", "the approval did not let it through")
    return "it waited over restarts, refused an answer to another version, and opened for its own"


async def signals(drill: Drill) -> str:
    await drill.run(OUTSIDE, "--detach")
    deadline = time.monotonic() + PATIENCE
    while not (await drill.goal())["waiting_on"]:
        held(time.monotonic() < deadline, "its gate did not open")
    _, stray = await drill.ask("signal", "webhook", "name=drill.other")
    held(stray == {"matched": [], "queued": True}, f"a signal for another gate did {stray}")
    await drill.kill_engine()
    async with drill.served():  # `--until idle` would wait for the signal
        waiting = await drill.goal()
        held(waiting["state"] == "active", "its gate did not wait over kill -9")
        _, right = await drill.ask("signal", "webhook", "name=drill.done")
        held(len(right["matched"]) == 1, f"its own signal did {right}")
        code, _ = await drill.ask("wait", waiting["id"], "--for", "done", "--timeout", f"{PATIENCE / 2:g}s")
        held(code == 0, "its own signal did not let it through")
    return "a stray signal was kept and opened nothing; over kill -9, its own one opened the gate"


async def nothing_lost(drill: Drill) -> str:
    await drill.run(LONG, "--detach")
    box = await drill.alive()
    await drill.kill_engine()
    await drill.ask("--no-ui", "--until", "idle")
    [task] = (await drill.goal())["tree"]["children"]
    held(task["state"] == "done", f"after kill -9 and a new start the task is {task['state']}")
    held(task["runs"] == 1, f"it ran {task['runs']} times")
    lines = (await drill.ask("logs", box["run"]))[1]
    said = [line["text"] for line in lines if line["stream"] == "out"]
    held(said == [f"line {n}" for n in range(6)], f"its log is {said}")
    return "an engine killed with kill -9: its sandbox was adopted, ran once, and no line is missing"


async def true_ends(drill: Drill) -> str:
    await drill.run(KILLED, "--detach")
    box = await drill.alive()
    await drill.ask("shell", box["run"], "--", "sh", "-c", KILL)  # from inside: the engine is not told
    deadline = time.monotonic() + PATIENCE
    while (goal := await drill.goal())["tree"]["children"][0]["state"] in ("claimed", "running"):
        held(time.monotonic() < deadline, "a killed sandbox still counts as running")
    state = goal["tree"]["children"][0]["state"]
    held(state == "failed", f"a sandbox that was killed counts as {state}")
    [task] = goal["tree"]["children"]
    held("SIGKILL" in json.dumps((await drill.ask("why", task["id"]))[1]), "why does not name the signal")
    held(not (await drill.ask("sandboxes"))[1], "a killed sandbox is still listed")
    await drill.ask("cancel", goal["id"])
    await drill.ask("stop")
    seqs = [event["seq"] for event in (await drill.ask("events"))[1]]
    held(seqs == list(range(1, len(seqs) + 1)), "the events have gaps")
    return f"a sandbox killed from inside is {state}, its signal is named, and no gap in {len(seqs)} events"


async def caged(drill: Drill) -> str:
    code, _ = await drill.run(CAGED.replace("STATE", str(drill.paths.state)), "--no-ui")
    if code:
        [task] = (await drill.goal())["tree"]["children"]
        said = (await drill.ask("logs", task["id"]))[1]
        raise NotHeld("; ".join(str(line["text"]).strip() for line in said) or f"the look ended with {code}")
    return "no network, and the store is out of its reach"


async def stays_fast(drill: Drill) -> str:
    await drill.run(LOUD, "--detach")
    slowest = 0.0
    deadline = time.monotonic() + PATIENCE
    while True:
        begun = time.monotonic()
        _, status = await drill.ask("status")
        slowest = max(slowest, time.monotonic() - begun)
        if not status["engine"].get("live_runs"):
            break
        held(time.monotonic() < deadline, "it did not end")
    held(slowest < ANSWER, f"status took {slowest:.1f} s")
    [task] = (await drill.goal())["tree"]["children"]
    lines = [line for line in (await drill.ask("logs", task["id"]))[1] if line["stream"] == "out"]
    held(bool(lines) and lines[-1]["text"] == str(PRINTED - 1), "the end of its log is missing")
    held(len(lines) < PRINTED, "its log has no bound")
    return f"{PRINTED} lines against a log of 64 KB: bounded, the end is kept, status took at most {slowest:.1f} s"


async def sound_store(drill: Drill) -> str:
    await drill.ask("stop")
    damage = await asyncio.to_thread(store_damage, drill.paths)
    held(not damage, damage)
    return "SQLite finds the store sound after all of this"


STEPS: tuple[tuple[str, Callable[[Drill], Awaitable[str]]], ...] = (
    ("nothing passes a gate that was not let through", gates),
    ("a gate opens by its own signal only", signals),
    ("nothing is lost", nothing_lost),
    ("what the screen says is true", true_ends),
    ("the sandbox is the constraint", caged),
    ("it stays fast", stays_fast),
    ("the store is sound", sound_store),
)


async def drill(settings: Settings, tell: Callable[[Finding], None]) -> list[Finding]:
    """Try each promise, one after the other, on the runtime of the settings; leaves nothing behind."""
    found: list[Finding] = []
    with tempfile.TemporaryDirectory(prefix="pilothouse-drill-", ignore_cleanup_errors=True) as folder:
        scratch = Drill(Path(folder), settings.sandbox.runtime)
        await asyncio.to_thread(_settle, scratch.paths, settings)
        try:
            for name, step in STEPS:
                found.append(await _tried(name, step, scratch))
                tell(found[-1])
        finally:
            await scratch.ask("stop")
            await scratch.ask("gc")
    left = await asyncio.to_thread(Path(folder).exists)
    found.append(Finding(name="nothing is left behind", ok=not left, detail=folder if left else "", fix="remove it"))
    tell(found[-1])
    return found


def _settle(paths: ProjectPaths, settings: Settings) -> None:
    """The scratch project: the daemon and the image of the real one, and a small quota."""
    paths.create()
    sandbox = settings.sandbox
    lines = [
        "[sandbox]",
        f"docker_host = {json.dumps(sandbox.docker_host)}",
        f'log_limit = "{LOG_LIMIT // 1024}k"',
        "stop_grace = 1",
        "[sandbox.defaults]",
        f"image = {json.dumps(sandbox.defaults.image)}",
        'memory = "64m"',
    ]
    paths.settings.write_text("\n".join(lines) + "\n", encoding="utf-8")


async def _tried(name: str, step: Callable[[Drill], Awaitable[str]], scratch: Drill) -> Finding:
    begun = time.monotonic()
    try:
        detail, ok = await step(scratch), True
    except NotHeld as broken:
        detail, ok = str(broken), False
    except (LookupError, TypeError, ValueError, OSError) as error:
        detail, ok = f"a command did not answer as it should: {type(error).__name__}: {error}", False
    fix = "" if ok else "`pilothouse doctor` names what this machine lacks; docs/troubleshooting.md"
    return Finding(name=name, ok=ok, detail=f"{detail} ({time.monotonic() - begun:.1f} s)", fix=fix)
