"""What is asked wrongly ends with exit code 2, one sentence and no traceback, in words or as JSON (R112)."""

from pathlib import Path

import click
import pytest
from cli_process import Pilothouse

from tui.cli.call import Ref
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
    ("--no-ui", "--listen", "nonsense"),
    ("--no-ui", "--token-file", "token"),
    ("serve", "--listen", "nonsense"),
    ("run",),
    ("run", "goal.yaml", "--template", "features"),
    ("run", "--template", "features"),
    ("template", "show"),
    ("template", "show", "../features"),
    ("template", "make"),
    ("schedule", "add"),
    ("schedule", "start"),
    ("schedule", "add", "a\x1bb", "--goal", "goal.yaml", "--every", "1h"),
    ("schedule", "add", "a", "--goal", "goal.yaml"),
    ("schedule", "add", "a", "--every", "1h"),
    ("schedule", "add", "a", "--goal", "goal.yaml", "--template", "features", "--every", "1h"),
    ("schedule", "add", "a", "--goal", "goal.yaml", "--every", "often"),
    ("schedule", "add", "a", "--goal", "goal.yaml", "--every", "1h", "--zone", "Moon/Crater"),
    ("schedule", "add", "a", "--goal", "goal.yaml", "--window", "someday"),
    ("schedule", "add", "a", "--goal", "goal.yaml", "--cron", "0 0 30 2 *"),
    ("schedule", "add", "a", "--goal", "goal.yaml", "--every", "1h", "--set", "novalue"),
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
    ("notify",),
    ("notify", "nobody"),
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
NO_IDS = {
    "serve",
    "demo",
    "plan",
    "sandboxes",
    "decisions",
    "events",
    "dispatch",
    "backup",
    "gc",
    "stop",
    "image",
    "doctor",
    "init",
    "attach",
    "template",
    "schedule",
    "ledger",
    "lease",
    "leases",
    "notify",
    "set",
    "metrics",
    "mcp",
    "web",
}
WITH: dict[str, list[str]] = {
    "fork": ["--from", "1"],
    "decide": ["--version", "1"],
    "wait": ["--for", "done"],
    "task": ["edit", "--title", "t"],
    "rules": ["revoke"],
    "checkpoints": ["show"],
}
NAMED = {"signal": "--callback", "run": "--again"}  # verbs that take an id by this option
AFTER: dict[str, list[str]] = {"decide": ["approve"]}


def _takes_id(name: str) -> bool:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    return any(isinstance(param.type, Ref) for param in command.params)


TAKING_IDS = [name for name in VERBS if name not in NO_IDS]


@pytest.mark.parametrize("name", VERBS)
def test_r45_what_a_verb_is_told_of_goals_tasks_and_runs_is_parsed_as_an_id(name: str) -> None:
    assert _takes_id(name) == (name not in NO_IDS), "an id that is not a Ref, or a verb of no ids that has one"


@pytest.mark.parametrize("verb", TAKING_IDS)
def test_case_23_r45_a_hostile_id_ends_at_the_command_line(verb: str, inside: Pilothouse, project: Path) -> None:
    for hostile in HOSTILE:
        told = [f"{NAMED[verb]}={hostile}"] if verb in NAMED else [*WITH.get(verb, []), "--", hostile]
        answer = inside(verb, *told, *AFTER.get(verb, []))
        assert answer.code == 2, (hostile, answer)
        assert "is not an id" in answer.err, (hostile, answer)
        assert not {"\x1b", "\x07"} & set(answer.err)
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
