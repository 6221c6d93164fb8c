"""One gate answered twenty times at once: by key on a real terminal, over HTTP and by commands of their own."""

import os
import shutil
import subprocess
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from commands import PILOTHOUSE, environment, pilothouse, write_goal
from tmux_terminal import terminal

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux (apt-get install tmux)")

GOAL = "goal: Ship\ntasks:\n  - {id: ok, gate: {kind: human_approval}}\n  - {id: shipped, run: echo shipped}\n"
PLAIN = ("--runtime", "process", "--allow-unconfined")
COMMANDS, REQUESTS = 3, 16  # and one key
CONFLICT = 4
AWAKE = 0.38  # seconds a card's keys sleep (KEYMAP rule 4), with a margin for two processes


def socket_client(project: Path) -> httpx.Client:
    transport = httpx.HTTPTransport(uds=str(project / ".pilothouse" / "engine.sock"))
    return httpx.Client(transport=transport, base_url="http://localhost", timeout=60)


class Doors:
    """Answers to one decision that all start when `open` is called; until then each of them stands ready."""

    def __init__(self, project: Path, decision: dict[str, Any]) -> None:
        self._project, self._decision = project, decision
        self._line = threading.Barrier(REQUESTS + 1)
        self._commands = [self._command(project / f"note{n}") for n in range(COMMANDS)]
        self._threads = [threading.Thread(target=self._request) for _ in range(REQUESTS)]
        self.statuses: list[int] = []

    def _command(self, note: Path) -> tuple["subprocess.Popen[str]", Path]:
        """A `decide` that reads its note from a pipe, and so waits for whoever writes one."""
        os.mkfifo(note)
        words = ("decide", self._decision["id"], "approve", "--version", str(self._decision["version"]))
        process = subprocess.Popen(
            [PILOTHOUSE, *words, "--feedback-file", str(note), "--json"],
            cwd=self._project,
            env=environment(self._project),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return process, note

    def _request(self) -> None:
        body = {"version": self._decision["version"], "answer": "approve"}
        with socket_client(self._project) as client:
            client.get("/v1/health")  # connected
            self._line.wait(60)
            self.statuses.append(client.post(f"/v1/decisions/{self._decision['id']}/answer", json=body).status_code)

    def stand_ready(self) -> list[int]:
        """Start all; the pipes of the commands, each of which has its reader."""
        for thread in self._threads:
            thread.start()
        return [os.open(note, os.O_WRONLY) for _, note in self._commands]

    def open(self, pipes: list[int]) -> None:
        for pipe in pipes:
            os.write(pipe, b"seen")
            os.close(pipe)
        self._line.wait(60)

    def codes(self) -> list[int]:
        """Exit codes of the commands, when all have answered."""
        for thread in self._threads:
            thread.join(60)
        told = [process.communicate(timeout=60) for process, _ in self._commands]
        assert not any("Traceback" in err for _, err in told), told
        return [process.returncode for process, _ in self._commands]

    def close(self) -> None:
        for process, _ in self._commands:
            process.kill()
            process.communicate()


def test_case_18_r73_twenty_answers_over_key_http_and_commands_have_one_winner(project: Path) -> None:
    begun = pilothouse(project, "run", write_goal(project, GOAL), "--no-ui", *PLAIN)
    assert begun.code == 5, begun.err
    with ExitStack() as stack:
        screen = stack.enter_context(terminal(project, environ={"PILOTHOUSE_UNDO_WINDOW": "1s"}))
        screen.until("Decisions !1")
        screen.keys("2")
        screen.until("a approve")
        client = stack.enter_context(socket_client(project))
        (decision,) = client.get("/v1/decisions").json()
        doors = Doors(project, decision)
        stack.callback(doors.close)
        pipes = doors.stand_ready()
        time.sleep(AWAKE)
        screen.keys("a")
        doors.open(pipes)
        codes = doors.codes()
        screen.keys("1")
        screen.until("✓ Ship", "2/2")
        rows = client.get("/v1/ledger").json()
        assert client.get("/v1/ledger/check").json()["ok"]
        shipped = client.get(f"/v1/goals/{decision['goal']}/tree").json()["children"][1]
    assert set(codes) <= {0, CONFLICT}
    assert set(doors.statuses) <= {200, 409}
    assert len(codes + doors.statuses) == COMMANDS + REQUESTS
    assert [row["action"] for row in rows] == ["answered"], "one row in the ledger"
    by_key = int(rows[0]["via"] == "key")
    assert codes.count(0) + doors.statuses.count(200) + by_key == 1
    assert shipped["runs"] == 1
