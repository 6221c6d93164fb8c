"""What is told, hours, addresses and headers: tables."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from engine.api import Presence
from engine.api.notices import about_engine, about_goal, stage_of
from engine.events import Event, EventType
from engine.local.presence import FRESH, MOST, READING, Attachments
from engine.model import GoalState, NotifySettings, QuietHours, Severity
from engine.model.notices import quiet_until
from engine.notify.push import header

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def at(hour: int, minute: int = 0) -> datetime:
    return NOON.replace(hour=hour, minute=minute)


@pytest.mark.parametrize(
    ("hours", "now", "ends"),
    [
        ("22:00-07:00", at(21, 59), None),
        ("22:00-07:00", at(22), at(7) + timedelta(days=1)),
        ("22:00-07:00", at(3), at(7)),
        ("22:00-07:00", at(7), None),
        ("12:00-13:30", at(13, 29), at(13, 30)),
        ("12:00-13:30", at(11, 59), None),
    ],
)
def test_quiet_hours_reach_over_midnight(hours: str, now: datetime, ends: datetime | None) -> None:
    assert quiet_until((QuietHours.model_validate(hours),), now) == ends


def test_hours_that_overlap_hold_until_the_last_one_ends() -> None:
    settings = NotifySettings.model_validate({"quiet": ["12:00-13:00", "12:30-15:00"]})
    assert quiet_until(settings.quiet, at(12, 45)) == at(15)


@pytest.mark.parametrize("hours", ["", "22-7", "25:00-07:00", "10:00-10:00", "22:00"])
def test_hours_that_make_no_sense_are_refused(hours: str) -> None:
    with pytest.raises(ValidationError):
        NotifySettings.model_validate({"quiet": hours})


@pytest.mark.parametrize(
    "url", ["ntfy.sh/x", "file:///etc/passwd", "http://", "https://a b/", "http://h:99999/", "http://h/\n"]
)
def test_addresses_that_are_none_are_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        NotifySettings.model_validate({"url": url})


@pytest.mark.parametrize("text", ["a\r\nX-Evil: 1", "tab\tand\x00nul", "☂ ünïcode", "=?UTF-8?B?eA==?=", "x" * 5000])
def test_a_header_is_one_line_of_ascii(text: str) -> None:
    value = header(text)
    assert value.isascii()
    assert value.isprintable()
    assert len(value) < 1500


def event(kind: EventType, **data: object) -> Event:
    return Event(seq=7, at=NOON, type=kind, data=data)


@pytest.mark.parametrize(
    ("kind", "data", "stage"),
    [
        (EventType.DECISION_OPENED, {}, "opened"),
        (EventType.DECISION_REMINDED, {"stage": 2}, "remind-2"),
        (EventType.DECISION_ESCALATED, {"stage": 1}, "escalate-1"),
        (EventType.DECISION_WOKEN, {"version": 3}, "woken-3"),
        (EventType.GATE_DEADLINE, {"then": "escalate", "decision": "d-1"}, "deadline"),
        (EventType.GATE_DEADLINE, {"then": "fail", "decision": "d-1"}, None),
        (EventType.DECISION_ANSWERED, {}, None),
        (EventType.TASK_DONE, {}, None),
    ],
)
def test_r85_each_stage_has_a_name_of_its_own(kind: EventType, data: dict[str, object], stage: str | None) -> None:
    assert stage_of(event(kind, **data)) == stage


def test_a_goal_that_a_human_cancelled_is_no_news() -> None:
    assert about_goal("g-1", "Ship", GoalState.CANCELLED, "", 1) is None
    done, failed = (about_goal("g-1", "Ship", state, "oom", 1) for state in (GoalState.DONE, GoalState.FAILED))
    assert done is not None
    assert failed is not None
    assert (done.severity, failed.severity) == (Severity.LOW, Severity.NORMAL)
    assert "oom" in failed.text


def test_an_engine_in_trouble_is_told_and_its_probe_is_not() -> None:
    told = about_engine(event(EventType.ENGINE_DEGRADED, part="sandboxes", breaker="open", message="lost 3"))
    assert told is not None
    assert (told.severity, told.text) == (Severity.NORMAL, "lost 3")
    assert about_engine(event(EventType.ENGINE_DEGRADED, part="sandboxes", breaker="half_open")) is None
    cooling = about_engine(event(EventType.ENGINE_DEGRADED, part="provider", provider="anthropic"))
    assert cooling is not None
    assert cooling.severity is Severity.LOW


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> datetime:
        return NOON

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def test_f113_looking_wears_off_and_is_never_taken_on_trust_for_long() -> None:
    clock = Hand()
    here = Attachments(clock)
    assert here.looks("d-1", 60) == 0
    here.report(Presence(attachment="a", idle=50.0))
    assert here.looks("d-1", 60) == 10
    here.report(Presence(attachment="a", idle=100.0, focus="d-1"))
    assert here.looks("d-1", 60) == FRESH, "no longer than a report counts"
    assert here.looks("d-2", 60) == 0, "another decision is not what they see"
    here.report(Presence(attachment="a", idle=60.0 * READING, focus=""))
    assert here.looks("d-1", 60) == 0, "a screen that was left open is nobody"
    here.report(Presence(attachment="a", idle=0.0))
    clock.seconds += FRESH + 1
    assert here.looks("d-1", 3600) == 0, "a screen that vanished is forgotten"


def test_r126_attachments_are_bounded() -> None:
    here = Attachments(Hand())
    for number in range(1000):
        here.report(Presence(attachment=f"a{number}", idle=0.0))
    assert len(here._reports) == MOST
