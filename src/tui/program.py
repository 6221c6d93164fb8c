"""The command that starts this very program again, in a process of its own."""

import sys


def own_command(*words: str) -> list[str]:
    """`pilothouse WORDS…` as argv."""
    # -P: a project with a folder called engine or tui must not become our code
    return [sys.executable, "-P", "-m", "tui.cli.main", *words]
