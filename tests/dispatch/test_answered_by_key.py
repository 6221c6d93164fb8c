"""Whole: keys pressed in the app over an engine of this process, and what the store has after them (R77, R78)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asked import ask, bash, gate, running
from scripted import Bench

from engine.api import DecisionView
from engine.dispatch.decisions.lifecycle import open_decision
from engine.model import AnswerKind, DecisionKind, DecisionState, FieldType, FormField
from engine.settings import Settings
from engine.store import named_queries
from engine.store.rows import decision_from, task_from
from tui.app import make_app
from tui.messages import Link
from tui.screens.card import Card
from ui.steering import NARROW, Seat

DECISIONS, TASKS = named_queries("decisions"), named_queries("tasks")
FIELDS = (
    FormField(name="version", type=FieldType.TEXT),
    FormField(name="reviewers", type=FieldType.INTEGER),
)
REJECTABLE = (AnswerKind.REJECT,)


@asynccontextmanager
async def seated(bench: Bench) -> AsyncIterator[Seat]:
    app = make_app(bench.engine, settings=Settings(), blink=False)
    async with app.run_test(size=NARROW) as pilot:
        engine: Any = bench.engine
        seat = Seat(app, pilot, engine)
        await seat.until(lambda: app.overview.link is Link.LIVE)
        yield seat


async def gate_of(bench: Bench, kind: DecisionKind, **more: Any) -> DecisionView:
    """A goal that waits at a gate of this kind: its approval is taken back, this is asked instead."""
    approval = await gate(bench, question="Ship it?")
    database, ids = bench.engine._parts.context.database, bench.engine._parts.context.ids
    row = await database.one(DECISIONS["get"], {"id": approval.id})
    task = await database.one(TASKS["get"], {"id": approval.task})
    assert row is not None
    assert task is not None
    subject, waits = decision_from(row).subject, task_from(dict(task))

    def unit(tx: Any) -> str:
        tx.run("UPDATE decisions SET state = 'cancelled' WHERE id = :id", {"id": approval.id})
        return open_decision(tx, ids, waits, kind, "Which way?", subject=subject, **more)

    asked = await database.write(unit)
    return (await bench.engine.decision(asked)).decision


async def stored(bench: Bench, decision: str) -> Any:
    row = await bench.engine._parts.context.database.one(DECISIONS["get"], {"id": decision})
    assert row is not None
    return decision_from(row)


async def open_card(seat: Seat, *words: str) -> None:
    await seat.press("2")
    await seat.shows("evidence  d-", *words)
    await seat.press("d")
    await seat.until(lambda: isinstance(seat.app.screen, Card) and seat.app.screen.shown is not None)
    await seat.awake()


async def test_r77_a_choice_answered_by_key_reaches_the_store(bench: Bench) -> None:
    options = (AnswerKind.CHOOSE, *REJECTABLE)
    asked = await gate_of(bench, DecisionKind.CHOICE, options=options, choices=("left", "right"))
    async with seated(bench) as seat:
        await open_card(seat, "1 left", "2 right")
        await seat.press("2")
        await seat.shows("chosen: right")
        assert (await stored(bench, asked.id)).state is DecisionState.PENDING
        await seat.alone()
        await seat.press("a")
        await seat.shows("choose", "takes effect")
        await bench.until(asked.goal, lambda _, states: states["ok"] == "done")
    held = await stored(bench, asked.id)
    assert (held.state, held.answer, held.chosen, held.via) == (DecisionState.ANSWERED, "choose", "right", "key")
    assert held.shown_seconds >= 0.3


async def test_r77_a_form_filled_in_by_key_reaches_the_store(bench: Bench) -> None:
    asked = await gate_of(bench, DecisionKind.FORM, options=(AnswerKind.FILL, *REJECTABLE), fields=FIELDS)
    async with seated(bench) as seat:
        await open_card(seat, "version", "reviewers")
        await seat.press("a")
        await seat.shows("send what is filled in", "version")
        await seat.type("1.4")
        await seat.press("tab", "3", "x")
        await seat.alone()
        await seat.press("ctrl+j")
        await seat.shows("a whole number")
        await seat.press("backspace")
        await seat.alone()
        await seat.press("ctrl+j")
        await bench.until(asked.goal, lambda _, states: states["ok"] == "done")
    held = await stored(bench, asked.id)
    assert (held.state, held.answer) == (DecisionState.ANSWERED, "fill")
    assert held.filled == {"version": "1.4", "reviewers": 3}


async def test_a_rule_made_by_key_answers_the_next_of_its_like(bench: Bench) -> None:
    run = await running(bench)
    first = await ask(bench, run, **bash("make test"), key="1")
    async with seated(bench) as seat:
        await seat.press("2")
        await seat.shows("make test")
        await seat.awake()
        await seat.press("A")
        await seat.shows("over the history", "a makes the rule")
        await seat.pilot.pause(0.4)
        await seat.press("a")
        await seat.until(lambda: "is in force" in seat.toasts)
        await seat.shows("takes effect")
    second = await ask(bench, run, **bash("make test"), key="2")
    other = await ask(bench, run, **bash("make all"), key="3")
    held = await stored(bench, second)
    assert (held.state, held.answer, held.via) == (DecisionState.ANSWERED, "approve", "rule")
    assert (await stored(bench, other)).state is DecisionState.PENDING
    assert (await stored(bench, first)).via == "key"


@pytest.mark.parametrize("key", ["right", "end"])
async def test_a_snooze_by_key_is_in_the_store_and_the_decision_pending(bench: Bench, key: str) -> None:
    asked = await gate(bench, question="Ship it?")
    async with seated(bench) as seat:
        await seat.press("2")
        await seat.shows("Ship it?", "evidence  d-")
        await seat.awake()
        await seat.press("z")
        await seat.shows("Until news")
        await seat.press(*(("right",) if key == "right" else ("tab", "tab", "tab")), "enter")
        await seat.shows("1 put off")
    held = await stored(bench, asked.id)
    assert held.state is DecisionState.PENDING
    assert held.snoozed_for_news is (key == "end")
    assert (held.snoozed_until is not None) is (key == "right")
