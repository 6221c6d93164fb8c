"""What agents of one engine share in this process: who is present, what they wait for, and when held names fall due."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from engine.dispatch.stalls.signs import Signs
from engine.events import Event, EventType
from engine.sandbox_api.watching import OutboxWatch

LEASES = "leases"
ENDED_DECISIONS = (EventType.DECISION_ANSWERED, EventType.DECISION_EXPIRED, EventType.DECISION_CANCELLED)


class Bells:
    """Wake-ups by key. A bell is fetched before the state is looked at, so that no ring between the two is lost."""

    def __init__(self) -> None:
        self._events: dict[str, asyncio.Event] = {}

    def get(self, key: str) -> asyncio.Event:
        return self._events.setdefault(key, asyncio.Event())

    def ring(self, key: str) -> None:
        event = self._events.pop(key, None)
        if event is not None:
            event.set()


@dataclass
class Due:
    """When a lease ends unless it is renewed: monotonic seconds, so that a clock that is set ends none (case 55)."""

    fence: int
    at: float


async def _nobody(_goal: str) -> None:
    return None


@dataclass
class Exchange:
    """`signs`: of each run whose door is open; `due`: by the name of the lease; `queued`: how many asks of a run wait
    for a lease, by the two; `grown`: called when tasks were added to a goal."""

    bells: Bells = field(default_factory=Bells)
    signs: dict[str, Signs] = field(default_factory=dict)
    due: dict[str, Due] = field(default_factory=dict)
    queued: Counter[tuple[str, str]] = field(default_factory=Counter)
    outboxes: OutboxWatch = field(default_factory=OutboxWatch)
    grown: Callable[[str], Awaitable[None]] = field(default=_nobody)

    def follow(self, events: Iterable[Event], now: float) -> None:
        """Wake whoever waits for what was committed; `now` in monotonic seconds."""
        for event in events:
            if event.type in ENDED_DECISIONS:
                self._decided(str(event.data.get("decision")))
            elif event.type in (EventType.LEASE_RELEASED, EventType.LEASE_EXPIRED):
                self.due.pop(str(event.data["name"]), None)
                self.bells.ring(f"lease:{event.data['name']}")
            elif event.type is EventType.LEASE_ACQUIRED:  # here: whoever asked for it may be gone
                self.due[str(event.data["name"])] = Due(
                    int(str(event.data["fence"])), now + float(str(event.data["ttl"]))
                )
                self.bells.ring(LEASES)
            elif event.type.noun == "message":
                for run in _listed(event.data.get("to")):
                    self.bells.ring(f"inbox:{run}")
                self.bells.ring(f"message:{event.data.get('answers')}")
            elif event.type is EventType.RUN_ENDED and event.run is not None:
                self.bells.ring(f"run:{event.run}")

    def _decided(self, decision: str) -> None:
        self.bells.ring(f"decision:{decision}")
        for signs in self.signs.values():
            signs.go_on(f"ask:{decision}")


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


async def within(event: asyncio.Event, seconds: float | None) -> bool:
    """Wait for a bell, with None for as long as it takes; False when it did not ring in time."""
    try:
        async with asyncio.timeout(None if seconds is None else max(0.0, seconds)):
            await event.wait()
    except TimeoutError:
        return False
    return True
