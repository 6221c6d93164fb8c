"""A host that a run wants to reach: asked about with all that is known, answered by number, kept at its task (F152)."""

from datetime import UTC, datetime

from engine.model import AnswerKind, Risk, TaskState, Verdict
from tui.cli.draw_deciding import card_facts
from tui.widgets.overviews import task_lines
from ui.asking_scenes import D_HOST, contact, only, reach
from ui.scenes import task
from ui.steering import at_the_keys
from ui.test_ui_asked import open_card, submit
from ui.test_ui_deciding import answers


async def test_f152_the_card_shows_host_task_and_tries_and_the_answer_goes_by_number() -> None:
    engine = only(reach())
    async with at_the_keys(engine) as seat:
        await open_card(seat)
        await seat.shows("May it reach pypi.org:443?", "build", "has tried it 4 times", "never: no run of its goal")
        await seat.shows("1 once", "2 goal", "3 never", "asked by run #1")
        await seat.press("2")
        await seat.shows("chosen: goal")
        await seat.released()
        await seat.press("a")
        await seat.until(lambda: answers(engine))
    [(ref, answer)] = answers(engine)
    assert (ref, answer.answer, answer.option) == (D_HOST, AnswerKind.CHOOSE, "goal")


async def test_a_host_of_unknown_kind_asks_for_the_short_id() -> None:
    engine = only(reach(to="1.2.3.4:22", risk=Risk.HIGH))
    async with at_the_keys(engine) as seat:
        await open_card(seat)
        await seat.press("1")
        await seat.alone()
        await seat.press("a")
        await seat.shows("first type d-eg05")
        await seat.type("d-eg05")
        await submit(seat)
        await seat.until(lambda: answers(engine))
    assert answers(engine)[0][1].option == "once"


def test_f152_the_command_line_says_the_same_of_it() -> None:
    said = "\n".join(card_facts(reach()))
    assert "to: pypi.org:443" in said
    assert "run 1 has tried it 4 times" in said
    assert [line.strip() for line in said.splitlines()[-3:]] == ["1. once", "2. goal", "3. never"]


def painted(width: int = 100) -> str:
    seen = (
        contact("pypi.org:443", Verdict.ALLOWED, reason="its task lists it", bytes_up=900, bytes_down=3 * 1024**2),
        contact("evil.example:443", Verdict.REFUSED, reason="its task does not \x1b[2Jlist it", refused=4),
    )
    view = task("t-build00000", "build", TaskState.RUNNING, network="egress", egress=("pypi.org:443",), ask=True)
    view = view.model_copy(update={"contacts": seen})
    rows = task_lines(view, None, width, datetime(2026, 1, 1, tzinfo=UTC))
    return "\n".join("".join(text for text, _ in row) for row in rows)


def test_f152_a_task_shows_what_it_may_reach_and_what_it_tried() -> None:
    text = painted()
    assert "network egress, asks about hosts it does not list" in text
    assert "reaches   pypi.org:443" in text
    assert "pypi.org:443 allowed ×4 900 out, 3M in · its task lists it" in " ".join(text.split())
    assert "evil.example:443 refused ×4 · its task does not" in " ".join(text.split())
    assert "\x1b" not in text
