"""A deciding key acts once, on the focused decision, with the id, version and content that were painted (R122)."""

import pytest
from textual.events import Paste

from engine.api import Answer
from engine.errors import EngineUnavailable
from engine.model import AnswerKind, DecisionState, Risk
from tui.messages import Link
from tui.screens.card import Card
from ui.frozen import FrozenEngine
from ui.pieces import D_EXPORT, D_SHIP
from ui.scenes import shop
from ui.steering import NARROW, WIDE, Seat, at_the_keys

HELD = 0.6  # seconds from a key to itself again: so long a keyboard may wait before it repeats a key that is held


def answers(engine: FrozenEngine) -> list[tuple[str, Answer]]:
    return engine.named("answer")  # type: ignore[return-value]


def easy() -> FrozenEngine:
    """The shop with the normal risk decision first."""
    engine = shop()
    card = engine.cards[D_SHIP]
    engine.cards[D_SHIP] = card.model_copy(update={"decision": card.decision.model_copy(update={"risk": Risk.NORMAL})})
    return engine


async def open_queue(seat: Seat) -> None:
    await seat.press("2")
    await seat.shows("Ship it?", "evidence")


async def open_card(seat: Seat, at: float | None = None) -> None:
    await seat.shows("human_approval")
    await seat.press("j", "j", "j", "j")
    await seat.press("a", at=at)
    await seat.until(lambda: isinstance(seat.app.screen, Card) and seat.app.screen.shown is not None)


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_r122_approve_goes_to_the_painted_id_and_version(size: tuple[int, int]) -> None:
    engine = easy()
    async with at_the_keys(engine, size) as seat:
        await open_queue(seat)
        await seat.awake()
        await seat.press("a")
        await seat.shows("approve in 5 s", "takes effect in 5 s", "u undo")
    [(ref, answer)] = answers(engine)
    assert ref == D_SHIP
    assert (answer.version, answer.answer, answer.via, answer.undoable) == (2, AnswerKind.APPROVE, "key", True)
    assert answer.content == "3fa9c1a07b", "bound to the content that was shown (R82)"
    assert answer.shown_seconds is not None
    assert answer.shown_seconds >= 0.3


async def test_r122_the_cursor_chooses_and_no_other_is_touched() -> None:
    engine = easy()
    async with at_the_keys(engine) as seat:
        await open_queue(seat)
        await seat.press("j")
        await seat.shows("Nightly features")
        await seat.awake()
        await seat.press("a")
        await seat.shows("approve in 5 s")
    assert [ref for ref, _ in answers(engine)] == [D_EXPORT]


@pytest.mark.parametrize("where", ["queue", "card"])
async def test_r122_keys_sleep_after_it_appears(where: str) -> None:
    engine = easy()
    async with at_the_keys(engine) as seat:
        await (open_queue(seat) if where == "queue" else open_card(seat))
        await seat.press("a", at=await seat.still_asleep())
        await seat.until(lambda: "asleep" in seat.toasts)
        await seat.alone()
    assert answers(engine) == []


async def test_r122_keys_sleep_again_when_it_changes() -> None:
    engine = easy()
    async with at_the_keys(engine) as seat:
        await open_card(seat)
        await seat.awake()
        engine.change(D_SHIP, version=3, content="ffff000011")
        await seat.shows("d-32k9 v3", "changed while you looked", "v2 → v3", "content 3fa9c1a0 → ffff0000")
        await seat.press("a", at=await seat.still_asleep())
        await seat.until(lambda: "asleep" in seat.toasts)
        assert answers(engine) == []
        await seat.awake()
        await seat.released()
        await seat.press("a")
        await seat.until(lambda: answers(engine))
    [(_, answer)] = answers(engine)
    assert (answer.version, answer.content) == (3, "ffff000011"), "what is on the card is what is approved (R82)"


async def test_r122_a_held_key_decides_once() -> None:
    engine = easy()
    async with at_the_keys(engine) as seat:
        await open_queue(seat)
        await seat.awake()
        first = seat.later()
        await seat.press("a", at=first)
        await seat.shows("approve in 5 s")
        await seat.press("j", at=first + 0.1)
        await seat.awake()
        await seat.press("a", at=first + HELD)
        await seat.until(lambda: "too fast" in seat.toasts)
        await seat.alone()
    assert [ref for ref, _ in answers(engine)] == [D_SHIP]


async def test_r122_the_key_that_opened_the_card_does_not_decide_when_held() -> None:
    engine = easy()
    async with at_the_keys(engine) as seat:
        opened = seat.later()
        await open_card(seat, at=opened)
        await seat.awake()
        await seat.press("a", at=opened + HELD)
        await seat.until(lambda: "too fast" in seat.toasts)
        await seat.alone()
        assert isinstance(seat.app.screen, Card)
    assert answers(engine) == []


@pytest.mark.parametrize("keys", [("x", "a"), ("a", "p", "p")])
async def test_r122_keys_in_one_stream_decide_nothing(keys: tuple[str, ...]) -> None:
    engine = easy()
    async with at_the_keys(engine) as seat:
        await open_queue(seat)
        await seat.awake()
        for key in keys:
            seat.send(key)
        await seat.until(lambda: "several keys at once" in seat.toasts)
        await seat.alone()
    assert answers(engine) == []


async def test_case_20_r122_type_ahead_decides_nothing() -> None:
    engine = easy()
    async with at_the_keys(engine) as seat:
        for key in ("2", "a", "a", "j", "a", "enter"):
            seat.send(key)
        await seat.until(lambda: seat.app.current_mode == "decisions")
        await seat.pilot.pause(0.5)
    assert answers(engine) == []


@pytest.mark.parametrize("where", ["queue", "card"])
async def test_case_20_r122_a_paste_decides_nothing(where: str) -> None:
    engine = easy()
    async with at_the_keys(engine) as seat:
        await (open_queue(seat) if where == "queue" else open_card(seat))
        await seat.awake()
        seat.app.post_message(Paste("a"))
        await seat.pilot.pause(0.1)
        seat.app.post_message(Paste("a\n"))
        seat.send("a")  # a terminal that marks only a part of what was pasted
        await seat.pilot.pause(0.15)
    assert answers(engine) == []


@pytest.mark.parametrize("where", ["queue", "card"])
async def test_r122_enter_decides_nothing(where: str) -> None:
    engine = easy()
    async with at_the_keys(engine) as seat:
        await (open_queue(seat) if where == "queue" else open_card(seat))
        await seat.awake()
        await seat.press("enter")
        await seat.pilot.pause(0.1)
    assert answers(engine) == []


async def test_r122_the_palette_and_help_decide_nothing() -> None:
    engine = easy()
    async with at_the_keys(engine) as seat:
        await open_queue(seat)
        await seat.awake()
        await seat.press("question_mark")
        await seat.type("decisions.approve")
        await seat.shows("let it through")
        await seat.press("enter")
        await seat.until(lambda: "only its own key decides" in seat.toasts)
        await seat.alone()
    assert answers(engine) == []


async def test_r122_keys_of_other_screens_decide_nothing() -> None:
    engine = easy()
    async with at_the_keys(engine) as seat:
        for screen in ("1", "3", "5"):
            await seat.press(screen)
            for key in ("a", "r", "c", "escape"):
                await seat.alone()
                await seat.press(key)
            while len(seat.app.screen_stack) > 1:
                await seat.press("escape")
        await seat.pilot.pause(0.1)
    assert answers(engine) == []


async def test_r80_leaving_the_card_changes_nothing() -> None:
    engine = easy()
    async with at_the_keys(engine) as seat:
        for key in ("escape", "ctrl+c", "enter"):
            await seat.press("g")
            await open_card(seat)
            await seat.awake()
            await seat.press(key)
            await seat.until(lambda: len(seat.app.screen_stack) == 1)
    assert answers(engine) == []
    assert engine.cards[D_SHIP].decision.state is DecisionState.PENDING


async def test_r80_a_connection_lost_under_an_open_card_leaves_the_decision_pending() -> None:
    engine = easy()
    async with at_the_keys(engine) as seat:
        await open_card(seat)
        await seat.awake()
        lost = EngineUnavailable("no engine answers on the socket")
        engine.subscribe_error = engine.refusal = lost
        engine.drop()
        await seat.until(lambda: seat.app.overview.link is Link.STALE)
        assert isinstance(seat.app.screen, Card)
        assert answers(engine) == [], "nothing is sent for the human"
        engine.subscribe_error = engine.refusal = None
        seat.app.deck.feed.refresh()
        await seat.until(lambda: seat.app.overview.link is Link.LIVE)
        await seat.settle()
        assert answers(engine) == [], "nor when it is back"
    assert engine.cards[D_SHIP].decision.state is DecisionState.PENDING


async def test_r80_an_answer_into_a_lost_connection_leaves_the_decision_pending_and_is_not_sent_again() -> None:
    engine = easy()
    async with at_the_keys(engine) as seat:
        await open_card(seat)
        await seat.awake()
        await seat.released()
        engine.refusal = engine.subscribe_error = EngineUnavailable("no engine answers on the socket")
        await seat.press("a")
        await seat.until(lambda: "no reply" in seat.toasts)
        assert len(answers(engine)) == 1
        engine.drop()
        await seat.until(lambda: seat.app.overview.link is Link.STALE)
        engine.subscribe_error = engine.refusal = None
        seat.app.deck.feed.refresh()
        await seat.until(lambda: "did not arrive" in seat.toasts)
        assert len(answers(engine)) == 1
    assert engine.cards[D_SHIP].decision.state is DecisionState.PENDING


async def test_high_risk_asks_for_the_short_id_before_it_approves() -> None:
    engine = shop()
    async with at_the_keys(engine) as seat:
        await open_queue(seat)
        await seat.awake()
        await seat.press("a")
        await seat.shows("first type d-32k9")
        await seat.type("d-31pp")
        await seat.press("enter")
        await seat.alone()
        await seat.press("ctrl+j")
        await seat.shows("that is not d-32k9")
        assert answers(engine) == []
        await seat.press("ctrl+u")
        await seat.type("d-32k9")
        await seat.alone()
        await seat.press("ctrl+j")
        await seat.until(lambda: answers(engine))
    assert [(ref, answer.answer) for ref, answer in answers(engine)] == [(D_SHIP, AnswerKind.APPROVE)]
