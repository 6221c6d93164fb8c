"""Who looks and what was told, over the control API (the `Notices` half of Engine)."""

from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from engine.api import NoticeOutcome, NoticeView, Presence
from engine.client.reading import read_all

if TYPE_CHECKING:
    from engine.client.wire import Wire

TRYING = 60.0  # seconds: a program and an address get theirs, and some
VIEWS: TypeAdapter[tuple[NoticeView, ...]] = TypeAdapter(tuple[NoticeView, ...])
OUTCOMES: TypeAdapter[tuple[NoticeOutcome, ...]] = TypeAdapter(tuple[NoticeOutcome, ...])


class RemoteNotices:
    _wire: "Wire"

    async def report_presence(self, presence: Presence) -> None:
        await self._wire.put("/v1/presence", presence)

    async def notices(self, limit: int = 100) -> tuple[NoticeView, ...]:
        return read_all(VIEWS, await self._wire.get("/v1/notices", {"limit": limit}))

    async def try_notices(self, by: str = "operator") -> tuple[NoticeOutcome, ...]:
        return read_all(OUTCOMES, await self._wire.post("/v1/notices/test", {"by": by}, patience=TRYING))
