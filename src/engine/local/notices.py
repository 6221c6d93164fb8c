"""Who looks, what was told, and a trial of it (the `Notices` half of Engine)."""

import asyncio
from datetime import datetime

from engine.api import NoticeOutcome, NoticeView, Presence
from engine.api.notices import trial
from engine.local.news import stored_notice
from engine.local.parts import Parts
from engine.model import NoticeChannel, NoticeState
from engine.store import named_queries

NOTICES = named_queries("notices")


class LocalNotices:
    """A visiting engine sends a trial like every other."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def report_presence(self, presence: Presence) -> None:
        self._parts.notifier.attachments.report(presence)

    async def notices(self, limit: int = 100) -> tuple[NoticeView, ...]:
        rows = await self._parts.context.database.all(NOTICES["newest"], {"limit": limit})
        return tuple(
            NoticeView(
                notice=stored_notice(row), channel=NoticeChannel(row["channel"]),
                state=NoticeState(row["state"]), attempts=row["attempts"], message=row["message"],
                at=datetime.fromisoformat(row["at"]), next_at=datetime.fromisoformat(row["next_at"]),
            )
            for row in rows
        )  # fmt: skip

    async def try_notices(self, by: str = "operator") -> tuple[NoticeOutcome, ...]:
        context, notifier = self._parts.context, self._parts.notifier
        channels, notice = context.settings.notify.channels, trial(by, context.clock.now())
        messages = await asyncio.gather(*(notifier.try_one(notice, channel) for channel in channels))
        pairs = zip(channels, messages, strict=True)
        return tuple(NoticeOutcome(channel=channel, message=message) for channel, message in pairs)
