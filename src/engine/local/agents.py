"""Agents, leases, checkpoints and messages as the operator has them (the `Agents` half of Engine)."""

import json
import sqlite3
from collections.abc import Sequence

from engine.api.agents import (
    AgentView,
    CheckpointView,
    LeaseView,
    ReleaseLease,
    RestoreCheckpoint,
    TellAgent,
    Told,
    WaiterView,
)
from engine.dispatch.agent.checkpoints import restore
from engine.dispatch.agent.leases import release_by_force
from engine.dispatch.agent.post import fresh_key, tell_by_operator
from engine.dispatch.agent.registry import live_agents
from engine.errors import NotFound
from engine.local.parts import Parts
from engine.local.refs import resolve, run_of, task_of
from engine.store import named_queries

RUNS, TASKS = named_queries("runs"), named_queries("tasks")
LEASES, CHECKPOINTS = named_queries("leases"), named_queries("checkpoints")


class LocalAgents:
    """Everything is in the store; what waits in this process is woken by the commit."""

    _parts: Parts

    async def agents(self, goal: str | None = None) -> Sequence[AgentView]:
        context = self._parts.context
        found = None if goal is None else await context.database.read(lambda c: resolve(c, goal, "g"))
        return tuple(AgentView.model_validate(agent) for agent in await live_agents(context, found))

    async def leases(self) -> Sequence[LeaseView]:
        return await self._parts.context.database.read(_leases)

    async def release_lease(self, name: str, order: ReleaseLease) -> LeaseView:
        database = self._parts.context.database
        await database.write(lambda tx: release_by_force(tx, name, order.by, order.reason))
        held = await self.leases()
        return next((lease for lease in held if lease.name == name), LeaseView(name=name))

    async def checkpoints(self, task: str | None = None) -> Sequence[CheckpointView]:
        def query(connection: sqlite3.Connection) -> tuple[CheckpointView, ...]:
            if task is None:
                rows = connection.execute(CHECKPOINTS["all"]).fetchall()
            else:
                rows = connection.execute(CHECKPOINTS["of_task"], {"task": task_of(connection, task)}).fetchall()
            return tuple(_checkpoint(connection, row) for row in rows)

        return await self._parts.context.database.read(query)

    async def checkpoint(self, id: int) -> CheckpointView:
        def query(connection: sqlite3.Connection) -> CheckpointView:
            row = connection.execute(CHECKPOINTS["get"], {"id": id}).fetchone()
            if row is None:
                raise NotFound(f"there is no checkpoint {id}", hint="`pilothouse checkpoints list` lists them")
            return _checkpoint(connection, row).model_copy(update={"data": json.loads(row["data"])})

        return await self._parts.context.database.read(query)

    async def restore_checkpoint(self, id: int, order: RestoreCheckpoint) -> CheckpointView:
        await self._parts.context.database.write(lambda tx: restore(tx, id, order.version, order.by))
        return await self.checkpoint(id)

    async def tell_agent(self, run: str, order: TellAgent) -> Told:
        context = self._parts.context
        found = await context.database.read(lambda c: run_of(c, run))
        row = await context.database.one(RUNS["get"], {"id": found})
        assert row is not None
        task = await context.database.one(TASKS["brief"], {"id": row["task"]})
        assert task is not None
        key = f"operator:{order.key or fresh_key(context.random.getrandbits(100))}"
        posted = await context.database.write(
            lambda tx: tell_by_operator(tx, found, row["goal"], order.text, order.by, key)
        )
        return Told(message=posted.id, run=found, task_key=task["key"])


def _leases(connection: sqlite3.Connection) -> tuple[LeaseView, ...]:
    """Held ones, and free ones that somebody is about to get."""
    waiters: dict[str, list[WaiterView]] = {}
    for row in connection.execute(LEASES["waiters"]).fetchall():
        waiter = WaiterView(run=row["run"], task_key=row["key"], priority=row["priority"], since=row["at"])
        waiters.setdefault(row["name"], []).append(waiter)
    held = [
        LeaseView(
            name=row["name"], run=row["run"], task_key=row["key"], goal=row["goal"], fence=row["fence"],
            acquired_at=row["acquired_at"], expires_at=row["expires_at"], waiters=tuple(waiters.pop(row["name"], ())),
        )
        for row in connection.execute(LEASES["all"]).fetchall()
    ]  # fmt: skip
    return (*held, *(LeaseView(name=name, waiters=tuple(found)) for name, found in waiters.items()))


def _checkpoint(connection: sqlite3.Connection, row: sqlite3.Row) -> CheckpointView:
    state = connection.execute(CHECKPOINTS["state_of"], {"task": row["task"]}).fetchone()
    return CheckpointView(
        id=row["id"], name=row["name"], goal=row["goal"], task=row["task"], task_key=row["key"], run=row["run"],
        version=row["version"], current=0 if state is None else state["version"], size=row["size"], at=row["at"],
    )  # fmt: skip
