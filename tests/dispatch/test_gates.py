"""Gates and decisions: fail closed, bound to id and version, effective once (R62, R73-R79, R81, R84)."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from asked import SetClock, put_forward
from pydantic import ValidationError
from scripted import Bench, goal_file

from engine.api import Answer, DecisionView
from engine.dispatch.gates.deadlines import fire_deadlines
from engine.errors import Conflict, Invalid, NotFound, StaleVersion
from engine.events import EventType
from engine.model import AnswerKind, DecisionState, GoalState

Open = Callable[..., Awaitable[Bench]]

GATE = {"id": "ship", "gate": {"kind": "human_approval", "question": "Ship it?"}}
WORK = {"id": "work", "run": "exit 0"}


async def at_gate(bench: Bench, *tasks: dict[str, object]) -> tuple[str, DecisionView]:
    goal = await bench.goal(goal_file(*(tasks or (WORK, GATE, {"id": "after", "run": "exit 0"}))))
    await bench.waiting(goal.id)
    (decision,) = [d for d in await bench.engine.decisions() if d.goal == goal.id]
    return goal.id, decision


def approve(decision: DecisionView, **more: object) -> Answer:
    return Answer.model_validate({"version": decision.version, "answer": "approve", **more})


async def test_an_approval_lets_the_goal_go_on(bench: Bench) -> None:
    goal, decision = await at_gate(bench)
    assert decision.blocks == 1
    answered = await bench.engine.answer(decision.id, approve(decision))
    assert answered.state is DecisionState.ANSWERED
    assert (await bench.ended(goal)).state is GoalState.DONE


async def test_r77_a_rejection_fails_the_gate_with_its_reason(bench: Bench) -> None:
    goal, decision = await at_gate(bench)
    await bench.engine.answer(decision.id, Answer(version=1, answer=AnswerKind.REJECT, feedback="not like this"))
    ended = await bench.ended(goal)
    assert ended.state is GoalState.FAILED
    assert ended.exit_code == 6
    assert "not like this" in (await bench.engine.why(f"{goal}/ship")).summary


async def test_r79_changes_run_the_work_again_with_the_words_in_its_inputs(bench: Bench) -> None:
    goal, decision = await at_gate(bench)
    words = "say hello to everyone"
    await bench.engine.answer(decision.id, Answer(version=1, answer=AnswerKind.CHANGES, feedback=words))
    await bench.until(goal, lambda view, _: view.waiting and view.waiting_on[0].id != decision.id)
    task = await bench.engine.task(f"{goal}/work")
    assert len(task.runs) == 2
    rows = await bench.engine._parts.context.database.all("SELECT task, text FROM feedback")
    assert [(row["task"], row["text"]) for row in rows] == [(task.id, words)]
    again = next(d for d in await bench.engine.decisions() if d.goal == goal)
    assert again.id != decision.id  # a new opening is a new question


def test_r79_reject_and_changes_need_a_reason() -> None:
    for answer in ("reject", "changes"):
        with pytest.raises(ValidationError, match="feedback"):
            Answer.model_validate({"version": 1, "answer": answer, "feedback": "  "})


async def test_r76_a_stale_version_decides_nothing(bench: Bench) -> None:
    goal, decision = await at_gate(bench)
    with pytest.raises(StaleVersion):
        await bench.engine.answer(decision.id, Answer(version=decision.version + 1, answer=AnswerKind.APPROVE))
    assert (await bench.states(goal))["ship"] == "waiting"


async def test_r76_ten_look_alikes_answer_the_fifth(bench: Bench) -> None:
    gates = [{"id": f"g{n}", "gate": {"kind": "human_approval", "question": "Same?"}} for n in range(10)]
    goal = await bench.goal(goal_file({"id": "all", "order": "parallel", "tasks": gates}))
    await bench.until(goal.id, lambda _, states: all(states[f"g{n}"] == "waiting" for n in range(10)))
    fifth = next(d for d in await bench.engine.decisions() if d.task_key == "g5")
    await bench.engine.answer(fifth.id, approve(fifth))
    states = await bench.states(goal.id)
    assert [key for key, state in states.items() if state == "done"] == ["g5"]


async def test_r73_twenty_answers_at_once_have_one_winner(bench: Bench) -> None:
    goal, decision = await at_gate(bench)
    answers = [approve(decision, by=f"person {n}") for n in range(20)]
    results = await asyncio.gather(
        *(bench.engine.answer(decision.id, answer) for answer in answers), return_exceptions=True
    )
    assert sum(isinstance(result, DecisionView) for result in results) == 1
    assert sum(isinstance(result, Conflict) for result in results) == 19
    await bench.ended(goal)
    resolved = [e for e in await bench.events() if e.type is EventType.GATE_RESOLVED]
    assert len(resolved) == 1


async def test_r84_a_staged_answer_can_be_undone_inside_its_window(bench: Bench) -> None:
    goal, decision = await at_gate(bench)
    staged = await bench.engine.answer(decision.id, approve(decision, undoable=True))
    assert staged.state is DecisionState.STAGED
    assert (await bench.states(goal))["ship"] == "waiting"
    undone = await bench.engine.undo(decision.id)
    assert undone.state is DecisionState.PENDING
    assert undone.version > decision.version
    with pytest.raises(Conflict):
        await bench.engine.undo(decision.id)


async def test_r84_a_staged_answer_takes_effect_once_after_its_window(opened: Open) -> None:
    bench = await opened(undo_window=0.05)
    goal, decision = await at_gate(bench)
    await bench.engine.answer(decision.id, approve(decision, undoable=True))
    assert (await bench.ended(goal)).state is GoalState.DONE
    answered = [e for e in await bench.events() if e.type is EventType.DECISION_ANSWERED]
    assert len(answered) == 1


async def test_r81_r84_a_staged_answer_survives_the_engine(opened: Open) -> None:
    first = await opened(undo_window=30)
    goal, decision = await at_gate(first)
    staged = await first.engine.answer(decision.id, approve(decision, undoable=True))
    await first.engine.close()
    second = await opened(undo_window=30)
    (again,) = await second.engine.decisions()
    assert (again.id, again.version, again.state) == (decision.id, staged.version, DecisionState.STAGED)
    await second.engine.undo(decision.id)
    (pending,) = await second.engine.decisions()
    await second.engine.answer(decision.id, approve(pending))
    assert (await second.ended(goal)).state is GoalState.DONE


async def test_r26_an_open_gate_holds_back_its_later_siblings(bench: Bench) -> None:
    goal, _ = await at_gate(bench)
    assert (await bench.states(goal))["after"] == "pending"
    assert len(bench.driver.specs) == 1
    assert "comes after ship" in (await bench.engine.why(f"{goal}/after")).summary


async def test_r74_a_deadline_fails_the_gate_and_names_itself(bench: Bench) -> None:
    gate = {"id": "ship", "gate": {"kind": "human_approval", "question": "Ship it?", "deadline": "1s"}}
    goal = await bench.goal(goal_file(gate))
    ended = await bench.ended(goal.id)
    assert ended.exit_code == 7
    resolved = next(e for e in await bench.events() if e.type is EventType.GATE_RESOLVED)
    assert resolved.data["actor"] == "deadline"
    assert EventType.DECISION_EXPIRED in {e.type for e in await bench.events()}


async def test_r74_only_a_goal_file_can_make_a_deadline_approve(bench: Bench) -> None:
    gate = {
        "id": "ship",
        "gate": {"kind": "human_approval", "question": "Ship it?", "deadline": "1s", "on_deadline": "approve"},
    }
    goal = await bench.goal(goal_file(gate))
    assert (await bench.ended(goal.id)).state is GoalState.DONE
    resolved = next(e for e in await bench.events() if e.type is EventType.GATE_RESOLVED)
    assert resolved.data["actor"] == "deadline"


async def test_r75_cancel_beats_a_staged_answer(opened: Open) -> None:
    bench = await opened(undo_window="5m")
    goal, decision = await at_gate(bench)
    await bench.engine.answer(decision.id, approve(decision, undoable=True))
    await bench.engine.cancel(goal)
    await bench.engine._parts.answers.apply_due(datetime.now(UTC) + timedelta(hours=1))
    assert (await bench.ended(goal)).state is GoalState.CANCELLED
    assert (await bench.engine.decision(decision.id)).decision.state is DecisionState.CANCELLED
    assert not await bench.engine.decisions()


async def test_requires_approval_puts_the_result_under_review(bench: Bench) -> None:
    goal, decision = await at_gate(bench, {"id": "write", "run": "exit 0", "requires_approval": True})
    assert decision.kind == "review"
    changes = Answer(version=1, answer=AnswerKind.CHANGES, feedback="shorter")
    await bench.engine.answer(decision.id, changes)
    await bench.until(goal, lambda view, _: view.waiting and view.waiting_on[0].id != decision.id)
    (again,) = await bench.engine.decisions()
    await bench.engine.answer(again.id, approve(again))
    assert (await bench.ended(goal)).state is GoalState.DONE
    assert len((await bench.engine.task(f"{goal}/write")).runs) == 2


async def test_an_answer_that_is_no_option_and_an_unknown_id_are_refused(bench: Bench) -> None:
    _, decision = await at_gate(bench, GATE)  # no work before it: nothing to change
    with pytest.raises(Invalid, match="approve, reject"):
        await bench.engine.answer(decision.id, Answer(version=1, answer=AnswerKind.CHANGES, feedback="x"))
    with pytest.raises(NotFound):
        await bench.engine.answer("d-0000000000", approve(decision))


async def test_opened_at_is_utc_and_the_gate_shows_its_age(bench: Bench) -> None:
    _, decision = await at_gate(bench)
    assert decision.opened_at.tzinfo is not None
    assert abs((datetime.now(UTC) - decision.opened_at).total_seconds()) < 60


async def test_r111_a_gated_goal_does_not_run_where_its_sandboxes_could_reach_the_gate(opened: Open) -> None:
    bench = await opened()
    bench.driver.confined = False
    with pytest.raises(Invalid, match="could reach"):
        await bench.goal(goal_file(WORK, GATE))
    assert (await bench.engine.status()).goals == ()
    allowed = await bench.goal(goal_file(WORK, GATE), allow_unconfined=True)
    await bench.waiting(allowed.id)


async def test_r111_nor_after_a_restart_with_fewer_means(opened: Open) -> None:
    first = await opened()
    goal = await first.goal(goal_file({"id": "long", "run": "hang"}, WORK, GATE))
    await first.until(goal.id, lambda _, states: states["long"] == "running")
    await first.engine.close()
    second = await opened()
    second.driver.confined = False
    second.driver.finish()
    view = await second.waiting(goal.id)
    assert "could reach" in view.waiting_on[0].label
    assert len(second.driver.specs) == 1


async def test_r84_an_answer_staged_before_the_deadline_stands(opened: Open) -> None:
    bench = await opened(clock=SetClock(), undo_window="5m")
    gate = {"id": "ship", "gate": {"kind": "human_approval", "deadline": "3m"}}
    goal, decision = await at_gate(bench, gate)
    await bench.engine.answer(decision.id, approve(decision, undoable=True))
    put_forward(bench, timedelta(minutes=4))
    await fire_deadlines(bench.engine._parts.context.database, bench.engine._parts.context.clock.now())
    assert (await bench.states(goal))["ship"] == "waiting"
    put_forward(bench, timedelta(minutes=4))
    assert (await bench.ended(goal)).state is GoalState.DONE
    resolved = next(e for e in await bench.events() if e.type is EventType.GATE_RESOLVED)
    assert resolved.data["actor"] == "operator via api"


async def test_r82_a_gate_that_cannot_show_its_content_does_not_open(bench: Bench) -> None:
    goal = await bench.goal(goal_file(WORK, GATE), start=False)
    database = bench.engine._parts.context.database
    await database.write(lambda tx: tx.run("UPDATE goals SET branch = 'pilothouse/gone' WHERE id = ?", (goal.id,)))
    await database.write(lambda tx: tx.run("UPDATE tasks SET state = 'done' WHERE key = 'work'"))
    await bench.engine.start_goal(goal.id)
    view = await bench.waiting(goal.id)
    assert "cannot open" in view.waiting_on[0].label
    assert (await bench.states(goal.id))["ship"] == "blocked"
