"""The starts of one schedule as moments in UTC: the last one, the next one, the window that is open (R40).

A time of day that the clocks leave out counts at the moment they jump; of one that comes twice, a start counts at
the first and an end at the second.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from engine.model.schedules import ScheduleTerms, Window, window_of

MINUTE = timedelta(minutes=1)
# Days. The next window begins within a week, and those that overlap end within one; twice that where the clocks, going
# back, close the gap between two of them.
REACH = 30
BACK = timedelta(hours=3)  # no clock is ever set back by more


@dataclass(frozen=True, order=True)
class Slot:
    """One start. `until`: when its window ends; None: it has no window."""

    start: datetime
    until: datetime | None = None


class Recurrence:
    """`anchor`: what `every` without windows counts from."""

    def __init__(self, terms: ScheduleTerms, anchor: datetime) -> None:
        self._zone = ZoneInfo(terms.zone)
        self._windows = tuple(window_of(text) for text in terms.windows)
        self._every = None if terms.every is None else timedelta(seconds=terms.every)
        self._cron = terms.cron
        self._anchor = anchor

    def last(self, now: datetime) -> Slot | None:
        """The newest start at or before `now`."""
        if self._cron is not None:
            return self._last_tick(now)
        if not self._windows:
            return self._last_interval(now)
        return max((slot for slot in self._slots(now) if slot.start <= now), default=None, key=_by_start)

    def next(self, after: datetime) -> Slot | None:
        """The oldest start after `after`."""
        if self._cron is not None:
            return self._next_tick(after)
        if not self._windows:
            assert self._every is not None
            last = self._last_interval(after)
            return Slot(self._anchor + self._every if last is None else last.start + self._every)
        return min((slot for slot in self._slots(after) if slot.start > after), default=None, key=_by_start)

    def open_at(self, now: datetime) -> Slot | None:
        """The window that is open: overlapping ones are one, which ends with the last of them."""
        return next((span for span in self._spans(now) if span.until and span.start <= now < span.until), None)

    def end_of_next(self, now: datetime) -> datetime | None:
        """When the next window ends that has an end."""
        return min((span.until for span in self._spans(now) if span.until and span.start > now), default=None)

    def _slots(self, around: datetime) -> Iterator[Slot]:
        for span in self._spans(around):
            if self._every is None or span.until is None:
                yield span
                continue
            steps = -(-(span.until - span.start) // self._every)
            # Of many, those beside `around` are enough.
            near = min(max((around - span.start) // self._every, 0), steps - 1)
            for step in range(max(near - 1, 0), min(near + 3, steps)):
                yield Slot(span.start + step * self._every, span.until)

    def _spans(self, around: datetime) -> Sequence[Slot]:
        return _spans(self._windows, self._zone, around.astimezone(self._zone).date())

    def _last_interval(self, now: datetime) -> Slot | None:
        assert self._every is not None
        steps = (now - self._anchor) // self._every
        return Slot(self._anchor + steps * self._every) if steps > 0 else None

    def _next_tick(self, after: datetime) -> Slot | None:
        from cronsim import CronSim

        assert self._cron is not None
        for tick in CronSim(self._cron, after.astimezone(self._zone)):
            if tick.astimezone(UTC) > after:
                return Slot(tick.astimezone(UTC))
        return None

    def _last_tick(self, now: datetime) -> Slot | None:
        """Looked for from a little later on: while the clocks go back, a later time of day lies in the past."""
        from cronsim import CronSim

        assert self._cron is not None
        for tick in CronSim(self._cron, (now + BACK).astimezone(self._zone), reverse=True):
            if tick.astimezone(UTC) <= now:
                return Slot(tick.astimezone(UTC))
        return None


@lru_cache(512)
def recurrence(terms: str, anchor: str) -> Recurrence:
    """The recurrence of stored terms; ValueError when they cannot be read."""
    return Recurrence(ScheduleTerms.model_validate_json(terms), datetime.fromisoformat(anchor))


@lru_cache(512)
def _spans(windows: tuple[Window, ...], zone: ZoneInfo, around: date) -> Sequence[Slot]:
    """All windows near a day, in order, those that overlap made one; a moment is a span of its own."""
    near = [slot for n in range(-REACH, REACH + 1) for slot in _of_day(windows, zone, around + timedelta(days=n))]
    spans = sorted((slot.start, slot.until) for slot in near if slot.until is not None)
    return sorted({*(slot for slot in near if slot.until is None), *_merged(spans)}, key=_by_start)


@lru_cache(8192)
def _of_day(windows: tuple[Window, ...], zone: ZoneInfo, day: date) -> tuple[Slot, ...]:
    """The windows that begin on a day."""
    found = []
    for window in windows:
        start = instant(day, window.start, zone)
        if day.weekday() not in window.days or start.astimezone(zone).date() != day:
            continue  # the second: a day, or its last minutes, that the clocks leave out
        if window.end is None:
            found.append(Slot(start))
            continue
        end = instant(day + timedelta(days=window.end <= window.start), window.end, zone, second=True)
        if end > start:
            found.append(Slot(start, end))
    return tuple(found)


def _merged(spans: Sequence[tuple[datetime, datetime]]) -> Iterator[Slot]:
    """Spans that overlap as one; those that only touch stay two."""
    held: tuple[datetime, datetime] | None = None
    for start, end in spans:
        if held is not None and start < held[1]:
            held = (held[0], max(held[1], end))
            continue
        if held is not None:
            yield Slot(*held)
        held = (start, end)
    if held is not None:
        yield Slot(*held)


def instant(day: date, minute: int, zone: ZoneInfo, *, second: bool = False) -> datetime:
    """A time of day in UTC. `second`: of one that comes twice, the later."""
    local = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=zone, fold=int(second))
    while (found := local.astimezone(UTC)).astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None):
        local += MINUTE  # the clocks leave it out
    return found


def _by_start(slot: Slot) -> datetime:
    return slot.start
