"""Engines that die while a run is starting: the task that takes them down is stopped after a few (R94)."""

from engine.dispatch.endings.ending import Ending, Policy
from engine.dispatch.endings.run_end import end_run
from engine.dispatch.steps import RUNS, TASKS
from engine.errors import Unreadable
from engine.model import ExitCause, RunState
from engine.store import Tx, named_queries
from engine.store.rows import run_from, task_from

EVENTS = named_queries("events")
FACT = "owner"
HELD, FREE = "held", "free"


def take_hold(tx: Tx) -> bool:
    """An engine owns the project from here on; whether the one before it died without letting go."""
    row = tx.one(EVENTS["fact"], {"name": FACT})
    tx.run(EVENTS["set_fact"], {"name": FACT, "value": HELD})
    return row is not None and row["value"] == HELD


def let_go(tx: Tx) -> None:
    """The engine ends in good order: what it leaves behind was not its death."""
    tx.run(EVENTS["set_fact"], {"name": FACT, "value": FREE})


def stop_what_kills(tx: Tx, policy: Policy) -> int:
    """After a death: count it for every run that was about to start, and block the tasks that reach the limit with a
    decision. Returns how many were blocked. A start that succeeds sets the count back."""
    limit, blocked = policy.settings.start_deaths, 0
    for row in tx.all(RUNS["live"]):
        try:
            run = run_from(row)
            task_from(dict(tx.one(TASKS["get"], {"id": run.task}) or {}))
        except Unreadable:
            continue  # it is not driven, so it is no death of ours
        if run.state not in (RunState.CREATED, RunState.STARTING):
            continue
        counted = tx.one(TASKS["count_engine_death"], {"id": run.task})
        assert counted is not None
        deaths = int(counted["engine_deaths"])
        if deaths >= limit:
            message = f"the engine died {deaths} times while this was starting"
            end_run(tx, run, Ending(ExitCause.START_ERROR, message, permanent=True), policy)
            blocked += 1
    return blocked
