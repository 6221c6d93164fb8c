"""Health and numbers over the control API (the `Measuring` half of Engine)."""

from typing import TYPE_CHECKING

from engine.api.measuring import Health
from engine.client.reading import read
from engine.errors import Unavailable

if TYPE_CHECKING:
    from engine.client.wire import Wire


class RemoteMeasuring:
    _wire: "Wire"

    async def health(self) -> Health:
        try:
            return read(Health, await self._wire.get("/v1/health"))
        except Unavailable as error:
            if "parts" not in error.details:
                raise
            return Health(status="failing", parts=error.details["parts"])

    async def metrics(self) -> str:
        return (await self._wire.get("/v1/metrics")).decode(errors="replace")
