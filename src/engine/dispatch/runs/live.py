"""The runs this engine drives, one entry per run, and one owner each."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from engine.about import about
from engine.dispatch.claims import Claimed
from engine.dispatch.context import Context
from engine.dispatch.runs.driving import see_through
from engine.dispatch.runs.life import LiveRun
from engine.model import ExitCause
from engine.sandbox.logs import RunLog
from engine.supervisor import Consequence


class LiveRuns:
    """Live runs by id; each is seen through to its end, however often its driver dies.

    `on_room` is called when a run is over and its sandbox is gone, so that its place can be taken.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._runs: dict[str, LiveRun] = {}
        self._all_end: ExitCause | None = None
        self._changed = asyncio.Event()
        self.on_room: Callable[[], None] = lambda: None

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[LiveRun]:
        return iter(list(self._runs.values()))

    def __contains__(self, run: object) -> bool:
        return run in self._runs

    def start(self, claimed: Claimed) -> LiveRun:
        """Drive a run; ValueError when it is driven already (R21). After `end_all` it ends like the rest."""
        if claimed.run.id in self._runs:
            raise ValueError(f"{claimed.run.id} is driven already")
        live = LiveRun(self._context, claimed)
        self._runs[live.id] = live
        if self._all_end is not None:
            live.ask_end(self._all_end)
        run = claimed.run
        with about(goal=run.goal, task=run.task, run=run.id, clean=live.redactor.text):
            self._context.crew.start(f"run {live.id}", self._drive(live), on_crash=Consequence.REPORT)
        return live

    async def _drive(self, live: LiveRun) -> None:
        try:
            await see_through(self._context, live)
        finally:
            self._context.metrics.logged(0 if live.log is None else live.log.uncounted())
            del self._runs[live.id]
            self._changed.set()
            self.on_room()

    def end_tasks(self, tasks: Sequence[str], cause: ExitCause) -> None:
        """Ask the runs of these tasks to end."""
        for live in self:
            if live.claimed.task.id in tasks:
                live.ask_end(cause)

    def freeze(self, run: str) -> None:
        """Its clocks stand still, if it is driven here."""
        if run in self._runs:
            self._runs[run].clocks.freeze()

    def thaw(self, run: str) -> None:
        if run in self._runs:
            self._runs[run].clocks.thaw()

    def kill(self, run: str, by: str) -> bool:
        """End it by an operator's order; False when it is not driven here."""
        live = self._runs.get(run)
        if live is not None:
            live.kill(by)
        return live is not None

    def interrupted(self, run: str, by: str | None, at: datetime | None) -> None:
        """Its turn was interrupted, if it is driven here; an engine to come reads that in its row."""
        live = self._runs.get(run)
        if live is not None:
            told = live.claimed.run.model_copy(update={"interrupted_by": by, "interrupted_at": at})
            live.claimed = replace(live.claimed, run=told)

    async def gone(self, run: str) -> None:
        """Return once this run is driven no more."""
        while run in self._runs:
            self._changed.clear()
            await self._changed.wait()

    def log_of(self, run: str) -> RunLog | None:
        """The log of a run that is driven here, once it is open."""
        live = self._runs.get(run)
        return None if live is None else live.log

    async def ended(self) -> None:
        """Return once no run is live."""
        while self._runs:
            self._changed.clear()
            await self._changed.wait()

    async def cleaned(self) -> None:
        """Return once no run that is over still has its sandbox removed."""
        while any(live.over for live in self):
            self._changed.clear()
            await self._changed.wait()

    def end_all(self, cause: ExitCause) -> None:
        """Ask every run to end, and each one that starts from here on (R97)."""
        self._all_end = cause
        for live in self:
            live.ask_end(cause)
