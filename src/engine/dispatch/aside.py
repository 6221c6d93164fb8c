"""Ready tasks that one pass looks past, so that what holds one of them holds nobody else."""

from dataclasses import dataclass
from typing import assert_never

from engine.dispatch.limits.agents import AgentBusy
from engine.dispatch.limits.cooldowns import CoolingDown
from engine.dispatch.limits.memory import MemoryShort
from engine.dispatch.runs.pinned import Occupied
from engine.dispatch.tree.graph import Node

LOOK_PAST = 16  # ready tasks too big for the free memory that one pass looks past, for a smaller one


@dataclass(frozen=True)
class Want:
    """Work that only room is missing to: any, or a place of its `goal` or of its `agent`."""

    goal: str | None = None
    agent: str | None = None

    def fits(self, goal: str, agent: str | None) -> bool:
        """Whether the end of such a run would help it."""
        return self.goal in (None, goal) and self.agent in (None, agent)


class Aside:
    """Tasks of agents without a free place, of providers that cool down, of pinned sandboxes that are occupied, and
    `too_big` for the memory that is free. `passed` grows with each; `wants` is what was refused for want of room."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.too_big = 0
        self.wants: list[Want] = []
        self._agents: set[str | None] = set()
        self._providers: set[str | None] = set()
        self._pins: set[tuple[str, str | None]] = set()

    @property
    def passed(self) -> int:
        return len(self._agents) + len(self._providers) + len(self._pins) + min(self.too_big, LOOK_PAST)

    def held(self, node: Node) -> bool:
        taken = (node.goal, node.pin) in self._pins
        return taken or (node.agent in self._agents) or (node.provider in self._providers)

    def hold(self, node: Node, why: AgentBusy | CoolingDown | Occupied | MemoryShort) -> None:
        """In this pass nothing more starts that needs what this task did not get."""
        match why:
            case AgentBusy():
                self._agents.add(node.agent)
                self.wants.append(Want(agent=node.agent))
            case CoolingDown():
                self._providers.add(node.provider)
            case Occupied():
                self._pins.add((node.goal, node.pin))
            case MemoryShort():
                self.too_big += 1
                self.wants.append(Want())
            case _:
                assert_never(why)
        self.nodes.append(node)
