"""An agent asks a human, and waits for the answer: over a restart of the engine it is the same decision (R81)."""

import json
import sqlite3

from engine.api.asking import AskAnswer, AskRequest
from engine.dispatch.agent.caller import Caller, number
from engine.dispatch.decisions.asking import answer_of
from engine.dispatch.decisions.asking import ask as open_ask
from engine.dispatch.exchange import within
from engine.dispatch.steps import DECISIONS
from engine.errors import Invalid, NotFound
from engine.model import AnswerKind, DecisionKind, DecisionState
from engine.sandbox_api.wire import Refused
from engine.store import Tx, named_queries

Document = dict[str, object]
DECIDING = named_queries("deciding")
MOST_OPEN = 20  # questions of one task that wait at once
LONGEST_LOOK = 60.0  # seconds
OPEN = (DecisionState.PENDING, DecisionState.STAGED)
MAY_ASK = (DecisionKind.QUESTION, DecisionKind.PERMISSION)


async def ask(caller: Caller, said: AskRequest) -> Document:
    """Open the decision, or find the one that this question of this run has already."""
    if said.kind not in MAY_ASK:
        raise Invalid(f"an agent asks {' or '.join(MAY_ASK)}", hint="contacts are asked about by the proxy")

    def unit(tx: Tx) -> str:
        if len(tx.all(DECIDING["open_asks_of_task"], {"task": caller.task})) > MOST_OPEN:
            raise Refused(429, f"{MOST_OPEN} questions wait already", hint="wait for an answer")
        return open_ask(tx, caller.context.ids, caller.claimed.run, said)

    decision = await caller.context.database.write(unit)
    return _told(await _wait_for(caller, decision))


async def answer(caller: Caller, decision: str, query: dict[str, str]) -> Document:
    """How a question of this run stands. `wait`: seconds to wait for the answer."""
    await caller.context.database.read(lambda connection: _require_own(connection, caller.run, decision))
    deadline = caller.context.clock.monotonic() + min(number(query.get("wait", "0")), LONGEST_LOOK)
    while True:
        bell = caller.exchange.bells.get(f"decision:{decision}")
        found = await _wait_for(caller, decision)
        left = deadline - caller.context.clock.monotonic()
        if found.state not in OPEN or left <= 0:
            return _told(found)
        await within(bell, left)


def _require_own(connection: sqlite3.Connection, run: str, decision: str) -> None:
    row = connection.execute(DECISIONS["get"], {"id": decision}).fetchone()
    if row is None or not str(row["subject"]).startswith(f"{run}:"):
        raise NotFound(f"this run has asked no {decision[:40]}")


async def _wait_for(caller: Caller, decision: str) -> AskAnswer:
    """How it stands; while it is open its run waits, and its idle time does not go on (R50)."""
    why = f"waits for the answer to {decision}"
    caller.signs.wait(f"ask:{decision}", why)  # before the look: an answer after it is told by a bell
    found = await caller.context.database.read(lambda connection: answer_of(connection, decision))
    if found.state not in OPEN:
        caller.signs.go_on(f"ask:{decision}")
    return found


def _told(found: AskAnswer) -> Document:
    """`text` is what the client prints; `state` is open, answered, rejected or cancelled."""
    state = "open" if found.state in OPEN else "cancelled" if found.answer is None else "answered"
    if found.answer is AnswerKind.REJECT:
        state = "rejected"
    document: Document = {"id": found.decision, "open": state == "open", "state": state, "text": _text(found)}
    return {**document, **found.model_dump(mode="json", exclude={"decision", "state"}, exclude_none=True)}


def _text(found: AskAnswer) -> str:
    if found.option is not None:
        return found.option
    if found.fields:
        alone = found.fields.get("answer") if len(found.fields) == 1 else None
        return alone if isinstance(alone, str) else json.dumps(found.fields)
    return found.feedback or (found.answer or "")
