"""The signals half of an engine at the protocol's edge."""

from engine.api import CallbackToken, Delivery, NoticeOutcome, NoticeView, Presence, Signal, SignalOutcome, Word
from engine.model import NoticeChannel

MATCHED = SignalOutcome(matched=("x-1",), queued=False)
TOKEN = CallbackToken(gate="x-1", token="secret", path="/v1/callbacks/x-1")


class StubSignals:
    """Notes every call; always one gate is resolved."""

    def _called(self, *call: object) -> None:
        raise NotImplementedError

    async def signal(self, signal: Signal) -> SignalOutcome:
        self._called("signal", signal)
        return MATCHED

    async def callback_token(self, gate: str, by: str = "operator") -> CallbackToken:
        self._called("callback_token", gate, by)
        return TOKEN

    async def callback(self, gate: str, token: str, word: Word) -> SignalOutcome:
        self._called("callback", gate, token, word)
        return MATCHED

    async def report_presence(self, presence: Presence) -> None:
        self._called("presence", presence)

    async def notices(self, limit: int = 100) -> tuple[NoticeView, ...]:
        self._called("notices", limit)
        return ()

    async def try_notices(self, by: str = "operator") -> tuple[NoticeOutcome, ...]:
        self._called("try_notices", by)
        return (NoticeOutcome(channel=NoticeChannel.URL, message=""),)

    async def deliver(self, delivery: Delivery) -> SignalOutcome:
        self._called("deliver", delivery)
        return MATCHED
