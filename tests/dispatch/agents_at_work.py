"""Agents under the scripted driver: what one is told to do stands in its prompt, line by line."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from scripted import Bench, ScriptedDriver

from engine.ids import SafeName
from engine.model import Stream
from engine.sandbox.driver import Chunk

AT = 1_700_000_000_000_000_000
Open = Callable[..., Awaitable[Bench]]

AGENTS: dict[str, dict[str, Any]] = {
    "one": {"argv": ["agent", "{prompt}"], "output": "jsonl", "provider": "acme"},
    "two": {"argv": ["agent", "{prompt}"], "output": "jsonl", "provider": "acme"},
    "other": {"argv": ["agent", "{prompt}"], "output": "jsonl"},
    "talker": {"argv": ["agent", "{prompt}"], "provider": "acme"},
}


@dataclass
class AgentDriver(ScriptedDriver):
    """Prints every line of a prompt but the last, which says how it ends: `exit N` or `hang`."""

    starts: list[str] = field(default_factory=list)

    def command(self, name: str) -> str:
        return super().command(name).splitlines()[-1]

    async def logs(self, name: SafeName, after: int | None) -> AsyncIterator[Chunk]:
        lines = super().command(name).splitlines()[:-1]
        for n, line in enumerate(lines):
            if after is None or AT + n > after:
                yield Chunk(Stream.OUT, AT + n, line.encode() + b"\n")
        if self.command(name) == "hang":
            await self.alive[name].wait()

    def argvs(self) -> list[tuple[str, ...]]:
        return [spec.argv for spec in self.specs]


def script(*records: object, end: str = "exit 0") -> str:
    """A prompt that makes the agent print records, or plain text, and end."""
    lines = [record if isinstance(record, str) else json.dumps(record) for record in records]
    return "\n".join([*lines, end])


def agent(key: str, *records: object, who: str = "one", end: str = "exit 0", **more: object) -> dict[str, object]:
    """A task of an agent."""
    return {"id": key, "agent": who, "prompt": script(*records, end=end), **more}


def together(*tasks: dict[str, object]) -> dict[str, object]:
    """A group of tasks that may all start at once."""
    return {"id": "all", "order": "parallel", "on_failure": "continue", "tasks": list(tasks)}


def started(driver: ScriptedDriver, words: Sequence[str]) -> list[str]:
    """Which of these words stood in the last words of sandboxes, in the order they started."""
    return [word for spec in driver.specs for word in words if word in spec.argv[-1]]
