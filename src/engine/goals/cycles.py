"""Cycles through needs, containment and sequential order, each shown as the cycle (R10)."""

from collections import deque
from dataclasses import dataclass

from engine.goals.outline import Outline, end_of, start_of

LONGEST_SHOWN = 12


@dataclass(frozen=True)
class Cycle:
    """`task` needs `need`, which waits for `task`; `path` is `a -> b -> a`, where each waits for the next."""

    task: int
    need: int
    path: str


def find_cycles(outline: Outline) -> list[Cycle]:
    """One cycle for each knot of tasks that wait for each other, the shortest through its first need."""
    knots = _knots(outline)
    cycles: list[Cycle] = []
    shown: set[int] = set()
    for task, needs in enumerate(outline.needs):
        for need in needs:
            # Only a need can close a cycle: containment and order alone follow the tree.
            knot = knots[start_of(task)]
            if knot == knots[end_of(need)] and knot not in shown:
                shown.add(knot)
                cycles.append(Cycle(task, need, _drawn(outline, _way(outline, end_of(need), start_of(task)))))
    return cycles


def _way(outline: Outline, frm: int, to: int) -> list[int]:
    """The shortest chain of waits from one moment to another that it is known to wait for."""
    came: dict[int, int] = {frm: frm}
    queue = deque([frm])
    while queue and to not in came:
        moment = queue.popleft()
        for other in outline.waits(moment):
            if other not in came:
                came[other] = moment
                queue.append(other)
    way = [to]
    while way[-1] != frm:
        way.append(came[way[-1]])
    return [to, *reversed(way)]


def _drawn(outline: Outline, way: list[int]) -> str:
    names: list[str] = []
    for moment in way:
        key = outline.keys[moment // 2]
        if not names or names[-1] != key:
            names.append(key)
    if len(names) > LONGEST_SHOWN:
        hidden = len(names) - LONGEST_SHOWN
        half = LONGEST_SHOWN // 2
        names = [*names[:half], f"… {hidden} more …", *names[-half:]]
    return " -> ".join(names)


def _knots(outline: Outline) -> list[int]:
    """The number of each moment's strongly connected part (Tarjan's algorithm with a stack of its own)."""
    count = 2 * len(outline.keys)
    order, low, knot = [-1] * count, [0] * count, [-1] * count
    path: list[int] = []
    ticks = 0
    for first in range(count):
        if order[first] >= 0:
            continue
        stack = [(first, outline.waits(first))]
        while stack:
            moment, rest = stack[-1]
            if order[moment] < 0:
                order[moment] = low[moment] = ticks
                ticks += 1
                path.append(moment)
            for other in rest:
                if order[other] < 0:
                    stack.append((other, outline.waits(other)))
                    break
                if knot[other] < 0:
                    low[moment] = min(low[moment], order[other])
            else:
                stack.pop()
                if stack:
                    low[stack[-1][0]] = min(low[stack[-1][0]], low[moment])
                if low[moment] == order[moment]:
                    while knot[moment] < 0:
                        knot[path.pop()] = moment
    return knot
