"""What is done with decisions beside one answer: put off, passed on, noted, batched, ruled, aborted, looked back at."""

import pytest

from engine.api import AddRule, BatchAnswer, RuleDraft, Snooze
from engine.model import AnswerKind, DecisionState, TaskState
from tui.screens.ask import Confirm
from tui.screens.batch import Batch
from tui.screens.ruling import Trial
from ui.asking_scenes import D_CHOICE, D_LIKE, D_TOOL, alike, choice, only, permission, put_off, remembered, tried
from ui.frozen import FrozenEngine
from ui.pieces import D_EXPORT, D_SHIP
from ui.steering import NARROW, Seat, at_the_keys
from ui.test_ui_asked import submit
from ui.test_ui_danger import written
from ui.test_ui_deciding import answers, easy, open_queue
from ui.test_ui_hostile import harmless


async def test_snooze_goes_to_the_painted_version_and_the_row_says_for_how_long() -> None:
    engine = easy()
    async with at_the_keys(engine) as seat:
        await open_queue(seat)
        await seat.awake()
        await seat.press("z")
        await seat.shows("Put d-32k9 off?", "15 minutes", "1 hour", "Until news")
        await seat.press("enter")
        await seat.until(lambda: len(seat.app.screen_stack) == 1)
        assert written(engine) == [], "the safe button has the focus"
        await seat.press("z")
        await seat.shows("Put d-32k9 off?")
        await seat.press("right", "enter")
        await seat.shows("snoozed 15m", "1 put off")
    [(ref, wanted)] = engine.named("snooze")  # type: ignore[misc]
    assert isinstance(wanted, Snooze)
    assert (ref, wanted.version, wanted.seconds, wanted.news, wanted.via) == (D_SHIP, 2, 900.0, False, "key")
    assert engine.cards[D_SHIP].decision.state is DecisionState.PENDING


async def test_mine_hides_what_is_put_off_or_for_others_and_says_how_much() -> None:
    engine = put_off()
    async with at_the_keys(engine) as seat:
        await seat.press("2")
        await seat.shows("snoozed 15m", "until news", "2 put off")
        await seat.press("at")
        await seat.shows("@ mine, 2 hidden", "Which colour")
        assert "Ship it?" not in seat.text
        engine.change(D_CHOICE, delegate="somebody else")
        await seat.shows("@ mine, 3 hidden")
        await seat.press("at")
        await seat.shows("Ship it?", "Which colour")


async def test_delegate_and_note_send_words_and_an_empty_name_takes_the_label_away() -> None:
    engine = easy()
    async with at_the_keys(engine) as seat:
        await open_queue(seat)
        await seat.awake()
        await seat.press(">")
        await seat.shows("Who should answer")
        await seat.type("bob")
        await submit(seat)
        await seat.shows("for bob")
        await seat.awake()
        await seat.press("w")
        await seat.shows("Note · ")
        await seat.type("asked the customer")
        await submit(seat)
        await seat.shows("asked the customer")
        await seat.awake()
        await seat.press(">")
        await seat.shows("Who should answer")
        await seat.press("backspace", "backspace", "backspace")
        await submit(seat)
        await seat.until(lambda: len(engine.named("delegate")) == 2)
    assert engine.named("delegate") == [(D_SHIP, "bob"), (D_SHIP, "")]
    assert engine.named("note") == [(D_SHIP, "asked the customer")]


async def mark_all(seat: Seat) -> None:
    await seat.press("2")
    await seat.shows("make test")
    await seat.press("space", "j", "space", "j", "space")
    await seat.shows("3 marked")


async def test_a_batch_shows_every_line_and_one_press_sends_all_with_an_outcome_for_each() -> None:
    engine = alike()
    async with at_the_keys(engine, (100, 40)) as seat:
        await mark_all(seat)
        await seat.press("b")
        await seat.shows("batch of 3", "make test", "make lint", "make ␛[8mdocs", "nothing is sent yet")
        harmless(seat)
        engine.change(D_LIKE[1], version=7)
        await seat.shows("it changed since: this line will be refused")
        await seat.press("enter")
        await seat.until(lambda: isinstance(seat.app.screen, Batch) and seat.app.screen.seconds > 0.35)
        assert written(engine) == []
        await seat.press("a")
        await seat.shows("approve: 2 of 3 taken", "✓ approved", "is at version 7")
        await seat.released()
        await seat.press("a")
        await seat.until(lambda: "sent already" in seat.toasts)
    [rows] = engine.named("answer_batch")
    assert isinstance(rows, tuple)
    assert all(isinstance(row, BatchAnswer) for row in rows)
    assert [(row.decision, row.answer.version, row.answer.via) for row in rows] == [(ref, 2, "key") for ref in D_LIKE]


async def test_a_batch_sends_no_line_that_was_not_shown() -> None:
    engine = alike()
    async with at_the_keys(engine) as seat:
        await mark_all(seat)
        await seat.press("b")
        await seat.shows("batch of 3")
        await seat.until(lambda: isinstance(seat.app.screen, Batch) and seat.app.screen.seconds > 0.35)
        await seat.press("a")
        await seat.until(lambda: "lines below" in seat.toasts)
        assert written(engine) == []
        await seat.press("G")
        await seat.released()
        await seat.press("a")
        await seat.until(lambda: engine.named("answer_batch"))


async def test_what_is_not_alike_or_of_high_risk_makes_no_batch() -> None:
    engine = alike()
    async with at_the_keys(engine) as seat:
        await mark_all(seat)
        await seat.press("j", "space", "b")
        await seat.until(lambda: "one kind and one risk" in seat.toasts)
        await seat.press("ctrl+backslash", "space", "b")
        await seat.until(lambda: "high risk is answered one by one" in seat.toasts)
        assert not isinstance(seat.app.screen, Batch)
    assert written(engine) == []


async def test_r122_the_keys_of_a_batch_sleep_at_first() -> None:
    engine = alike()
    async with at_the_keys(engine) as seat:
        await mark_all(seat)
        await seat.press("b")
        await seat.shows("batch of 3")
        await seat.press("a", at=await seat.still_asleep())
        await seat.until(lambda: "asleep" in seat.toasts)
    assert written(engine) == []


async def test_a_rule_is_tried_on_history_before_it_may_be_made() -> None:
    engine = tried()
    async with at_the_keys(engine, (100, 40)) as seat:
        await seat.press("2")
        await seat.shows("make test")
        await seat.awake()
        await seat.press("A")
        await seat.shows("14 approved", "1 denied", "2 unanswered", "people denied 1 request", "make test")
        await seat.shows("this task of goals of this title", "denied by ada")
        harmless(seat)
        await seat.press("w")
        await seat.shows("any task of goals of this title")
        engine.history_hash = "h2"  # the history went on
        await seat.until(lambda: isinstance(seat.app.screen, Trial) and seat.app.screen.seconds > 0.35)
        await seat.press("a")
        await seat.until(lambda: "not the rehearsal" in seat.toasts)
        assert answers(engine) == []
        await seat.until(lambda: isinstance(seat.app.screen, Trial) and seat.app.screen.seconds > 0.35)
        await seat.released()
        await seat.press("a")
        await seat.until(lambda: answers(engine))
    request = engine.named("add_rule")[-1]
    assert isinstance(request, AddRule)
    assert (request.rehearsed, request.draft.task, request.draft.goal) == ("h2", "*", "Ship the greeting")
    assert request.draft.arguments == {"command": "make test", "timeout": "120"}
    [(ref, answer)] = answers(engine)
    assert (ref, answer.version, answer.answer) == (D_TOOL, 2, AnswerKind.APPROVE)


async def test_no_rule_for_gates_and_high_risk() -> None:
    engine = only(choice(), permission())
    async with at_the_keys(engine) as seat:
        await seat.press("2")
        await seat.shows("1 blue")
        await seat.awake()
        await seat.press("A")
        await seat.until(lambda: "never choice" in seat.toasts)
        await seat.press("j")
        await seat.shows("tool Bash")
        await seat.awake()
        await seat.press("A")
        await seat.until(lambda: "never answers what is of high risk" in seat.toasts)
    drafts = [draft for draft in engine.named("rehearse") if isinstance(draft, RuleDraft)]
    assert drafts == []


async def test_f140_the_history_says_who_via_what_how_long_and_counts_the_quick_ones() -> None:
    async with at_the_keys(remembered(), (120, 40)) as seat:
        await open_queue(seat)
        await seat.press("H")
        await seat.shows("answered by people 14", "under 2 s 1", "by rules 3", "the same answer 5 times")
        await seat.shows("answered approve", "by ada via key", "looked 1.2 s", "waited", "expired", "via deadline")
        harmless(seat)


async def abort(seat: Seat) -> None:
    await seat.press("R")
    await seat.until(lambda: isinstance(seat.app.screen, Confirm))
    await seat.shows("Abort: reject it and cancel its task?", "Its task ends for good")
    await seat.press("right", "enter")
    await seat.shows("Abort, because")
    await seat.type("wrong branch")
    await submit(seat)


async def test_abort_is_previewed_rejects_at_once_and_cancels_the_task() -> None:
    engine = easy()
    async with at_the_keys(engine) as seat:
        await open_queue(seat)
        await seat.awake()
        await abort(seat)
        await seat.until(lambda: engine.named("cancel") == ["t-ship000000"])
    [(ref, answer)] = answers(engine)
    assert (ref, answer.answer, answer.feedback, answer.undoable) == (D_SHIP, AnswerKind.REJECT, "wrong branch", False)


async def test_abort_cancels_nothing_that_the_rejection_has_ended() -> None:
    engine = easy()
    task = engine.tasks["t-ship000000"]
    engine.tasks["t-ship000000"] = task.model_copy(update={"state": TaskState.FAILED})
    async with at_the_keys(engine) as seat:
        await open_queue(seat)
        await seat.awake()
        await abort(seat)
        await seat.until(lambda: "ship is aborted" in seat.toasts)
    assert engine.named("cancel") == []


async def test_abort_on_a_stale_version_cancels_nothing() -> None:
    engine = easy()
    async with at_the_keys(engine) as seat:
        await open_queue(seat)
        await seat.awake()
        await seat.press("R")
        await seat.shows("Abort: reject it and cancel its task?")
        card = engine.cards[D_SHIP]
        engine.cards[D_SHIP] = card.model_copy(update={"decision": card.decision.model_copy(update={"version": 9})})
        await seat.press("right", "enter")
        await seat.shows("Abort, because")
        await seat.type("no")
        await submit(seat)
        await seat.until(lambda: "is at version 9" in seat.toasts)
    assert engine.named("cancel") == []


@pytest.mark.parametrize("closing", [False, True], ids=["open", "closing"])
async def test_a_card_read_anew_under_a_dialog_can_be_answered_after_it(
    monkeypatch: pytest.MonkeyPatch, closing: bool
) -> None:
    engine: FrozenEngine = easy()
    async with at_the_keys(engine, NARROW) as seat:
        await open_queue(seat)
        await seat.press("j")
        await seat.shows("Nightly features")
        await seat.awake()
        await seat.press("z")
        await seat.shows("Put d-31pp off?")
        if closing:  # what a screen was to call once all is painted goes with it
            monkeypatch.setattr(seat.app.screen, "_invoke_later", lambda *_: None)
        engine.change(D_EXPORT, version=5)
        await seat.settle()
        await seat.press("escape")
        await seat.shows("d-31pp v5")
        await seat.awake()
        await seat.press("a")
        await seat.until(lambda: answers(engine))
    assert answers(engine)[0][1].version == 5
