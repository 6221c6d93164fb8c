"""Decisions put off, passed on, told of again, approved by two; races between all that can be done to one (R75-R85)."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import combinations_with_replacement

import pytest
from asked import SetClock, answer, event, gate, outcome, told, view
from scripted import Bench, goal_file

from engine.api import BatchAnswer, LedgerAction, Snooze
from engine.api.edits import TaskEdit
from engine.dispatch.gates.deadlines import fire_deadlines
from engine.errors import Conflict, Invalid, StaleVersion
from engine.events import EventType
from engine.model import AnswerKind, DecisionState, Risk
from engine.settings import DecisionSettings

Open = Callable[..., Awaitable[Bench]]
QUIET = DecisionSettings(remind_after=(), escalate_after=())
HOUR = timedelta(hours=1)


async def test_a_snooze_hides_moves_the_version_and_answers_nothing(bench: Bench) -> None:
    first, asked = await gate(bench), await gate(bench, risk="high")
    later = await bench.engine.snooze(asked.id, Snooze(version=asked.version, seconds=3600, by="ann"))
    assert (later.state, later.version) == (DecisionState.PENDING, asked.version + 1)
    assert later.snoozed_until is not None
    assert [d.id for d in await bench.engine.decisions()] == [first.id, asked.id], "last, whatever its risk"
    with pytest.raises(StaleVersion):
        await bench.engine.answer(asked.id, answer(asked))
    answered = await bench.engine.answer(asked.id, answer(later))
    assert (answered.state, answered.snoozed_until) == (DecisionState.ANSWERED, None)


async def test_a_snooze_ends_when_its_time_has_come_over_a_restart(opened: Open) -> None:
    first = await opened()
    asked = await gate(first)
    await first.engine.snooze(asked.id, Snooze(version=1, seconds=3600))
    await first.engine.close()
    second = await opened(clock=SetClock(HOUR * 1.1), decisions=QUIET)
    woken = await event(second, EventType.DECISION_WOKEN)
    assert woken.data["decision"] == asked.id
    assert (await view(second, asked.id)).snoozed_until is None


async def test_a_snooze_never_hides_what_is_about_to_expire(bench: Bench) -> None:
    asked = await gate(bench, deadline="10m")
    assert asked.deadline is not None
    for snooze in (Snooze(version=1, seconds=600), Snooze(version=1, until=asked.deadline)):
        with pytest.raises(Invalid, match="is due at"):
            await bench.engine.snooze(asked.id, snooze)
    with pytest.raises(Invalid, match="is over"):
        await bench.engine.snooze(asked.id, Snooze(version=1, until=datetime(2020, 1, 1, tzinfo=UTC)))
    later = await bench.engine.snooze(asked.id, Snooze(version=1, news=True))
    assert later.snoozed_until is not None
    assert later.snoozed_until < asked.deadline
    assert later.deadline == asked.deadline


async def test_a_note_is_news_and_stands_on_the_card(bench: Bench) -> None:
    asked = await gate(bench)
    await bench.engine.snooze(asked.id, Snooze(version=1, news=True))
    await bench.engine.note(asked.id, "the other team is done", "ben")
    now = await view(bench, asked.id)
    assert not now.snoozed_for_news
    assert [(note.by, note.text) for note in now.notes] == [("ben", "the other team is done")]
    await bench.engine.note(now.task, "of the task", "ben")
    assert [note.text for note in (await bench.engine.task(now.task)).notes] == ["of the task"]
    with pytest.raises(Invalid):
        await bench.engine.note(asked.id, "  ")


async def test_a_delegate_is_a_label_and_keeps_nobody_away(bench: Bench) -> None:
    asked = await gate(bench)
    assert (await bench.engine.delegate(asked.id, " ben ", "ann")).delegate == "ben"
    assert (await bench.engine.delegate(asked.id, "", "ann")).delegate is None
    await bench.engine.delegate(asked.id, "ben", "ann")
    assert (await bench.engine.answer(asked.id, answer(asked))).state is DecisionState.ANSWERED
    with pytest.raises(Conflict):
        await bench.engine.delegate(asked.id, "cleo", "ann")


OPERATIONS = ("answer", "undo", "snooze", "expire")
LEFT = {
    LedgerAction.ANSWERED: DecisionState.ANSWERED,
    LedgerAction.EXPIRED: DecisionState.EXPIRED,
    LedgerAction.SNOOZED: DecisionState.PENDING,
    LedgerAction.UNDONE: DecisionState.PENDING,
    LedgerAction.STAGED: DecisionState.STAGED,
}


@pytest.mark.parametrize("pair", combinations_with_replacement(OPERATIONS, 2), ids="-".join)
async def test_r75_every_pair_at_once_leaves_what_its_ledger_says(opened: Open, pair: tuple[str, str]) -> None:
    bench = await opened(undo_window=300, decisions=QUIET)
    asked = await gate(bench, deadline="1h")
    if "undo" in pair:
        await bench.engine.answer(asked.id, answer(asked, undoable=True))
    seen = await view(bench, asked.id)
    context = bench.engine._parts.context

    def one(name: str) -> Awaitable[object]:
        match name:
            case "answer":
                return bench.engine.answer(asked.id, answer(seen))
            case "undo":
                return bench.engine.undo(asked.id)
            case "snooze":
                return bench.engine.snooze(asked.id, Snooze(version=seen.version, seconds=60))
            case _:
                return fire_deadlines(context.database, context.clock.now() + 2 * HOUR)

    codes = await asyncio.gather(*(outcome(one(name)) for name in pair))
    assert set(codes) <= {"", "conflict", "stale_version", "illegal_move"}
    entries = await bench.engine.history(decision=asked.id)
    done = [e.action for e in entries if e.action is not LedgerAction.STAGED]
    assert done.count(LedgerAction.ANSWERED) + done.count(LedgerAction.EXPIRED) <= 1, "it ends once"
    if "expire" not in pair:
        assert len(done) == codes.count(""), "a row for each that was taken, none for one that was refused"
        assert done or pair == ("answer", "undo")
    if len(set(pair)) == 1 and pair[0] != "expire":
        assert sorted(codes)[0] == ""
        assert sorted(codes)[1] != "", "of two alike one wins"
    final = await view(bench, asked.id)
    assert final.state is LEFT[entries[0].action]
    assert (await bench.engine.verify_ledger()).ok


@pytest.mark.parametrize("undoable", [False, True], ids=["at once", "in its window"])
async def test_r75_an_answer_beside_a_storm_of_task_writes_stays_as_it_was_given(opened: Open, undoable: bool) -> None:
    bench = await opened(undo_window=300, decisions=QUIET)
    asked, other = await gate(bench), await gate(bench)
    given = answer(asked, by="ann", feedback="fine", undoable=undoable)

    async def write(n: int) -> None:
        await bench.engine.note(asked.task, f"note {n}", "ben")
        await bench.engine.edit_task(other.task, TaskEdit(priority=n))
        await bench.engine.edit_task(asked.task, TaskEdit(title=f"title {n}"))  # refused once it is over

    storm = [outcome(write(n)) for n in range(40)]
    codes = await asyncio.gather(*storm[:20], outcome(bench.engine.answer(asked.id, given)), *storm[20:])
    assert codes[20] == ""
    assert set(codes) - (set() if undoable else {"illegal_move"}) == {""}
    assert len((await bench.engine.task(asked.task)).notes) == 40
    held = await view(bench, asked.id)
    assert held.state is (DecisionState.STAGED if undoable else DecisionState.ANSWERED)
    assert (held.answer, held.by, held.feedback) == (AnswerKind.APPROVE, "ann", "fine")
    left = await view(bench, other.id)
    assert (left.state, left.version) == (DecisionState.PENDING, other.version)
    assert (await bench.engine.verify_ledger()).ok


async def test_r76_a_batch_answers_look_alikes_row_by_row(bench: Bench) -> None:
    asked = [await gate(bench) for _ in range(10)]
    await bench.engine.answer(asked[4].id, answer(asked[4]))
    rows = [BatchAnswer(decision=d.id, answer=answer(d)) for d in asked[2:7]]
    outcomes = await bench.engine.answer_batch(rows)
    assert [o.code for o in outcomes] == ["", "", "conflict", "", ""]
    left = {d.id for d in await bench.engine.decisions()}
    assert left == {d.id for d in (*asked[:2], *asked[7:])}, "no row touched another"


async def test_a_batch_of_what_is_not_alike_answers_nothing(bench: Bench) -> None:
    low, high, other = await gate(bench), await gate(bench, risk="high"), await gate(bench)
    apart = [
        [BatchAnswer(decision=low.id, answer=answer(low)), BatchAnswer(decision=high.id, answer=answer(high))],
        [BatchAnswer(decision=high.id, answer=answer(high))],
        [BatchAnswer(decision=low.id, answer=answer(low))] * 2,
        [
            BatchAnswer(decision=low.id, answer=answer(low)),
            BatchAnswer(decision=other.id, answer=answer(other, AnswerKind.REJECT, feedback="no")),
        ],
        [],
    ]
    for rows in apart:
        with pytest.raises(Invalid):
            await bench.engine.answer_batch(rows)
    assert len(await bench.engine.decisions()) == 3


async def test_r83_the_highest_risk_takes_two_names(opened: Open) -> None:
    bench = await opened(second_approver=True, decisions=QUIET)
    asked = await gate(bench, risk="high")
    once = await bench.engine.answer(asked.id, answer(asked, undoable=True))
    assert (once.state, once.version, once.approved_by) == (DecisionState.PENDING, asked.version + 1, "ann")
    with pytest.raises(Conflict, match="second name"):
        await bench.engine.answer(asked.id, answer(once, by="  ANN "))
    taken = await bench.engine.undo(asked.id)
    assert (taken.approved_by, taken.version) == (None, once.version + 1)
    again = await bench.engine.answer(asked.id, answer(taken))
    await bench.engine.close()
    other = await opened(second_approver=True, decisions=QUIET)
    assert (await view(other, asked.id)).approved_by == "ann", "the first approval is kept"
    done = await other.engine.answer(asked.id, answer(again, by="ben"))
    assert (done.state, done.by) == (DecisionState.ANSWERED, "ben")
    assert [e.action for e in await other.engine.history(decision=asked.id)] == [
        LedgerAction.ANSWERED, LedgerAction.APPROVED_ONCE, LedgerAction.UNDONE, LedgerAction.APPROVED_ONCE,
    ]  # fmt: skip


async def test_r83_one_name_rejects_and_lower_risks_take_one(opened: Open) -> None:
    bench = await opened(second_approver=True, approvers=["ann", "ben"])
    low, high, third = await gate(bench), await gate(bench, risk="high"), await gate(bench, risk="high")
    assert (await bench.engine.answer(low.id, answer(low, by="cleo"))).state is DecisionState.ANSWERED
    rejected = answer(high, AnswerKind.REJECT, feedback="no", by="cleo")
    assert (await bench.engine.answer(high.id, rejected)).state is DecisionState.ANSWERED
    with pytest.raises(Conflict, match="cleo may not approve"):
        await bench.engine.answer(third.id, answer(third, by="cleo"))


async def test_no_door_may_call_itself_by_a_name_of_the_engine(bench: Bench) -> None:
    asked = await gate(bench)
    for via in ("rule", "deadline", "retry", "engine"):
        with pytest.raises(Invalid, match="no door"):
            await bench.engine.answer(asked.id, answer(asked, via=via))


async def test_r85_a_reminder_goes_out_once_per_stage_restarts_included(opened: Open) -> None:
    stages = DecisionSettings(remind_after=(3600.0, 7200.0), escalate_after=(9000.0,))
    bench = await opened(decisions=stages)
    asked = await gate(bench)
    for ahead, expected in ((1.1, [1]), (1.2, [1]), (2.1, [1, 2]), (3.0, [1, 2])):
        await bench.engine.close()
        bench = await opened(clock=SetClock(HOUR * ahead), decisions=stages)
        await bench.goal(goal_file({"id": "pass", "run": "exit 0"}))
        await event(bench, EventType.DECISION_ESCALATED if ahead == 3.0 else EventType.DECISION_REMINDED)
        await gate(bench)
        reminded = [e for e in await told(bench, EventType.DECISION_REMINDED) if e.data["decision"] == asked.id]
        assert [e.data["stage"] for e in reminded] == expected, ahead
    escalated = [e for e in await told(bench, EventType.DECISION_ESCALATED) if e.data["decision"] == asked.id]
    assert len(escalated) == 1
    now = await view(bench, asked.id)
    assert (now.reminders, now.escalated, now.state) == (3, True, DecisionState.PENDING)
    assert now.version == asked.version, "a reminder changes nothing that a card stands for"


async def test_what_was_put_off_is_not_told_of_meanwhile(opened: Open) -> None:
    bench = await opened(decisions=QUIET)
    hidden, seen = await gate(bench), await gate(bench)
    await bench.engine.snooze(hidden.id, Snooze(version=1, news=True))
    await bench.engine.close()
    bench = await opened(clock=SetClock(HOUR * 2), decisions=DecisionSettings(remind_after=(3600.0,)))
    await event(bench, EventType.DECISION_REMINDED)
    assert [e.data["decision"] for e in await told(bench, EventType.DECISION_REMINDED)] == [seen.id]
    await bench.engine.note(hidden.id, "news")
    async with asyncio.timeout(20):
        async for _ in bench.engine.subscribe():
            if (await view(bench, hidden.id)).reminders:
                break


async def test_the_inbox_counts_what_is_pending_and_how_fast_it_was_answered(bench: Bench) -> None:
    for seconds in (0.4, 1.9, 2.0, 30.0):
        asked = await gate(bench)
        await bench.engine.answer(asked.id, answer(asked, shown_seconds=seconds))
    await gate(bench, risk="high")
    found = await bench.engine.attention()
    assert (found.answers, found.quick, found.by_rule) == (4, 2, 0)
    assert found.pending == {Risk.HIGH: 1}
