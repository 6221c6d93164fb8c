"""What agents of one goal say to each other: messages, requests and their responses, broadcasts (R106, R107)."""

import asyncio
import json
from typing import assert_never

from engine.dispatch.agent.caller import Caller, number, require_live
from engine.dispatch.agent.post import Letter, Posted, fresh_key, post
from engine.dispatch.exchange import within
from engine.dispatch.steps import AGENTS, MESSAGES
from engine.errors import Conflict, Invalid, NotFound
from engine.events import EventType
from engine.model import DeliveryState, MessageState
from engine.sandbox_api.requests import Message, MessageKind, Priority
from engine.sandbox_api.wire import Refused
from engine.store import Tx
from engine.store.rows import Row

Document = dict[str, object]
MOST = 50  # messages in one look
LONGEST_LOOK = 60.0  # seconds


async def message(caller: Caller, said: Message) -> Document:
    """Send it; a request comes back with its answer, or fails by its deadline or with the one it is to."""
    key = f"{caller.run}:{said.key or fresh_key(caller.context.random.getrandbits(100))}"
    match said.kind:
        case MessageKind.MESSAGE:
            posted = await _to_one(caller, said, EventType.MESSAGE_SENT, key)
        case MessageKind.REQUEST:
            posted = await _to_one(caller, said, EventType.MESSAGE_REQUESTED, key)
            return await _answer(caller, posted, said.deadline)
        case MessageKind.RESPONSE:
            posted = await caller.context.database.write(lambda tx: _respond(tx, caller, said, key))
        case MessageKind.BROADCAST:
            posted = await caller.context.database.write(lambda tx: _broadcast(tx, caller, said, key))
        case _:
            assert_never(said.kind)
    subscribers = len(posted.delivered) + len(posted.failed)
    return {"message": posted.id, "subscribers": subscribers, "delivered": len(posted.delivered),
            "failed": posted.failed}  # fmt: skip


def _letter(caller: Caller, said: Message) -> Letter:
    return Letter(caller.goal, said.kind, said.type, said.body, caller.name, caller.run, said.answers,
                  said.priority is Priority.URGENT)  # fmt: skip


async def _to_one(caller: Caller, said: Message, event: EventType, key: str) -> Posted:
    def unit(tx: Tx) -> Posted:
        require_live(tx, caller.run)
        earlier = _earlier(tx, key)
        if earlier is not None:
            return earlier
        target = _target(tx, caller, said.to or "")
        posted = post(tx, _letter(caller, said), [target], event, key)
        if posted.failed:
            raise Conflict(f"{said.to} was not reached: {posted.failed[target]}")
        return posted

    return await caller.context.database.write(unit)


def _earlier(tx: Tx, key: str) -> Posted | None:
    row = tx.one(MESSAGES["by_key"], {"key": key})
    return None if row is None else Posted(int(row["id"]), (), {})


def _target(tx: Tx, caller: Caller, to: str) -> str:
    """The live agent that is meant, by run, by its task's key, or by a role that only one has."""
    others = [row for row in tx.all(AGENTS["live"], {"goal": caller.goal}) if row["run"] != caller.run]
    for column in ("run", "key", "role"):
        found = [row["run"] for row in others if row[column] == to]
        if len(found) == 1:
            return str(found[0])
        if found:
            raise Invalid(f"{len(found)} agents are {to}: name one by its task's key")
    raise NotFound(f"no agent {to} is here", hint="GET agents lists who works on this goal")


def _respond(tx: Tx, caller: Caller, said: Message, key: str) -> Posted:
    require_live(tx, caller.run)
    earlier = _earlier(tx, key)
    if earlier is not None:
        return earlier
    asked = tx.one(MESSAGES["get"], {"id": said.answers})
    if asked is None or tx.one(MESSAGES["was_delivered"], {"message": said.answers, "run": caller.run}) is None:
        raise NotFound(f"no request {said.answers} came to this agent")
    if tx.run(MESSAGES["settle"], {"id": said.answers, "state": MessageState.ANSWERED}) != 1:
        raise Conflict(f"request {said.answers} waits no more: {asked['state']}")
    return post(tx, _letter(caller, said), [], EventType.MESSAGE_RESPONDED, key)


def _broadcast(tx: Tx, caller: Caller, said: Message, key: str) -> Posted:
    require_live(tx, caller.run)
    earlier = _earlier(tx, key)
    if earlier is not None:
        return earlier
    others = [row["run"] for row in tx.all(AGENTS["live"], {"goal": caller.goal}) if row["run"] != caller.run]
    return post(tx, _letter(caller, said), others, EventType.MESSAGE_BROADCAST, key)


async def _answer(caller: Caller, posted: Posted, seconds: float) -> Document:
    """Wait for the response; three other exits: the deadline, the end of the other side, and a closed connection."""
    context, bells = caller.context, caller.exchange.bells
    deadline = context.clock.monotonic() + seconds
    caller.signs.wait(f"message:{posted.id}", f"waits for an answer to message {posted.id}")
    try:
        while True:
            bell, ended = bells.get(f"message:{posted.id}"), [bells.get(f"run:{run}") for run in posted.delivered]
            row = await context.database.one(MESSAGES["answer_to"], {"id": posted.id})
            if row is not None:
                return {"message": posted.id, "answer": _shown(row)}
            left = deadline - context.clock.monotonic()
            if left <= 0 or any([not await _is_live(caller, run) for run in posted.delivered]):
                raise await _unanswered(caller, posted, gone=left > 0)
            await _first(bell, *ended, seconds=left)
    finally:
        caller.signs.go_on(f"message:{posted.id}")


async def _first(*events: asyncio.Event, seconds: float) -> None:
    """Until one of these bells rings or the time is over."""
    async with asyncio.TaskGroup() as group:
        waits = [group.create_task(within(event, seconds)) for event in events]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()


async def _is_live(caller: Caller, run: str) -> bool:
    return await caller.context.database.one(AGENTS["live_run"], {"run": run}) is not None


async def _unanswered(caller: Caller, posted: Posted, *, gone: bool) -> Exception:
    """Settle the request, so that a late response is refused; what to raise."""

    def unit(tx: Tx) -> bool:
        if tx.run(MESSAGES["settle"], {"id": posted.id, "state": MessageState.TIMEOUT}) != 1:
            return False
        tx.emit(EventType.MESSAGE_TIMEOUT, goal=caller.goal, task=caller.task, run=caller.run, message=posted.id,
                gone=gone)  # fmt: skip
        return True

    await caller.context.database.write(unit)
    why = "whoever it was sent to has ended" if gone else "nobody answered in time"
    return Refused(504, f"message {posted.id}: {why}")


async def messages(caller: Caller, query: dict[str, str]) -> Document:
    """What came for this run, urgent first; each is given out once. `wait`: seconds to wait for the first."""
    context, wanted = caller.context, query.get("type")
    deadline = context.clock.monotonic() + min(number(query.get("wait", "0")), LONGEST_LOOK)
    while True:
        bell = caller.exchange.bells.get(f"inbox:{caller.run}")
        found = await context.database.write(lambda tx: _take(tx, caller.run, wanted))
        left = deadline - context.clock.monotonic()
        if found or left <= 0:
            return {"messages": found}
        await within(bell, left)


def _take(tx: Tx, run: str, wanted: str | None) -> list[Document]:
    rows = tx.all(MESSAGES["inbox"], {"run": run, "type": wanted, "most": MOST})
    for row in rows:
        tx.run(MESSAGES["read"], {"message": row["id"], "run": run, "state": DeliveryState.READ})
    return [_shown(row) for row in rows]


def _shown(row: Row) -> Document:
    return {
        "message": row["id"], "kind": row["kind"], "type": row["type"], "from": row["sender_name"],
        "run": row["sender"], "answers": row["answers"], "urgent": bool(row["urgent"]),
        "body": json.loads(row["body"]), "at": row["at"],
    }  # fmt: skip
