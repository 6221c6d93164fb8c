"""Memory admission: what live sandboxes may take, and one more, fits into what the host has free (R25, R44)."""

import sqlite3
from dataclasses import dataclass

from engine.dispatch.steps import RUNS
from engine.errors import Conflict
from engine.units import format_size

NAMED = 3  # sandboxes that are named, at most, when memory is short


@dataclass(frozen=True)
class HostMemory:
    """Bytes: what the machine has in all, and what it could give to a new program."""

    total: int
    free: int


@dataclass(frozen=True)
class MemoryRoom:
    """What a claim may take: the host as it was just measured, and the bytes that are kept for everything else."""

    host: HostMemory
    reserve: int

    def short(self, need: int, taken: int) -> bool:
        return taken + need > self.host.free - self.reserve


class MemoryShort(Conflict):
    """The host has not enough free memory for one more sandbox of this size."""

    code = "memory_short"


def host_memory() -> HostMemory:
    """The machine's own figures."""
    import psutil

    memory = psutil.virtual_memory()
    return HostMemory(int(memory.total), int(memory.available))


def lack(connection: sqlite3.Connection, need: int, room: MemoryRoom) -> str:
    """Why a sandbox of `need` bytes waits, naming what takes the memory; empty when it does not wait."""
    takers = [(row["key"], int(row["memory"])) for row in connection.execute(RUNS["memory_takers"]).fetchall()]
    if not room.short(need, sum(size for _, size in takers)):
        return ""
    named = [f"{key} may take {format_size(size)}" for key, size in takers[:NAMED]]
    more = takers[NAMED:]
    if more:
        named.append(f"{len(more)} more may take {format_size(sum(size for _, size in more))}")
    if room.reserve:
        named.append(f"{format_size(room.reserve)} is kept free (engine.memory_reserve)")
    if need + room.reserve > room.host.total:
        named.append(f"this host has {format_size(room.host.total)} in all: give the task a smaller sandbox.memory")
    facts = ", ".join(named) or "other programs have the rest"
    return f"waits for {format_size(need)}, host has {format_size(room.host.free)} free: {facts}"
