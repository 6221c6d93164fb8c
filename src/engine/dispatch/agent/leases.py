"""Leases: a name that one run holds alone, with a queue, renewal, an end and a fencing token (R102-R105)."""

import asyncio
from datetime import timedelta
from functools import partial

from engine.dispatch.agent.caller import Caller, require_live
from engine.dispatch.agent.post import tell
from engine.dispatch.context import Context
from engine.dispatch.exchange import LEASES as KEEPER
from engine.dispatch.exchange import Due, within
from engine.dispatch.steps import LEASES
from engine.errors import Conflict, NotFound, StoreError
from engine.events import EventType
from engine.model import RunRecord
from engine.sandbox_api.requests import Acquire, Held
from engine.store import Tx, stamp
from engine.store.rows import Row

Document = dict[str, object]
STORE_PAUSE = 1.0  # seconds until a store that refused is tried again


async def acquire(caller: Caller, said: Acquire) -> Document:
    """Take the lease, or wait for it in the queue as long as was asked; Conflict names who holds it."""
    context, bells = caller.context, caller.exchange.bells
    deadline, taken = context.clock.monotonic() + said.wait, None
    if said.wait > 0:
        caller.exchange.queued[caller.run, said.name] += 1
    try:
        while True:
            bell = bells.get(f"lease:{said.name}")
            taken, holder = await context.database.write(lambda tx: _try(tx, caller, said, queue=said.wait > 0))
            if taken is not None:
                _remember(context, taken)
                return _told(taken)
            left = deadline - context.clock.monotonic()
            if left <= 0:
                raise _held(said.name, holder, waited=said.wait > 0)
            caller.signs.wait(f"lease:{said.name}", f"waits for {said.name}")
            await within(bell, left)
    finally:
        if said.wait > 0:
            await _waited(caller, said.name, taken=taken is not None)


async def _waited(caller: Caller, name: str, *, taken: bool) -> None:
    """An ask has ended that may have waited. Those of one run share a place in the queue: the last one leaves it."""
    queued, mine, bells = caller.exchange.queued, (caller.run, name), caller.exchange.bells
    queued[mine] -= 1
    if queued[mine]:
        bells.ring(f"lease:{name}")  # the others have what was taken
        return
    del queued[mine]
    caller.signs.go_on(f"lease:{name}")
    if not taken:
        await asyncio.shield(caller.context.database.write(lambda tx: _leave(tx, caller.run, name)))
        bells.ring(f"lease:{name}")


def _try(tx: Tx, caller: Caller, said: Acquire, *, queue: bool) -> tuple[Row | None, Row | None]:
    """The lease when it is taken, else who holds it; whoever waits gets one row in the queue."""
    require_live(tx, caller.run)
    holder = tx.one(LEASES["get"], {"name": said.name})
    if holder is not None and holder["run"] == caller.run:
        return _renewed(tx, caller, said.name, holder["fence"], said.ttl), None
    values = {"name": said.name, "run": caller.run, "priority": said.priority, "ttl": said.ttl, "at": tx.at}
    taken = tx.one(LEASES["take"], {**values, "expires_at": stamp(tx.now + timedelta(seconds=said.ttl))})
    if taken is not None:
        tx.run(LEASES["count_fence"], {"name": said.name, "fence": taken["fence"]})
        tx.run(LEASES["leave"], {"name": said.name, "run": caller.run})
        tx.emit(EventType.LEASE_ACQUIRED, goal=caller.goal, task=caller.task, run=caller.run, name=said.name,
                fence=taken["fence"], ttl=said.ttl)  # fmt: skip
        return taken, None
    if not queue or tx.run(LEASES["wait"], {key: values[key] for key in ("name", "run", "priority", "at")}) == 1:
        tx.emit(EventType.LEASE_CONTENDED, goal=caller.goal, task=caller.task, run=caller.run, name=said.name,
                holder=None if holder is None else holder["key"], waits=queue)  # fmt: skip
    return None, holder


def _held(name: str, holder: Row | None, *, waited: bool) -> Conflict:
    hint = f"wait {'longer' if waited else 'for it'}: --wait SECONDS"
    if holder is None:
        return Conflict(f"{name} is free, and others wait for it before you", hint=hint)
    who = f"{holder['key']} (run {holder['run']})"
    details = {"holder": holder["run"], "task": holder["key"], "since": holder["acquired_at"]}
    return Conflict(f"{name} is held by {who} since {holder['acquired_at']}", hint=hint, details=details)


def _leave(tx: Tx, run: str, name: str) -> None:
    tx.run(LEASES["leave"], {"name": name, "run": run})


def _remember(context: Context, lease: Row) -> None:
    at = context.clock.monotonic() + float(lease["ttl"])
    context.exchange.due[lease["name"]] = Due(int(lease["fence"]), at)
    context.exchange.bells.ring(KEEPER)


def _told(lease: Row) -> Document:
    return {"name": lease["name"], "fence": lease["fence"], "ttl": lease["ttl"], "expires_at": lease["expires_at"]}


async def renew(caller: Caller, said: Held) -> Document:
    """Begin its time anew; Conflict when it is no longer held with this token."""

    def unit(tx: Tx) -> Row:
        require_live(tx, caller.run)
        held = tx.one(LEASES["get"], {"name": said.name})
        return _renewed(tx, caller, said.name, said.fence, 60.0 if held is None else held["ttl"])

    lease = await caller.context.database.write(unit)
    _remember(caller.context, lease)
    return _told(lease)


def _renewed(tx: Tx, caller: Caller, name: str, fence: int, ttl: float) -> Row:
    values = {"name": name, "run": caller.run, "fence": fence, "ttl": ttl}
    if tx.run(LEASES["renew"], {**values, "expires_at": stamp(tx.now + timedelta(seconds=ttl))}) != 1:
        raise Conflict(f"{name} is not held with token {fence}", hint="it ended or was released: acquire it again")
    row = tx.one(LEASES["get"], {"name": name})
    assert row is not None
    return row


async def release(caller: Caller, said: Held) -> Document:
    def unit(tx: Tx) -> None:
        if tx.run(LEASES["release"], {"name": said.name, "run": caller.run, "fence": said.fence}) != 1:
            raise Conflict(f"{said.name} is not held with token {said.fence}")
        tx.emit(EventType.LEASE_RELEASED, goal=caller.goal, task=caller.task, run=caller.run, name=said.name)

    await caller.context.database.write(unit)
    return {}


def release_all(tx: Tx, run: RunRecord) -> None:
    """The end of a run frees all it holds and leaves every queue (R105)."""
    for row in tx.all(LEASES["of_run"], {"run": run.id}):
        tx.run(LEASES["release"], {"name": row["name"], "run": run.id, "fence": row["fence"]})
        tx.emit(EventType.LEASE_RELEASED, goal=run.goal, task=run.task, run=run.id, name=row["name"], ended=True)
    tx.all(LEASES["leave_all"], {"run": run.id})


def release_by_force(tx: Tx, name: str, by: str, reason: str) -> Row:
    """An operator takes it away; its holder is told. NotFound when nobody holds it."""
    held = tx.one(LEASES["get"], {"name": name})
    if held is None:
        raise NotFound(f"nobody holds {name}", hint="`pilothouse leases` lists what is held")
    tx.run(LEASES["release"], {"name": name, "run": held["run"], "fence": held["fence"]})
    tx.emit(EventType.LEASE_RELEASED, goal=held["goal"], task=held["task"], run=held["run"], name=name, forced=True,
            by=by, reason=reason)  # fmt: skip
    tell(tx, held, "lease.released", {"name": name, "fence": held["fence"], "by": by, "reason": reason})
    return held


async def keep_leases(context: Context) -> None:
    """End what was not renewed in time, for as long as the engine lives (R104)."""
    exchange, clock = context.exchange, context.clock
    while not await _taken_over(context):
        await clock.sleep(STORE_PAUSE)
    while True:
        bell = exchange.bells.get(KEEPER)
        soonest = min((due.at for due in exchange.due.values()), default=None)
        if soonest is None:
            await bell.wait()
        elif soonest > clock.monotonic():
            await within(bell, soonest - clock.monotonic())
        else:
            await _expire_due(context)


async def _taken_over(context: Context) -> bool:
    """Take up what an earlier engine left; False while the store cannot be used."""
    try:
        await context.database.write(_begin_anew)
        rows = await context.database.all(LEASES["all"])
    except StoreError:
        return False
    for row in rows:
        if row["name"] not in context.exchange.due:
            _remember(context, dict(row))  # its holder could not renew it while no engine ran
    return True


def _begin_anew(tx: Tx) -> None:
    """Whoever waited at an earlier engine has lost its connection, and asks again."""
    tx.run(LEASES["nobody_waits"])


async def _expire_due(context: Context) -> None:
    now = context.clock.monotonic()
    for name, due in [(name, due) for name, due in context.exchange.due.items() if due.at <= now]:
        try:
            await context.database.write(partial(_expire, name=name, fence=due.fence))
        except StoreError:
            due.at = now + STORE_PAUSE
            continue
        if context.exchange.due.get(name) is due:
            del context.exchange.due[name]


def _expire(tx: Tx, name: str, fence: int) -> None:
    held = tx.one(LEASES["get"], {"name": name})
    if held is None or held["fence"] != fence:
        return
    tx.run(LEASES["release"], {"name": name, "run": held["run"], "fence": fence})
    tx.emit(EventType.LEASE_EXPIRED, goal=held["goal"], task=held["task"], run=held["run"], name=name, fence=fence)
    tell(tx, held, "lease.expired", {"name": name, "fence": fence})
