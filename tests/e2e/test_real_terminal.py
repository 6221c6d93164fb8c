"""The real screen on a real terminal: the main job by keypress, and what must never count as an answer."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import pilothouse, write_goal
from tmux_terminal import Terminal, terminal

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux (apt-get install tmux)")

GOAL = """
goal: Ship the greeting
tasks:
  - id: build
    run: echo built
  - id: ship
    gate: {kind: human_approval, question: Ship it?}
  - id: shipped
    run: echo shipped
"""
QUICK = {"PILOTHOUSE_UNDO_WINDOW": "1s"}
PATIENT = {"PILOTHOUSE_UNDO_WINDOW": "60s"}
AWAKE = 0.3  # seconds a card's keys sleep (KEYMAP rule 4)


def at_its_gate(project: Path) -> Iterator[Path]:
    """A project whose goal waits at its gate; no engine runs."""
    goal = write_goal(project, GOAL)
    done = pilothouse(project, "run", goal, "--no-ui", "--runtime", "process", "--allow-unconfined")
    assert done.code == 5, done.err
    yield project
    if (project / ".pilothouse" / "engine.sock").exists():
        pilothouse(project, "stop")


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """For tests that leave the decision pending, one after the other."""
    yield from at_its_gate(tmp_path_factory.mktemp("gated"))


@pytest.fixture
def answerable(project: Path) -> Iterator[Path]:
    """For a test that answers the decision."""
    yield from at_its_gate(project)


def decisions(project: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pilothouse(project, "decisions", "--json").json()
    return found


def state(project: Path) -> str:
    return str(pilothouse(project, "status", "--json").json()["goals"][0]["state"])


def leave(screen: Terminal, *choose: str) -> str:
    """Quit with the choice that these keys reach; the terminal is the operator's again."""
    screen.keys("q")
    screen.until("Leave Pilothouse?", "Detach")
    screen.keys(*choose, "Enter")
    return screen.until("ended with 0", gone="Leave Pilothouse?")


STOP = ("Right", "Right")


@pytest.mark.docker
def test_the_main_job_by_keypress_in_real_containers(containers: Path) -> None:
    goal = write_goal(containers, GOAL)
    with terminal(containers, "run", goal, "--runtime", "docker", environ=QUICK) as screen:
        screen.until("Ship the greeting", "Decisions !1")
        screen.keys("2")
        screen.until("Ship it?", "risk: normal", "a approve")
        awake(screen)
        screen.keys("a")
        screen.until("takes effect in")
        screen.keys("1")
        screen.until("✓ Ship the greeting", "done", "3/3")
        leave(screen, *STOP)
    assert state(containers) == "done"
    assert pilothouse(containers, "sandboxes", "--json").json() == []


def awake(screen: Terminal) -> None:
    """Wait out the sleep of a card's keys on its own clock: 80 ms of margin for the two processes."""
    import time

    time.sleep(AWAKE + 0.08)


def test_case_20_r122_a_pasted_key_approves_nothing(gated: Path) -> None:
    before = decisions(gated)
    with terminal(gated, environ=PATIENT) as screen:
        screen.until("Decisions !1")
        screen.keys("2")
        screen.until("Ship it?", "a approve")
        awake(screen)
        screen.paste("a")
        screen.paste("aaa\n")
        screen.keys("?")  # what was pasted has been read by the time this key has had its effect
        screen.until("keys here")
        screen.keys("Escape")
        screen.until("a approve", gone="keys here")
        assert "takes effect" not in screen.screen()
        assert decisions(gated) == before
        awake(screen)
        screen.keys("a")
        screen.until("takes effect in")
        screen.keys("u")
        screen.until("a approve", gone="takes effect in")


def test_case_20_r122_keys_typed_before_the_decision_was_visible_approve_nothing(gated: Path) -> None:
    before = decisions(gated)
    with terminal(gated, environ=PATIENT) as screen:
        screen.keys("2", "a", "a", "a")
        screen.until("live", "Decisions !1")
        screen.keys("1", "2", "a")
        screen.until("Ship it?", "a approve")
        awake(screen)
        assert "takes effect" not in screen.screen()
        assert decisions(gated) == before


def test_r122_enter_opens_the_card_and_decides_nothing(gated: Path) -> None:
    before = decisions(gated)
    with terminal(gated, environ=PATIENT) as screen:
        screen.until("Decisions !1")
        screen.keys("2")
        screen.until("Ship it?", "a approve")
        awake(screen)
        screen.keys("Enter")
        screen.until("d-", "Back", "esc back")
        awake(screen)
        screen.keys("Enter")
        screen.until("a approve")
        assert decisions(gated) == before


def test_two_terminals_on_one_project_show_the_same(answerable: Path) -> None:
    with terminal(answerable, environ=QUICK) as first:
        first.until("Ship the greeting", "Decisions !1")
        with terminal(answerable, environ=QUICK) as second:
            second.until("Ship the greeting", "Decisions !1")
            second.keys("2")
            second.until("Ship it?", "a approve")
            awake(second)
            second.keys("a")
            second.until("takes effect in")
            first.until("✓ Ship the greeting", "done", "3/3")
            second.keys("1")
            second.until("✓ Ship the greeting", "done", "3/3")
        leave(first, *STOP)
    assert state(answerable) == "done"


def test_the_engine_goes_on_without_the_screen_that_started_it(gated: Path) -> None:
    with terminal(gated, environ=QUICK) as screen:
        screen.until("Decisions !1")
        own = pilothouse(gated, "status", "--json").json()["engine"]
        left = leave(screen)
    assert "goes on in the background" in left
    after = pilothouse(gated, "status", "--json").json()["engine"]
    assert after["state"] == "running"
    assert after["pid"] != own["pid"]
    assert len(decisions(gated)) == 1
    assert pilothouse(gated, "stop").code == 0


def test_r80_a_closed_terminal_leaves_the_decision_pending(gated: Path) -> None:
    before = decisions(gated)
    with terminal(gated, environ=PATIENT) as screen:
        screen.until("Decisions !1")
        screen.keys("2")
        screen.until("Ship it?")
    assert decisions(gated) == before


def test_an_engine_that_is_stopped_from_elsewhere_takes_its_screen_with_it(gated: Path) -> None:
    with terminal(gated) as screen:
        screen.until("Ship the greeting")
        stopped = pilothouse(gated, "stop")
        assert stopped.code == 0, stopped.err
        screen.until("ended with 0")


@pytest.mark.docker
def test_r48_the_screen_names_the_limit_of_a_container_killed_by_memory(containers: Path) -> None:
    eater = "python3 -c 'x = bytearray(200 * 1024 * 1024)'"
    goal = write_goal(containers, f'goal: Eat\ntasks:\n  - {{id: eat, run: "{eater}", sandbox: {{memory: 64m}}}}\n')
    with terminal(containers, "run", goal, "--runtime", "docker") as screen:
        screen.until("✗ Eat", "failed")
        screen.keys("j", "i")
        screen.until("64 MB")
