"""Who speaks: the run a door belongs to, and what its operations need of it."""

from dataclasses import dataclass, field
from pathlib import Path

from engine.dispatch.claims import Claimed
from engine.dispatch.context import Context
from engine.dispatch.exchange import Exchange
from engine.dispatch.stalls.signs import Signs
from engine.dispatch.steps import AGENTS, LEASES
from engine.errors import Conflict, Invalid
from engine.redaction import Redactor
from engine.sandbox_api.requests import Fenced
from engine.store import Tx


@dataclass(frozen=True)
class Caller:
    """One run at its door. `work` and `io` are its folders on this host."""

    context: Context
    claimed: Claimed
    signs: Signs
    redactor: Redactor
    work: Path
    io: Path
    places: tuple[str, ...] = field(default=("/workspace",))

    @property
    def run(self) -> str:
        return self.claimed.run.id

    @property
    def goal(self) -> str:
        return self.claimed.goal.id

    @property
    def task(self) -> str:
        return self.claimed.task.id

    @property
    def name(self) -> str:
        """What other agents call it: its task's key."""
        return self.claimed.task.key

    @property
    def exchange(self) -> Exchange:
        return self.context.exchange


def require_live(tx: Tx, run: str) -> None:
    """Raise Conflict once the run has ended: nothing it says counts any more (R93)."""
    if tx.one(AGENTS["live_run"], {"run": run}) is None:
        raise Conflict(f"{run} has ended", hint="only the current run of a task is heard")


def require_fence(tx: Tx, run: str, fenced: Fenced) -> None:
    """Raise Conflict unless the run holds the lease it writes under, with this very token (R104)."""
    if fenced.lease is not None:
        values = {"name": fenced.lease, "run": run, "fence": fenced.fence}
        if tx.one(LEASES["holds"], values) is None:
            raise Conflict(f"{fenced.lease} is not held with token {fenced.fence}", hint="acquire it again, then write")


def number(text: str) -> float:
    """Seconds as they stand in a query; Invalid for anything else."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e9:
        raise Invalid(f"{text[:40]!r} is no number of seconds")
    return value
