"""R5 and R126: subscribers hear events in order; a slow one is told that it lagged and costs the engine nothing."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from engine.api import Lagged
from engine.bus import Bus, Subscription
from engine.events import Event, EventType


def events(seqs: Iterable[int]) -> list[Event]:
    return [Event(seq=seq, at=datetime(2030, 1, 1, tzinfo=UTC), type=EventType.TASK_DONE) for seq in seqs]


async def drained(subscription: Subscription) -> list[int | Lagged]:
    """All that a closed subscription still holds: seqs, and the word that it lagged."""
    return [update.seq if isinstance(update, Event) else update async for update in subscription]


async def test_r5_every_subscriber_hears_every_event_in_order() -> None:
    bus = Bus()
    first, second = bus.subscribe(), bus.subscribe()
    bus.publish(events(range(1, 4)))
    bus.publish(events(range(4, 6)))
    bus.close()
    assert await drained(first) == await drained(second) == [1, 2, 3, 4, 5]


async def test_a_waiting_subscriber_wakes_for_news_and_for_the_end() -> None:
    bus = Bus()
    reader = asyncio.create_task(drained(bus.subscribe()))
    await asyncio.sleep(0)
    bus.publish(events([1]))
    await asyncio.sleep(0)
    bus.publish(events([2]))
    bus.close()
    assert await reader == [1, 2]


async def test_r126_a_slow_subscriber_is_told_how_much_it_missed_and_goes_on() -> None:
    bus = Bus()
    slow = bus.subscribe(capacity=10)
    bus.publish(events(range(1, 26)))
    reader = aiter(slow)
    assert await anext(reader) == Lagged(missed=25)
    bus.publish(events([26]))
    update = await anext(reader)
    assert isinstance(update, Event)
    assert update.seq == 26


@pytest.mark.alone
async def test_r126_a_subscriber_that_never_reads_slows_nobody_and_stays_small() -> None:
    bus = Bus()
    dead, quick = bus.subscribe(capacity=100), bus.subscribe(capacity=100)
    seen = 0
    reader = aiter(quick)
    for seq in range(1, 20_001):
        bus.publish(events([seq]))  # not a coroutine: it cannot wait for anybody
        update = await anext(reader)
        assert isinstance(update, Event)
        seen += 1
    assert seen == 20_000
    assert len(dead._queue) <= 100
    dead.close()
    assert await drained(dead) == [Lagged(missed=20_000)]


async def test_one_that_left_hears_no_more() -> None:
    bus = Bus()
    gone, here = bus.subscribe(), bus.subscribe()
    bus.publish(events([1]))
    bus.unsubscribe(gone)
    bus.publish(events([2]))
    bus.close()
    assert await drained(gone) == [1]
    assert await drained(here) == [1, 2]


async def test_a_full_queue_is_not_lagging_yet() -> None:
    bus = Bus()
    full = bus.subscribe(capacity=3)
    bus.publish(events([1, 2, 3]))
    bus.close()
    assert await drained(full) == [1, 2, 3]
