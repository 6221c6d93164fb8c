"""Telling people who are elsewhere: once per subject, stage and channel, whatever restarts, and never while somebody
looks (R85, F111, F113)."""

import asyncio
import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from engine.api.notices import Notice, together
from engine.dispatch.context import Context
from engine.dispatch.exchange import within
from engine.errors import StoreError
from engine.events import Event, EventType
from engine.local.delivering import Delivery
from engine.local.news import NEWS, notices_of, stored_notice
from engine.local.presence import Attachments
from engine.model import DecisionState, NoticeChannel, NoticeState, Severity
from engine.model.notices import quiet_until
from engine.notify.undelivered import Undelivered
from engine.signals.pace import ServiceBreaker, wait_after
from engine.store import Tx, named_queries, stamp

log = logging.getLogger(__name__)

NOTICES, EVENTS, DECISIONS = named_queries("notices"), named_queries("events"), named_queries("decisions")
FACT = "notices"  # the last event that was looked at
OLDEST = timedelta(hours=1)  # of what happened while no engine ran
STALE = timedelta(hours=24)  # from there on what was kept is not worth telling
ATTEMPTS = 6
TOGETHER = 5  # due at once beyond which they are told in one
AT_ONCE = 200
KEPT = 2_000
PAGE = 500
STORE_RETRY = 1.0  # seconds
AFTER_FAULT = 30.0  # seconds
SAFETY_TIMER = 60.0  # seconds: wall clocks jump


@dataclass(frozen=True)
class Due:
    """One stored notice whose time has come."""

    id: int
    notice: Notice
    attempts: int
    at: datetime


class Notifier:
    """Follows what was committed; `trouble` says, per channel, why notices do not arrive."""

    def __init__(self, context: Context) -> None:
        self.attachments = Attachments(context.clock)
        self._context = context
        self._delivery = Delivery(context)
        self._breaker = ServiceBreaker(context.settings.notify.retry)
        self._wake = asyncio.Event()
        self._seen = context.database.last_seq
        self.trouble: dict[NoticeChannel, str] = {}
        self._fault = ""

    def follow(self, events: Sequence[Event]) -> None:
        """Something may be worth telling."""
        if any(event.type in NEWS for event in events):
            self._wake.set()

    def look_again(self) -> None:
        """The settings may be other ones."""
        self._breaker = ServiceBreaker(self._context.settings.notify.retry)
        self._wake.set()

    async def keep(self) -> None:
        """Tell for as long as the engine lives, whatever its own faults: they are said and harm nothing else."""
        context = self._context
        while (error := await context.crew.attempt("notices", self.run())) is not None:
            self._fault = f"notices: {type(error).__name__}: {error}"
            await context.clock.sleep(AFTER_FAULT)

    async def run(self) -> None:
        """Tell until it dies; with nothing set up it sleeps."""
        await self._begin()
        self._fault = ""
        try:
            while True:
                self._wake.clear()
                try:
                    wait = await self._pass()
                except StoreError as error:
                    log.warning("the store cannot be used now: %s", error.message)
                    wait = STORE_RETRY
                await within(self._wake, wait)
        finally:
            await self._delivery.close()

    async def _begin(self) -> None:
        """What was on its way when an engine ended may have arrived: it does not go out a second time."""
        row = await self._context.database.one(EVENTS["fact"], {"name": FACT})
        if row is not None and self._context.settings.notify.channels:
            self._seen = min(self._seen, int(row["value"]))
        await self._context.database.write(lambda tx: tx.run(NOTICES["forsaken"]))

    async def _pass(self) -> float | None:
        context = self._context
        channels = context.settings.notify.channels
        if not channels:
            self._seen, self.trouble = context.database.last_seq, {}
            return None
        for channel in self.trouble.keys() - set(channels):
            del self.trouble[channel]
        await self._take_news(channels)
        for error in await asyncio.gather(*map(self._send_due, NoticeChannel), return_exceptions=True):
            if error is not None:
                raise error
        row = await context.database.one(NOTICES["next"])
        if row is None or row["at"] is None:
            return None
        left = (datetime.fromisoformat(row["at"]) - context.clock.now()).total_seconds()
        return min(SAFETY_TIMER, max(0.0, left))

    async def _take_news(self, channels: Sequence[NoticeChannel]) -> None:
        """Store what is worth telling, and how far that was looked for, in one transaction."""
        database, settings = self._context.database, self._context.settings.notify
        while True:
            last, now = database.last_seq, self._context.clock.now()
            values = {"after": self._seen, "oldest": stamp(now - OLDEST), "limit": PAGE}
            rows = await database.all(NOTICES["news"], values)
            found = await database.read(partial(notices_of, rows=rows, now=now)) if rows else []
            wanted = [(n, c) for n in found for c in channels if n.severity.reaches(settings.least(c))]
            seen = int(rows[-1]["seq"]) if len(rows) == PAGE else max(last, self._seen)
            if rows:
                await database.write(partial(_store, wanted=wanted, seen=seen))
            self._seen = seen
            if len(rows) < PAGE:
                return

    async def _send_due(self, channel: NoticeChannel) -> None:
        now = self._context.clock.now()
        values = {"now": stamp(now), "channel": channel, "limit": AT_ONCE}
        rows = await self._context.database.all(NOTICES["due"], values)
        due = [Due(row["id"], stored_notice(row), row["attempts"], datetime.fromisoformat(row["at"])) for row in rows]
        ready = [one for one in due if await self._may_go(one, channel, now)]
        if channel is NoticeChannel.URL and ready and (held := self._breaker.held(self._context.clock.monotonic())) > 0:
            for one in ready:
                await self._postpone(one, now + timedelta(seconds=held), self.trouble.get(channel, ""))
        elif len(ready) > TOGETHER:
            await self._attempt(ready, together([one.notice for one in ready], now), channel)
        else:
            for one in ready:
                await self._attempt([one], one.notice, channel)

    async def _may_go(self, due: Due, channel: NoticeChannel, now: datetime) -> bool:
        """Whether it goes out at this moment; else it is dropped or put off."""
        settings, notice = self._context.settings.notify, due.notice
        idle = await self._context.database.read(partial(_over, notice=notice))
        if channel not in settings.channels:
            idle = f"notify.{channel} is not set"
        elif now - due.at > STALE:
            idle = "too old"
        if idle:
            await self._settle(due, NoticeState.DROPPED, idle, NoticeState.DUE)
            return False
        end = quiet_until(settings.quiet, now.astimezone())
        if end is not None and notice.severity is not Severity.URGENT:
            await self._postpone(due, end, "quiet hours")
            return False
        looks = self.attachments.looks(notice.decision, settings.away)
        if looks > 0 and notice.decision is None:
            await self._settle(due, NoticeState.DROPPED, "somebody looks", NoticeState.DUE)
        elif looks > 0:
            await self._postpone(due, now + timedelta(seconds=looks), "somebody looks")
        return looks <= 0

    async def _attempt(self, due: Sequence[Due], notice: Notice, channel: NoticeChannel) -> None:
        database = self._context.database
        taken = [one for one in due if await database.write(partial(_begin_one, due=one))]
        if not taken:
            return
        try:
            await self._delivery.send(notice, channel)
        except Undelivered as error:
            await self._failed(taken, channel, error)
            return
        self.trouble.pop(channel, None)
        if channel is NoticeChannel.URL:
            self._breaker.answered()
        many = "" if len(taken) == 1 else f"together with {len(taken) - 1} others"
        for one in taken:
            await database.write(partial(_sent, due=one, channel=channel, message=many))

    async def _failed(self, due: Sequence[Due], channel: NoticeChannel, error: Undelivered) -> None:
        context = self._context
        self.trouble[channel] = error.message
        mono = context.clock.monotonic()
        if channel is NoticeChannel.URL and not error.final:
            self._breaker.failed(mono)
            if error.wait is not None:
                self._breaker.rest(mono, error.wait)
        log.warning("a notice did not arrive through %s: %s", channel, error.message)
        for one in due:
            if error.final or one.attempts + 1 >= ATTEMPTS:
                await context.database.write(partial(_gave_up, due=one, channel=channel, message=error.message))
                continue
            wait = wait_after(context.settings.notify.retry, one.attempts, context.random)
            at = context.clock.now() + timedelta(seconds=max(wait, error.wait or 0.0))
            await self._settle(one, NoticeState.DUE, error.message, NoticeState.SENDING, at)

    async def _postpone(self, due: Due, until: datetime, why: str) -> None:
        await self._settle(due, NoticeState.DUE, why, NoticeState.DUE, until)

    async def _settle(
        self, due: Due, state: NoticeState, message: str, frm: NoticeState, at: datetime | None = None
    ) -> None:
        next_at = stamp(at or self._context.clock.now())
        values = {"id": due.id, "state": state, "message": message, "frm": frm, "next_at": next_at}
        await self._context.database.write(lambda tx: tx.run(NOTICES["settle"], values))

    async def try_one(self, notice: Notice, channel: NoticeChannel) -> str:
        """Send it at once, whoever looks; why it did not arrive, or nothing."""
        try:
            await self._delivery.send(notice, channel)
        except Undelivered as error:
            return error.message
        return ""

    def words(self) -> list[str]:
        """What the operator must know of it."""
        words = [f"notices do not arrive through notify.{name}: {why}" for name, why in sorted(self.trouble.items())]
        return [*words, self._fault] if self._fault else words

    async def close(self) -> None:
        await self._delivery.close()


def _over(connection: sqlite3.Connection, notice: Notice) -> str:
    """Why a notice is about nothing any more; empty while it is."""
    if notice.decision is None:
        return ""
    row = connection.execute(DECISIONS["get"], {"id": notice.decision}).fetchone()
    if row is None or row["state"] != DecisionState.PENDING:
        return "it is answered" if row is not None else "it is gone"
    return "it was put off" if row["snoozed_until"] is not None or row["snoozed_for_news"] else ""


def _store(tx: Tx, wanted: Sequence[tuple[Notice, NoticeChannel]], seen: int) -> None:
    for notice, channel in wanted:
        values = {"subject": notice.subject, "stage": notice.stage, "channel": channel, "at": tx.at}
        tx.run(NOTICES["add"], {**values, "notice": notice.model_dump_json()})
    if wanted:
        tx.run(NOTICES["forget"], {"kept": KEPT})
    tx.run(EVENTS["set_fact"], {"name": FACT, "value": str(seen)})


def _begin_one(tx: Tx, due: Due) -> bool:
    return tx.run(NOTICES["begin"], {"id": due.id, "seen": due.attempts}) == 1


def _sent(tx: Tx, due: Due, channel: NoticeChannel, message: str) -> None:
    _end(tx, due, channel, NoticeState.SENT, message)


def _gave_up(tx: Tx, due: Due, channel: NoticeChannel, message: str) -> None:
    _end(tx, due, channel, NoticeState.FAILED, message)


def _end(tx: Tx, due: Due, channel: NoticeChannel, state: NoticeState, message: str) -> None:
    notice = due.notice
    values = {"id": due.id, "state": state, "message": message, "frm": NoticeState.SENDING, "next_at": tx.at}
    tx.run(NOTICES["settle"], values)
    kind = EventType.NOTICE_SENT if state is NoticeState.SENT else EventType.NOTICE_FAILED
    tx.emit(kind, goal=notice.goal, task=notice.task, channel=channel, subject=notice.subject, stage=notice.stage,
            **({"message": message} if message else {}))  # fmt: skip
