"""R57: the engine's own log lines carry the ids of what they are about, and go to their project's file only."""

import logging
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_process import Answered, Pilothouse, eventually
from goal_files import goal_file

from engine.about import about, subject
from engine.redaction import Redactor
from forked_program import ForkedProgram
from tui.cli.journal import log_to

Start = Callable[..., ForkedProgram]
SETTINGS = '[engine]\nreconcile_interval = "400ms"\n[sandbox]\nlog_total = "64k"\nruntime = "process"\n'
TALKS = "goal: Talk\ntasks:\n  - {id: talk, run: \"head -c 90000 /dev/zero | tr '\\\\0' x\"}\n"


def test_r57_a_line_names_goal_task_and_run_and_holds_no_secret(tmp_path: Path) -> None:
    key = "sk-" + "ant-api03-Zz9_Yy8-Xx7Ww6Vv5Uu4"
    log = logging.getLogger("engine.test")
    with log_to(tmp_path / "engine.log"):
        log.warning("about nothing yet: %s", key)
        with about(goal="g-1", task="t-2"), about(run="r-3", clean=Redactor({"TOKEN": "hunter2-hunter2"}).text):
            try:
                raise ValueError("the words hunter2-hunter2 were refused")
            except ValueError as error:
                log.error("it died", exc_info=error)
        log.info("after it")
    log.warning("when nobody listens")
    text = (tmp_path / "engine.log").read_text()
    lines = [line for line in text.splitlines() if "engine.test" in line]
    assert [re.findall(r"\[(.*?)\] (.*)", line)[0] for line in lines] == [
        ("-", "about nothing yet: [redacted: Anthropic key]"),
        ("g-1 t-2 r-3", "it died"),
        ("-", "after it"),
    ]
    assert "ValueError: the words [redacted: TOKEN] were refused" in text
    assert str(subject()) == "-"


def test_r57_two_projects_at_once_no_foreign_id_in_either_file(
    start: Start, pilothouse: Pilothouse, tmp_path: Path
) -> None:
    ids: dict[Path, set[str]] = {}
    engines = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "pilothouse.toml").write_text(SETTINGS)
        goal_file(folder, TALKS)
        engines.append((folder, start("serve", cwd=folder)))
    for folder, _ in engines:
        eventually(lambda folder=folder: (folder / ".pilothouse" / "engine.sock").exists(), 60)
        goal = pilothouse("run", "goal.yaml", "--detach", "--json", cwd=folder).json["goal"]
        log = folder / ".pilothouse" / "engine.log"
        eventually(lambda log=log: log.exists() and "was dropped" in log.read_text(), 60)
        shown: Answered = pilothouse("logs", f"{goal}/talk", cwd=folder)
        assert "sandbox.log_total" in shown.out
        ids[folder] = {path.name for path in (folder / ".pilothouse" / "logs").iterdir()}
    for folder, process in engines:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        text = (folder / ".pilothouse" / "engine.log").read_text()
        assert all(f"[{run}] the log of {run} was dropped" in text for run in ids[folder])
        foreign = set().union(*(found for other, found in ids.items() if other != folder))
        assert foreign
        assert not any(run in text for run in foreign)


@pytest.mark.parametrize("error", ["OSError(5, 'token ' + key)", "RuntimeError('token ' + key)"])
def test_r56_a_crash_report_holds_no_secret(project: Path, error: str) -> None:
    (project / ".pilothouse").mkdir()
    code = (
        "import sys, click; from tui.cli.edge import answered\n"
        "key = 'sk-' + 'ant-api03-Zz9_Yy8-Xx7Ww6Vv5Uu4'\n"
        f"def fail(): raise {error}\n"
        "group = click.Group('p', commands={'x': click.Command('x', callback=fail)})\n"
        f"sys.exit(answered(group, 'p', ['x']))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=project, capture_output=True, text=True, timeout=60)
    report = (project / ".pilothouse" / "engine.log").read_text()
    assert "[redacted: Anthropic key]" in report
    assert "Zz9_Yy8" not in done.stdout + done.stderr + report
