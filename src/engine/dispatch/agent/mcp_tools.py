"""The operations of a run as tools: made of the one table that its HTTP door has, with its models and its checks."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

from pydantic import Field
from pydantic_core import to_json

from engine.api.asking import AskRequest
from engine.api.requests import Request
from engine.dispatch.agent import operations
from engine.dispatch.agent.caller import Caller
from engine.dispatch.agent.operations import ANSWER, LOOKS, ORDERS, Document, parsed
from engine.dispatch.steps import PLANS
from engine.errors import NotFound
from engine.sandbox_api import requests

LONGEST_LOOK = 60  # seconds one look at an answer may take; a wait is made of them
SUBTASKS = "subtasks"

Arguments = dict[str, object]


@dataclass(frozen=True)
class Offer:
    """A tool: what its arguments are, and what calls the operation with them."""

    about: str
    model: type[Request]
    call: Callable[[Caller, Arguments], Awaitable[Document]]


class Question(AskRequest):
    """`wait`: seconds to wait for the answer; without it for as long as it takes. A question that comes back `open` is
    asked once all the same: `answer` looks at it again."""

    wait: float | None = Field(None, ge=0, le=86_400)


async def _order(name: str, caller: Caller, arguments: Arguments) -> Document:
    return await operations.order(caller, name, to_json(arguments))


async def _look(name: str, model: type[Request], caller: Caller, arguments: Arguments) -> Document:
    given = parsed(model, arguments).model_dump(mode="json", exclude_none=True)
    return await operations.look(caller, name, {key: str(value) for key, value in given.items()})


async def _ask(caller: Caller, arguments: Arguments) -> Document:
    """Ask, then look for the answer until it is there, the wait is over, or nobody waits any more."""
    asked = parsed(Question, arguments)
    assert isinstance(asked, Question)
    found = await _order("ask", caller, {key: value for key, value in arguments.items() if key != "wait"})
    clock = caller.context.clock
    deadline = None if asked.wait is None else clock.monotonic() + asked.wait
    while found["open"] and (deadline is None or clock.monotonic() < deadline):
        left = LONGEST_LOOK if deadline is None else min(LONGEST_LOOK, max(0.0, deadline - clock.monotonic()))
        found = await operations.look(caller, f"{ANSWER}{found['id']}", {"wait": str(left)})
    return found


async def _answer(caller: Caller, arguments: Arguments) -> Document:
    asked = parsed(requests.Answer, arguments)
    assert isinstance(asked, requests.Answer)
    return await operations.look(caller, f"{ANSWER}{asked.id}", {"wait": str(asked.wait)})


def tool_name(operation: str) -> str:
    """What an operation is called where names have no slash."""
    return "lease_acquire" if operation == "lease" else operation.replace("/", "_")


OFFERS: Mapping[str, Offer] = {
    **{tool_name(name): Offer(o.about, o.model, partial(_order, name)) for name, o in ORDERS.items()},
    **{tool_name(name): Offer(o.about, o.model, partial(_look, name, o.model)) for name, o in LOOKS.items()},
    "ask": Offer("Ask a human, and wait for the answer", Question, _ask),
    "answer": Offer("How an earlier question of this run stands, and its answer", requests.Answer, _answer),
}


async def offers(caller: Caller) -> Mapping[str, Offer]:
    """What this run may do: planning is offered to a task that plans a group, and to no other (R110)."""
    plans = await caller.context.database.one(PLANS["planned_by"], {"goal": caller.goal, "key": caller.name})
    return OFFERS if plans is not None else {name: offer for name, offer in OFFERS.items() if name != SUBTASKS}


async def call(caller: Caller, name: str, arguments: Arguments, said: str) -> Document:
    """Carry out one tool. `said` names this very call: a message that is sent again after a lost connection is one."""
    offer = (await offers(caller)).get(name)
    if offer is None:
        raise NotFound(f"there is no tool {name[:100]!r}", hint="tools/list names those of this run")
    if name == "message" and said:
        arguments = {"key": hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()[:20], **arguments}
    return await offer.call(caller, arguments)
