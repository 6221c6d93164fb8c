"""May this run reach that? By the list of its task, by what was answered before, else by a question, else never."""

from dataclasses import dataclass

from engine.api.asking import NEVER, ONCE, AskRequest
from engine.dispatch.decisions.asking import ask, subject_of
from engine.dispatch.steps import DECISIONS
from engine.events import EventType
from engine.ids import IdSource
from engine.model import DecisionKind, DecisionState, RunRecord, SandboxLimits, Verdict
from engine.model.destinations import EGRESS, Destination
from engine.store import Tx, named_queries

CONTACTS, DECIDING = named_queries("contacts"), named_queries("deciding")
MOST_HOSTS = 200  # different ones that a run may try: what it has tried is kept
MOST_ASKED = 20  # questions of one task that wait at once
OTHERS = Destination("(others)", 0)
"""Where everything beyond MOST_HOSTS is counted together."""


@dataclass(frozen=True)
class Standing:
    """What is said of one contact, and why; `decision`: the question it waits for."""

    verdict: Verdict
    reason: str
    decision: str | None = None


@dataclass(frozen=True)
class Contact:
    """One run that wants to reach something. `inside`: why that address is never reached, empty when it may be."""

    run: RunRecord
    limits: SandboxLimits
    to: Destination
    inside: str = ""


def judge(tx: Tx, ids: IdSource, contact: Contact, *, first: bool) -> Standing:
    """Decide, and keep what was decided; `first`: this is a contact, not a second look at one that waited."""
    run, to = contact.run, contact.to
    known = tx.one(CONTACTS["get"], _key(run.id, to))
    counted = tx.one(CONTACTS["count"], {"run": run.id})
    if known is None and counted is not None and counted["n"] >= MOST_HOSTS:
        to, known = OTHERS, tx.one(CONTACTS["get"], _key(run.id, OTHERS))
        standing = Standing(Verdict.REFUSED, f"its run has tried {MOST_HOSTS} hosts already")
    else:
        standing = _standing(tx, ids, contact)
    if known is None or (known["verdict"], known["reason"]) != (standing.verdict, standing.reason):
        keep(tx, run, to, standing)
    if first:
        tx.run(CONTACTS["try"], _key(run.id, to))
    if standing.verdict is Verdict.REFUSED:
        tx.run(CONTACTS["refuse"], _key(run.id, to))
    return standing


def keep(tx: Tx, run: RunRecord, to: Destination, standing: Standing) -> None:
    """Store what is said of a contact, and tell it."""
    values = {"verdict": standing.verdict, "reason": standing.reason, "at": tx.at}
    tx.run(CONTACTS["judge"], {**_key(run.id, to), **values})
    tx.emit(EventType.SANDBOX_EGRESS, goal=run.goal, task=run.task, run=run.id, to=str(to),
            verdict=standing.verdict, reason=standing.reason)  # fmt: skip


def refuse(tx: Tx, run: RunRecord, to: Destination, reason: str) -> None:
    """It was let through, and where it leads is not reached for another reason."""
    keep(tx, run, to, Standing(Verdict.REFUSED, reason))
    tx.run(CONTACTS["refuse"], _key(run.id, to))


def _key(run: str, to: Destination) -> dict[str, object]:
    return {"run": run, "host": to.host, "port": to.port}


def _standing(tx: Tx, ids: IdSource, contact: Contact) -> Standing:
    """The first of these that says something. A refusal for the goal stands above every list."""
    limits, to = contact.limits, contact.to
    if limits.network != EGRESS:
        return Standing(Verdict.REFUSED, f"the network of its task is {limits.network}")
    if contact.inside:
        return Standing(Verdict.REFUSED, f"it is {contact.inside}, and those are never reached")
    before = tx.one(CONTACTS["answered_for_goal"], {"goal": contact.run.goal, "to": str(to)})
    if before is not None and before["chosen"] == NEVER:
        return Standing(Verdict.REFUSED, f"the answer to {before['id']} is never, in this goal")
    if str(to) in limits.egress:
        return Standing(Verdict.ALLOWED, "its task lists it")
    if not limits.ask:
        return Standing(Verdict.REFUSED, "its task does not list it")
    if before is not None:
        return Standing(Verdict.ALLOWED, f"the answer to {before['id']} holds for this goal")
    return _asked(tx, ids, contact)


def _asked(tx: Tx, ids: IdSource, contact: Contact) -> Standing:
    """The question of this run about this host: one, however often it is met."""
    run, key = contact.run, str(contact.to)
    request = AskRequest(kind=DecisionKind.EGRESS, tool="connect", arguments={"to": key}, key=key)
    if tx.one(DECIDING["newest_of_subject"], {"subject": subject_of(run.id, request)}) is None:
        waiting = len(tx.all(DECIDING["open_asks_of_task"], {"task": run.task}))
        if waiting >= MOST_ASKED:
            return Standing(Verdict.REFUSED, f"{waiting} questions of its task wait for an answer already")
    decision = ask(tx, ids, run, request)
    row = tx.one(DECISIONS["get"], {"id": decision})
    assert row is not None
    match DecisionState(row["state"]):
        case DecisionState.PENDING | DecisionState.STAGED:
            return Standing(Verdict.ASKED, f"it waits for the answer to {decision}", decision)
        case DecisionState.ANSWERED if row["chosen"] == ONCE:
            return Standing(Verdict.ALLOWED, f"the answer to {decision} holds for this run")
        case _:
            return Standing(Verdict.REFUSED, f"{decision} ended without an answer")
