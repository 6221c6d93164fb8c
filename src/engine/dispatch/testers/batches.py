"""What a tester is given: done tasks of its group, the most valuable first, stored with the claim of its run."""

import sqlite3
from collections.abc import Mapping, Sequence

from engine.dispatch.claims import Claimed, Limits, claim
from engine.dispatch.steps import TESTERS
from engine.dispatch.testers.teams import Team, teams_of
from engine.errors import Conflict
from engine.ids import IdSource
from engine.store import Tx


class NothingToTest(Conflict):
    """Every done task of the group was tested since something of the goal was last done, or is being tested."""

    code = "nothing_to_test"


def claim_batch(tx: Tx, tester: str, group: str, goal: str, limits: Limits, ids: IdSource, engine: str) -> Claimed:
    """pending → claimed with a new run and its batch; NothingToTest, or another Conflict when it may not start, and
    nothing is written."""
    team = _team_of(tx.connection, goal, group)
    if len(team.live) >= team.allowed:
        raise Conflict(f"{len(team.live)} testers live beside {team.workers} workers of {team.key}")
    rows = tx.all(TESTERS["due"], {"group": group, "batch": team.batch})
    if not rows:
        raise NothingToTest(f"nothing done in {team.key} is to be tested")
    claimed = claim(tx, tester, limits, ids, engine)
    given = [{"goal": goal, "run": claimed.run.id, "task": row["id"], "at": tx.at} for row in rows]
    tx.many(TESTERS["give"], given)
    return claimed


def batch_of(connection: sqlite3.Connection, run: str) -> Sequence[sqlite3.Row]:
    """The tasks that the run of a tester was given, in their order; none for any other run."""
    return connection.execute(TESTERS["batch_of"], {"run": run}).fetchall()


def asked_to_test(prompt: str, batch: Sequence[sqlite3.Row | Mapping[str, str]]) -> str:
    """The prompt of a tester's agent with its batch and how it says what it found."""
    listed = "\n".join(f"- {row['key']}: {row['title']}" for row in batch)
    return (
        f"{prompt.rstrip()}\n\nTest whether what these tasks did still works, the first ones first:\n\n{listed}\n\n"
        "Say at the end which of them are broken, or that none is:\n\n"
        "    ph complete --broken KEY='what is wrong' --summary '…'\n"
    )


def _team_of(connection: sqlite3.Connection, goal: str, group: str) -> Team:
    return next(team for team in teams_of(connection, goal) if team.group == group)
