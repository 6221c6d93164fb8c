"""When a screen calls for its operator, and how: the bell and the two sequences of terminals (F111, F113)."""

import os
import pty
import re
import select
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from textual.events import AppBlur, AppFocus

from engine.api import DecisionView, Presence
from engine.events import Event, EventType
from engine.model import DecisionState, Desktop, NotifySettings, Risk
from engine.settings import Settings
from tui.app import make_app
from tui.calling.caller import Attendance, Caller
from tui.calling.ringing import BELL, desktop
from tui.screens.card import Card
from tui.screens.decisions import DecisionsScreen
from ui.frozen import NOON
from ui.scenes import D_SHIP, shop
from ui.steering import Seat


class Scene:
    """A caller, a hand-moved clock, and what reached the terminal."""

    def __init__(self, **settings: object) -> None:
        self.seconds = 0.0
        self.now = NOON
        self.written: list[str] = []
        self.attendance = Attendance(lambda: self.seconds)
        chosen = NotifySettings.model_validate({"desktop": "osc9", **settings})
        self.caller = Caller(chosen, self.attendance, self.written.append, lambda: self.now, {})
        self.reading = 0
        self.views: list[DecisionView] = []

    def show(self, *views: DecisionView) -> list[str]:
        self.views = list(views)
        self.reading += 1
        self.caller.show(views, {}, self.reading)
        return self.told()

    def told(self) -> list[str]:
        told, self.written[:] = list(self.written), []
        return told

    def hear(self, kind: EventType, **data: object) -> list[str]:
        self.caller.heard(Event(seq=9, at=NOON, type=kind, goal="g-1", data=data))
        return self.show(*self.views)


def view(name: str = "d-1", **more: object) -> DecisionView:
    values = {"id": name, "question": "Ship it?", "risk": Risk.NORMAL, "escalated": False}
    return shop().cards[D_SHIP].decision.model_copy(update=values | more)


def test_a_new_decision_rings_once_and_what_was_there_does_not() -> None:
    scene = Scene()
    scene.attendance.left()
    assert scene.show(view("d-old")) == []
    told = scene.show(view("d-old"), view("d-new"))
    assert told[0] == BELL
    assert told[1].startswith("\x1b]9;Pilothouse: Decision needed: ")
    assert "Ship it?" in told[1]
    assert "d-new" in told[1]
    assert scene.show(view("d-old"), view("d-new")) == []


def test_f113_it_is_quiet_while_somebody_looks_and_rings_once_they_left() -> None:
    scene = Scene()
    scene.show()
    assert scene.show(view()) == []
    scene.seconds = 59
    scene.caller.consider()
    assert scene.told() == []
    scene.seconds = 61
    scene.caller.consider()
    assert len(scene.told()) == 2
    scene.attendance.focus = ""
    assert scene.hear(EventType.DECISION_REMINDED, decision="d-1", stage=1) == [], "it is what they read"
    scene.seconds = 301
    scene.caller.consider()
    assert "Still unanswered" in scene.told()[1]


def test_what_was_answered_before_anybody_left_rings_never() -> None:
    scene = Scene()
    scene.show()
    scene.show(view())
    scene.show(view(state=DecisionState.STAGED))
    scene.attendance.left()
    scene.caller.consider()
    assert scene.told() == []


def test_r85_a_stage_of_reminding_rings_once() -> None:
    scene = Scene()
    scene.attendance.left()
    scene.show(view())
    assert len(scene.hear(EventType.DECISION_REMINDED, decision="d-1", stage=1)) == 2
    assert len(scene.hear(EventType.DECISION_ESCALATED, decision="d-1", stage=1)) == 2
    assert scene.show(view()) == []


def test_what_is_told_is_routed_by_severity_and_hours() -> None:
    night = datetime.now(UTC).astimezone().replace(hour=23)
    scene = Scene(quiet="22:00-07:00", bell_from="urgent")
    scene.now = night
    scene.attendance.left()
    scene.show()
    assert scene.show(view()) == []
    urgent = scene.show(view(), view("d-2", risk=Risk.HIGH))
    assert [BELL in one for one in urgent[:1]] == [True]
    assert "d-2" in urgent[1]
    scene.now = night.replace(hour=12)
    scene.caller.consider()
    assert [one[:4] for one in scene.told()] == ["\x1b]9;"], "no bell for what is not urgent"


def test_ends_and_troubles_are_told_at_once_or_not_at_all() -> None:
    scene = Scene(bell=False)
    scene.attendance.left()
    scene.show()
    [failed] = scene.hear(EventType.GOAL_ENDED, state="failed", title="Ship", cause="oom")
    assert "Goal failed: Ship" in failed
    assert scene.hear(EventType.GOAL_ENDED, state="done", title="Ship") == []
    [trouble] = scene.hear(EventType.ENGINE_DEGRADED, part="sandboxes", breaker="open", message="lost 3")
    assert "lost 3" in trouble


HOSTILE = "a\x1b]52;c;UFdORUQ=\x07b\x9d0;c\x9c\r\nd;e\u202e"


@pytest.mark.parametrize("how", [Desktop.OSC9, Desktop.OSC777])
def test_no_hostile_byte_stands_in_a_sequence(how: Desktop) -> None:
    sequence = desktop(how, HOSTILE, HOSTILE, {})
    inner = sequence[2:-1]
    assert (sequence[:2], sequence[-1]) == ("\x1b]", "\x07")
    assert inner.isprintable()
    assert "UFdORUQ" not in inner
    if how is Desktop.OSC777:
        assert len(inner.split(";", 3)) == 4
        assert ";" not in inner.split(";", 3)[2]


@pytest.mark.parametrize(
    ("environ", "begins"),
    [
        ({"TERM": "xterm-256color"}, "\x1b]9;"),
        ({"TERM": "rxvt-unicode-256color"}, "\x1b]777;"),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7600"}, "\x1b]777;"),
        ({"TERM": "tmux-256color", "TMUX": "/tmp/t"}, "\x1bPtmux;\x1b\x1b]9;"),
    ],
)
def test_the_sequence_follows_the_terminal(environ: dict[str, str], begins: str) -> None:
    assert desktop(Desktop.AUTO, "t", "x", environ).startswith(begins)
    assert desktop(Desktop.OFF, "t", "x", environ) == ""


async def tells(seat: Seat, words: int) -> None:
    """Tell the engine who looks; it has heard so many words by then."""
    seat.app.attend()
    await seat.until(lambda: len(seat.engine.named("presence")) == words)


async def test_f113_the_screen_says_who_looks_at_what() -> None:
    engine = shop()
    app = make_app(engine, settings=Settings(), now=lambda: NOON, blink=False)
    async with app.run_test(size=(80, 24)) as pilot:
        seat = Seat(app, pilot, engine)
        for words, (key, screen) in enumerate((("2", DecisionsScreen), ("enter", Card)), start=1):
            await seat.press(key)
            await seat.until(lambda screen=screen: isinstance(app.screen, screen))  # type: ignore[misc]
            await tells(seat, words)
        for words, news in enumerate((AppBlur(), AppFocus()), start=3):
            app.post_message(news)
            await seat.settle()
            await tells(seat, words)
    said = [one for one in engine.named("presence") if isinstance(one, Presence)]
    assert [one.focus for one in said] == ["", engine.order[0], engine.order[0], engine.order[0]]
    assert [one.idle is None for one in said] == [False, False, True, False]
    assert len({one.attachment for one in said}) == 1


def read_all(master: int, child: subprocess.Popen[bytes]) -> bytes:
    """What it writes until it ends, which it does in time."""
    painted, end = b"", time.monotonic() + 20
    try:
        while time.monotonic() < end and (select.select([master], [], [], 0.1)[0] or child.poll() is None):
            if select.select([master], [], [], 0)[0]:
                painted += os.read(master, 65536)
    except OSError:
        return painted  # the end of a pty
    finally:
        child.kill()
    return painted


def test_f111_a_real_terminal_rings_and_shows_it() -> None:
    here = Path(__file__).resolve().parent
    master, slave = pty.openpty()
    environ = {
        **os.environ,
        "TERM": "xterm-256color",
        "PYTHONPATH": f"{os.environ.get('PYTHONPATH', '')}:{here.parent}",
    }
    environ.pop("TMUX", None)
    command = [sys.executable, str(here / "calling_terminal.py")]
    with subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, env=environ, start_new_session=True
    ) as child:
        os.close(slave)
        painted = read_all(master, child)
    os.close(master)
    assert b"LEFT" in painted, painted[-2000:]
    sequence = painted.index(b"\x1b]9;Pilothouse: Decision needed: ")
    words = painted[sequence:].split(b"\x07", 1)[0].decode()
    assert "Is it loud?" in words
    assert "d-new" in words
    assert words[2:].isprintable()
    assert painted.count(b"\x1b]9;") == 1
    assert re.sub(rb"\x1b\][^\x07]*\x07", b"", painted).count(b"\x07") == 1
