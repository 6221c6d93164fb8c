"""How a run says that it went, and what it leaves to those that need it."""

import asyncio
import json
from dataclasses import replace
from typing import Any

from engine.dispatch.agent.caller import Caller, require_fence, require_live
from engine.dispatch.context import Context
from engine.dispatch.endings.ending import Ending
from engine.dispatch.stalls.signs import Sign
from engine.dispatch.steps import AGENTS
from engine.errors import Conflict, Invalid
from engine.events import EventType
from engine.model import ExitCause, ReportKind, RunRecord, VerdictKind
from engine.sandbox_api.requests import Artifact, Complete, Fail, Handoff, Heartbeat, Progress
from engine.sandbox_api.verdicts import judgement
from engine.store import Tx
from engine.units import format_size
from engine.workspace import collect, counted, disk_use

Document = dict[str, object]
COMPLETE, FAIL = ReportKind.COMPLETE, ReportKind.FAIL
MOST_KEPT = 1024**3  # bytes of artefacts of one run; what one call adds is bounded where it is copied
COUNTING = 2.0  # seconds of counting what is kept


async def complete(caller: Caller, said: Complete) -> Document:
    """Store summary, outputs and verdict; the run ends when its process does."""
    verdict = said.model_dump(
        mode="json", include={"verdict", "summary", "feedback", "findings", "all_passed", "checks"}, exclude_none=True
    )
    judged = said.verdict is not None or said.checks is not None or said.all_passed is not None
    if judged:
        tester = caller.claimed.task.tests is not None
        _require_sound(VerdictKind.CHECKS if tester else caller.claimed.task.spec.verdict, verdict)
    values = {
        "kind": COMPLETE, "summary": said.summary, "outputs": json.dumps(said.outputs),
        "verdict": json.dumps(verdict) if judged else None,
    }  # fmt: skip

    def unit(tx: Tx) -> None:
        require_fence(tx, caller.run, said)
        _report(tx, caller, values)

    await caller.context.database.write(unit)
    return {"run": caller.run, "kept": COMPLETE}


def _require_sound(kind: VerdictKind, verdict: dict[str, Any]) -> None:
    """Raise Invalid for a verdict that would not count: said at once, the agent can say it better (R90). What a tester
    finds has the form of checks."""
    if kind is VerdictKind.EXIT:
        raise Invalid("this task is judged by its exit code", hint="a goal file says `verdict: review` or `checks`")
    judgement(kind, verdict)


async def fail(caller: Caller, said: Fail) -> Document:
    """The run counts as failed whatever its exit code is."""
    values = {"kind": FAIL, "summary": said.reason, "outputs": "{}", "verdict": None}
    await caller.context.database.write(lambda tx: _report(tx, caller, values))
    return {"run": caller.run, "kept": FAIL}


def _report(tx: Tx, caller: Caller, values: dict[str, str | None]) -> None:
    require_live(tx, caller.run)
    tx.run(AGENTS["report"], {**values, "run": caller.run, "at": tx.at})
    tx.emit(EventType.RUN_REPORTED, goal=caller.goal, task=caller.task, run=caller.run, kind=values["kind"],
            summary=str(values["summary"])[:500])  # fmt: skip


async def as_reported(context: Context, run: RunRecord, ending: Ending) -> Ending:
    """An ending of the process as the agent itself tells it: its own `fail` is a failure, its summary the last word."""
    row = await context.database.one(AGENTS["report_of"], {"run": run.id})
    if row is None or ending.cause is not ExitCause.EXIT:
        return ending
    if row["kind"] == FAIL:
        return replace(ending, gave_up=True, message=f"the agent gave up: {row['summary']}")
    return replace(ending, reported=True, message=row["summary"] or ending.message) if ending.succeeded else ending


async def progress(caller: Caller, said: Progress) -> Document:
    caller.signs.act(said.message)
    await caller.context.database.write(
        lambda tx: tx.emit(EventType.TASK_PROGRESS, goal=caller.goal, task=caller.task, run=caller.run,
                           message=said.message, percent=said.percent)
    )  # fmt: skip
    return {}


async def heartbeat(caller: Caller, said: Heartbeat) -> Document:
    """A sign of life and nothing else (R108)."""
    caller.signs.show(Sign.HEARTBEAT)
    return {}


async def handoff(caller: Caller, said: Handoff) -> Document:
    """Values for the tasks that need this one; the same name again replaces its value."""

    def unit(tx: Tx) -> None:
        require_live(tx, caller.run)
        require_fence(tx, caller.run, said)
        for name, value in said.values.items():
            tx.run(AGENTS["hand_over"], {"run": caller.run, "name": name, "value": json.dumps(value), "at": tx.at})

    await caller.context.database.write(unit)
    return {"kept": sorted(said.values)}


async def artifact(caller: Caller, said: Artifact) -> Document:
    """Copy a plain file, or all that a pattern names, out of the work folder."""
    path = said.path
    for place in (*caller.places, str(caller.work)):
        path = path.removeprefix(place.rstrip("/") + "/")
    if path.startswith("/") or ".." in path.split("/"):
        raise Invalid(f"{said.path} lies outside the work folder", hint="name a file below /workspace")
    await caller.context.database.write(lambda tx: _may_write(tx, caller, said))
    target = caller.context.paths.run_artifacts(caller.run)
    held, _ = await asyncio.to_thread(counted, disk_use(target), COUNTING)
    if held > MOST_KEPT:
        raise Conflict(f"this run has kept {format_size(held)} already", hint=f"{format_size(MOST_KEPT)} at most")
    try:
        found = await asyncio.to_thread(collect, caller.work, (path,), target)
    except OSError as error:
        raise Conflict(f"{path} was not kept: {error.strerror}") from error
    if not found.kept:
        raise Invalid("; ".join(found.refused) or f"there is no file {path} in the work folder")
    kept = [{"name": name, "size": size} for name, size in found.kept]
    return {"kept": kept, "refused": list(found.refused)}


def _may_write(tx: Tx, caller: Caller, said: Artifact) -> None:
    require_live(tx, caller.run)
    require_fence(tx, caller.run, said)
