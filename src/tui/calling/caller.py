"""When this terminal calls for its operator: once for each stage of a decision, and never while somebody looks."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from engine.api import DecisionView
from engine.api.notices import Notice, about_decision, about_engine, about_goal, stage_of
from engine.events import Event, EventType
from engine.model import DecisionState, Desktop, GoalState, NotifySettings, Severity
from engine.model.notices import quiet_until
from tui.calling.ringing import BELL, desktop

MOST = 200  # things that wait to be told
READING = 5  # times as long without a key count as looking while the decision itself is on the screen


class Attendance:
    """Who sits at this screen. `focus`: the decision on it, empty for all of them, None without any."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._key: float | None = clock()  # whoever opened it is there
        self.focus: str | None = None

    def acted(self) -> None:
        """A key, a click, or the terminal came to the front."""
        self._key = self._clock()

    def left(self) -> None:
        """The terminal is no longer the one in front."""
        self._key = None

    @property
    def idle(self) -> float | None:
        """Seconds since the last sign of a person; None when somebody else's window is in front."""
        return None if self._key is None else max(0.0, self._clock() - self._key)

    def looks(self, decision: str | None, away: float) -> bool:
        sees = decision is not None and self.focus in ("", decision)
        return self.idle is not None and self.idle < away * (READING if sees else 1)


class Caller:
    """`write` puts a sequence on the terminal. What cannot be told at once waits, and is told when it still counts."""

    def __init__(
        self,
        settings: NotifySettings,
        attendance: Attendance,
        write: Callable[[str], None],
        now: Callable[[], datetime],
        environ: dict[str, str],
    ) -> None:
        self.settings = settings
        self._attendance = attendance
        self._write = write
        self._now = now
        self._environ = environ
        self._known: set[str] | None = None  # decisions that were on the screen before
        self._asked: dict[tuple[str, str], int] = {}  # (decision, stage): the reading it must be in
        self._others: list[Event] = []
        self._decisions: Mapping[str, DecisionView] = {}
        self._titles: Mapping[str, str] = {}
        self._reading = 0

    def heard(self, event: Event) -> None:
        """Something was committed."""
        if event.type in (EventType.GOAL_ENDED, EventType.ENGINE_DEGRADED):
            self._others = [*self._others[-MOST:], event]
            return
        stage = stage_of(event)
        if stage is not None and event.type is not EventType.DECISION_OPENED and len(self._asked) < MOST:
            self._asked[str(event.data.get("decision")), stage] = self._reading + 1

    def show(self, decisions: Sequence[DecisionView], titles: Mapping[str, str], reading: int) -> None:
        """What waits now, by the `reading`-th look at it, and how goals are called: what is there for the first time is
        told of; what was there at the first look is not."""
        self._decisions = {decision.id: decision for decision in decisions}
        self._titles, self._reading = titles, reading
        there = set(self._decisions)
        fresh = there - (there if self._known is None else self._known)
        self._known = there
        for decision in sorted(fresh)[: MOST - len(self._asked)]:
            self._asked[decision, "opened"] = 0
        self.consider()

    def consider(self) -> None:
        """Tell what may be told by now, all of it with one bell."""
        notices = [
            notice for notice in (self._due(*key, reading) for key, reading in list(self._asked.items())) if notice
        ]
        notices += [notice for notice in map(self._other, self._others) if notice is not None]
        self._others = []
        if any(notice.severity.reaches(self.settings.bell_from) for notice in notices) and self.settings.bell:
            self._write(BELL)
        for notice in notices[:READING]:
            if self.settings.desktop is not Desktop.OFF and notice.severity.reaches(self.settings.desktop_from):
                self._write(desktop(self.settings.desktop, notice.title, notice.text, self._environ))

    def _due(self, decision: str, stage: str, reading: int) -> Notice | None:
        view = self._decisions.get(decision)
        if view is None or view.state is not DecisionState.PENDING or view.snoozed_for_news or view.snoozed_until:
            if self._reading >= reading:
                del self._asked[decision, stage]
            return None
        notice = about_decision(view, stage, self._now())
        if self._attendance.looks(decision, self.settings.away) or self._is_quiet(notice):
            return None
        del self._asked[decision, stage]
        return notice

    def _other(self, event: Event) -> Notice | None:
        """An end or a trouble is told of at once or not at all."""
        if event.type is EventType.GOAL_ENDED and event.goal is not None:
            title = self._titles.get(event.goal) or str(event.data.get("title") or event.goal)
            state = GoalState(str(event.data.get("state", GoalState.CANCELLED)))
            notice = about_goal(event.goal, title, state, str(event.data.get("cause") or ""), event.seq)
        else:
            notice = about_engine(event)
        silent = notice is None or self._is_quiet(notice) or self._attendance.looks(None, self.settings.away)
        return None if silent else notice

    def _is_quiet(self, notice: Notice) -> bool:
        quiet = quiet_until(self.settings.quiet, self._now().astimezone()) is not None
        return quiet and notice.severity is not Severity.URGENT
