"""Signals over the control API (the `Signals` half of Engine)."""

from typing import TYPE_CHECKING

from engine.api import CallbackToken, Delivery, Signal, SignalOutcome, Word
from engine.client.reading import read, segment

if TYPE_CHECKING:
    from engine.client.wire import Wire


class RemoteSignals:
    """Each is one POST; it is never repeated by itself."""

    _wire: "Wire"

    async def signal(self, signal: Signal) -> SignalOutcome:
        said = signal.model_dump(mode="json", exclude_none=True)
        return read(SignalOutcome, await self._wire.post("/v1/signals/resolve", said))

    async def callback_token(self, gate: str, by: str = "operator") -> CallbackToken:
        return read(CallbackToken, await self._wire.post(f"/v1/gates/{segment(gate)}/callback", {"by": by}))

    async def callback(self, gate: str, token: str, word: Word) -> SignalOutcome:
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        body = word.model_dump_json().encode()
        return read(SignalOutcome, await self._wire.send(f"/v1/callbacks/{segment(gate)}", body, headers))

    async def deliver(self, delivery: Delivery) -> SignalOutcome:
        path = f"/v1/webhooks/{segment(delivery.source)}"
        return read(SignalOutcome, await self._wire.send(path, delivery.body, delivery.headers))
