"""Parameters that routes share."""

import asyncio
from typing import Annotated
from urllib.parse import unquote

from fastapi import Depends, Header, Path, Request
from pydantic import AfterValidator

from engine.api import Engine


def _engine(request: Request) -> Engine:
    engine: Engine = request.app.state.engine
    return engine


def _closing(request: Request) -> asyncio.Event:
    closing: asyncio.Event = request.app.state.closing
    return closing


TheEngine = Annotated[Engine, Depends(_engine)]
Closing = Annotated[asyncio.Event, Depends(_closing)]
Ref = Annotated[
    str,
    Path(description="an id, a unique prefix of one, or GOAL%2FKEY for a task"),
    AfterValidator(unquote),  # the door leaves paths as they were sent
]
LastEventId = Annotated[int | None, Header(alias="last-event-id", ge=0)]
