"""What was sent stays on the screen as sent until the engine has spoken; a conflict brings the card back (R125)."""

import asyncio

import pytest

from engine.errors import Conflict, DaemonUnavailable
from engine.model import AnswerKind, DecisionState
from tui.bridge import ballot
from tui.screens.card import Card
from ui.pieces import D_EXPORT, D_SHIP
from ui.steering import Seat, at_the_keys
from ui.test_ui_deciding import answers, easy, open_card, open_queue


async def say(seat: Seat, key: str, reason: str) -> None:
    """Give an answer with a reason."""
    await seat.awake()
    await seat.press(key)
    await seat.shows("ctrl+j")
    await seat.type(reason)
    await seat.alone()
    await seat.press("ctrl+j")


@pytest.mark.parametrize("where", ["queue", "card"])
async def test_r125_a_sent_answer_stays_as_sent_until_the_reply(where: str) -> None:
    engine = easy()
    engine.reply = asyncio.Event()
    async with at_the_keys(engine) as seat:
        await (open_queue(seat) if where == "queue" else open_card(seat))
        await seat.awake()
        await seat.released()
        await seat.press("a")
        await seat.shows("approve sent")
        await seat.released()
        await seat.press("a")
        await seat.until(lambda: "on its way" in seat.toasts)
        assert len(answers(engine)) == 1, "a second press sends nothing"
        engine.reply.set()
        await seat.shows("takes effect in 5 s")
        assert not isinstance(seat.app.screen, Card)
    assert engine.cards[D_SHIP].decision.state is DecisionState.STAGED


async def test_r125_a_conflict_brings_the_card_back_with_what_changed() -> None:
    engine = easy()
    async with at_the_keys(engine) as seat:
        await open_card(seat)
        await seat.awake()
        await seat.released()
        card = engine.cards[D_SHIP]  # it moves on without a word, so that the screen still shows version 2
        moved = card.decision.model_copy(update={"version": 3, "content": "beef000011"})
        engine.cards[D_SHIP] = card.model_copy(update={"decision": moved})
        await seat.press("a")
        await seat.shows("v2 → v3", "content 3fa9c1a0 → beef0000")
        assert "is at version 3" in seat.toasts
        assert isinstance(seat.app.screen, Card)
        assert moved.state is DecisionState.PENDING


async def test_r125_who_was_faster_is_named() -> None:
    engine = easy()
    async with at_the_keys(engine) as seat:
        await open_card(seat)
        await seat.awake()
        await seat.released()
        engine.refusal = Conflict("answered already")
        card = engine.cards[D_SHIP]
        update = {"version": 3, "state": DecisionState.ANSWERED, "answer": AnswerKind.REJECT, "by": "ada", "via": "cli"}
        engine.cards[D_SHIP] = card.model_copy(update={"decision": card.decision.model_copy(update=update)})
        await seat.press("a")
        await seat.shows("answered: reject by ada (cli)")


async def test_r125_an_answer_without_a_reply_is_not_called_sent_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ballot, "PATIENCE", 0.05)
    engine = easy()
    engine.reply = asyncio.Event()
    async with at_the_keys(engine) as seat:
        await open_queue(seat)
        await seat.awake()
        await seat.press("a")
        await seat.until(lambda: "no reply" in seat.toasts)
        await seat.until(lambda: "did not arrive" in seat.toasts)
        assert "sent" not in seat.text


async def test_r125_an_engine_that_cannot_answer_is_told_in_words() -> None:
    engine = easy()
    engine.refusal = DaemonUnavailable("the engine does not answer")
    async with at_the_keys(engine) as seat:
        await open_queue(seat)
        await seat.awake()
        await seat.press("a")
        await seat.until(lambda: "the engine does not answer" in seat.toasts)
    assert engine.cards[D_SHIP].decision.state is DecisionState.PENDING


async def test_undo_takes_back_what_is_staged_while_its_window_is_open() -> None:
    engine = easy()
    async with at_the_keys(engine) as seat:
        await open_queue(seat)
        assert "undo" not in seat.text
        await seat.awake()
        await seat.press("a")
        await seat.shows("takes effect in 5 s", "u undo")
        await seat.press("1", "u")
        await seat.until(lambda: engine.named("undo") == [D_SHIP])
        await seat.until(lambda: "takes effect" not in seat.text)
        assert "waits again" in seat.toasts
    assert engine.cards[D_SHIP].decision.state is DecisionState.PENDING


@pytest.mark.parametrize(("key", "kind"), [("r", AnswerKind.REJECT), ("c", AnswerKind.CHANGES)])
async def test_r79_reject_and_changes_need_a_reason_and_send_it(key: str, kind: AnswerKind) -> None:
    engine = easy()
    async with at_the_keys(engine) as seat:
        await open_queue(seat)
        await say(seat, key, " ")
        await seat.shows("a reason is needed")
        assert answers(engine) == []
        await seat.type("too slow")
        await seat.press("enter")
        assert answers(engine) == [], "enter is a new line"
        await seat.type("by far")
        await seat.alone()
        await seat.press("ctrl+j")
        await seat.until(lambda: answers(engine))
    [(ref, answer)] = answers(engine)
    assert (ref, answer.answer, answer.feedback) == (D_SHIP, kind, "too slow\nby far")


async def test_r80_a_form_that_is_left_sends_nothing() -> None:
    engine = easy()
    async with at_the_keys(engine) as seat:
        await open_queue(seat)
        for key in ("escape", "ctrl+c"):
            await seat.awake()
            await seat.press("r")
            await seat.shows("Reject, because")
            await seat.type("no")
            await seat.press(key)
            await seat.until(lambda: len(seat.app.screen_stack) == 1)
            await seat.released()
    assert answers(engine) == []


async def test_r122_the_line_end_of_a_raw_paste_sends_no_reason() -> None:
    engine = easy()
    async with at_the_keys(engine) as seat:
        await open_queue(seat)
        await seat.awake()
        await seat.press("r")
        await seat.shows("Reject, because")
        for key in ("n", "o", "ctrl+j"):
            seat.send(key)
        await seat.shows("several keys at once: nothing sent")
    assert answers(engine) == []


async def test_r123_every_letter_stays_in_the_field() -> None:
    engine = easy()
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789?:!.-/@#[]{},;"
    async with at_the_keys(engine) as seat:
        await open_queue(seat)
        await seat.awake()
        await seat.press("r")
        await seat.shows("Reject, because")
        await seat.type(letters)
        assert seat.app.screen.query_one("#field").text == letters  # type: ignore[attr-defined]
        await seat.press("escape", "1", "slash")
        await seat.type(letters)
        assert seat.app.screen.query_one("#find").value == letters  # type: ignore[attr-defined]
        await seat.press("escape", "n")
        await seat.type(letters)
        assert seat.app.screen.query_one("#field").value == letters  # type: ignore[attr-defined]
    assert engine.named("cancel") == answers(engine) == []


async def test_r82_content_that_changes_under_an_open_form_is_not_approved() -> None:
    engine = easy()
    async with at_the_keys(engine) as seat:
        await open_queue(seat)
        await seat.awake()
        await seat.press("c")
        await seat.shows("What to change")
        engine.change(D_SHIP, version=3, content="beef000011")
        await seat.type("shorter")
        await seat.alone()
        await seat.press("ctrl+j")
        await seat.until(lambda: "is at version 3" in seat.toasts)
    [(_, answer)] = answers(engine)
    assert (answer.version, answer.content) == (2, "3fa9c1a07b"), "what was painted, and refused by the engine"
    assert engine.cards[D_SHIP].decision.state is DecisionState.PENDING


async def test_only_answers_the_engine_offers_are_offered() -> None:
    engine = easy()
    card = engine.cards[D_EXPORT]
    options = (AnswerKind.APPROVE, AnswerKind.REJECT)
    engine.cards[D_EXPORT] = card.model_copy(update={"decision": card.decision.model_copy(update={"options": options})})
    async with at_the_keys(engine) as seat:
        await open_queue(seat)
        await seat.press("j")
        await seat.until(lambda: "c changes" not in seat.text)
        await seat.awake()
        await seat.press("c")
        await seat.settle()
        assert len(seat.app.screen_stack) == 1
    assert answers(engine) == []
