"""What time alone brings: staged answers, deadlines, cooldowns, what was put off, reminders, schedules (R70, R74)."""

import sqlite3
from datetime import datetime
from functools import partial

from engine.dispatch.context import Context
from engine.dispatch.decisions.answers import Answers
from engine.dispatch.decisions.approving import ApprovalPolicy
from engine.dispatch.decisions.reminding import next_reminder, remind_due
from engine.dispatch.decisions.snoozing import next_wake, wake_due
from engine.dispatch.gates.deadlines import fire_deadlines, next_due
from engine.dispatch.limits.cooldowns import end_cooldowns
from engine.dispatch.schedules.book import ScheduleBook
from engine.settings import DecisionSettings


class Timetable:
    """All stored times behind one clock: `changed` says that there may be an earlier one, `at` is the next."""

    def __init__(self, context: Context, answers: Answers) -> None:
        self._context = context
        self._answers = answers
        self.book = ScheduleBook(context.database)
        self.changed = True
        self.at: datetime | None = None

    async def fire(self, now: datetime) -> None:
        """Do everything whose time has come."""
        await self.book.fire(now)
        if not self.changed and (self.at is None or self.at > now):
            return
        database, settings = self._context.database, self._context.settings.decisions
        self.changed = False
        self.at = await database.read(partial(_next, settings=settings))
        if self.at is None or self.at > now:
            return
        await self._answers.apply_due(now)
        await fire_deadlines(database, now, ApprovalPolicy.of(self._context.settings.engine))
        await end_cooldowns(database, now)
        await wake_due(database, now)
        await remind_due(database, settings, now)
        self.at = await database.read(partial(_next, settings=settings))

    def waits(self, now: datetime) -> list[float]:
        """Seconds until the next one; nothing when there is none."""
        return [(at - now).total_seconds() for at in (self.at, self.book.at) if at is not None]


def _next(connection: sqlite3.Connection, settings: DecisionSettings) -> datetime | None:
    """The earliest stored time, whether it has come or not; one look, as each pass after an answer takes it."""
    times = (next_due(connection), next_wake(connection), next_reminder(connection, settings))
    return min((at for at in times if at is not None), default=None)
