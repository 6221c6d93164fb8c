"""Every verb and the screen on an engine elsewhere, over TCP with a token (R114, R119, F108, F138)."""

import json
import os
import re
import signal
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cli_process import Pilothouse, Terminal, eventually
from goal_files import GATED, goal_file

from forked_program import ForkedProgram

Start = Callable[..., ForkedProgram]
PROCESS = ("--runtime", "process", "--allow-unconfined")
READER = "r" * 40


@dataclass
class Elsewhere:
    """An engine that serves TCP, seen from a folder that has no project: the one `inside` stands in."""

    url: str
    token: str
    reader: str
    away: Path


@pytest.fixture
def elsewhere(
    start: Start, inside: Pilothouse, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Elsewhere]:
    reader = tmp_path / "reader"
    reader.touch(0o600)
    reader.write_text(READER)
    away = tmp_path / "away"
    away.mkdir()
    monkeypatch.chdir(away)
    with (tmp_path / "said").open("w") as said:
        process = start("serve", "--listen", "127.0.0.1:0", "--read-only-token-file", str(reader), stderr=said)
    found = eventually(lambda: re.search(r"listens on (http://\S+)", (tmp_path / "said").read_text()))
    token = str(project / ".pilothouse" / "api.token")
    yield Elsewhere(found[1], token, str(reader), away)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)


def test_every_verb_works_on_an_engine_elsewhere(elsewhere: Elsewhere, inside: Pilothouse) -> None:
    there = ("--engine", elsewhere.url, "--token-file", elsewhere.token)
    token = Path(elsewhere.token)
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    file = elsewhere.away / goal_file(elsewhere.away, GATED)
    ran = inside("run", str(file), "--no-ui", "--json", *PROCESS, *there)
    assert ran.code == 5, ran
    goal = ran.lines[-1]["goal"]
    for words in (
        ("status",), ("tree", goal), ("why", goal), ("decisions",), ("sandboxes",), ("events",), ("export", goal),
        ("pause", goal), ("resume", goal), ("dispatch", "off"), ("dispatch", "on"), ("gc", "--dry-run"),
    ):  # fmt: skip
        answer = inside(*words, "--json", *there)
        assert answer.code == 0, (words, answer)
    [pending] = inside("decisions", "--json", *there).json
    env = {"PILOTHOUSE_ENGINE": elsewhere.url, "PILOTHOUSE_TOKEN": token.read_text().strip()}
    decide = ("decide", pending["id"], "approve", "--version", str(pending["version"]))
    assert inside(*decide, **env).code == 0
    waited = inside("wait", goal, "--for", "done", "--timeout", "30", **env)
    assert waited.code == 0, waited
    assert not (elsewhere.away / ".pilothouse").exists()  # nothing was made on this side


def at_rest(inside: Pilothouse, operator: tuple[str, ...]) -> bool:
    """Whether the engine has nothing more to tell by itself: its last sandbox is gone, and the goal says that it
    waits."""
    told = [event["type"] for event in inside("events", "--json", *operator).lines]
    live = inside("status", "--json", *operator).json["engine"]["live_runs"]
    return live == 0 and {"sandbox.removed", "goal.waiting"} <= set(told)


def test_r114_a_read_only_attachment_changes_nothing(elsewhere: Elsewhere, inside: Pilothouse) -> None:
    file = elsewhere.away / goal_file(elsewhere.away, GATED)
    operator = ("--engine", elsewhere.url, "--token-file", elsewhere.token)
    reader = ("--engine", elsewhere.url, "--token-file", elsewhere.reader)
    ran = inside("run", str(file), "--no-ui", "--json", *PROCESS, *operator)
    goal = ran.lines[-1]["goal"]
    [pending] = inside("decisions", "--json", *operator).json
    eventually(lambda: at_rest(inside, operator))
    before = inside("status", "--json", *operator).json
    changing = (
        ("run", str(file), "--no-ui"), ("decide", pending["id"], "approve", "--version", str(pending["version"])),
        ("undo", pending["id"]), ("cancel", goal), ("pause", goal), ("resume", goal), ("drain", goal),
        ("retry", goal), ("skip", goal), ("dispatch", "off"), ("kill", goal), ("freeze", goal), ("thaw", goal),
        ("interrupt", goal), ("rm", "ph-x"), ("gc",), ("stop",),
    )  # fmt: skip
    for words in changing:
        answer = inside(*words, "--json", *reader)
        assert (answer.code, answer.json["error"]["code"]) == (2, "refused"), (words, answer)
    for words in (("status",), ("tree", goal), ("decisions",), ("events",)):
        assert inside(*words, "--json", *reader).code == 0
    assert inside("status", "--json", *operator).json == before


def test_a_wrong_token_and_a_dead_address_are_said_clearly(
    elsewhere: Elsewhere, inside: Pilothouse, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong"
    wrong.touch(0o600)
    wrong.write_text("w" * 40)
    open_to_all = tmp_path / "open"
    open_to_all.write_text("w" * 40)
    open_to_all.chmod(0o644)
    for args, code, words in (
        (("--engine", elsewhere.url), 2, "wants a token"),
        (("--engine", elsewhere.url, "--token-file", str(wrong)), 2, "not known"),
        (("--engine", elsewhere.url, "--token-file", str(open_to_all)), 2, "open to others"),
        (("--engine", "http://127.0.0.1:1", "--token-file", str(wrong)), 69, "no engine"),
        (("--engine", "ftp://x"), 2, "address"),
    ):
        answer = inside("status", "--json", *args)
        assert answer.code == code, answer
        assert words in answer.json["error"]["message"]
        assert "Traceback" not in answer.err
    for words in ("shell", "backup", "init", "serve"):
        refused = inside("--engine", elsewhere.url, words, *(["t-1", "--", "true"] if words == "shell" else []))
        assert (refused.code, "own machine" in refused.err) == (2, True), refused


def test_the_screen_attaches_over_tcp_and_leaves_the_engine_alone(
    elsewhere: Elsewhere, terminal: Callable[..., Terminal], pilothouse: Pilothouse
) -> None:
    operator = ("--engine", elsewhere.url, "--token-file", elsewhere.token)
    file = elsewhere.away / goal_file(elsewhere.away, GATED)
    pilothouse("run", str(file), "--no-ui", *PROCESS, *operator, cwd=elsewhere.away)
    screen = terminal("attach", elsewhere.url, "--token-file", elsewhere.token, cwd=elsewhere.away)
    screen.expect("waiting")
    screen.process.send_signal(signal.SIGTERM)
    assert screen.ended() == 0
    assert pilothouse("status", *operator, cwd=elsewhere.away).code == 0
    refused = terminal("attach", elsewhere.url, cwd=elsewhere.away)
    refused.expect("wants a token")
    assert refused.ended() == 2


@pytest.mark.parametrize("args", [("--listen", "0.0.0.0:0"), ("--listen", "nonsense"), ("--read-only-token-file", "x")])
def test_r114_a_door_to_other_machines_is_never_opened_by_default(
    args: tuple[str, ...], pilothouse: Pilothouse, project: Path
) -> None:
    answer = pilothouse("serve", *args, "--json")
    assert answer.code == 2, answer
    assert json.loads(answer.out)["error"]["hint"]
    assert not (project / ".pilothouse" / "engine.sock").exists()


def test_r114_a_door_to_other_machines_says_what_it_means(start: Start, project: Path, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    mask = os.umask(0o077)
    tokens.write_text("t" * 40)
    os.umask(mask)
    with (tmp_path / "said").open("w") as said:
        process = start("serve", "--listen", "0.0.0.0:0", "--token-file", str(tokens), stderr=said)
    eventually(lambda: "listens on" in (tmp_path / "said").read_text())
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    told = (tmp_path / "said").read_text()
    assert "may run commands on this machine; nothing is encrypted" in told
    assert "t" * 40 not in told
