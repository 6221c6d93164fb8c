"""The contacts of one run: each is judged, waits for a human where one is asked, and leads to a pinned address."""

import asyncio
import ipaddress
import json
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from engine.dispatch.agent.caller import Caller
from engine.dispatch.egress.judging import CONTACTS, Contact, Standing, judge, refuse
from engine.dispatch.egress.tunnel import Tunnel
from engine.dispatch.exchange import within
from engine.errors import Invalid, StoreError
from engine.model import Verdict
from engine.model.destinations import Destination
from engine.sandbox_api.wire import Refused
from engine.store import Tx

log = logging.getLogger(__name__)

MOST_AT_ONCE = 32  # contacts of one run that wait or are carried: the other half of its socket is for its words
LONGEST_WAIT = 600.0  # seconds a contact waits for a human
LOOKUP_LIMIT = 10.0  # seconds
LIST_IT = "a goal file lists what a task may reach: `sandbox: {network: egress, egress: [host:port]}`"


class Contacts:
    """Judges what one run wants to reach; what it returns carries the bytes once it is allowed."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._reach = caller.context.reach
        self._at_once = 0
        self._waiting: Counter[str] = Counter()
        self._lookups: dict[str, asyncio.Lock] = {}

    async def connect(self, target: str) -> Tunnel:
        """A way to `host:port`. Raises Refused when it is not let through, or could not be found."""
        to = self._destination(target)
        with self._place():
            standing = await self._settled(to)
            if standing.verdict is not Verdict.ALLOWED:
                raise Refused(403, f"{to} is refused: {standing.reason}", hint=LIST_IT)
            addresses = await self._pinned(to)
        return Tunnel(addresses, to, self._place, partial(self._carried, to))

    def _destination(self, target: str) -> Destination:
        try:
            to = Destination.parse(target)
        except ValueError as error:
            raise Invalid(str(error)) from error
        if any(self._caller.redactor.text(text) != text for text in (target, to.host)):
            raise Refused(403, "a host's name that holds a secret is neither looked up nor reached")
        return to

    @contextmanager
    def _place(self) -> Iterator[None]:
        """One of the places that contacts of this run have; Refused when all are taken."""
        if self._at_once >= MOST_AT_ONCE:
            raise Refused(429, f"{MOST_AT_ONCE} contacts at once", hint="wait until one of them has ended")
        self._at_once += 1
        try:
            yield
        finally:
            self._at_once -= 1

    async def _settled(self, to: Destination) -> Standing:
        """What is said of it once nobody is asked any more. Refused with 504 when no answer came in time."""
        clock, ids = self._caller.context.clock, self._caller.context.ids
        inside = "" if to.address is None else self._reach.rule(to.address)
        contact = Contact(self._caller.claimed.run, self._caller.claimed.task.spec.sandbox, to, inside)
        deadline, first = clock.monotonic() + LONGEST_WAIT, True
        while True:
            standing = await self._caller.context.database.write(partial(judge, ids=ids, contact=contact, first=first))
            if standing.decision is None:
                return standing
            left = deadline - clock.monotonic()
            if left <= 0:
                raise Refused(504, f"{to}: {standing.reason}", hint="try again later: the question stays open")
            await self._answered(standing.decision, left)
            first = False

    async def _answered(self, decision: str, seconds: float) -> None:
        """Return when the decision has ended, or after that time; its run waits meanwhile and is not idle (R50)."""
        signs, waiting = self._caller.signs, self._waiting
        waiting[decision] += 1
        signs.wait(f"ask:{decision}", f"waits for the answer to {decision}")
        bell = self._caller.exchange.bells.get(f"decision:{decision}")
        try:
            if await self._is_open(decision):  # an answer between the question and the bell is seen here
                await within(bell, seconds)
        finally:
            waiting[decision] -= 1
            if not waiting[decision]:
                del waiting[decision]
                signs.go_on(f"ask:{decision}")

    async def _is_open(self, decision: str) -> bool:
        row = await self._caller.context.database.one(CONTACTS["question"], {"decision": decision})
        return row is not None and row["ended"] == 0

    async def _pinned(self, to: Destination) -> Sequence[str]:
        """The addresses of the host, the same ones for as long as the run lasts, a restart of the engine included."""
        if to.address is not None:
            return (str(to.address),)
        database, run = self._caller.context.database, self._caller.run
        async with self._lookups.setdefault(to.host, asyncio.Lock()):
            row = await database.one(CONTACTS["pinned"], {"run": run, "host": to.host})
            if row is not None:
                return tuple(json.loads(row["addresses"]))
            found = await self._looked_up(to)
            values = {"run": run, "host": to.host, "addresses": json.dumps(found)}
            await database.write(lambda tx: tx.run(CONTACTS["pin"], values))
            return found

    async def _looked_up(self, to: Destination) -> Sequence[str]:
        """What its name stands for; one address that is never reached spoils all of them."""
        try:
            async with asyncio.timeout(LOOKUP_LIMIT):
                found = await self._reach.lookup(to.host)
        except (OSError, UnicodeError) as error:
            raise Refused(502, f"{to.host} is not found: {error or 'no answer in time'}") from error
        if not found:
            raise Refused(502, f"{to.host} has no address")
        for text in found:
            inside = self._reach.rule(ipaddress.ip_address(text))
            if inside:
                reason = f"its name stands for {text}, {inside}, and those are never reached"
                await self._caller.context.database.write(partial(self._refuse, to=to, reason=reason))
                raise Refused(403, f"{to} is refused: {reason}")
        return tuple(found)

    def _refuse(self, tx: Tx, to: Destination, reason: str) -> None:
        refuse(tx, self._caller.claimed.run, to, reason)

    async def _carried(self, to: Destination, up: int, down: int) -> None:
        """A contact has ended: so many bytes went out, so many came in."""
        values: dict[str, object] = {"run": self._caller.run, "host": to.host, "port": to.port, "up": up, "down": down}
        try:
            await self._caller.context.database.write(lambda tx: tx.run(CONTACTS["carried"], values | {"at": tx.at}))
        except StoreError as error:
            log.warning("the bytes of a contact of %s are not counted: %s", self._caller.run, error.message)
