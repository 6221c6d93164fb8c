"""What a decision holds up: everything that cannot go on before its task is done."""

from collections.abc import Iterator
from dataclasses import dataclass

from engine.dispatch.tree.graph import Graph, Node
from engine.model import Order, TaskKind

Moment = tuple[str, bool]
"""A task by its id: its start, or (True) its end."""


@dataclass(frozen=True)
class HeldUp:
    """`leaves` that wait, in tree order; `chain`: of the longest row of them in which each waits for the one before."""

    leaves: tuple[Node, ...]
    chain: int


def held_up_by(graph: Graph, task: str) -> HeldUp:
    """The leaves that wait for `task`: its dependants, later siblings in order, and what waits for those. One bounded
    pass; what waits for itself counts as a leaf and in no chain (R10). Nothing waits for a tester."""
    if task not in graph.nodes:
        return HeldUp((), 0)
    first = (task, True)
    waits: dict[Moment, int] = {first: 0}  # for so many of the moments that are reached
    found = [first]
    for moment in found:  # grows while it is walked
        for later in _after(graph, moment):
            if later not in waits:
                waits[later] = 0
                found.append(later)
            waits[later] += 1
    leaves = [graph.nodes[one] for one, is_end in found if is_end and one != task and _waits(graph.nodes[one])]
    return HeldUp(tuple(sorted(leaves, key=lambda node: node.place)), _longest(graph, first, waits))


def _longest(graph: Graph, first: Moment, waits: dict[Moment, int]) -> int:
    length = {first: 0}
    free = [first] if not waits[first] else []
    longest = 0
    while free:
        moment = free.pop()
        longest = max(longest, length[moment])
        for later in _after(graph, moment):
            step = later[1] and _waits(graph.nodes[later[0]])
            length[later] = max(length.get(later, 0), length[moment] + step)
            waits[later] -= 1
            if not waits[later]:
                free.append(later)
    return longest


def _waits(node: Node) -> bool:
    return node.kind is not TaskKind.GROUP and not node.satisfied


def _after(graph: Graph, moment: Moment) -> Iterator[Moment]:
    """The moments that wait for this one directly."""
    task, is_end = moment
    node = graph.nodes[task]
    if not is_end:
        inside = node.children[:1] if node.order is Order.SEQUENTIAL else node.children
        yield from ((child.id, False) for child in inside)
        if not node.children:
            yield task, True
        return
    yield from ((dependant.id, False) for dependant in node.dependants)
    parent = node.parent
    if parent is not None:
        if parent.order is Order.SEQUENTIAL:
            yield from ((sibling.id, False) for sibling in parent.children[node.position + 1 : node.position + 2])
        yield parent.id, True
