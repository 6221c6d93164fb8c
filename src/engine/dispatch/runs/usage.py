"""What agents cost, kept with the run and summed by goal."""

import sqlite3
from dataclasses import dataclass

from engine.dispatch.steps import RUNS
from engine.store import Tx


@dataclass(frozen=True)
class Usage:
    """What a run has used since it was asked last: US dollars, and tokens read and written."""

    cost_usd: float = 0.0
    tokens_in: int = 0
    tokens_out: int = 0


def add_usage(tx: Tx, run: str, usage: Usage) -> None:
    """Add to what a run has used."""
    values = {"id": run, "cost_usd": usage.cost_usd, "tokens_in": usage.tokens_in, "tokens_out": usage.tokens_out}
    tx.run(RUNS["add_usage"], values)


def usage_of_goal(connection: sqlite3.Connection, goal: str) -> Usage:
    """What all runs of a goal have used together."""
    row = connection.execute(RUNS["usage_of_goal"], {"goal": goal}).fetchone()
    return Usage(float(row["cost_usd"]), int(row["tokens_in"]), int(row["tokens_out"]))
