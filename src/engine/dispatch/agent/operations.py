"""Everything an agent may ask for, by method and name: nothing else is answered at a run's door (R110, R111)."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from engine.api.asking import AskRequest
from engine.api.requests import Request
from engine.dispatch.agent import checkpoints, leases, looks, messages, questions, registry, reports, subtasks
from engine.dispatch.agent.caller import Caller
from engine.errors import Invalid, NotFound
from engine.sandbox_api import requests
from engine.sandbox_api.wire import Answered, Asked, Refused

PREFIX = "/sandbox/v1/"
SHOWN = 8  # problems named in one sentence

Document = dict[str, object]


@dataclass(frozen=True)
class Order:
    """A POST: its model, what does it, and what it is for."""

    model: type[Request]
    does: Callable[[Caller, Any], Awaitable[Document]]
    about: str


@dataclass(frozen=True)
class Look:
    """A GET: the model of its query, what answers it, and what it is for."""

    model: type[Request]
    does: Callable[[Caller, dict[str, str]], Awaitable[Document]]
    about: str


ORDERS: Mapping[str, Order] = {
    "complete": Order(requests.Complete, reports.complete, "Say how the work went; the run ends when its process does"),
    "fail": Order(requests.Fail, reports.fail, "Say that the work cannot be done; the run has failed"),
    "progress": Order(requests.Progress, reports.progress, "Say how far the work is"),
    "heartbeat": Order(requests.Heartbeat, reports.heartbeat, "Say that this agent lives, and nothing else"),
    "register": Order(requests.Register, registry.register, "Say what this agent is and can do"),
    "ask": Order(AskRequest, questions.ask, "Ask a human"),
    "artifact": Order(requests.Artifact, reports.artifact, "Keep a plain file of the work folder"),
    "handoff": Order(requests.Handoff, reports.handoff, "Leave values for the tasks that need this one"),
    "checkpoint": Order(requests.Checkpoint, checkpoints.checkpoint, "Keep the whole state of this task under a name"),
    "checkpoint/restore": Order(requests.Restore, checkpoints.restore_own, "Put an earlier state of this task back"),
    "subtasks": Order(requests.Subtasks, subtasks.replace, "Replace what is pending in the group this task plans"),
    "message": Order(requests.Message, messages.message, "Tell, ask or answer another agent of this goal, or tell all"),
    "lease": Order(requests.Acquire, leases.acquire, "Hold a name alone, for a time"),
    "lease/renew": Order(requests.Held, leases.renew, "Begin the time of a lease anew"),
    "lease/release": Order(requests.Held, leases.release, "Let go of a lease"),
}
LOOKS: Mapping[str, Look] = {
    "status": Look(requests.Nothing, looks.status, "This run: what it holds, what waits for it, whether it is to end"),
    "inputs": Look(requests.Nothing, looks.inputs, "What this run was given: feedback, dependencies, the task's state"),
    "messages": Look(requests.Patience, messages.messages, "What other agents said; each message is given out once"),
    "agents": Look(requests.Among, registry.agents, "Who else works on this goal"),
    "checkpoints": Look(requests.Nothing, checkpoints.checkpoints, "The states of this task, oldest first"),
}
ANSWER = "answer/"
MCP = f"{PREFIX}mcp"  # one message of the Model Context Protocol: every operation above is a tool there


async def answer(caller: Caller, asked: Asked) -> Answered:
    """Route one request of a run that has shown its token."""
    if not asked.path.startswith(PREFIX):
        raise NotFound(f"there is no {asked.path[:100]}", hint=f"everything here is under {PREFIX}")
    name = asked.path.removeprefix(PREFIX)
    if asked.method == "GET":
        return Answered(200, await look(caller, name, dict(asked.query)))
    if asked.method != "POST":
        raise Refused(405, f"{asked.method[:20]} is not taken here")
    return Answered(200, await order(caller, name, asked.body))


async def look(caller: Caller, name: str, query: dict[str, str]) -> Document:
    """Answer one GET."""
    if name.startswith(ANSWER):
        return await questions.answer(caller, name.removeprefix(ANSWER), query)
    if name not in LOOKS:
        raise Refused(405, f"{name} is a POST") if name in ORDERS else _unknown(name)
    return await LOOKS[name].does(caller, query)


async def order(caller: Caller, name: str, body: bytes) -> Document:
    """Carry out one POST, or one letter of the outbox; secrets of the run are cut out of what it says."""
    if name not in ORDERS:
        raise Refused(405, f"{name} is a GET") if name in LOOKS or name.startswith(ANSWER) else _unknown(name)
    wanted = ORDERS[name]
    return await wanted.does(caller, parsed(wanted.model, caller.redactor.data(_document(body))))


def _unknown(name: str) -> NotFound:
    return NotFound(f"there is no operation {name[:100]!r}", hint="see `ph --help`")


def _document(body: bytes) -> object:
    try:
        return from_json(body or b"{}", allow_inf_nan=False)
    except ValueError as error:
        raise Invalid(f"the body is no JSON: {error}") from error


def parsed(model: type[Request], data: object) -> Request:
    """The request, or Refused with 422 and what is wrong in it; values are not echoed."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        rows = [
            f"{'.'.join(str(part) for part in row['loc']) or 'body'}: {row['msg']}" for row in error.errors()[:SHOWN]
        ]
        raise Refused(422, "; ".join(rows), hint="see `ph --help`") from error
