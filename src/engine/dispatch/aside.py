"""Ready tasks that one pass looks past, so that what holds their agent or sandbox holds nobody else."""

from dataclasses import dataclass
from typing import assert_never

from engine.dispatch.agents import AgentBusy
from engine.dispatch.cooldowns import CoolingDown
from engine.dispatch.graph import Node
from engine.dispatch.pinned import Occupied


@dataclass(frozen=True)
class Want:
    """Work that only room is missing to: any, or a place of its `goal` or of its `agent`."""

    goal: str | None = None
    agent: str | None = None

    def fits(self, goal: str, agent: str | None) -> bool:
        """Whether the end of such a run would help it."""
        return self.goal in (None, goal) and self.agent in (None, agent)


class Aside:
    """Tasks of agents without a free place, of providers that cool down, and of pinned sandboxes that are occupied.
    `holds` counts what is held; `wants` is what was refused for want of room."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.wants: list[Want] = []
        self._agents: set[str | None] = set()
        self._providers: set[str | None] = set()
        self._pins: set[tuple[str, str | None]] = set()

    @property
    def holds(self) -> int:
        return len(self._agents) + len(self._providers) + len(self._pins)

    def held(self, node: Node) -> bool:
        taken = (node.goal, node.pin) in self._pins
        return taken or (node.agent in self._agents) or (node.provider in self._providers)

    def hold(self, node: Node, why: AgentBusy | CoolingDown | Occupied) -> None:
        """In this pass nothing more starts that needs what this task did not get."""
        match why:
            case AgentBusy():
                self._agents.add(node.agent)
                self.wants.append(Want(agent=node.agent))
            case CoolingDown():
                self._providers.add(node.provider)
            case Occupied():
                self._pins.add((node.goal, node.pin))
            case _:
                assert_never(why)
        self.nodes.append(node)
