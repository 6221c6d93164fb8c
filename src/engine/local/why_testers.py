"""Why a tester does nothing just now, and what the testers of a group have found."""

import sqlite3

from engine.dispatch.steps import TESTERS
from engine.dispatch.testers.teams import teams_of
from engine.model import BatchOutcome, TaskKind, TaskRecord

SHOWN = 10
SAID = {BatchOutcome.REGRESSED: "found broken", BatchOutcome.FAILED: "could not test"}


def idle_reasons(connection: sqlite3.Connection, task: TaskRecord) -> list[str]:
    """What a pending tester waits for, other than room; nothing when it may start."""
    team = next(team for team in teams_of(connection, task.goal) if team.group == task.tests)
    if not team.workers:
        return [f"nobody works in {team.key}: there is nothing to be beside"]
    if len(team.live) >= team.allowed:
        beside = f"{team.workers} live {'worker' if team.workers == 1 else 'workers'} of {team.key}"
        return [f"{len(team.live)} of {team.allowed} testers live beside {beside} (testers.ratio {team.ratio:g})"]
    if connection.execute(TESTERS["due"], {"group": team.group, "batch": 1}).fetchone() is None:
        return [f"all that is done in {team.key} was tested since something of the goal was last done"]
    return []


def tester_reasons(connection: sqlite3.Connection, task: TaskRecord) -> list[str]:
    """What the testers of a group have found broken or could not test, the newest first."""
    if task.kind is not TaskKind.GROUP or task.spec.testers is None:
        return []
    rows = connection.execute(TESTERS["found_in"], {"group": task.id, "limit": SHOWN}).fetchall()
    return [
        f"{row['tester']} (run {row['n']}) {SAID[BatchOutcome(row['outcome'])]} {row['key']}: {row['words']}"
        for row in rows
    ]
