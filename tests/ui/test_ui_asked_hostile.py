"""Foreign text steers nothing where one chooses, fills in, permits, batches, rules or looks back (cases 45, 46)."""

import pytest

from engine.api import DecisionCard, OpenQuestion
from engine.api.notes import Note
from engine.model import FieldType, FormField
from tui.screens.ask import Confirm
from tui.screens.batch import Batch
from tui.screens.card import Card
from tui.screens.filling import Filling
from tui.screens.reader import Reader
from tui.screens.ruling import Trial
from ui.asking_scenes import alike, choice, form, money, only, permission, remembered, tried
from ui.frozen import NOON, FrozenEngine
from ui.hostile import ALL, CONTROL, MARKUP
from ui.steering import NARROW, WIDE, Seat, at_the_keys
from ui.test_ui_danger import written
from ui.test_ui_hostile import harmless

TEXTS = {"all": ALL, "control": CONTROL, "markup": MARKUP, "empty": "", "long": "x" * 5_000, "wide": "日本語" * 40}


def poisoned_card(card: DecisionCard, text: str) -> DecisionCard:
    """Hostile wherever the outside can write, with marks that do not fit the text."""
    fields = tuple(
        FormField(name=f"{text}{n}", label=text, type=kind, options=(text, f"{text}2"))
        for n, kind in enumerate(FieldType)
    )
    marks = [
        {"argument": text, "start": start, "end": end, "why": text} for start, end in ((0, 5), (3, 9_999), (-1, 2))
    ]
    update = {
        "question": text, "goal_title": text, "task_key": text, "risk_reason": text, "delegate": text,
        "approved_by": text, "choices": (text, f"{text}2") if card.decision.choices else (),
        "fields": fields if card.decision.fields else (),
        "notes": (Note(subject="d-x", text=text, by=text, at=NOON),),
        "evidence": {"tool": text, "tier": text, "arguments": {text: text, "n": [text]}, "danger": [*marks, text, None],
                     "run_n": text, text: text, "signs": [text], "used": 1, "limit": text},
    }  # fmt: skip
    asked = tuple(OpenQuestion(decision="d-q", version=1, task_key=text, question=text) for _ in range(2))
    view = card.decision.model_copy(update=update)
    return card.model_copy(update={"decision": view, "open_questions": asked, "blocks": (text,)})


def poisoned(engine: FrozenEngine, text: str) -> FrozenEngine:
    engine.cards = {ref: poisoned_card(card, text) for ref, card in engine.cards.items()}
    engine.matches = tuple(
        match.model_copy(update={"task_key": text, "question": text, "by": text}) for match in engine.matches
    )
    engine.ledger = [
        row.model_copy(update={"question": text, "by": text, "via": text, "option": text}) for row in engine.ledger
    ]
    return engine


async def walk(seat: Seat, *steps: str) -> None:
    """Press the keys; after the colon stands the screen each one leads to."""
    for step in steps:
        key, _, name = step.partition(":")
        await seat.press(key)
        if name:
            await seat.until(lambda name=name: type(seat.app.screen).__name__ == name)  # type: ignore[misc]
            await seat.settle()
        harmless(seat)


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "140x40"])
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
async def test_r45_r46_everything_that_may_be_asked(text: str, size: tuple[int, int]) -> None:
    engine = poisoned(only(choice(), form(), permission(), money()), text)
    async with at_the_keys(engine, size) as seat:
        await seat.press("2")
        for _ in range(4):
            await seat.awake()
            harmless(seat)
            await walk(
                seat,
                f"z:{Confirm.__name__}",
                "escape:DecisionsScreen",
                f"R:{Confirm.__name__}",
                "escape:DecisionsScreen",
            )
            await walk(seat, f"d:{Card.__name__}")
            await seat.awake()
            await walk(seat, "2", "escape:DecisionsScreen", ">:Words", "escape:DecisionsScreen", "j")
        assert seat.app.is_running
    assert written(engine) == []


@pytest.mark.alone
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
async def test_r45_r46_forms_batches_rules_and_history(text: str) -> None:
    engine = poisoned(only(form()), text)
    card = engine.cards[engine.order[0]]
    engine.cards[engine.order[0]] = card.model_copy(update={"open_questions": ()})
    async with at_the_keys(engine) as seat:
        await seat.press("2")
        await seat.awake()
        await walk(
            seat,
            f"a:{Filling.__name__}",
            "tab",
            "tab",
            "tab",
            "tab",
            "enter",
            "down",
            "escape",  # closes the list of options, where the form is that far down
        )
        if seat.app.screen.__class__.__name__ == Filling.__name__:
            await walk(seat, "escape:DecisionsScreen")
    engine = poisoned(alike(), text)
    async with at_the_keys(engine) as seat:
        await walk(seat, "2", "space", f"b:{Batch.__name__}", "escape:DecisionsScreen")
    engine = poisoned(tried(), text)
    async with at_the_keys(engine) as seat:
        await seat.press("2")
        await seat.awake()
        await seat.press("A")
        await seat.until(lambda: isinstance(seat.app.screen, Trial) or "no rule can be made" in seat.toasts)
        harmless(seat)
    engine = poisoned(remembered(), text)
    async with at_the_keys(engine) as seat:
        await walk(seat, "2", f"H:{Reader.__name__}")
    assert written(engine) == []
