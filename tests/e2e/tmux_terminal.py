"""A real terminal: tmux holds the screen, tests press keys and read what an operator would see."""

import shlex
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from commands import PILOTHOUSE, environment

PATIENCE = 20.0  # seconds until what is awaited on the screen counts as missing
LOOK = 0.05  # seconds between looks: a terminal tells nobody that it changed


class Terminal:
    """One tmux server with one window of its own."""

    def __init__(self, name: str, folder: Path) -> None:
        self._tmux = ["tmux", "-f", "/dev/null", "-S", str(folder / f"{name}.tmux")]

    def open(self, project: Path, args: tuple[str, ...], environ: Mapping[str, str], size: tuple[int, int]) -> None:
        """Run `pilothouse ARGS`; its exit code stays on the screen when it ends."""
        variables = environment(project) | dict(environ)
        words = ["env", "-i", *(f"{key}={value}" for key, value in variables.items()), PILOTHOUSE, *args]
        shell = f"{shlex.join(words)}; echo ended with $?; exec sleep 600"
        width, height = map(str, size)
        self._run("new-session", "-d", "-x", width, "-y", height, "-c", str(project), "sh", "-c", shell)

    def keys(self, *names: str) -> None:
        """Press keys by tmux's names (`a`, `Enter`, `Escape`), all at once."""
        self._run("send-keys", *names)

    def paste(self, text: str) -> None:
        """Paste as a terminal does, bracketed when the program asked for that."""
        self._run("set-buffer", text)
        self._run("paste-buffer", "-p")

    def screen(self) -> str:
        return self._run("capture-pane", "-p")

    def until(self, *texts: str, gone: str | None = None) -> str:
        """The screen once it shows every text, and `gone` no more."""
        return self.until_it(
            lambda screen: all(text in screen for text in texts) and (gone is None or gone not in screen),
            f"{texts} and not {gone!r}",
        )

    def until_it(self, holds: Callable[[str], bool], words: str) -> str:
        deadline = time.monotonic() + PATIENCE
        while not holds(screen := self.screen()):
            assert time.monotonic() < deadline, f"the screen never showed {words}:\n{screen}"
            time.sleep(LOOK)
        return screen

    def close(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, timeout=10, check=False)

    def _run(self, *args: str) -> str:
        return subprocess.run([*self._tmux, *args], capture_output=True, text=True, timeout=10, check=True).stdout


@contextmanager
def terminal(
    project: Path, *args: str, environ: Mapping[str, str] | None = None, size: tuple[int, int] = (100, 30)
) -> Iterator[Terminal]:
    """`pilothouse ARGS` on a terminal of its own; the terminal is gone when the block ends."""
    name = f"terminal-{time.monotonic_ns()}"
    opened = Terminal(name, project.parent)
    try:
        opened.open(project, args, environ or {}, size)
        yield opened
    finally:
        opened.close()
