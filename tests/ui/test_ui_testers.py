"""Testers stand under their group, are called so, and count in none of its numbers (R37)."""

from engine.api import TreeNode
from engine.model import TaskKind, TaskState
from tui.cli.draw import tree_lines
from tui.widgets.goal_rows import node_line
from ui.frozen import before
from ui.pieces import node

NOW = before()


def items() -> TreeNode:
    said = "batch 2 (login) passed"
    children = [
        node("t-1", "login", TaskState.DONE),
        node("t-2", "search", TaskState.RUNNING),
        node("t-3", "items.tester-1", TaskState.PENDING, tests="items", runs=2, cause=said),
    ]
    return node("t-0", "items", TaskState.RUNNING, kind=TaskKind.GROUP, order="parallel", children=children)


def row(shown: TreeNode) -> str:
    return "".join(text for text, _ in node_line(shown, 1, False, 100, NOW))


def test_r37_a_row_of_the_screen_says_tester_and_the_group_counts_none() -> None:
    group = items()
    assert " 1/2" in row(group)
    tester = row(group.children[2])
    assert "  tester pending" in tester
    assert "#3 batch 2 (login) passed" in tester
    assert "tester" not in row(group.children[0])


def test_r37_a_row_of_the_command_line_says_tester() -> None:
    lines = list(tree_lines(items()))
    assert "items.tester-1  pending, tester, 2 runs  batch 2 (login) passed" in lines[-1]
    assert not any("tester" in line for line in lines[:-1])
