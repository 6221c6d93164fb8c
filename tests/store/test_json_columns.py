"""What goes into a JSON column comes out of it equal, in value and in type (R14)."""

import json
from random import Random

import pytest

from engine.api import Answer
from engine.dispatch.claims import Limits, claim, mark_started, mark_starting
from engine.dispatch.creation import NewGoal, insert_goal
from engine.dispatch.decisions.lifecycle import get, open_decision, stage
from engine.dispatch.endings.ending import Ending, Policy
from engine.dispatch.endings.run_end import end_run
from engine.dispatch.gates.openings import open_gate
from engine.dispatch.rework.objections import keep_verdict
from engine.events import EventType
from engine.ids import random_id
from engine.model import (
    AnswerKind,
    Budget,
    Check,
    DecisionKind,
    ExitCause,
    FieldType,
    Finding,
    FormField,
    GateSpec,
    GoalPolicy,
    GoalSpec,
    Judgement,
    Risk,
    Runtime,
    SandboxLimits,
    TaskKind,
    TaskRecord,
    TaskSpec,
    VerdictKind,
)
from engine.settings import EngineSettings
from engine.store import Database, Tx
from engine.store.rows import event_from, gate_from, goal_from, run_from, task_from, verdict_from

NASTY = (
    "", " ", "null", "1", "true", '"', "\\", "\\u0041", "'; --", "\n\r\t", "\x00\x1b\x7f", "é\u0301", "\u2028", "🚢",
    "[]", "{}", "%s{x}$x",
)  # fmt: skip
WORDS = "".join(NASTY)
POLICY = GoalPolicy(max_parallel=3, budget=Budget(wall=0.1 + 0.2, cost_usd=1e-7, tokens=2**53))
GATE = GateSpec(question=WORDS, deadline=1e9 + 0.5, risk=Risk.HIGH, rework="work", name=WORDS, n=0, poll=False)
LIMITS = SandboxLimits(memory=2**40, cpus=0.1 + 0.2, timeout=1e-3, env={WORDS: WORDS, "": "", "A": "1"})
WORK = TaskSpec(id="work", title=WORDS, kind=TaskKind.WORK, run=NASTY, sandbox=LIMITS, artifacts=NASTY, retries=1)
ASK = TaskSpec(id="ask", title="ask", kind=TaskKind.GATE, gate=GATE)
ROOT = TaskSpec(id="root", title="root", kind=TaskKind.GROUP, tasks=(WORK, ASK))
DEEP: dict[str, object] = {"": None, "n": [1, 1.0, -0.0, 1e-300, 2**63, True, False, None, "1"], WORDS: {"a": [[], {}]}}


@pytest.fixture
async def tasks(database: Database) -> dict[str, TaskRecord]:
    """A goal of everything that its file may say, by key."""
    spec = GoalSpec(title="t", root=ROOT, policy=POLICY, variables=dict.fromkeys(NASTY, WORDS))
    new = NewGoal("g-1", spec, Runtime.PROCESS, False)
    await database.write(lambda tx: insert_goal(tx, new, random_id))
    await database.write(lambda tx: tx.run("UPDATE goals SET state = 'active'"))
    return {row["key"]: task_from(row) for row in await database.all("SELECT * FROM tasks")}


def same(found: object, given: object) -> None:
    assert found == given
    assert repr(found) == repr(given), "True is 1 and 1 is 1.0 for =="


async def test_r14_what_a_goal_file_said_comes_back(database: Database, tasks: dict[str, TaskRecord]) -> None:
    row = await database.one("SELECT * FROM goals")
    assert row is not None
    same(goal_from(row).policy, POLICY)
    same(json.loads(row["variables"]), dict.fromkeys(NASTY, WORDS))
    same(tasks["work"].spec, WORK)
    same(tasks["ask"].spec, ASK)


async def test_r14_what_is_asked_and_answered_comes_back(database: Database, tasks: dict[str, TaskRecord]) -> None:
    types = {"text": FieldType.TEXT, "digit": FieldType.TEXT, "int": FieldType.INTEGER, "float": FieldType.NUMBER,
             "yes": FieldType.FLAG, "no": FieldType.FLAG}  # fmt: skip
    fields = (
        FormField(name="a", type=FieldType.CHOICE, label=WORDS, options=NASTY, required=False),
        *(FormField(name=name, type=kind) for name, kind in types.items()),
    )
    asking = {"options": (AnswerKind.FILL, AnswerKind.REJECT), "choices": NASTY, "fields": fields, "evidence": DEEP}
    filled: dict[str, object] = {"text": WORDS, "digit": "1", "int": 1, "float": 1.0, "yes": True, "no": False}

    def unit(tx: Tx) -> str:
        open_gate(tx, tasks["ask"], random_id, None)
        return open_decision(tx, random_id, tasks["ask"], DecisionKind.FORM, WORDS, **asking)  # type: ignore[arg-type]

    decision = await database.write(unit)
    answer = Answer.model_validate({"version": 1, "answer": "fill", "fields": filled})
    await database.write(lambda tx: stage(tx, decision, answer, 5.0))
    stored = await database.write(lambda tx: get(tx, decision))
    same({name: getattr(stored, name) for name in asking}, asking)
    same(stored.filled, filled)
    [gate] = await database.all("SELECT * FROM gates")
    same(gate_from(gate).spec, GATE)


async def test_r14_the_last_lines_of_a_run_come_back(database: Database, tasks: dict[str, TaskRecord]) -> None:
    def unit(tx: Tx) -> None:
        claimed = claim(tx, tasks["work"].id, Limits(4), random_id, "e-1")
        mark_starting(tx, claimed.run.id)
        mark_started(tx, claimed.run, None, adopted=False)
        policy = Policy(EngineSettings(), random_id, Random(1))
        end_run(tx, claimed.run, Ending(ExitCause.EXIT, WORDS, 3, last_lines=NASTY), policy)

    await database.write(unit)
    [row] = await database.all("SELECT * FROM runs")
    run = run_from(row)
    same((run.last_lines, run.message), (NASTY, WORDS))


async def test_r14_a_verdict_comes_back(database: Database, tasks: dict[str, TaskRecord]) -> None:
    found = Finding(file=WORDS, line=2**53, severity=NASTY[0], text=NASTY[-1])
    said = Judgement(
        kind=VerdictKind.CHECKS, passed=False, summary=WORDS, feedback=WORDS, findings=(found,),
        checks=tuple(Check(name=text or "-", passed=False, output=text) for text in NASTY),
    )  # fmt: skip

    def unit(tx: Tx) -> None:
        keep_verdict(tx, claim(tx, tasks["work"].id, Limits(4), random_id, "e-1").run, "work", said)

    await database.write(unit)
    [row] = await database.all("SELECT * FROM verdicts")
    same(verdict_from(row).model_dump(include=set(Judgement.model_fields)), said.model_dump())


async def test_r14_what_an_event_says_comes_back(database: Database) -> None:
    await database.write(lambda tx: tx.emit(EventType.ENGINE_STARTED, deep=DEEP, words=list(NASTY)))
    [row] = await database.all("SELECT * FROM events")
    same(event_from(row).data, {"deep": DEEP, "words": list(NASTY)})
