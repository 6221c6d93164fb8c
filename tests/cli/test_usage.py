"""What is asked wrongly ends with exit code 2, one sentence and no traceback, in words or as JSON (R112)."""

from pathlib import Path

import click
import pytest
from cli_process import Pilothouse

from tui.cli.main import VERBS, cli

WRONG: list[tuple[str, ...]] = [
    ("nonsense",),
    ("statsu",),
    ("--nonsense",),
    ("status", "--nonsense"),
    ("tree",),
    ("tree", "g-1", "g-2"),
    ("--until", "idle"),
    ("--until", "tomorrow", "--no-ui"),
    ("--until", "idle", "status"),
    ("--no-ui", "--listen", "127.0.0.1:1"),
    ("--no-ui", "--token-file", "token"),
    ("serve", "--listen", "127.0.0.1:1"),
    ("run",),
    ("run", "--template", "sdlc"),
    ("run", "goal.yaml", "--again", "g-1"),
    ("run", "missing.yaml"),
    ("run", "."),
    ("run", "goal.yaml", "--runtime", "swarm"),
    ("run", "goal.yaml", "--on-gate", "maybe"),
    ("run", "goal.yaml", "--max-parallel", "0"),
    ("run", "goal.yaml", "--max-parallel", "many"),
    ("plan",),
    ("plan", "missing.yaml"),
    ("plan", "mis\x00sing.yaml"),
    ("plan", "x" * 5000),
    ("decide", "d-1"),
    ("decide", "d-1", "maybe"),
    ("decide", "d-1", "disapprove", "--version", "1"),
    ("decide", "d-1", "Approve", "--version", "1"),
    ("decide", "d-1", "choose", "--version", "1"),
    ("decide", "d-1", "fill", "--version", "1"),
    ("decide", "d-1", "snooze", "--version", "1"),
    ("decide", "d-1", "approve"),
    ("decide", "d-1", "approve", "--version", "x"),
    ("decide", "d-1", "approve", "--version", "-1"),
    ("decide", "d-1", "reject", "--version", "1"),
    ("decide", "d-1", "reject", "--version", "1", "--feedback", "  "),
    ("decide", "d-1", "changes", "--version", "1", "--feedback-file", "missing.txt"),
    ("decide", "d-1", "changes", "--version", "1", "--feedback", "a", "--feedback-file", "b"),
    ("decide", "d-1", "changes", "--version", "1", "--feedback", "x" * 100_001),
    ("logs", "t-1", "--tail", "-1"),
    ("logs", "t-1", "--stream", "both"),
    ("logs", "t-1", "--since", "yesterday"),
    ("logs", "t-1", "--since", "9" * 400 + "d"),
    ("logs", "t-1", "--grep", "("),
    ("events", "--after", "-1"),
    ("events", "--after", "x"),
    ("image",),
    ("image", "remove"),
    ("image", "build", "--image", "other:1"),
    ("demo", "a", "--project", "."),
    ("status", "--project", "missing"),
    ("--project", "missing", "status"),
    ("--install-completion", "tcsh"),
]


@pytest.mark.parametrize("args", WRONG, ids=lambda args: " ".join(args)[:60].replace("\x00", "0"))
def test_r112_wrong_usage_is_exit_2_in_one_sentence(args: tuple[str, ...], inside: Pilothouse, project: Path) -> None:
    answer = inside(*args)
    assert answer.code == 2, answer
    assert answer.out == ""
    first, *hint = answer.err.splitlines()
    assert first.startswith("pilothouse: ")
    assert len(hint) <= 1
    assert all(line.startswith("  hint: ") for line in hint)
    assert list(project.iterdir()) == []


@pytest.mark.parametrize("args", WRONG, ids=lambda args: " ".join(args)[:60].replace("\x00", "0"))
def test_r112_wrong_usage_with_json_is_one_object_on_stdout(args: tuple[str, ...], inside: Pilothouse) -> None:
    answer = inside("--json", *args)
    assert answer.code == 2, answer
    assert answer.err == ""
    assert set(answer.json) == {"error"}
    error = answer.json["error"]
    assert set(error) == {"code", "message", "hint", "details"}
    assert error["code"] in ("usage", "invalid", "invalid_goal_file")
    assert error["message"]


HOSTILE = [
    "",
    "..",
    "../x",
    "../volumes/x",
    "g-1/../../etc",
    "/etc/passwd",
    "a b",
    "a\x00b",
    "a\nb",
    "-rf",
    "$(id)",
    "`id`",
    "a;b",
    "%2e%2e",
    "x" * 129,
    "\x1b]52;c;eA==\x07",
    "é",
    "٣",
    "a/b/c/d/e/f/g/h/i/j/k",
    "t-1/",
]
TAKING_IDS = [
    ("status",),
    ("tree",),
    ("why",),
    ("diff",),
    ("logs",),
    ("cancel",),
    ("undo",),
]


@pytest.mark.parametrize("hostile", HOSTILE, ids=ascii)
def test_r45_a_hostile_id_ends_at_the_command_line(hostile: str, inside: Pilothouse, project: Path) -> None:
    for verb in TAKING_IDS:
        answer = inside(*verb, "--", hostile)
        assert answer.code == 2, (verb, answer)
        assert not {"\x1b", "\x07"} & set(answer.err)
    assert inside("decide", "--version", "1", "--", hostile, "approve").code == 2
    assert list(project.iterdir()) == []


def test_one_verb_off_is_suggested(inside: Pilothouse) -> None:
    assert "decisions" in inside("decision").err


def test_a_usage_error_of_a_process_has_no_traceback(pilothouse: Pilothouse) -> None:
    answer = pilothouse("decide", "d-1", "approve")
    assert answer.code == 2
    assert "--version" in answer.err
    assert pilothouse("decide", "--json", "d-1", "approve").json["error"]["code"] == "invalid"


def test_without_a_terminal_the_screen_is_refused_with_the_way_out(pilothouse: Pilothouse, project: Path) -> None:
    answer = pilothouse()
    assert answer.code == 2
    assert "--no-ui" in answer.err
    assert list(project.iterdir()) == []


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_says_what_the_table_says_and_takes_the_common_options(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.help is not None
    assert command.help.splitlines()[0] == VERBS[name][1]
    options = {option for param in command.params for option in param.opts}
    assert {"--json", "--project"} <= options


def test_every_verb_of_this_version_stands_in_the_docs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "commands.md").read_text(encoding="utf-8")
    for name in VERBS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        assert f"pilothouse {name}" in page, name
        shown = [p for p in command.params if isinstance(p, click.Option) and not p.hidden]
        for option in shown:
            assert any(spelling in page for spelling in option.opts), (name, option.opts)
