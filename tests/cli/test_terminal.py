"""On a terminal: the card before an answer, questions that can be left, progress that moves."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_process import Pilothouse, Terminal
from goal_files import HELD, goal_file, let_go

Open = Callable[..., Terminal]
PROCESS = ("--runtime", "process", "--allow-unconfined")
GATE = """\
goal: Ask
tasks:
  - {id: write, run: "echo the evidence; printf '\\\\033]0;evil\\\\007 quiet \\\\033[2J\\\\n'"}
  - id: ship
    gate: {kind: human_approval, question: Ship it?, risk: RISK}
"""


@pytest.fixture
def gate(inside: Pilothouse, pilothouse: Pilothouse, project: Path) -> Callable[..., dict[str, Any]]:
    """A goal that waits at its gate; the pending decision."""

    def wait(risk: str = "normal") -> dict[str, Any]:
        goal_file(project, GATE.replace("RISK", risk))
        assert inside("run", "goal.yaml", "--no-ui", *PROCESS).code == 5
        [pending] = inside("decisions", "--json").json
        found: dict[str, Any] = pending
        return found

    return wait


def pending(inside: Pilothouse) -> list[Any]:
    found: list[Any] = inside("decisions", "--json").json
    return found


def test_r82_the_card_is_shown_before_the_question(
    gate: Callable[..., dict[str, Any]], terminal: Open, inside: Pilothouse
) -> None:
    asked = gate()
    screen = terminal("decide", asked["id"], "approve")
    shown = screen.expect("? [y/N]: ")
    for word in ("Ship it?", f"{asked['id']} v1", "risk normal", "Ask", "the evidence"):
        assert word in shown, word
    assert "\x1b]0;" not in shown
    assert "\x1b[2J" not in shown
    screen.send("y\n")
    assert screen.ended() == 0
    assert "answered: approved by" in screen.out
    assert pending(inside) == []


def test_r80_leaving_the_question_leaves_the_decision_pending(
    gate: Callable[..., dict[str, Any]], terminal: Open, inside: Pilothouse
) -> None:
    asked = gate()
    leavings = [("approve", keys) for keys in ("\x03", "\x04", "n\n", "\n")] + [("reject", "\x03"), ("changes", "\x04")]
    for answer, keys in leavings:
        screen = terminal("decide", asked["id"], answer)
        screen.expect("? [y/N]: " if answer == "approve" else "why: ")
        assert screen.ended(pressing=keys) == 130, (answer, keys)
        assert "still pending" in screen.out
        assert [(d["id"], d["version"]) for d in pending(inside)] == [(asked["id"], asked["version"])]


def test_case_20_r122_what_was_typed_before_the_question_answers_nothing(
    gate: Callable[..., dict[str, Any]], terminal: Open, inside: Pilothouse
) -> None:
    asked = gate()
    screen = terminal("decide", asked["id"], "approve", typed_ahead="y\ny\ny\n")
    screen.expect("? [y/N]: ")
    assert screen.ended(pressing="\x04") == 130
    assert len(pending(inside)) == 1


def test_high_risk_asks_for_the_short_id(
    gate: Callable[..., dict[str, Any]], terminal: Open, inside: Pilothouse
) -> None:
    asked = gate("high")
    short = asked["id"][:6]
    for typed, code, left in (("y", 130, 1), (short, 0, 0)):
        screen = terminal("decide", asked["id"], "approve")
        screen.expect(f"type {short}")
        screen.send(f"{typed}\n")
        assert screen.ended() == code
        assert len(pending(inside)) == left


def test_a_reason_that_is_typed_is_stored(
    gate: Callable[..., dict[str, Any]], terminal: Open, inside: Pilothouse
) -> None:
    asked = gate()
    screen = terminal("decide", asked["id"], "reject")
    screen.expect("why: ")
    screen.send("the greeting is rude\n")
    assert screen.ended() == 0
    assert "the greeting is rude" in inside("why", f"{asked['goal']}/ship").out


def test_progress_moves_on_a_terminal_and_ends_with_the_result(
    terminal: Open, inside: Pilothouse, project: Path
) -> None:
    tasks = f"  - {{id: talk, run: 'echo listen; {HELD}'}}\n  - {{id: rest, run: 'true'}}\n"
    goal_file(project, f"goal: Talk\ntasks:\n{tasks}")
    screen = terminal("run", "goal.yaml", "--no-ui", *PROCESS)
    screen.expect("listen")
    [box] = inside("sandboxes", "--json").json
    let_go(project, box["run"])
    assert screen.ended() == 0
    assert "✓" in screen.out
    assert re.search(r"g-\w+ done", screen.out)
    assert "goal.created" not in screen.out


def test_a_gate_on_a_terminal_waits_for_an_answer_from_elsewhere(
    terminal: Open, inside: Pilothouse, project: Path
) -> None:
    goal_file(project, GATE.replace("RISK", "normal"))
    screen = terminal("run", "goal.yaml", "--no-ui", *PROCESS)
    screen.expect("◆")
    screen.expect("pilothouse decide")
    [asked] = pending(inside)
    assert screen.process.poll() is None
    assert inside("decide", asked["id"], "approve", "--version", str(asked["version"])).code == 0
    assert screen.ended() == 0


def test_foreign_text_is_neutral_on_a_terminal_and_raw_in_a_pipe(
    terminal: Open, inside: Pilothouse, project: Path, gate: Callable[..., dict[str, Any]]
) -> None:
    goal = gate()["goal"]
    assert "\x1b]0;evil\x07" in inside("logs", f"{goal}/write").out
    for verb in (("logs", f"{goal}/write"), ("logs", f"{goal}/write", "--json"), ("why", f"{goal}/write")):
        screen = terminal(*verb)
        assert screen.ended() == 0
        assert "the evidence" in screen.out or verb[0] == "why"
        assert "\x1b]" not in screen.out
        assert "\x07" not in screen.out
