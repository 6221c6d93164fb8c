"""Engines in processes of their own, forked by one program, to be killed."""

import json
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).with_name("crashing_engine.py")
KILLED = 137


class Engines:
    """Starts engines one after the other; `crashing_engine.py` says what an order holds."""

    def __init__(self) -> None:
        self._program = subprocess.Popen(
            [sys.executable, str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def begin(self, project: Path, scene: str, **order: object) -> int:
        """The pid of an engine that has just been forked."""
        assert self._program.stdin is not None
        self._program.stdin.write(json.dumps({"project": str(project), "scene": scene, **order}) + "\n")
        self._program.stdin.flush()
        return int(self._line())

    def ended(self) -> int:
        """Its exit code once it has ended; negative when a signal ended it."""
        return int(self._line())

    def run(self, project: Path, scene: str, **order: object) -> int:
        self.begin(project, scene, **order)
        return self.ended()

    def close(self) -> None:
        self._program.communicate(timeout=30)

    def _line(self) -> str:
        assert self._program.stdout is not None
        line = self._program.stdout.readline()
        assert line, "the program that forks engines has ended"
        return line
