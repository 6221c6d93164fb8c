"""A run's own door: its socket and its outbox, open from before its sandbox exists until its process has ended."""

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import TypeVar

from pydantic_core import from_json, to_json

from engine.dispatch.agent.caller import Caller
from engine.dispatch.agent.operations import MCP, answer, order
from engine.dispatch.agent.tokens import require_bearer
from engine.dispatch.claims import Claimed
from engine.dispatch.context import Context
from engine.dispatch.egress.contacts import Contacts
from engine.dispatch.limits.allowance import Allowance
from engine.dispatch.runs.way_out import IO_SUFFIX
from engine.dispatch.stalls.signs import Signs
from engine.errors import Invalid, PilothouseError
from engine.redaction import Redactor
from engine.sandbox.driver import Driver
from engine.sandbox.logs import RunLog
from engine.sandbox_api.listener import Listener
from engine.sandbox_api.outbox import OUTBOX, REPLIES, Letter, put_reply, take
from engine.sandbox_api.wire import Answered, Asked, Refused, Tunnel, problem
from engine.supervisor import Consequence

log = logging.getLogger(__name__)

T = TypeVar("T")

RATE, BURST = 20.0, 200.0  # requests in a second, in the long run and at once
SHORT, MOST_SAID = 4096, 64 * 1024**2  # bytes of one request that count as nothing; of all others of a run together
LAST_LOOKS = 5  # at the outbox of a run that has ended: what it puts down is bounded


class Doorway:
    """One run's socket and outbox. Opening it twice, closing it twice is fine."""

    def __init__(self, context: Context, claimed: Claimed, signs: Signs, redactor: Redactor) -> None:
        self._context = context
        self._claimed = claimed
        self._signs = signs
        self._redactor = redactor
        self._allowance = Allowance(context.clock, RATE, BURST)
        self._said = 0
        self._open: _Open | None = None
        self._taking = asyncio.Lock()

    async def around(self, work: Awaitable[T]) -> T:
        """Carry this out, and close the door whatever comes of it."""
        try:
            return await work
        finally:
            await self.close()

    async def open(self, driver: Driver, token: str = "") -> None:
        """Listen and read, before the sandbox starts or after it was adopted. `token` is cut out of its log from here
        on. Raises OSError or Conflict."""
        if self._open is not None:
            return
        self._redactor.learn({"PILOTHOUSE_TOKEN": token})
        work = driver.work_folder(self._claimed.run.id)
        io = work.with_name(work.name + IO_SUFFIX)
        caller = Caller(self._context, self._claimed, self._signs, self._redactor, work, io)
        listener = Listener(io, partial(self._answer, caller, Contacts(caller)))
        owner = await asyncio.to_thread((io / OUTBOX).stat)
        await listener.open(owner.st_uid, owner.st_gid)
        caller.exchange.signs[caller.run] = caller.signs
        letters = caller.exchange.outboxes.add(io / OUTBOX)
        reading = self._context.crew.start(
            f"outbox {caller.run}", self._read(caller, letters), on_crash=Consequence.REPORT
        )
        self._open = _Open(caller, listener, reading)

    async def reopen(self, driver: Driver, run_log: RunLog) -> None:
        """An adopted sandbox finds its socket again; without one it works on."""
        try:
            await self.open(driver)
        except (PilothouseError, OSError) as error:
            run_log.note(f"its socket could not be made anew: {error}", self._context.clock.now())

    async def close(self) -> None:
        """Be silent, and read last what its process left in the outbox."""
        if self._open is None:
            return
        caller, listener, reading = self._open.caller, self._open.listener, self._open.reading
        self._open = None
        async with self._taking:  # letters that were taken out are carried out
            reading.cancel()
        caller.exchange.outboxes.drop(caller.io / OUTBOX)
        await listener.close()
        for _ in range(LAST_LOOKS):
            if not await self._take_letters(caller):
                break
        caller.exchange.signs.pop(caller.run, None)

    async def _answer(self, caller: Caller, contacts: Contacts, asked: Asked) -> Answered | Tunnel:
        """Every error of ours is an answer."""
        try:
            if not self._allowance.take():
                raise Refused(429, f"more than {RATE:g} requests in a second", hint="wait a moment")
            await require_bearer(caller, asked.bearer)
            if asked.method == "CONNECT":
                return await contacts.connect(asked.path)
            self._count(asked.body)
            if (asked.method, asked.path) == ("POST", MCP):
                return await _mcp(caller, asked)
            return await answer(caller, asked)
        except PilothouseError as error:
            return problem(error)

    def _count(self, body: bytes) -> None:
        """What one run may put into the store has a bound: short words always pass, long ones up to their share."""
        if len(body) > SHORT:
            if self._said + len(body) > MOST_SAID:
                raise Refused(429, f"this run has said {self._said:,} bytes already", hint="say less, or keep a file")
            self._said += len(body)

    async def _read(self, caller: Caller, letters: asyncio.Event) -> None:
        while True:
            await letters.wait()
            letters.clear()
            await asyncio.shield(self._take_letters(caller))  # once taken out, a letter is in no other place

    async def _take_letters(self, caller: Caller) -> int:
        """Carry out what lies in the outbox; how many letters that were. A disk that refuses ends no run."""
        async with self._taking:
            try:
                found = await asyncio.to_thread(take, caller.io / OUTBOX)
                for letter in found:
                    reply = await self._carried_out(caller, letter)
                    await asyncio.to_thread(put_reply, caller.io / REPLIES, letter.name, reply.encoded())
            except OSError as error:
                log.warning("the outbox of %s cannot be read: %s", caller.run, error)
                return 0
            return len(found)

    async def _carried_out(self, caller: Caller, letter: Letter) -> Answered:
        """What came of one letter; it needs no token, as only this run's sandbox can put one down."""
        try:
            if letter.refused:
                raise Invalid(f"{letter.name}: {letter.refused}")
            if not self._allowance.take():
                raise Refused(429, f"more than {RATE:g} letters in a second")
            self._count(letter.content)
            name, body = _opened(letter)
            return Answered(200, await order(caller, name, body))
        except PilothouseError as error:
            log.info("%s of %s was refused: %s", letter.name, caller.run, error.message)
            return problem(error)


async def _mcp(caller: Caller, asked: Asked) -> Answered:
    """Answer a message of the protocol; its library is loaded by the first agent that speaks it, off the loop."""
    await asyncio.to_thread(import_module, "mcp.types")
    from engine.dispatch.agent.mcp_messages import reply

    return await reply(caller, asked)


@dataclass(frozen=True)
class _Open:
    caller: Caller
    listener: Listener
    reading: "asyncio.Task[None]"


def _opened(letter: Letter) -> tuple[str, bytes]:
    """The operation a letter names, and its body without that name."""
    try:
        document = from_json(letter.content, allow_inf_nan=False)
    except ValueError as error:
        raise Invalid(f"{letter.name} is no JSON: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("op"), str):
        raise Invalid(f"{letter.name} names no `op`", hint='{"op": "progress", "message": "…"}')
    return document.pop("op"), to_json(document)
