"""The state of a task over all its runs: saved whole, listed, restored against the version that was seen (R109)."""

import json
import sqlite3
from functools import partial

from engine.dispatch.agent.caller import Caller, require_fence, require_live
from engine.dispatch.steps import CHECKPOINTS, TASKS
from engine.errors import Conflict, NotFound, StaleVersion
from engine.events import EventType
from engine.sandbox_api.requests import Checkpoint, Restore
from engine.store import Tx
from engine.store.rows import Row

Document = dict[str, object]
MOST = 50  # checkpoints kept of one task; the oldest go


async def checkpoint(caller: Caller, said: Checkpoint) -> Document:
    """Replace the task's state and keep it under a name."""

    def unit(tx: Tx) -> Document:
        require_live(tx, caller.run)
        require_fence(tx, caller.run, said)
        version = _replace(tx, caller.task, json.dumps(said.data), said.version)
        values = {"task": caller.task, "run": caller.run, "name": said.name, "version": version, "at": tx.at}
        made = tx.one(CHECKPOINTS["insert"], {**values, "data": json.dumps(said.data)})
        assert made is not None
        tx.run(CHECKPOINTS["forget_oldest"], {"task": caller.task, "most": MOST})
        tx.emit(EventType.CHECKPOINT_SAVED, goal=caller.goal, task=caller.task, run=caller.run, name=said.name,
                checkpoint=made["id"], version=version)  # fmt: skip
        return {"checkpoint": made["id"], "version": version}

    return await caller.context.database.write(unit)


def _replace(tx: Tx, task: str, data: str, seen: int | None) -> int:
    tx.run(CHECKPOINTS["begin_state"], {"task": task, "at": tx.at})
    row = tx.one(CHECKPOINTS["state_of"], {"task": task})
    assert row is not None
    held = row["version"] if seen is None else seen
    replaced = tx.one(CHECKPOINTS["replace_state"], {"task": task, "data": data, "seen": held, "at": tx.at})
    if replaced is None:
        raise StaleVersion(
            f"the state is at version {row['version']}, not {seen}", hint="read it again and decide again",
            details={"version": row["version"]},
        )  # fmt: skip
    return int(replaced["version"])


def restore(tx: Tx, checkpoint: int, version: int, by: str) -> Row:
    """Put the state of a checkpoint in place of the task's own; what it does not hold is gone. Returns its row."""
    row = tx.one(CHECKPOINTS["get"], {"id": checkpoint})
    if row is None:
        raise NotFound(f"there is no checkpoint {checkpoint}", hint="`pilothouse checkpoints list` lists them")
    now = _replace(tx, row["task"], row["data"], version)
    tx.emit(EventType.CHECKPOINT_RESTORED, goal=row["goal"], task=row["task"], checkpoint=checkpoint,
            name=row["name"], version=now, by=by)  # fmt: skip
    return {**dict(row), "now": now}


def carry(tx: Tx, checkpoint: Row, goal: str, by: str) -> None:
    """The task of the same key in a new goal begins with the state that the checkpoint holds."""
    task = tx.one(TASKS["by_key"], {"goal": goal, "key": checkpoint["key"]})
    assert task is not None
    version = _replace(tx, task["id"], checkpoint["data"], None)
    tx.emit(EventType.CHECKPOINT_RESTORED, goal=goal, task=task["id"], checkpoint=checkpoint["id"],
            name=checkpoint["name"], version=version, by=by, forked=checkpoint["goal"])  # fmt: skip


async def restore_own(caller: Caller, said: Restore) -> Document:
    """The same for an agent, of its own task."""

    def unit(tx: Tx) -> Document:
        require_live(tx, caller.run)
        row = tx.one(CHECKPOINTS["get"], {"id": said.checkpoint})
        if row is not None and row["task"] != caller.task:
            raise Conflict("this checkpoint is of another task")
        restored = restore(tx, said.checkpoint, said.version, caller.name)
        return {"version": restored["now"], "data": json.loads(restored["data"])}

    return await caller.context.database.write(unit)


async def checkpoints(caller: Caller, _: dict[str, str]) -> Document:
    """The state as it is, and the checkpoints of this task, oldest first."""
    context = caller.context
    rows = await context.database.all(CHECKPOINTS["of_task"], {"task": caller.task})
    listed = [
        {"checkpoint": row["id"], **{key: row[key] for key in ("name", "version", "run", "size", "at")}} for row in rows
    ]
    state = await context.database.read(partial(state_of, task=caller.task))
    return {**state, "checkpoints": listed}


def state_of(connection: sqlite3.Connection, task: str) -> Document:
    """`version` and `state` of a task; version 0 and nothing before the first checkpoint."""
    row = connection.execute(CHECKPOINTS["state_of"], {"task": task}).fetchone()
    return {"version": 0, "state": {}} if row is None else {"version": row["version"], "state": json.loads(row["data"])}
