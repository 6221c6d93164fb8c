"""Which tasks are ready, kept in memory and updated per move, so that a step's cost does not grow with the tree.

The graph is a projection of committed rows (R28): building it anew gives the same, `apply` follows one committed move.
It decides nothing: a claim checks the row again.
"""

import heapq
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from engine.dispatch.tree.node_rows import NodeRow
from engine.model import FINAL_TASK_STATES, SATISFIED, OnFailure, Order, TaskKind, TaskState


@dataclass(eq=False, slots=True)
class Node:
    """One task as readiness sees it. `unmet` counts needs not yet satisfied; `rank` is the longest chain of tasks
    that wait for this one; `place` is its position in tree order; `ready_since`, and `due`, which is `not_before`, in
    monotonic seconds."""

    id: str
    goal: str
    key: str
    kind: TaskKind
    state: TaskState
    order: Order
    on_failure: OnFailure
    priority: int
    position: int
    parent: "Node | None" = None
    children: list["Node"] = field(default_factory=list)
    dependants: list["Node"] = field(default_factory=list)
    needs: list["Node"] = field(default_factory=list)
    unmet: int = 0
    frontier: int = 0
    not_before: datetime | None = None
    due: float | None = None
    rank: int = 0
    place: int = 0
    agent: str | None = None
    provider: str | None = None
    pin: str | None = None
    ready_since: float = 0.0

    @property
    def satisfied(self) -> bool:
        return self.state in SATISFIED


class Graph:
    """All tasks of one goal."""

    def __init__(
        self,
        goal: str,
        rows: Sequence[NodeRow],
        needs: Iterable[tuple[str, str]],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.goal = goal
        self._monotonic = monotonic
        self.nodes: dict[str, Node] = {}
        self.ready: dict[str, Node] = {}
        self._work: list[tuple[int, int, int, str]] = []
        self._gates: list[tuple[int, int, int, str]] = []
        self.live = 0
        self._build(rows, needs)
        self._rank()
        for node in self.nodes.values():
            self.live += node.state in (TaskState.CLAIMED, TaskState.RUNNING) and node.kind is TaskKind.WORK
        self._open(self.root)

    def _build(self, rows: Sequence[NodeRow], needs: Iterable[tuple[str, str]]) -> None:
        for row in rows:
            self.nodes[row.id] = Node(
                row.id, self.goal, row.key, row.kind, row.state, row.order, row.on_failure, row.priority, row.position,
                not_before=row.not_before, agent=row.agent, provider=row.provider, pin=row.pin,
            )  # fmt: skip
        for row in rows:
            if row.parent is None:
                self.root = self.nodes[row.id]
            else:
                node, parent = self.nodes[row.id], self.nodes[row.parent]
                node.parent = parent
                parent.children.append(node)
        for task, needed in needs:
            self.nodes[task].needs.append(self.nodes[needed])
            self.nodes[needed].dependants.append(self.nodes[task])
        for node in self.nodes.values():
            node.children.sort(key=lambda child: child.position)
            node.unmet = sum(not needed.satisfied for needed in node.needs)
            node.frontier = _frontier(node)

    def _rank(self) -> None:
        """Longest chain behind each task, over needs and order; two bounded passes whatever the graph is (R10)."""
        order = list(_depth_first(self.root))
        for place, node in enumerate(order):
            node.place = place
        needs = any(node.needs for node in order)
        for _ in range(2 if needs else 1):  # the second settles needs that point forward; a cycle makes it no longer
            for node in reversed(order):
                behind = [dependant.rank for dependant in node.dependants]
                if node.children and node.order is Order.SEQUENTIAL:
                    behind.append(node.children[0].rank)
                sibling = self._next_sibling(node)
                if sibling is not None:
                    behind.append(sibling.rank)
                node.rank = min(1 + max(behind), len(order)) if behind else 0

    @staticmethod
    def _next_sibling(node: Node) -> Node | None:
        if node.parent is None or node.parent.order is Order.PARALLEL:
            return None
        after = node.position + 1
        return node.parent.children[after] if after < len(node.parent.children) else None

    def apply(self, task: str, to: TaskState, not_before: datetime | None = None, due: float | None = None) -> None:
        """Follow one committed move."""
        node = self.nodes.get(task)
        if node is None:
            return  # it was added since this graph was loaded: the next one has it
        was, node.state, node.not_before, node.due = node.state, to, not_before, due
        if node.kind is TaskKind.WORK:
            running = (TaskState.CLAIMED, TaskState.RUNNING)
            self.live += (to in running) - (was in running)
        self.ready.pop(task, None)
        if (was in SATISFIED) != node.satisfied:
            self._satisfaction_changed(node)
        if to is TaskState.PENDING and node.kind is not TaskKind.GROUP:
            self._consider(node)
        if node.kind is TaskKind.GROUP and (was in FINAL_TASK_STATES) != (to in FINAL_TASK_STATES):
            self._open(node)

    def _satisfaction_changed(self, node: Node) -> None:
        step = -1 if node.satisfied else 1
        for dependant in node.dependants:
            dependant.unmet += step
            if dependant.unmet == 0 or step > 0:
                self._open(dependant)
        parent = node.parent
        if parent is not None and parent.order is Order.SEQUENTIAL:
            before, parent.frontier = parent.frontier, _frontier(parent, parent.frontier if node.satisfied else 0)
            for child in parent.children[min(before, parent.frontier) : max(before, parent.frontier) + 1]:
                self._open(child)

    def _open(self, top: Node) -> None:
        """Look again at every leaf under `top`; a closed group is not descended into."""
        closed = top.kind is TaskKind.GROUP and top.state in FINAL_TASK_STATES
        if closed or not self._reachable(top):
            for node in _depth_first(top):
                self.ready.pop(node.id, None)
            return
        stack = [top]
        while stack:
            node = stack.pop()
            if node.kind is not TaskKind.GROUP:
                self._consider(node, reachable=True)
            elif node.state not in FINAL_TASK_STATES:
                stack += [child for child in self._startable(node) if child.unmet == 0]

    @staticmethod
    def _startable(group: Node) -> Sequence[Node]:
        if group.order is Order.PARALLEL:
            return group.children
        return group.children[group.frontier : group.frontier + 1]

    def _consider(self, node: Node, reachable: bool | None = None) -> None:
        held = node.state is not TaskState.PENDING or node.unmet > 0
        if not held and (self._reachable(node) if reachable is None else reachable):
            if node.id not in self.ready:
                node.ready_since = self._monotonic()
            self.ready[node.id] = node
            self.put_back(node)
        else:
            self.ready.pop(node.id, None)

    @staticmethod
    def _reachable(node: Node) -> bool:
        """Whether needs and order let this node and everything above it go."""
        here: Node | None = node
        while here is not None:
            parent = here.parent
            if here.unmet > 0:
                return False
            if parent is not None:
                if parent.state in FINAL_TASK_STATES:
                    return False
                if parent.order is Order.SEQUENTIAL and here.position > parent.frontier:
                    return False
            here = parent
        return True

    def ready_ids(self) -> frozenset[str]:
        """What could start if nothing but the tree decided (`not_before`, caps and the goal's state come later)."""
        return frozenset(self.ready)

    def waiting(self) -> Iterator[Node]:
        """Every ready work task, in no order."""
        return (node for node in self.ready.values() if node.kind is TaskKind.WORK)

    def may_start(self, now: datetime, cooling: Collection[str] = ()) -> bool:
        """Whether anything is ready and held neither by a time nor by a provider that cools down: then the goal waits
        for room only."""
        free = (node for node in self.ready.values() if node.provider is None or node.provider not in cooling)
        return any(node.not_before is None or node.not_before <= now for node in free)

    def pop(self) -> Node | None:
        """The next ready work task by priority, then by what it unblocks, then in tree order; None when none is.

        It stays in `ready`; whoever does not start it hands it back with `put_back`.
        """
        return self._pop(self._work)

    def pop_gate(self) -> Node | None:
        """The next ready gate."""
        return self._pop(self._gates)

    def _pop(self, queue: list[tuple[int, int, int, str]]) -> Node | None:
        while queue:
            node = self.ready.get(heapq.heappop(queue)[3])
            if node is not None:
                return node
        return None

    def put_back(self, node: Node) -> None:
        """Queue a ready task (again); one that stands twice is claimed once, the claim sees to that."""
        queue = self._gates if node.kind is TaskKind.GATE else self._work
        heapq.heappush(queue, (-node.priority, -node.rank, node.place, node.id))

    def requeue(self) -> None:
        """Queue everything ready anew: while nothing may start, what was taken from the queues is not handed back."""
        self._work.clear()
        self._gates.clear()
        for node in self.ready.values():
            self.put_back(node)

    def holders(self, task: str) -> list[Node]:
        """The needs and earlier siblings, here or above, that are not satisfied yet."""
        found: list[Node] = []
        here: Node | None = self.nodes[task]
        while here is not None:
            found += [needed for needed in here.needs if not needed.satisfied]
            parent = here.parent
            if parent is not None and parent.order is Order.SEQUENTIAL and here.position > parent.frontier:
                found.append(parent.children[parent.frontier])
            here = parent
        return found


def _frontier(group: Node, start: int = 0) -> int:
    """Index of the first child that is not satisfied."""
    for index in range(start, len(group.children)):
        if not group.children[index].satisfied:
            return index
    return len(group.children)


def _depth_first(top: Node) -> Iterator[Node]:
    stack = [top]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(node.children))
