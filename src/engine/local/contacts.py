"""Contacts of runs as they are told: at their task, at a question about one of them, in the proof of what holds it."""

import sqlite3
from collections.abc import Iterator

from engine.api import ContactView
from engine.model import DecisionKind, DecisionRecord, Verdict
from engine.model.destinations import Destination
from engine.store import named_queries

CONTACTS = named_queries("contacts")
MOST_TOLD = 10  # hosts of one run that `why` names


def contacts_of(connection: sqlite3.Connection, task: str) -> tuple[ContactView, ...]:
    """What the runs of a task contacted, the newest run first."""
    rows = connection.execute(CONTACTS["of_task"], {"task": task}).fetchall()
    return tuple(ContactView.model_validate(dict(row)) for row in rows)


def contact_asked_about(connection: sqlite3.Connection, decision: DecisionRecord) -> ContactView | None:
    """The contact that an egress decision is about."""
    if decision.kind is not DecisionKind.EGRESS:
        return None
    run, _, asked = decision.subject.partition(f":{DecisionKind.EGRESS}:")
    return next(
        (found for found in contacts_of(connection, decision.task) if (found.run, found.to) == (run, asked)), None
    )


def contact_facts(connection: sqlite3.Connection, run: str) -> Iterator[str]:
    """What a run could not reach, or not yet."""
    rows = connection.execute(CONTACTS["of_run"], {"run": run}).fetchall()
    held = [row for row in rows if row["verdict"] != Verdict.ALLOWED]
    for row in held[:MOST_TOLD]:
        to = Destination(row["host"], row["port"])
        times = "" if row["tries"] == 1 else f" ({row['tries']} times)"
        if row["verdict"] == Verdict.ASKED:
            yield f"wants to reach {to}{times}: {row['reason']}"
        else:
            yield f"was kept from {to}{times}: {row['reason']}"
    if len(held) > MOST_TOLD:
        yield f"was kept from {len(held) - MOST_TOLD} more hosts"
