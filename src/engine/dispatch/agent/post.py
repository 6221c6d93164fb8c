"""Letters between agents: stored once, delivered to each inbox once, or failed for that one inbox alone (R106)."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from engine.dispatch.steps import AGENTS, MESSAGES
from engine.errors import Conflict
from engine.events import EventType
from engine.ids import ALPHABET
from engine.model import DeliveryState
from engine.store import Tx
from engine.store.rows import Row

INBOX = 200  # unread letters of one run; one more is not delivered
ENGINE = "engine"


@dataclass(frozen=True)
class Letter:
    """What is sent; `sender` None is the operator or the engine. `answers`: the request it is a response to."""

    goal: str
    kind: str
    type: str
    body: Mapping[str, object]
    sender_name: str
    sender: str | None = None
    answers: int | None = None
    urgent: bool = False
    key: str | None = None


@dataclass(frozen=True)
class Posted:
    """delivered + failed = subscribers."""

    id: int
    delivered: tuple[str, ...]
    failed: Mapping[str, str]


def post(tx: Tx, letter: Letter, to: Iterable[str], event: EventType, key: str) -> Posted:
    """Store a letter and put it into the inbox of every run; an inbox that takes no more harms no other."""
    state = "open" if letter.kind == "request" else "sent"
    values = {
        "key": key, "goal": letter.goal, "kind": letter.kind, "type": letter.type, "sender": letter.sender,
        "sender_name": letter.sender_name, "answers": letter.answers, "urgent": int(letter.urgent),
        "body": json.dumps(letter.body), "state": state, "at": tx.at,
    }  # fmt: skip
    row = tx.one(MESSAGES["insert"], values)
    assert row is not None
    delivered, failed = [], {}
    for run in to:
        problem = _problem(tx, run)
        if problem:
            failed[run] = problem
        else:
            tx.run(MESSAGES["deliver"], {"message": row["id"], "run": run, "state": DeliveryState.QUEUED})
            delivered.append(run)
    tx.emit(event, goal=letter.goal, run=letter.sender, message=row["id"], topic=letter.type, answers=letter.answers,
            by=letter.sender_name, to=delivered, failed=sorted(failed), urgent=letter.urgent)  # fmt: skip
    return Posted(int(row["id"]), tuple(delivered), failed)


def _problem(tx: Tx, run: str) -> str:
    if tx.one(AGENTS["live_run"], {"run": run}) is None:
        return "it has ended"
    row = tx.one(MESSAGES["unread"], {"run": run})
    assert row is not None
    return f"its inbox holds {INBOX} unread messages" if row["n"] >= INBOX else ""


def tell(tx: Tx, run: Row, type: str, body: Mapping[str, object]) -> None:
    """The engine's own word to a run; `run` has `run` and `goal`."""
    letter = Letter(run["goal"], "message", type, body, ENGINE, urgent=True)
    post(tx, letter, [run["run"]], EventType.MESSAGE_SENT, f"{ENGINE}-{type}-{run['run']}-{body.get('fence')}")


def tell_by_operator(tx: Tx, run: str, goal: str, text: str, by: str, key: str) -> Posted:
    """An operator's words to one agent; Conflict when they cannot be delivered."""
    posted = post(tx, Letter(goal, "message", "operator", {"text": text}, by, urgent=True), [run],
                  EventType.MESSAGE_SENT, key)  # fmt: skip
    if posted.failed:
        raise Conflict(f"{run} was not reached: {posted.failed[run]}")
    return posted


def fresh_key(random_bits: int) -> str:
    """A key for a message that has none of its own."""
    return "k-" + "".join(ALPHABET[random_bits >> (5 * n) & 31] for n in range(20))
