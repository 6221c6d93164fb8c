"""Who looks and what was told, over the wire."""

from pathlib import Path

import engine_samples as samples
import httpx
import pytest
from engine_stub import StubEngine
from tcp_door import READER, both_doors

from engine.api import Notice, NoticeOutcome, NoticeView, Presence
from engine.client import RemoteEngine
from engine.errors import PilothouseError
from engine.model import NoticeChannel, NoticeState, Severity

NOTICE = Notice(subject="d-1", stage="opened", severity=Severity.URGENT, title=samples.HARD[:50], text="why")
VIEW = NoticeView(
    notice=NOTICE, channel=NoticeChannel.URL, state=NoticeState.SENT, attempts=1, message="", at=samples.NOON,
    next_at=samples.NOON,
)  # fmt: skip


async def test_presence_and_notices_arrive_equal(
    stub: StubEngine, remote: RemoteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    presence = Presence(attachment="a1", focus="d-1", idle=2.5)
    await remote.report_presence(presence)
    assert stub.keys == {}, "presence is said any number of times and leaves nothing"
    assert await remote.try_notices("me") == (NoticeOutcome(channel=NoticeChannel.URL, message=""),)

    async def one(limit: int = 100) -> tuple[NoticeView, ...]:
        return (VIEW,) * min(limit, 1)

    monkeypatch.setattr(stub, "notices", one)
    assert await remote.notices(5) == (VIEW,)
    assert [call for call in stub.calls if call[0] != "info"] == [("presence", presence), ("try_notices", "me")]


@pytest.mark.parametrize(
    "body", [{}, {"attachment": "a b"}, {"attachment": "a", "idle": -1}, {"attachment": "a", "x": 1}]
)
async def test_r112_presence_that_makes_no_sense_is_refused(http: httpx.AsyncClient, body: dict[str, object]) -> None:
    assert (await http.put("/v1/presence", json=body)).status_code == 422


async def test_r114_who_may_only_look_silences_nobody(tmp_path: Path) -> None:
    async with both_doors(tmp_path) as doors:
        engine = await RemoteEngine.connect(doors.url, READER)
        with pytest.raises(PilothouseError):
            await engine.report_presence(Presence(attachment="a1", idle=0.0))
        assert await engine.notices() == ()
        await engine.close()
