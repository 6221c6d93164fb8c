"""Whose turn it is: goals share the free places, one task each at a time."""

from collections import deque
from collections.abc import Mapping

from engine.clock import Clock
from engine.dispatch.aside import Aside
from engine.dispatch.due import seconds_left
from engine.dispatch.tree.graph import Graph, Node


class Turns:
    """The goal in which the fewest runs live comes first, and of several the one whose turn was longest ago."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._turn = 0
        self._last: dict[str, int] = {}

    def forget(self, goal: str) -> None:
        self._last.pop(goal, None)

    def choose(self, graphs: Mapping[str, Graph], room: int, held: Aside) -> tuple[list[Node], list[float]]:
        """The next tasks of these goals, as far as there is room; waits in seconds for those only time holds."""
        chosen: list[Node] = []
        waits: list[float] = []
        aside: list[Node] = []
        turns = deque(sorted(graphs, key=lambda goal: (graphs[goal].live, self._last.get(goal, 0), goal)))
        while turns and len(chosen) < room:
            node = graphs[turns[0]].pop()
            if node is None:
                turns.popleft()
            elif held.held(node):
                held.nodes.append(node)
            elif (left := seconds_left(node, self._clock)) > 0:
                waits.append(left)
                aside.append(node)
            else:
                chosen.append(node)
                self._turn += 1
                self._last[turns[0]] = self._turn
                turns.rotate(-1)
        for node in aside:
            graphs[node.goal].put_back(node)
        return chosen, waits
