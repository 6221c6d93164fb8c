"""What an agent's structured output says of its run, read beside its log: acts, usage, rate limits (R33, R58)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

from engine.agents import Limit, RecordReader, Totals, adapter_for
from engine.api import LogQuery
from engine.dispatch.claims import Claimed
from engine.dispatch.context import Context
from engine.dispatch.limits.cooldowns import cool
from engine.dispatch.runs.usage import Usage, add_usage
from engine.dispatch.stalls.signs import Signs
from engine.dispatch.steps import RUNS
from engine.errors import PilothouseError
from engine.events import EventType
from engine.model import ExitCause, RunState, Stream
from engine.sandbox.log_lines import HEAD, OUT
from engine.sandbox.logs import RunLog, read_page
from engine.store import Tx
from engine.supervisor import Consequence

log = logging.getLogger(__name__)

STORE_EVERY = 2.0  # seconds between writes of what an agent did and used, at least
BACKLOG = 4 * 1024**2  # bytes of output that wait to be read before the log waits too
AT_ONCE = 16 * 1024  # bytes that are read on the loop; more go to a thread
END_GRACE = 15.0  # seconds the rest of the records may take once the output has ended
PAGE = 2_000  # lines of a log that are read again at once


class Transcript:
    """Reads the records of one run. Without an agent, or for one that prints text, it does nothing.

    Lines come in whole, in order and once, as they are stored. What they say reaches the store every STORE_EVERY
    seconds; a rate limit at once, and one the agent cannot go on from ends the run.
    """

    def __init__(self, context: Context, claimed: Claimed, signs: Signs, ask_end: Callable[[ExitCause], None]) -> None:
        self._context, self._claimed, self._signs, self._ask_end = context, claimed, signs, ask_end
        profile = context.settings.agents.get(claimed.task.spec.agent or "")
        adapter = None if profile is None else adapter_for(profile.output)
        self._reader = None if adapter is None else RecordReader(adapter)
        run = claimed.run
        self._stored = Totals(run.cost_usd, run.tokens_in, run.tokens_out)
        self._waiting: list[bytes] = []
        self._size = 0
        self._news, self._room = asyncio.Event(), asyncio.Event()
        self._over = self._deaf = False
        self._act = self._told = ""
        self._session = run.session or ""
        self._next_store = 0.0
        self._task: asyncio.Task[None] | None = None

    async def begin(self, run_log: RunLog) -> None:
        """Read along from here on; of an adopted run, first what the engine before this one had stored."""
        reader, run = self._reader, self._claimed.run
        if reader is None:
            return
        if run.state is RunState.RUNNING:
            await asyncio.to_thread(_read_again, reader, run_log.folder, run.id)
            self._end_if_limited()
        run_log.tap = self._feed
        self._task = self._context.crew.start(f"agent {run.sandbox}", self._follow(), on_crash=Consequence.REPORT)

    def paced(self, rest: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        """The pace of a log that is read along: `rest`, and no faster than its records are read."""
        if self._reader is None:
            return rest

        async def both() -> None:
            await rest()
            while self._size > BACKLOG and not self._deaf:
                self._room.clear()
                await self._room.wait()

        return both

    async def end(self, run_log: RunLog) -> None:
        """The output has ended: read and store the rest, and say how much of it could not be read."""
        reader = self._reader
        if reader is None or self._task is None:
            return
        run_log.flush()
        self._over = True
        self._news.set()
        await asyncio.wait({self._task}, timeout=END_GRACE)
        if reader.broken or reader.unknown:
            run_log.note(_skipped(reader), self._context.clock.now())

    def let_go(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _feed(self, stored: bytes) -> None:
        if not self._deaf and b" {" in stored:
            self._waiting.append(stored)
            self._size += len(stored)
            self._news.set()

    async def _follow(self) -> None:
        try:
            while not self._over or self._waiting:
                await self._heard()
                self._news.clear()
                await self._take()
                if self._context.clock.monotonic() >= self._next_store:
                    await self._store()
            await self._store()
        finally:
            self._deaf = True
            self._room.set()

    async def _heard(self) -> None:
        """Until there is something to read, or what was read is to be stored."""
        left = self._next_store - self._context.clock.monotonic()
        if not self._unstored() or self._news.is_set():
            await self._news.wait()
        elif left > 0:
            try:
                async with asyncio.timeout(left):
                    await self._news.wait()
            except TimeoutError:
                return

    async def _take(self) -> None:
        assert self._reader is not None
        batch, size, self._waiting, self._size = self._waiting, self._size, [], 0
        self._room.set()
        if size > AT_ONCE:
            found = await asyncio.to_thread(self._reader.read, _records(batch))
        else:
            found = self._reader.read(_records(batch))
        for act in found.actions:
            self._signs.act(act)
            self._act = act
        for limit in found.limits:
            await self._cool(limit)
        self._end_if_limited()

    def _end_if_limited(self) -> None:
        if self._reader is not None and self._reader.limit is not None:
            self._ask_end(ExitCause.RATE_LIMIT)

    async def _cool(self, limit: Limit) -> None:
        """Told at once: everything else on the provider waits from here on."""
        context, run, spec = self._context, self._claimed.run, self._claimed.task.spec
        provider = spec.provider or spec.agent or run.sandbox

        def unit(tx: Tx) -> None:
            cool(tx, provider, limit.seconds(tx.now), run, context.settings.engine, context.random)

        try:
            await context.database.write(unit)
        except PilothouseError as error:
            log.warning("the rate limit of %s is not stored: %s", provider, error.message)

    def _unstored(self) -> bool:
        renamed = self._reader is not None and self._reader.session not in ("", self._session)
        return renamed or self._act != self._told or any(vars(self._spent()).values())

    def _spent(self) -> Usage:
        """What was used beyond what is stored."""
        assert self._reader is not None
        new, old = self._reader.totals, self._stored
        return Usage(
            max(0.0, new.cost_usd - old.cost_usd),
            max(0, new.tokens_in - old.tokens_in),
            max(0, new.tokens_out - old.tokens_out),
        )

    async def _store(self) -> None:
        """One write for everything since the last one; what the store refuses goes with the next."""
        self._next_store = self._context.clock.monotonic() + STORE_EVERY
        if not self._unstored():
            return
        assert self._reader is not None
        run, act, spent, session = self._claimed.run, self._act, self._spent(), self._reader.session

        def unit(tx: Tx) -> None:
            if act != self._told:
                tx.emit(EventType.TASK_PROGRESS, goal=run.goal, task=run.task, run=run.id, message=act, by="agent")
            add_usage(tx, run.id, spent)
            if session not in ("", self._session):
                tx.run(RUNS["session"], {"id": run.id, "session": session})

        try:
            await self._context.database.write(unit)
        except PilothouseError as error:
            log.warning("what %s did and used is not stored yet: %s", run.id, error.message)
            return
        old = self._stored
        self._stored = Totals(
            old.cost_usd + spent.cost_usd, old.tokens_in + spent.tokens_in, old.tokens_out + spent.tokens_out
        )
        self._told, self._session = act, session or self._session


def _records(stored: Sequence[bytes]) -> Iterator[bytes]:
    """The lines of standard output that may be records."""
    for block in stored:
        for row in block.split(b"\n"):
            if row[:1] == OUT and row[HEAD : HEAD + 1] == b"{":
                yield row[HEAD:]


def _read_again(reader: RecordReader, folder: Path, run: str) -> None:
    """Everything the log of an adopted run holds: its totals and its limit are known again. Blocks on the disk."""
    after: int | None = -1
    while after is not None:
        page = read_page(folder, run, LogQuery(after=after, stream=Stream.OUT, limit=PAGE))
        reader.read(line.text.encode("utf-8", "replace") for line in page.lines if line.text.startswith("{"))
        after = page.reached


def _skipped(reader: RecordReader) -> str:
    counts = [(reader.broken, "could not be read"), (reader.unknown, "were of an unknown kind")]
    said = " and ".join(f"{count} {what}" for count, what in counts if count)
    return f"of the agent's records {said}: they were skipped"
