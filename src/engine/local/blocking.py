"""What a decision holds up: everything that cannot go on before its task is done."""

from engine.dispatch.graph import Graph, Node
from engine.model import Order, TaskKind


def blocked_by(graph: Graph, task: str) -> list[Node]:
    """Leaves that wait for `task`, in tree order: its dependants, later siblings in order, and what waits for those."""
    seen: set[str] = {task}
    stack = [graph.nodes[task]]
    while stack:
        node = stack.pop()
        following = list(node.dependants) + list(node.children)
        here: Node | None = node
        while here is not None and here.parent is not None:
            parent = here.parent
            if parent.order is Order.SEQUENTIAL:
                following += parent.children[here.position + 1 :]
            following += parent.dependants
            here = parent
        for other in following:
            if other.id not in seen:
                seen.add(other.id)
                stack.append(other)
    leaves = [graph.nodes[one] for one in seen if one != task and graph.nodes[one].kind is not TaskKind.GROUP]
    return sorted((node for node in leaves if not node.satisfied), key=lambda node: node.place)
