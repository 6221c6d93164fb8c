"""What a run may read: itself, and what it was given."""

import asyncio
import json

from engine.dispatch.agent.caller import Caller
from engine.dispatch.steps import AGENTS, LEASES, MESSAGES, RUNS, TASKS
from engine.errors import NotFound

Document = dict[str, object]
INPUTS = "inputs.json"


async def status(caller: Caller, _: dict[str, str]) -> Document:
    """This run: whether it is to end, what it holds, how many messages wait, what it has reported."""
    database = caller.context.database
    run = await database.one(RUNS["get"], {"id": caller.run})
    task = await database.one(TASKS["brief"], {"id": caller.task})
    unread = await database.one(MESSAGES["unread"], {"run": caller.run})
    leases = await database.all(LEASES["of_run"], {"run": caller.run})
    report = await database.one(AGENTS["report_of"], {"run": caller.run})
    assert run is not None
    assert task is not None
    return {
        "goal": {"id": caller.goal, "title": caller.claimed.goal.title},
        "task": {"id": caller.task, "key": caller.name, "state": task["state"]},
        "run": {"id": caller.run, "n": run["n"], "state": run["state"], "started_at": run["started_at"]},
        "cancelling": bool(task["cancelling"]),
        "leases": [{key: row[key] for key in ("name", "fence", "ttl", "expires_at")} for row in leases],
        "unread": 0 if unread is None else unread["n"],
        "reported": None if report is None else report["kind"],
    }


async def inputs(caller: Caller, _: dict[str, str]) -> Document:
    """What stands in `inputs.json`."""
    try:
        text = await asyncio.to_thread((caller.io / INPUTS).read_text, "utf-8")
    except OSError as error:
        raise NotFound(f"this run has no inputs: {error.strerror}") from error
    found: Document = json.loads(text)
    return found
