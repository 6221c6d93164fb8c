"""Watches: gates whose service is asked, again and again, for as long as they are open (R68-R71)."""

import asyncio
import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from engine.api import Signal
from engine.dispatch.context import Context
from engine.dispatch.exchange import within
from engine.dispatch.gates.openings import take_early
from engine.dispatch.gates.signalling import receive
from engine.dispatch.steps import GATES, SIGNALS
from engine.errors import Invalid, StoreError, Unreadable
from engine.events import Event, EventType
from engine.model import GateSpec
from engine.private import token_now
from engine.settings import GithubSettings
from engine.signals.finding import Finding, Trouble
from engine.signals.pace import ServiceBreaker, wait_after
from engine.signals.polling import look
from engine.store import Tx, stamp
from engine.store.rows import gate_spec_from

if TYPE_CHECKING:
    from engine.signals.github import GitHub

log = logging.getLogger(__name__)

AT_ONCE = 8  # gates asked about at the same time
STORE_RETRY = 1.0  # seconds, while the store takes no writes
SAFETY_TIMER = 60.0  # seconds: wall clocks jump; stored times are looked at at least this often while one is armed
WAKES = frozenset({EventType.GATE_OPENED, EventType.SIGNAL_RECEIVED})


@dataclass(frozen=True)
class Due:
    """One armed watch as it was read; what is found counts only while it is this very one."""

    gate: str
    version: int
    spec: GateSpec
    head: str | None
    failures: int


class Watcher:
    """Asks about every open gate that says so, one service for all of them."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._wake = asyncio.Event()
        self._trouble = ""
        self._breaker = ServiceBreaker(context.settings.github.poll_interval)

    def follow(self, events: Sequence[Event]) -> None:
        """A gate opened, or a signal asks for a look at once."""
        if any(event.type in WAKES for event in events):
            self._wake.set()

    async def run(self) -> None:
        """Ask for as long as the engine lives; with no watch armed it sleeps."""
        service: GitHub | None = None
        try:
            while True:
                self._wake.clear()
                try:
                    due = await self._due()
                    if due and service is None:
                        service = await asyncio.to_thread(open_service, self._context.settings.github, self._root)
                    if due and service is not None:
                        await asyncio.gather(*(self._ask_readable(service, one) for one in due))
                    wait = await self._wait()
                except StoreError as error:
                    log.warning("the store cannot be used now: %s", error.message)
                    wait = STORE_RETRY
                await within(self._wake, wait)
        finally:
            if service is not None:
                await service.close()

    @property
    def _root(self) -> Path:
        return self._context.paths.root

    async def _due(self) -> list[Due]:
        """What is to be asked now: one alone while the service is in trouble."""
        limit = 1 if self._breaker.open else AT_ONCE
        values = {"at": stamp(self._context.clock.now()), "limit": limit}
        rows = await self._context.database.all(SIGNALS["armed"], values)
        return [due for row in rows if (due := await self._read(row)) is not None]

    async def _read(self, row: sqlite3.Row) -> Due | None:
        """None for a gate that cannot be read: it is asked about no more, and holds its own task alone (R16)."""
        try:
            spec = gate_spec_from(row)
        except Unreadable as error:
            await self._set_aside(row["gate"], row["version"], error)
            return None
        head = spec.head_sha or row["watched"] or (row["head"] if spec.pr is None else None)
        return Due(row["gate"], row["version"], spec, head, row["failures"])

    async def _set_aside(self, gate: str, version: int, error: Unreadable) -> None:
        log.error("gate %s is asked about no more: %s", gate, error.message)
        await self._context.database.write(lambda tx: tx.run(SIGNALS["unwatch"], {"gate": gate, "version": version}))

    async def _wait(self) -> float | None:
        rows = await self._context.database.all(SIGNALS["next_watch"])
        if rows[0]["at"] is None:
            return None
        next_at = rows[0]["at"]
        now = stamp(self._context.clock.now())
        return 0.0 if next_at <= now else min(SAFETY_TIMER, _seconds(now, next_at))

    async def _ask_readable(self, service: "GitHub", due: Due) -> None:
        """What was found may close the gates around it, and one of these may be what cannot be read."""
        try:
            await self._ask(service, due)
        except Unreadable as error:
            await self._set_aside(due.gate, due.version, error)

    async def _ask(self, service: "GitHub", due: Due) -> None:
        clock, settings = self._context.clock, self._context.settings.github
        held = self._breaker.held(clock.monotonic())
        if held > 0:
            words = f"{self._trouble}; no gate asks it for a while"
            await self._context.database.write(
                partial(_troubled, due=due, words=words, wait=held, failures=due.failures)
            )
            return
        try:
            finding = await look(service, due.spec, due.head)
        except Trouble as trouble:
            await self._failed(due, trouble)
            return
        self._breaker.answered()
        wait = wait_after(settings.poll_interval, 0, self._context.random)
        await self._context.database.write(partial(apply_finding, due=due, finding=finding, wait=wait))

    async def _failed(self, due: Due, trouble: Trouble) -> None:
        now = self._context.clock.monotonic()
        self._breaker.failed(now)
        self._trouble = trouble.message
        wait = wait_after(self._context.settings.github.poll_interval, due.failures + 1, self._context.random)
        if trouble.wait is not None:
            self._breaker.rest(now, trouble.wait)
            wait = max(wait, trouble.wait)
        log.info("gate %s cannot be asked about: %s", due.gate, trouble.message)
        unit = partial(_troubled, due=due, words=trouble.message, wait=wait, failures=due.failures + 1)
        await self._context.database.write(unit)


def apply_finding(tx: Tx, *, due: Due, finding: Finding, wait: float) -> bool:
    """Note what was seen, and resolve the gate when that is an end; False, and nothing is written, when the watch is
    not the one that asked any more: its gate closed, or it was registered again (R68)."""
    values = {
        "gate": due.gate, "version": due.version, "next_at": stamp(tx.now + timedelta(seconds=wait)), "trouble": None,
        "polled_at": tx.at, "seen": finding.words, "failures": 0, "head": finding.head,
    }  # fmt: skip
    if tx.run(SIGNALS["polled"], values) != 1:
        return False
    if finding.head is not None and due.head != finding.head:
        tx.run(GATES["pin"], {"id": due.gate, "head": finding.head})
    if finding.status is not None:
        receive(tx, _signal(due, finding))
    elif due.head is None:
        take_early(tx, due.gate)  # what the commit under test is has become known with this answer
    return True


def _signal(due: Due, finding: Finding) -> Signal:
    spec = due.spec
    values = {"type": spec.kind, "status": finding.status, "repo": spec.repo, "pr": spec.pr, "gate": due.gate}
    more = {"head_sha": finding.head, "name": spec.name, "by": "github", "via": "poll"}
    return Signal.model_validate({**values, **more, "data": {"summary": finding.words}})


def _troubled(tx: Tx, *, due: Due, words: str, wait: float, failures: int) -> None:
    values = {
        "gate": due.gate, "version": due.version, "next_at": stamp(tx.now + timedelta(seconds=wait)), "trouble": words,
        "polled_at": None, "seen": None, "failures": failures, "head": None,
    }  # fmt: skip
    if tx.run(SIGNALS["polled"], values) == 1 and due.head is None:
        take_early(tx, due.gate)  # what has come since it opened waits for an answer that is not to be had


def _seconds(now: str, then: str) -> float:
    return (datetime.fromisoformat(then) - datetime.fromisoformat(now)).total_seconds()


def open_service(settings: GithubSettings, root: Path) -> "GitHub":
    """The client; loads httpx."""
    from engine.signals.github import GitHub

    return GitHub(settings.api_url, partial(_token, settings, root))


def _token(settings: GithubSettings, root: Path) -> str | None:
    try:
        return token_now(settings.token_file, settings.token_env, root)
    except Invalid as error:
        raise Trouble(f"github.token_file: {error.message}") from error
