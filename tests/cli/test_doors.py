"""Every order a state does not take is refused and names that state, by HTTP and by the command line (R2)."""

import json
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import httpx
import pytest
from cli_process import SCRIPT, Pilothouse, environment, eventually

from engine.model import DecisionState, GoalState, TaskState
from engine.transitions import DECISION, GOAL, TASK

G, T, D = GoalState, TaskState, DecisionState
DRAFT = json.dumps({"goal": "draft", "runtime": "process", "tasks": [{"id": "a", "run": "exit 0"}]})


def leads_to(table: dict[Any, frozenset[Any]], to: StrEnum) -> set[StrEnum]:
    return {state for state, onward in table.items() if to in onward}


# Every order by its noun, with the states that take it; all other states refuse it.
TAKEN: dict[tuple[str, str], set[StrEnum]] = {
    ("goal", "start"): {G.DRAFT},
    ("goal", "pause"): leads_to(dict(GOAL), G.PAUSED),
    ("goal", "resume"): {G.PAUSED, G.DRAINING},
    ("goal", "drain"): leads_to(dict(GOAL), G.DRAINING),
    ("goal", "cancel"): leads_to(dict(GOAL), G.CANCELLED),
    ("task", "retry"): {T.FAILED, T.BLOCKED},
    ("task", "skip"): leads_to(dict(TASK), T.SKIPPED),
    ("task", "cancel"): leads_to(dict(TASK), T.CANCELLED),
    ("decision", "answer"): {D.PENDING},
    ("decision", "undo"): leads_to(dict(DECISION), D.PENDING),
}
STATES: dict[str, type[StrEnum]] = {"goal": G, "task": T, "decision": D}
ILLEGAL = [
    (noun, order, state) for (noun, order), taken in TAKEN.items() for state in STATES[noun] if state not in taken
]
BY_HTTP_ONLY = {"start"}


def at_the_command_line() -> list[tuple[str, str, StrEnum]]:
    """A command takes longer than a request: of each order the first and last state, and every cancel."""
    found = []
    for noun, order in TAKEN:
        rows = [row for row in ILLEGAL if row[:2] == (noun, order) and order not in BY_HTTP_ONLY]
        found += rows if order == "cancel" else [*rows[:1], *rows[-1:]]
    return found


@dataclass
class Served:
    """A served project with a draft goal, its task and a decision, whose states a test sets in the store."""

    project: Path
    http: httpx.Client
    ids: dict[str, str]

    def put(self, noun: str, state: StrEnum) -> None:
        with sqlite3.connect(self.project / ".pilothouse" / "engine.db", timeout=10) as store:
            values = {"goal": "state", "task": "state", "decision": "answer = 'approve', state"}
            store.execute(f"UPDATE {noun}s SET {values[noun]} = ? WHERE id = ?", (state, self.ids[noun]))

    def state(self, noun: str) -> str:
        with sqlite3.connect(self.project / ".pilothouse" / "engine.db", timeout=10) as store:
            row = store.execute(f"SELECT state FROM {noun}s WHERE id = ?", (self.ids[noun],)).fetchone()
        return str(row[0])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    project = tmp_path_factory.mktemp("doors")
    socket = project / ".pilothouse" / "engine.sock"
    process = subprocess.Popen(
        [SCRIPT, "serve"], cwd=project, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        eventually(socket.is_socket)
        transport = httpx.HTTPTransport(uds=str(socket))
        with httpx.Client(transport=transport, base_url="http://localhost/v1", timeout=30) as http:
            request = {"source": DRAFT, "start": False, "allow_unconfined": True}
            goal = http.post("/goals", json=request).raise_for_status().json()["id"]
            task = http.get(f"/goals/{goal}/tree").json()["children"][0]["id"]
            with sqlite3.connect(project / ".pilothouse" / "engine.db", timeout=10) as store:
                store.execute(
                    "INSERT INTO decisions (id, goal, task, subject, kind, state, question, options, risk, opened_at,"
                    " effective_at) SELECT 'd-0123456789', ?, ?, 'x', 'approval', 'pending', 'q', '[\"approve\"]',"
                    " 'normal', created_at, '2999-01-01T00:00:00+00:00' FROM goals", (goal, task),
                )  # fmt: skip
            yield Served(project, http, {"goal": goal, "task": task, "decision": "d-0123456789"})
    finally:
        process.terminate()
        process.wait(30)


def all_refused(
    served: Served, orders: list[tuple[str, str, StrEnum]], refusal: Callable[[str, str, StrEnum], tuple[str, str]]
) -> None:
    """Each order once: refused, the state named, and the row as it was."""
    for noun, order, state in orders:
        served.put(noun, state)
        words, named = refusal(noun, order, state)
        assert state in words, (noun, order, state, words)
        assert named == state, (noun, order, state, words)
        assert served.state(noun) == state
        served.put(noun, {"goal": G.DRAFT, "task": T.PENDING, "decision": D.PENDING}[noun])


def test_r2_by_http_an_illegal_order_is_a_409_that_names_the_state(served: Served) -> None:
    def refusal(noun: str, order: str, state: StrEnum) -> tuple[str, str]:
        body = {"version": 1, "answer": "approve"} if order == "answer" else None
        answer = served.http.post(f"/{noun}s/{served.ids[noun]}/{order}", json=body)
        assert answer.status_code == 409, (noun, order, state, answer.text)
        problem = answer.json()
        return problem["detail"], problem["details"]["state"]

    all_refused(served, ILLEGAL, refusal)


def test_r2_by_command_line_an_illegal_order_is_exit_4_that_names_the_state(served: Served, inside: Pilothouse) -> None:
    def refusal(noun: str, order: str, state: StrEnum) -> tuple[str, str]:
        ref = served.ids[noun]
        args = ("decide", ref, "approve", "--version", "1") if order == "answer" else (order, ref)
        answer = inside("--project", str(served.project), *args, "--json")
        assert answer.code == 4, (noun, order, state, answer)
        error = answer.json["error"]
        return error["message"], error["details"]["state"]

    all_refused(served, at_the_command_line(), refusal)
