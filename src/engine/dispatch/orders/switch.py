"""The kill switch: one fact of the store. While it is off nothing starts anywhere; what runs is not touched (R23)."""

import sqlite3

from engine.errors import Conflict
from engine.events import EventType
from engine.store import Tx, named_queries

EVENTS = named_queries("events")
FACT = "dispatch"
OFF = "off"


def is_on(connection: sqlite3.Connection) -> bool:
    """On unless it was switched off."""
    row = connection.execute(EVENTS["fact"], {"name": FACT}).fetchone()
    return row is None or row["value"] != OFF


def require_position_on(position: str | None) -> None:
    """Conflict while the fact, as it was read inside this very transaction, says that it is off."""
    if position == OFF:
        raise Conflict("dispatch is off: nothing starts", hint="pilothouse dispatch on")


def switch(tx: Tx, on: bool, by: str) -> None:
    """Store the position; told only when it is another one."""
    if is_on(tx.connection) != on:
        tx.run(EVENTS["set_fact"], {"name": FACT, "value": "on" if on else OFF})
        tx.emit(EventType.ENGINE_DISPATCH, on=on, by=by)


def require_on(tx: Tx) -> None:
    """Conflict while it is off: asked inside the claim, so that nothing slips through."""
    require_position_on(None if is_on(tx.connection) else OFF)
