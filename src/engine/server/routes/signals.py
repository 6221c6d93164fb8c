"""Signals from outside: from operators and scripts, from signed webhooks, and from holders of one gate's token."""

from typing import Annotated

from fastapi import APIRouter, Header, Request

from engine.api import CallbackToken, Delivery, Signal, SignalOutcome, Word
from engine.errors import Refused
from engine.server.bodies import Ordered
from engine.server.routes.parts import Ref, TheEngine

router = APIRouter(tags=["signals"])
BEARER = "bearer "


@router.post("/signals/resolve")
async def resolve(engine: TheEngine, body: Signal) -> SignalOutcome:
    """Resolve every open gate that it fits, or keep it for one that opens later. A human gate takes its id only."""
    return await engine.signal(body)


@router.post("/gates/{ref}/callback")
async def callback_token(engine: TheEngine, ref: Ref, body: Ordered | None = None) -> CallbackToken:
    """A fresh token that resolves this one open gate; the one before it ends. It is shown here and nowhere else."""
    return await engine.callback_token(ref, (body or Ordered()).by)


@router.post("/callbacks/{ref}")
async def callback(
    engine: TheEngine, ref: Ref, body: Word, authorization: Annotated[str | None, Header()] = None
) -> SignalOutcome:
    """Resolve the gate whose token is sent as `Authorization: Bearer`; the token ends with its gate."""
    if authorization is None or not authorization.lower().startswith(BEARER):
        raise Refused("a callback needs its token", hint="send `Authorization: Bearer TOKEN`")
    return await engine.callback(ref, authorization[len(BEARER) :].strip(), body)


@router.post("/webhooks/{source}")
async def webhook(engine: TheEngine, source: Ref, request: Request) -> SignalOutcome:
    """A delivery with the HMAC SHA-256 of its raw body; `github` takes GitHub's events, any other source a signal.
    The same bytes a second time have no second effect."""
    body = await request.body()
    headers = {name.lower(): value for name, value in request.headers.items()}
    return await engine.deliver(Delivery(source=source, headers=headers, body=body))
