"""The end of a tester's run: what it found is stored and told, and what is broken runs again (R37, R89)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, assert_never

from engine.dispatch.decisions.lifecycle import open_decision
from engine.dispatch.rework.again import add_words, begin_round, reopen
from engine.dispatch.steps import AGENTS, TASKS, TESTERS, brief, stored_task
from engine.dispatch.testers.batches import batch_of
from engine.dispatch.tree.moves import move
from engine.events import EventType
from engine.ids import IdSource
from engine.model import FINAL_TASK_STATES, BatchOutcome, DecisionKind, FailureClass, RunRecord, TaskState
from engine.store import Tx
from engine.store.rows import columns_of

SHORT = 300  # characters of what is wrong in a cause
Batch = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Attempt:
    """How a tester's run ended. `by_itself`: its process did, so what it said counts; `killed`: by an operator;
    `left`: one more failure in a row may be tried again, `backoff` after it; `again`: when what lies below it lets it
    run again, whatever it counts."""

    message: str
    failure: FailureClass
    by_itself: bool
    killed: bool
    left: bool
    backoff: timedelta
    again: datetime | None = None


def end_test(tx: Tx, row: dict[str, Any], run: RunRecord, attempt: Attempt, ids: IdSource) -> None:
    """Store what came of its batch and let the tester take the next one; a failure of it is told and counts nowhere."""
    batch = [columns_of(task) for task in batch_of(tx.connection, run.id)]
    group = brief(tx, row["tests"])
    broken = _broken(tx, run, batch) if attempt.by_itself else {}
    again: datetime | None = None
    if broken or attempt.failure is FailureClass.NONE:
        tx.run(TASKS["reset_failures"], {"id": run.task})
        outcome = BatchOutcome.REGRESSED if broken else BatchOutcome.PASSED
    else:
        outcome, again = _failed(tx, row, attempt)
    said = attempt.message.splitlines()[0]
    fresh = outcome is not BatchOutcome.STOPPED and again is None
    for task in batch:
        found = outcome if task["key"] in broken or not broken else BatchOutcome.PASSED
        words = broken.get(task["key"], said if found is BatchOutcome.FAILED else "")
        values = {"run": run.id, "task": task["id"], "outcome": found, "words": words, "fresh": int(fresh)}
        tx.run(TESTERS["found"], {**values, "at": tx.at})
        if task["key"] in broken:
            add_words(tx, task["id"], words, run=run.id)
    keys = [task["key"] for task in batch]
    tx.emit(EventType.TASK_TESTED, goal=run.goal, task=run.task, run=run.id, group=group["key"], outcome=outcome,
            tested=keys, regressed=broken, message=said)  # fmt: skip
    cause = _words(run, outcome, keys, broken, attempt)
    move(tx, run.task, TaskState.PENDING, cause=cause, not_before=again, run=run.id, row=row)
    if group["state"] not in FINAL_TASK_STATES:  # what comes after it may have begun: then it is told only
        for task in batch:
            if task["key"] in broken:
                _send_back(tx, run, row, task["id"], broken[task["key"]], ids)


def leave_batch(tx: Tx, run: RunRecord) -> None:
    """A tester goes no further: what it was given, if it was one, is for the others."""
    tx.run(TESTERS["let_go"], {"run": run.id, "at": tx.at})


def _broken(tx: Tx, run: RunRecord, batch: Batch) -> dict[str, str]:
    """What it says of tasks of its own batch, by key; anything else that it names is none of its business."""
    report = tx.one(AGENTS["report_of"], {"run": run.id})
    checks = [] if report is None or report["verdict"] is None else json.loads(report["verdict"]).get("checks", [])
    failed = {check["name"]: check.get("output") or "it is broken" for check in checks if not check["passed"]}
    return {task["key"]: failed[task["key"]] for task in batch if task["key"] in failed}


def _failed(tx: Tx, row: Mapping[str, Any], attempt: Attempt) -> tuple[BatchOutcome, datetime | None]:
    """What becomes of a batch whose test failed and named nothing, and when it is tried again."""
    match attempt.failure:
        case FailureClass.OPERATOR:
            return (BatchOutcome.FAILED if attempt.killed else BatchOutcome.STOPPED), None
        case FailureClass.AGENT | FailureClass.INFRA | FailureClass.RATE_LIMIT if attempt.again is not None:
            return BatchOutcome.FAILED, attempt.again
        case FailureClass.AGENT | FailureClass.INFRA if attempt.left:
            infra = attempt.failure is FailureClass.INFRA
            tx.run(TASKS["count_failure"], {"id": row["id"], "agent": int(not infra), "infra": int(infra)})
            return BatchOutcome.FAILED, tx.now + attempt.backoff
        case FailureClass.AGENT | FailureClass.INFRA | FailureClass.RATE_LIMIT:
            tx.run(TASKS["reset_failures"], {"id": row["id"]})
            return BatchOutcome.FAILED, None
        case FailureClass.NONE:
            raise AssertionError("a test that ended well has not failed")
        case _:
            assert_never(attempt.failure)


def _words(
    run: RunRecord, outcome: BatchOutcome, keys: Sequence[str], broken: Mapping[str, str], attempt: Attempt
) -> str:
    """What is shown of the batch until the next one."""
    tested = f"batch {run.n} ({', '.join(keys)})"
    match outcome:
        case BatchOutcome.PASSED:
            return f"{tested} passed"
        case BatchOutcome.REGRESSED:
            return f"{tested}: " + "; ".join(f"{key} is broken: {words[:SHORT]}" for key, words in broken.items())
        case BatchOutcome.FAILED:
            return f"{tested} could not be tested: {attempt.message}"
        case BatchOutcome.STOPPED:
            return f"{tested} was stopped: {attempt.message}"
        case BatchOutcome.OPEN:
            raise AssertionError("an open batch has not ended")
        case _:
            assert_never(outcome)


def _send_back(tx: Tx, run: RunRecord, tester: dict[str, Any], broken: str, words: str, ids: IdSource) -> None:
    """One round of rework for a broken task and all that rests on it, unless it runs again already; a human is asked
    in its place when there were enough (R87)."""
    task, most = brief(tx, broken), _most_rounds(tx, tester["tests"])
    if task["state"] != TaskState.DONE:
        return
    cause = f"{tester['key']} found it broken: {words[:SHORT]}"
    over = _rounds_on(tx, task) >= most
    if not over:
        begin_round(tx, tester, broken, run=run.id)
    reopen(tx, broken, cause)
    if over:
        move(tx, broken, TaskState.BLOCKED, frm=(TaskState.PENDING,), cause=cause)
        record = stored_task(tx, broken)
        question = f"{record.title} is broken again after {most} rounds: {words[:SHORT]}. Run it again?"
        open_decision(tx, ids, record, DecisionKind.FAILURE, question)


def _most_rounds(tx: Tx, group: str) -> int:
    testers = stored_task(tx, group).spec.testers
    assert testers is not None
    return testers.max_cycles


def _rounds_on(tx: Tx, task: Mapping[str, Any]) -> int:
    """How often testers have sent this task back."""
    row = tx.one(TESTERS["rounds_on"], {"goal": task["goal"], "target": task["id"]})
    return 0 if row is None else int(row["n"])
