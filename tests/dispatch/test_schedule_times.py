"""When schedules start, over a year of edges: midnight, zones, summer time, overlapping windows (R40)."""

from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.dispatch.schedules.recurrence import Recurrence, Slot
from engine.model.schedules import DAYS, ScheduleTerms

ANCHOR = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
# A zone that moves at 02:00, one across the equator, one by half an hour, one at midnight, one that never moves.
ZONES = ["Europe/Berlin", "America/Santiago", "Australia/Lord_Howe", "Africa/Cairo", "America/New_York", "UTC"]


def times(*windows: str, zone: str = "UTC", **more: object) -> Recurrence:
    terms = ScheduleTerms.model_validate({"goal": "g.yaml", "windows": windows, "zone": zone, **more})
    return Recurrence(terms, ANCHOR)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def by_search(local: datetime, zone: ZoneInfo, *, last: bool) -> datetime:
    """The moment at which the clock on the wall shows a time, minute by minute; one it leaves out: when it jumps."""
    near = (local.replace(tzinfo=UTC) - local.replace(tzinfo=zone).utcoffset()).astimezone(UTC)  # type: ignore[operator]
    minutes = [near + MINUTE * n for n in range(-61, 62)]
    shown = [moment.astimezone(zone).replace(tzinfo=None) for moment in minutes]
    exact = [moment for moment, wall in zip(minutes, shown, strict=True) if wall == local]
    if exact:
        return exact[-1 if last else 0]
    return next(moment for moment, wall in zip(minutes, shown, strict=True) if wall > local)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("window", [("daily", 2, 3), ("mon-fri", 0, 1), ("sun", 1, 2), ("sat", 22, 6)])
def test_r40_a_year_of_windows_lands_on_the_right_days(zone: str, window: tuple[str, int, int]) -> None:
    days, start, end = window
    named = {"daily": set(range(7)), "mon-fri": set(range(5)), "sun": {6}, "sat": {5}}[days]
    there, expected = ZoneInfo(zone), []
    for n in range(366):
        day = date(2026, 1, 1) + DAY * n
        if day.weekday() in named:
            midnight = datetime.fromisoformat(f"{day}T00:00")  # on the wall: without a zone
            begins, ends = (midnight + timedelta(hours=hour, minutes=30) for hour in (start, end))
            ends += DAY if end <= start else timedelta()
            span = Slot(by_search(begins, there, last=False), by_search(ends, there, last=True))
            assert span.until is not None
            if span.start < span.until:
                expected.append(span)
    found, now = [], ANCHOR - DAY
    recurrence = times(f"{days} {start:02}:30-{end:02}:30", zone=zone)
    while (slot := recurrence.next(now)) is not None and slot.start <= expected[-1].start:
        assert recurrence.last(slot.start) == slot == recurrence.open_at(slot.start)
        found.append(slot)
        now = slot.start
    assert [slot for slot in found if slot.start >= expected[0].start] == expected


@pytest.mark.parametrize(
    ("window", "zone", "start", "until"),
    [
        ("sat 22:00-06:00", "Europe/Berlin", "2026-03-28T22:00+01:00", "2026-03-29T06:00+02:00"),  # 7 hours
        ("sat 22:00-06:00", "Europe/Berlin", "2026-10-24T22:00+02:00", "2026-10-25T06:00+01:00"),  # 9 hours
        ("sun 02:30-05:00", "Europe/Berlin", "2026-03-29T03:00+02:00", "2026-03-29T05:00+02:00"),  # 02:30 is left out
        ("sun 01:00-02:30", "Europe/Berlin", "2026-03-29T01:00+01:00", "2026-03-29T03:00+02:00"),
        ("sun 02:30-05:00", "Europe/Berlin", "2026-10-25T02:30+02:00", "2026-10-25T05:00+01:00"),  # 02:30 comes twice
        ("sun 01:00-02:30", "Europe/Berlin", "2026-10-25T01:00+02:00", "2026-10-25T02:30+01:00"),
        ("fri 00:00-02:00", "Africa/Cairo", "2026-04-24T01:00+03:00", "2026-04-24T02:00+03:00"),  # no midnight
        ("thu 00:00-24:00", "UTC", "2026-12-31T00:00+00:00", "2027-01-01T00:00+00:00"),
        ("sun 23:00-01:00", "Pacific/Kiritimati", "2026-05-03T23:00+14:00", "2026-05-04T01:00+14:00"),
        ("mon 00:30", "America/New_York", "2026-03-09T00:30-04:00", None),
    ],
)
def test_r40_edges_by_name(window: str, zone: str, start: str, until: str | None) -> None:
    expected = Slot(at(start), None if until is None else at(until))
    recurrence = times(window, zone=zone)
    assert recurrence.next(expected.start - MINUTE) == expected
    assert recurrence.last(expected.start) == expected
    before = recurrence.last(expected.start - MINUTE)
    assert before is not None
    assert before.start < expected.start


@pytest.mark.parametrize(("day", "starts"), [("2026-03-29", 0), ("2026-03-22", 1), ("2026-10-25", 1)])
def test_r40_a_window_that_the_clocks_leave_out_whole_does_not_come(day: str, starts: int) -> None:
    recurrence, midnight = times("sun 02:10-02:50", zone="Europe/Berlin"), at(f"{day}T00:00+01:00")
    slot = recurrence.next(midnight)
    assert slot is not None
    assert (slot.start < midnight + DAY) == bool(starts)


def test_r40_a_day_that_a_zone_leaves_out_has_no_windows() -> None:
    recurrence = times("fri 10:00-12:00", "sat 10:00-12:00", zone="Pacific/Apia")  # 30 December 2011 never was there
    slot = recurrence.next(at("2011-12-29T12:00-10:00"))
    assert slot == Slot(at("2011-12-31T10:00+14:00"), at("2011-12-31T12:00+14:00"))


def test_r40_overlapping_windows_are_one_until_the_last_of_them_ends() -> None:
    recurrence = times("mon 08:00-12:00", "mon 11:00-15:00", "mon 14:30-02:00", "mon 09:00-10:00", "tue 02:00-03:00")
    monday = at("2026-06-01T00:00+00:00")
    whole = Slot(monday + timedelta(hours=8), monday + timedelta(hours=26))
    assert recurrence.next(monday) == whole
    for hour in (8, 10, 12, 15, 20, 25):
        assert recurrence.open_at(monday + timedelta(hours=hour)) == whole
    assert recurrence.next(whole.start) == Slot(monday + timedelta(hours=26), monday + timedelta(hours=27))


def test_r40_every_counts_real_time_inside_each_window() -> None:
    recurrence = times("sat 23:00-04:30", zone="Europe/Berlin", every="1h")
    first = at("2026-10-24T23:00+02:00")  # six and a half hours: 02:00 to 03:00 comes twice
    found, now = [], first - MINUTE
    for _ in range(8):
        slot = recurrence.next(now)
        assert slot is not None
        assert recurrence.last(slot.start + MINUTE) == slot
        found.append(slot)
        now = slot.start
    assert [slot.start - first for slot in found[:7]] == [timedelta(hours=n) for n in range(7)]
    assert {slot.until for slot in found[:7]} == {at("2026-10-25T04:30+01:00")}
    assert found[7].start == at("2026-10-31T23:00+01:00")


def test_r40_every_alone_counts_from_its_beginning() -> None:
    recurrence = times(every="90m")
    assert recurrence.last(ANCHOR + timedelta(minutes=89)) is None
    assert recurrence.next(ANCHOR) == Slot(ANCHOR + timedelta(minutes=90))
    assert recurrence.last(ANCHOR + timedelta(days=365)) == Slot(ANCHOR + timedelta(minutes=90) * 5840)


@pytest.mark.parametrize("cron", ["30 2 * * *", "*/20 * * * *", "0 0 1 * *", "15 1-3 * * sun", "0 9 * * mon#1"])
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
def test_r40_cron_last_and_next_agree_around_every_change_of_the_clocks(cron: str, zone: str) -> None:
    recurrence = times(cron=cron, zone=zone)
    for month in (3, 10):
        begin = datetime(2026, month, 1, tzinfo=UTC) - DAY
        starts, now = [], begin - (DAY if "*/20" in cron else DAY * 62)
        while (slot := recurrence.next(now)) is not None and now < begin + DAY * 33:
            assert slot.start > now
            starts.append(slot)
            now = slot.start
        for n in range(0, 32 * 24 * 60, 97 if "*/20" not in cron else 431):
            moment = begin + MINUTE * n
            index = bisect_right(starts, moment, key=lambda slot: slot.start)
            assert recurrence.last(moment) == starts[index - 1]
            assert recurrence.next(moment) == starts[index]


@pytest.mark.parametrize(
    ("day", "starts"),
    [
        ("2026-03-29", ["2026-03-29T03:00+02:00"]),  # 02:30 is left out: when the clocks jump
        ("2026-10-25", ["2026-10-25T02:30+02:00"]),  # 02:30 comes twice: the first time
        ("2026-06-01", ["2026-06-01T02:30+02:00"]),
    ],
)
def test_r40_cron_at_a_time_of_day_comes_once_a_day(day: str, starts: list[str]) -> None:
    recurrence, now = times(cron="30 2 * * *", zone="Europe/Berlin"), at(f"{day}T00:00+01:00") - timedelta(hours=1)
    found = []
    while (slot := recurrence.next(now)) is not None and slot.start < at(f"{day}T20:00+01:00"):
        found.append(slot.start)
        now = slot.start
    assert found == [at(start) for start in starts]


@st.composite
def windows(draw: st.DrawFn) -> str:
    days = ",".join(draw(st.lists(st.sampled_from(DAYS), min_size=1, max_size=3, unique=True)))
    start, end = draw(st.integers(0, 1439)), draw(st.integers(0, 1439))
    return f"{days} {start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}"


@settings(deadline=None)  # a busy machine is no failure
@given(
    st.lists(windows(), min_size=1, max_size=4),
    st.sampled_from(ZONES),
    st.integers(0, 366 * 24 * 60),
    st.sampled_from([None, 60.0, 5400.0]),
)
@example(["daily 12:00-11:59", "mon-sat 11:00-13:00"], "UTC", 60 * 24 * 3, None)  # a window of almost a week
@example(["daily 02:30-02:15", "mon-sat 01:00-03:00"], "Europe/Berlin", 60 * 24 * 297, None)  # and of almost two
def test_r40_the_last_start_is_never_after_now_and_the_next_one_never_before(
    given_windows: list[str], zone: str, minute: int, every: float | None
) -> None:
    try:
        recurrence = times(*given_windows, zone=zone, every=every)
    except ValidationError:
        return  # together they cover the week
    now = ANCHOR + MINUTE * minute
    last, coming, open_now = recurrence.last(now), recurrence.next(now), recurrence.open_at(now)
    assert last is not None
    assert coming is not None
    assert last.start <= now < coming.start
    assert recurrence.next(last.start) == coming
    assert recurrence.last(coming.start) == coming
    if open_now is not None:
        assert last.until == open_now.until
        assert open_now.start <= last.start


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"windows": ["someday 10:00"]}, "someday"),
        ({"windows": ["mon 25:00"]}, "time of day"),
        ({"windows": ["mon 9:00"]}, "is no window"),
        ({"windows": ["daily 00:00-12:00", "daily 11:00-00:00"]}, "none of them ever ends"),
        ({"windows": ["mon 10:00"], "zone": "Europe/Atlantis"}, "no time zone"),
        ({"windows": ["mon 10:00"], "zone": "../../etc/passwd"}, "no time zone"),
        ({"windows": ["mon 10:00"], "every": "1h"}, "windows with an end"),
        ({"cron": "* * * *"}, "five fields"),
        ({"cron": "0 0 30 2 *"}, "cron"),
        ({"cron": "0 0 * * *", "every": "1h"}, "stands alone"),
        ({"every": "5s"}, "greater than or equal to 60"),
        ({}, "say when"),
        ({"windows": ["mon 10:00"], "template": "t"}, "either"),
        ({"windows": ["mon 10:00"], "goal": None}, "either"),
        ({"windows": ["mon 10:00"], "form": 1}, "Extra inputs"),
    ],
)
def test_terms_that_mean_nothing_are_refused_in_words(values: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        ScheduleTerms.model_validate({"goal": "g.yaml", **values})
    assert words in str(refused.value)
