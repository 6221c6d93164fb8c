"""Who works on a goal: role, capabilities, busy or idle, load, last sign of life (R108, F99)."""

import json

from engine.dispatch.agent.caller import Caller, require_live
from engine.dispatch.context import Context
from engine.dispatch.steps import AGENTS
from engine.events import EventType
from engine.sandbox_api.requests import AgentState, Register
from engine.store import Tx

Document = dict[str, object]


async def register(caller: Caller, said: Register) -> Document:
    """Say what this agent is and can do; its run's token has registered it already (R108)."""
    values = {
        "run": caller.run, "role": said.role, "state": said.state, "load": said.load,
        "capabilities": None if said.capabilities is None else json.dumps(said.capabilities),
    }  # fmt: skip

    def unit(tx: Tx) -> None:
        require_live(tx, caller.run)
        before = tx.one(AGENTS["get"], {"run": caller.run})
        tx.run(AGENTS["describe"], values)
        if said.state is not None and (before is None or before["state"] != said.state):
            kind = EventType.AGENT_IDLE if said.state is AgentState.IDLE else EventType.AGENT_BUSY
            tx.emit(kind, goal=caller.goal, task=caller.task, run=caller.run, load=said.load)

    await caller.context.database.write(unit)
    found = await live_agents(caller.context, caller.goal)
    return next(agent for agent in found if agent["run"] == caller.run)


async def agents(caller: Caller, query: dict[str, str]) -> Document:
    """The live agents of this goal, by `role`, `capability` or `state`."""
    found = await live_agents(caller.context, caller.goal)
    if capability := query.get("capability"):
        found = [agent for agent in found if capability in _words(agent["capabilities"])]
    for name in ("role", "state"):
        if name in query:
            found = [agent for agent in found if agent[name] == query[name]]
    return {"agents": found}


def _words(value: object) -> list[object]:
    return value if isinstance(value, list) else []


async def live_agents(context: Context, goal: str | None = None) -> list[Document]:
    """Every agent whose run has not ended; `silent`: seconds since it gave a sign of life, None before the first."""
    now, found = context.clock.monotonic(), []
    for row in await context.database.all(AGENTS["live"], {"goal": goal}):
        signs = context.exchange.signs.get(row["run"])
        newest = None if signs is None else max(signs.shown.values(), default=None)
        found.append(
            {
                "run": row["run"], "name": row["key"], "title": row["title"], "goal": row["goal"], "task": row["task"],
                "role": row["role"], "capabilities": json.loads(row["capabilities"]), "state": row["state"],
                "load": row["load"], "sandbox": row["sandbox"], "frozen": bool(row["frozen"]),
                "registered_at": row["registered_at"], "action": "" if signs is None else signs.action,
                "waits": [] if signs is None else sorted(signs.waits.values()),
                "silent": None if newest is None else round(now - newest, 1),
            }
        )  # fmt: skip
    return found
