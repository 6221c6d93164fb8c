"""A run's own token: 256 random bits, kept as a hash, good for as long as its run has not ended (R43, R93, R116)."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from engine.dispatch.agent.caller import Caller
from engine.dispatch.claims import Claimed, mark_all_starting
from engine.dispatch.context import Context
from engine.dispatch.steps import AGENTS
from engine.events import EventType
from engine.model import RunRecord, RunState
from engine.sandbox_api.wire import Refused
from engine.store import Share, Tx

PREFIX = "pht_"  # so that one is known, and cut out, wherever it turns up


def role_of(claimed: Claimed) -> str:
    """What its run is there for."""
    return "work" if claimed.task.tests is None else "test"


def hashed(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


@dataclass(frozen=True)
class _Issue:
    """The hash of a run's new token, and what the run is there for."""

    hash: str
    run: RunRecord
    role: str


async def issue_token(context: Context, claimed: Claimed) -> str:
    """A new token of a run, which is registered with it, and from the commit of which on it is starting.

    An earlier one of the same run stays good: a start whose effect is unknown may have given it away already. Raises
    StoreError, and then nothing starts.
    """
    token = PREFIX + secrets.token_hex(32)
    await context.database.write(Share(_issue_all, _Issue(hashed(token), claimed.run, role_of(claimed))))
    return token


def _issue_all(tx: Tx, issues: Sequence[_Issue]) -> Sequence[None]:
    tx.many(AGENTS["issue_token"], [{"hash": each.hash, "run": each.run.id, "at": tx.at} for each in issues])
    for run, role in ((each.run, each.role) for each in issues):
        if tx.run(AGENTS["register"], {"run": run.id, "role": role, "at": tx.at}) == 1:
            tx.emit(EventType.AGENT_REGISTERED, goal=run.goal, task=run.task, run=run.id, role=role)
    mark_all_starting(tx, [each.run.id for each in issues if each.run.state is RunState.CREATED])
    return [None] * len(issues)


async def require_bearer(caller: Caller, bearer: str) -> None:
    """Raise Refused unless the token is of this door's run, and that run has not ended."""
    if not bearer:
        raise Refused(401, "no token", hint="send `Authorization: Bearer $PILOTHOUSE_TOKEN`")
    row = await caller.context.database.one(AGENTS["bearer"], {"hash": hashed(bearer)})
    if row is None:
        raise Refused(401, "this token is not known")
    if row["run"] != caller.run or row["state"] == RunState.ENDED:
        raise Refused(403, "this token is of another run, or of one that has ended")
