"""Events and logs as they come: no gap, no duplicate, nobody held up (R5, R119, R126)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import engine_samples as samples
import httpx
import pytest
from engine_stub import StubEngine

from engine.api import Lagged, LogLine, LogQuery, Snapshot
from engine.client import RemoteEngine
from engine.client.sse import ServerEvent, server_events
from engine.events import Event, EventType
from engine.server import serve, streams


async def test_a_snapshot_comes_first_when_nothing_is_resumed(stub: StubEngine, remote: RemoteEngine) -> None:
    for _ in range(3):
        stub.emit()
    async with aclosing(remote.subscribe()) as updates:
        first = await anext(updates)
        assert first == await stub.snapshot()
        assert isinstance(first, Snapshot)
        assert first.seq == 3
        told = stub.emit(EventType.GOAL_ENDED, text=samples.HARD)
        assert await anext(updates) == told


async def test_r5_resuming_gives_no_gap_and_no_duplicate(stub: StubEngine, remote: RemoteEngine) -> None:
    seen: list[Event] = []
    for part in (7, 1, 20, 300):  # the connection is lost after so many events
        for n in range(50):
            stub.emit(n=n, text=samples.HARD)
        async with aclosing(remote.subscribe(seen[-1].seq if seen else 0)) as updates:
            while len(seen) < part and len(seen) < len(stub.stored):
                update = await anext(updates)
                assert isinstance(update, Event)
                seen.append(update)
                if update.seq % 10 == 0:
                    stub.emit(while_reading=True)
    assert seen == stub.stored[: len(seen)]
    assert len(seen) > 200


async def test_r119_last_event_id_counts_before_after(stub: StubEngine, http: httpx.AsyncClient) -> None:
    for _ in range(9):
        stub.emit()
    url = "/v1/events/stream?after=2"
    async with http.stream("GET", url, headers={"last-event-id": "7"}) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        events = server_events(response.aiter_bytes())
        assert [Event.model_validate_json((await anext(events)).data).seq for _ in range(2)] == [8, 9]
    async with http.stream("GET", url) as response:
        body = response.aiter_bytes()
        assert (await anext(body)).startswith(b"id: 3\nevent: event\ndata: {")


async def test_r126_a_slow_reader_is_told_that_it_lagged_and_slows_nobody(tmp_path: Path) -> None:
    stub = StubEngine(capacity=50)
    path = tmp_path / "state" / "engine.sock"
    async with serve(stub, path):
        reader, writer = await asyncio.open_unix_connection(path, limit=1024)
        writer.write(b"GET /v1/events/stream?after=0 HTTP/1.1\r\nhost: localhost\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")  # and then not a byte more
        quick = await RemoteEngine.connect(f"unix:{path}")
        async with aclosing(quick.subscribe(0)) as updates:
            for n in range(3000):
                told = stub.emit(text="x" * 1000)
                assert await anext(updates) == told, f"the quick reader missed event {n}"
        last = stub.emit()
        events = server_events(_until_closed(reader))
        names = []
        async for event in events:
            names.append(event.name)
            if event.name == "snapshot":
                assert Snapshot.model_validate_json(event.data).seq == last.seq
                break
        assert names[-2:] == ["lagged", "snapshot"]
        assert set(names[:-2]) == {"event"}
        assert len(names) < 1500, "what waits for a slow reader is bounded"
        writer.close()
        await quick.close()


async def test_lagged_arrives_as_itself(stub: StubEngine, remote: RemoteEngine) -> None:
    stub.capacity = 5
    async with aclosing(remote.subscribe()) as updates:
        await anext(updates)
        for _ in range(20):
            stub.emit()
        assert await anext(updates) == Lagged(missed=20)
        assert (await anext(updates)).seq == 20  # type: ignore[union-attr]


async def test_a_silent_stream_is_kept_alive(http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "KEEP_ALIVE", 0.01)
    async with http.stream("GET", "/v1/events/stream?after=0") as response:
        async for chunk in response.aiter_bytes():
            assert chunk == b": keep-alive\n\n"
            break


async def test_a_reader_that_goes_frees_what_it_held(stub: StubEngine, remote: RemoteEngine) -> None:
    async with aclosing(remote.subscribe()) as updates:
        await anext(updates)
        assert stub.subscribers == 1
    async with aclosing(remote.follow("r-1", LogQuery())) as lines:
        await anext(lines)
        assert stub.followers == 1
    async with asyncio.timeout(20):
        await stub.idle.wait()
    assert (stub.subscribers, stub.followers) == (0, 0)


async def test_a_log_is_followed_to_its_end_and_resumed(
    stub: StubEngine, remote: RemoteEngine, http: httpx.AsyncClient
) -> None:
    stub.log_ended.set()
    assert [line async for line in remote.follow("r-1", LogQuery())] == list(samples.LINES)
    assert [line async for line in remote.follow("r-1", LogQuery(after=2))] == list(samples.LINES[3:])
    url = "/v1/runs/r-1/logs/stream?tail=5"
    async with http.stream("GET", url, headers={"last-event-id": "3"}) as response:
        events = [event async for event in server_events(response.aiter_bytes())]
    assert [event.name for event in events] == ["line", "end"]
    assert LogLine.model_validate_json(events[0].data).n == 4


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
async def test_events_are_read_from_any_chunks(size: int) -> None:
    sent = ": hello\n\nid: 1\nevent: a\ndata: x\u2028y\x85\n\n"
    sent += "event: b\r\ndata:1\r\ndata: 2\r\n\r\ndata\n\nevent: cut\ndata: z"
    raw = sent.encode()

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(raw), size):
            yield raw[start : start + size]

    assert [event async for event in server_events(chunks())] == [
        ServerEvent("a", "x\u2028y\x85".encode()),
        ServerEvent("b", b"1\n2"),
    ]


async def _until_closed(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """The body of a chunked answer."""
    while size := int(await reader.readline(), 16):
        yield await reader.readexactly(size)
        await reader.readline()
