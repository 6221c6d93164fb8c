"""A driver between the engine and the lasting stand-in whose calls go wrong in every way, until there were enough."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from random import Random
from typing import Any

from lasting_driver import LastingDriver

from engine.errors import DaemonUnavailable, OutcomeUnknown
from engine.ids import SafeName
from engine.sandbox.driver import Chunk

CALLS = (
    "check",
    "start",
    "wait",
    "stop",
    "kill",
    "remove",
    "pause",
    "unpause",
    "interrupt",
    "stats",
    "exec",
    "list_owned",
    "logs",
)
PATIENT = ("wait", "stop", "pause", "unpause")  # a defect there is for a human after a few times
LIMIT = 30  # faults of one engine: after them the daemon is well again
HANG = 0.1  # seconds, as a call that ran into its deadline


class FaultyDriver:
    """Two of five calls go wrong: refused, hanging, with an effect and an error, or with an error that no driver
    should raise."""

    def __init__(
        self,
        driver: LastingDriver,
        chance: Random,
        *,
        kinds: Sequence[str] = ("", "", "", "", "refused", "unknown", "hangs", "odd"),
        calls: Sequence[str] = CALLS,
        each: int = LIMIT,
    ) -> None:
        """`each`: faults of one call at most."""
        self._driver, self._chance, self._kinds, self._calls, self._each = driver, chance, kinds, calls, each
        self.faults: list[str] = []

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._driver, name)
        return self._between(name, found) if name in self._calls else found

    def _fault(self, name: str) -> str:
        """How this call goes wrong; empty when it does not."""
        kinds = [kind for kind in self._kinds if kind != "odd" or name not in PATIENT]
        before = sum(fault.split()[1] == name for fault in self.faults)
        kind = self._chance.choice(kinds) if len(self.faults) < LIMIT and before < self._each else ""
        if kind:
            self.faults.append(f"{kind} {name}")
        return kind

    def _between(self, name: str, found: Callable[..., Any]) -> Callable[..., Any]:
        async def call(*args: Any) -> Any:
            kind = self._fault(name)
            if kind == "refused":
                raise DaemonUnavailable(f"{name}: connection refused")
            answer = await found(*args)
            match kind:
                case "":
                    return answer
                case "odd":
                    raise RuntimeError(f"{name}: what no driver should raise")
                case "hangs":
                    await asyncio.sleep(HANG)
            raise OutcomeUnknown(f"{name}: it may have happened")

        return call

    async def logs(self, name: SafeName, after: int | None) -> AsyncIterator[Chunk]:
        kind = self._fault("logs") if "logs" in self._calls else ""
        async for chunk in self._driver.logs(name, after):
            yield chunk
        if kind == "odd":
            raise RuntimeError("logs: what no driver should raise")
        if kind:
            raise DaemonUnavailable("logs: the connection broke")
