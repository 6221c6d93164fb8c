"""Committed events to subscribers: never blocks the publisher, never lets a slow reader grow without bound."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable

from engine.api import Lagged
from engine.events import Event

CAPACITY = 10_000  # events a subscriber may fall behind before it is told that it lagged


class Subscription:
    """One reader's queue. Iterate it for events; a `Lagged` says that what was queued is gone."""

    def __init__(self, capacity: int = CAPACITY, lagged: Callable[[int], None] = lambda _events: None) -> None:
        self._lagged = lagged
        self._queue: deque[Event] = deque()
        self._capacity = capacity
        self._missed = 0
        self._news = asyncio.Event()
        self._closed = False

    def put(self, events: Iterable[Event]) -> None:
        for event in events:
            if self._missed or len(self._queue) >= self._capacity:
                self._missed += 1 + len(self._queue)
                self._lagged(1 + len(self._queue))
                self._queue.clear()
            else:
                self._queue.append(event)
        self._news.set()

    def close(self) -> None:
        """End the iteration once what is queued has been read."""
        self._closed = True
        self._news.set()

    async def __aiter__(self) -> AsyncIterator[Event | Lagged]:
        while True:
            if self._missed:
                missed, self._missed = self._missed, 0
                yield Lagged(missed=missed)
            elif self._queue:
                yield self._queue.popleft()
            elif self._closed:
                return
            else:
                self._news.clear()
                await self._news.wait()


class Bus:
    """All subscriptions of one engine. Used on the event loop only. `lagged` hears of each event a reader misses."""

    def __init__(self, lagged: Callable[[int], None] = lambda _events: None) -> None:
        self._lagged = lagged
        self._subscriptions: set[Subscription] = set()

    def subscribe(self, capacity: int = CAPACITY) -> Subscription:
        subscription = Subscription(capacity, self._lagged)
        self._subscriptions.add(subscription)
        return subscription

    def has_subscribers(self) -> bool:
        return bool(self._subscriptions)

    def unsubscribe(self, subscription: Subscription) -> None:
        subscription.close()
        self._subscriptions.discard(subscription)

    def publish(self, events: Iterable[Event]) -> None:
        """Hand committed events, in seq order, to every subscription."""
        batch = list(events)
        for subscription in self._subscriptions:
            subscription.put(batch)

    def close(self) -> None:
        for subscription in list(self._subscriptions):
            self.unsubscribe(subscription)
