"""R2: every pair of states of every noun, against a table written down a second time."""

from collections.abc import Mapping
from enum import StrEnum
from itertools import product
from typing import Any

import pytest

from engine import transitions
from engine.errors import ExitCode, IllegalMove
from engine.model import DecisionState, GateState, GoalState, RunState, TaskState

EXPECTED: dict[str, tuple[type[StrEnum], Mapping[Any, frozenset[Any]], str]] = {
    "task": (
        TaskState,
        transitions.TASK,
        """
        pending: claimed waiting blocked skipped cancelled
        claimed: running pending blocked cancelled
        running: done review pending blocked failed cancelled
        waiting: done failed pending blocked skipped cancelled
        review: done pending failed cancelled
        blocked: pending skipped failed cancelled
        done: pending
        failed: pending skipped
        cancelled:
        skipped:
        """,
    ),
    "goal": (
        GoalState,
        transitions.GOAL,
        """
        draft: active cancelled
        active: paused draining done failed cancelled
        paused: active draining done failed cancelled
        draining: paused active done failed cancelled
        done:
        failed: active
        cancelled:
        """,
    ),
    "run": (
        RunState,
        transitions.RUN,
        """
        created: starting ended
        starting: running ended
        running: ended
        ended:
        """,
    ),
    "gate": (
        GateState,
        transitions.GATE,
        """
        open: passed failed cancelled
        passed:
        failed:
        cancelled:
        """,
    ),
    "decision": (
        DecisionState,
        transitions.DECISION,
        """
        pending: staged expired cancelled
        staged: answered pending
        answered:
        expired:
        cancelled:
        """,
    ),
}


def moves(text: str) -> set[tuple[str, str]]:
    rows = (line.strip().split(":") for line in text.strip().splitlines())
    return {(frm, to) for frm, targets in rows for to in targets.split()}


PAIRS = [
    pytest.param(noun, frm, to, (frm.value, to.value) in moves(text), id=f"{noun}-{frm}-{to}")
    for noun, (states, _, text) in EXPECTED.items()
    for frm, to in product(states, states)
]


@pytest.mark.parametrize(("noun", "frm", "to", "expected"), PAIRS)
def test_r2_every_pair_of_states(noun: str, frm: StrEnum, to: StrEnum, expected: bool) -> None:
    table = EXPECTED[noun][1]
    assert transitions.allowed(table, frm, to) is expected
    if expected:
        transitions.require_move(table, frm, to, "x-1")
        return
    with pytest.raises(IllegalMove, match=f"x-1 is {frm} and cannot become {to}") as refused:
        transitions.require_move(table, frm, to, "x-1")
    assert refused.value.details == {"state": frm, "to": to}
    assert refused.value.exit_code is ExitCode.CONFLICT


@pytest.mark.parametrize("noun", EXPECTED)
def test_r7_the_table_knows_every_state_and_no_other(noun: str) -> None:
    states, table, _ = EXPECTED[noun]
    assert set(table) == set(states)
    assert set().union(*table.values()) <= set(states)
