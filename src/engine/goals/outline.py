"""The shape of a task tree in plain numbers: who is in whom, who waits for whom. Nothing here recurses.

Each task has two moments, its start and its end; moment `2 * i` is the start of task i, `2 * i + 1` its end.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field


def start_of(task: int) -> int:
    return 2 * task


def end_of(task: int) -> int:
    return 2 * task + 1


@dataclass
class Outline:
    """Tasks by their place in tree order; task 0 is the root."""

    keys: list[str] = field(default_factory=list)
    parent: list[int | None] = field(default_factory=list)
    before: list[int | None] = field(default_factory=list)
    children: list[list[int]] = field(default_factory=list)
    needs: list[list[int]] = field(default_factory=list)
    sequential: list[bool] = field(default_factory=list)
    works: list[bool] = field(default_factory=list)
    group: list[bool] = field(default_factory=list)
    last: list[int] = field(default_factory=list)

    def add(self, key: str, parent: int | None, *, sequential: bool, works: bool, group: bool) -> None:
        """Append the next task in tree order. `before`: the sibling a sequential parent puts ahead of it."""
        index = len(self.keys)
        siblings = self.children[parent] if parent is not None else []
        ordered = parent is not None and self.sequential[parent] and siblings
        self.keys.append(key)
        self.parent.append(parent)
        self.before.append(siblings[-1] if ordered else None)
        self.children.append([])
        self.needs.append([])
        self.sequential.append(sequential)
        self.works.append(works)
        self.group.append(group)
        self.last.append(index)
        siblings.append(index)
        above = parent
        while above is not None:
            self.last[above] = index
            above = self.parent[above]

    def related(self, one: int, other: int) -> bool:
        """Whether they are the same task or one holds the other."""
        low, high = min(one, other), max(one, other)
        return high <= self.last[low]

    def waits(self, moment: int) -> Iterator[int]:
        """The moments that must have passed before this one."""
        task, is_end = divmod(moment, 2)
        if is_end:
            yield start_of(task)
            yield from (end_of(child) for child in self.children[task])
            return
        parent, before = self.parent[task], self.before[task]
        if parent is not None:
            yield start_of(parent)
        if before is not None:
            yield end_of(before)
        yield from (end_of(need) for need in self.needs[task])

    def in_time_order(self) -> list[int]:
        """All moments, each after those it waits for. The outline must have no cycle."""
        ordered: list[int] = []
        seen: set[int] = set()
        for first in range(2 * len(self.keys)):
            stack = [(first, self.waits(first))] if first not in seen else []
            seen.add(first)
            while stack:
                moment, rest = stack[-1]
                following = next((other for other in rest if other not in seen), None)
                if following is None:
                    ordered.append(moment)
                    stack.pop()
                else:
                    seen.add(following)
                    stack.append((following, self.waits(following)))
        return ordered
