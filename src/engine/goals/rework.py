"""Which task runs again when a gate is answered with changes."""

from collections import deque

from engine.goals.outline import Outline


def nearest_work(outline: Outline, gate: int) -> int | None:
    """The nearest earlier work task that `gate` waits for: through its needs or the sibling before it, then
    outwards; the last work leaf of a group. None when there is none."""
    seen = {gate}
    queue = deque(_earlier(outline, gate))
    while queue:
        task = queue.popleft()
        if task in seen:
            continue
        seen.add(task)
        if outline.works[task]:
            return task
        if outline.group[task]:
            inside = [other for other in range(task, outline.last[task] + 1) if outline.works[other]]
            if inside:
                return inside[-1]
        queue.extend(_earlier(outline, task))
    return None


def comes_before(outline: Outline, task: int, gate: int) -> bool:
    """Whether `gate` cannot open until `task` has ended."""
    wanted, first = 2 * task + 1, 2 * gate
    seen, queue = {first}, deque([first])
    while queue:
        for other in outline.waits(queue.popleft()):
            if other == wanted:
                return True
            if other not in seen:
                seen.add(other)
                queue.append(other)
    return False


def _earlier(outline: Outline, task: int) -> list[int]:
    """What a task, or the nearest group around it that waits for anything, waits for: the latest in the file first."""
    at: int | None = task
    while at is not None:
        before = outline.before[at]
        found = set(outline.needs[at]) | ({before} if before is not None else set())
        if found:
            return sorted(found, reverse=True)
        at = outline.parent[at]
    return []
