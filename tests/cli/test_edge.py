"""The top edge: every error becomes a sentence and an exit code."""

import io
import json
import os
import subprocess
from pathlib import Path

import click
import pytest
from cli_process import SCRIPT, environment
from pydantic import BaseModel, ValidationError

from engine.api import CreateGoal, Diff
from engine.api.agents import TellAgent
from engine.errors import (
    Conflict,
    DaemonUnavailable,
    EngineUnavailable,
    ExitCode,
    Invalid,
    NotFound,
    PilothouseError,
    StaleVersion,
)
from tui.cli.edge import PIPE_CLOSED, answered


def failing(error: BaseException) -> click.Group:
    """A command line whose one verb raises."""

    @click.group()
    def cli() -> None:
        pass

    @cli.command()
    @click.option("--json", is_flag=True)
    def fail(json: bool) -> None:
        raise error

    return cli


def unfit(model: type[BaseModel], **values: object) -> ValidationError:
    """What making the model of these values raises."""
    with pytest.raises(ValidationError) as caught:
        model.model_validate(values)
    return caught.value


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (unfit(TellAgent, text=""), "text: String should have at least 1 character"),
        (unfit(CreateGoal, source="goal: x", external_ref="x" * 501), "external_ref: String should have at most 500"),
        (unfit(CreateGoal), "a goal needs its source"),
    ],
)
def test_r112_what_fits_no_request_is_wrong_usage_and_no_fault_of_ours(
    error: Exception, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answered(failing(error), "pilothouse", ["fail"]) == ExitCode.USAGE
    assert capsys.readouterr().err.startswith(f"pilothouse: {words}")


def test_an_answer_that_fits_no_view_is_a_fault_of_ours_and_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".pilothouse").mkdir()
    assert answered(failing(unfit(Diff)), "pilothouse", ["fail"]) == ExitCode.TASK_FAILED
    assert "ValidationError" in capsys.readouterr().err
    assert "ValidationError" in (tmp_path / ".pilothouse" / "engine.log").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("error", "code", "exit_code"),
    [
        (Invalid("m"), "invalid", 2),
        (NotFound("m"), "not_found", 3),
        (Conflict("m"), "conflict", 4),
        (StaleVersion("m"), "stale_version", 4),
        (EngineUnavailable("m"), "engine_unavailable", 69),
        (DaemonUnavailable("m"), "daemon_unavailable", 69),
        (ExceptionGroup("g", [ExceptionGroup("h", [ValueError("x"), StaleVersion("m")])]), "stale_version", 4),
    ],
)
def test_an_error_ends_with_its_own_code(
    error: Exception, code: str, exit_code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answered(failing(error), "pilothouse", ["fail"]) == exit_code
    assert capsys.readouterr() == ("", "pilothouse: m\n")
    assert answered(failing(error), "pilothouse", ["fail", "--json"]) == exit_code
    shape = {"error": {"code": code, "message": "m", "hint": "", "details": {}}}
    assert json.loads(capsys.readouterr().out) == shape


def test_hint_and_details_reach_the_operator_neutralised(capsys: pytest.CaptureFixture[str]) -> None:
    error = PilothouseError("a\x1b]0;x\x07b", hint="c\x9b31md", details={"path": Path("/x"), "n": 1})
    assert answered(failing(error), "pilothouse", ["fail"]) == 1
    assert capsys.readouterr().err == "pilothouse: ab\n  hint: cd\n"
    assert answered(failing(error), "pilothouse", ["fail", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["details"] == {"path": "/x", "n": 1}


@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), click.Abort()])
def test_r80_an_interruption_is_130_and_says_nothing(
    interruption: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answered(failing(interruption), "pilothouse", ["fail"]) == ExitCode.INTERRUPTED
    assert capsys.readouterr() == ("", "")


def test_what_nobody_foresaw_is_a_sentence_and_a_log_entry(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / ".pilothouse").mkdir()
    (project / "deeper").mkdir()
    monkeypatch.chdir(project / "deeper")
    assert answered(failing(ZeroDivisionError("by\x1b[31m nought")), "pilothouse", ["fail"]) == 1
    err = capsys.readouterr().err
    log = project / ".pilothouse" / "engine.log"
    assert err == f"pilothouse: ZeroDivisionError: by nought\n  hint: details are in {log}\n"
    assert "Traceback" in log.read_text(encoding="utf-8")


def test_without_a_project_the_details_go_to_a_file_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert answered(failing(ZeroDivisionError("x")), "pilothouse", ["fail"]) == 1
    [log] = tmp_path.iterdir()
    assert str(log) in capsys.readouterr().err
    assert "ZeroDivisionError" in log.read_text(encoding="utf-8")


def test_a_reader_that_went_away_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([SCRIPT, "--help"], stdout=write, stderr=subprocess.PIPE, env=environment(), check=False)
    os.close(write)
    assert done.stderr == b""
    assert done.returncode == PIPE_CLOSED


def test_a_machine_that_refuses_is_69_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    error = PermissionError(13, "Permission denied", "/some/where")
    assert answered(failing(error), "pilothouse", ["fail"]) == 69
    assert capsys.readouterr().err.startswith("pilothouse: /some/where: Permission denied\n")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">/dev/full", "</dev/null >&- 2>&-"])
def test_streams_that_are_closed_or_full_cause_no_traceback(closed: str, project: Path) -> None:
    line = f'exec "$0" status --json --project "$1" {closed}'
    done = subprocess.run(
        ["sh", "-c", line, SCRIPT, project], capture_output=True, text=True, env=environment(), check=False
    )
    assert done.returncode == (69 if "full" in closed else 0), done
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_a_stderr_that_is_gone_leaves_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr("sys.stderr", Gone())
    assert answered(failing(NotFound("m")), "pilothouse", ["fail"]) == 3
