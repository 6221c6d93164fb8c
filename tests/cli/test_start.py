"""What the command line loads, and what it says about itself."""

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
from cli_process import SCRIPT, Pilothouse

HEAVY = ("textual", "docker", "httpx", "fastapi", "uvicorn", "rich", "pydantic", "aiosqlite", "yaml", "asyncio", "mcp")


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], []])
def test_version_and_help_load_nothing_heavy(arguments: list[str], run_python: Callable[[str], str]) -> None:
    code = f"""
import sys
from tui.cli.main import main
try:
    main({arguments!r} or ["--help"])
except SystemExit as end:
    assert not end.code, end.code
print("loaded", *[name for name in {HEAVY!r} if name in sys.modules])
"""
    assert run_python(code).splitlines()[-1] == "loaded"


def test_version_is_the_distributions(pilothouse: Pilothouse) -> None:
    answer = pilothouse("--version")
    assert (answer.code, answer.out) == (0, f"pilothouse {version('pilothouse')}\n")


def test_help_lists_every_verb_on_stdout(pilothouse: Pilothouse) -> None:
    from tui.cli.main import VERBS

    answer = pilothouse("--help")
    assert answer.code == 0
    for name, (_, summary) in VERBS.items():
        assert name in answer.out
        assert summary.split()[0] in answer.out


def test_a_foreign_engine_package_is_refused(tmp_path: Path) -> None:
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "__init__.py").write_text("")
    (tmp_path / "engine" / "errors.py").write_text(
        (Path(__file__).parents[2] / "src/engine/errors.py").read_text(encoding="utf-8")
    )
    code = "from tui.cli.main import main; main(['--version'])"
    env = {"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "two places" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("shell", "file"),
    [
        ("bash", ".local/share/bash-completion/completions/pilothouse"),
        ("zsh", ".local/share/zsh/site-functions/_pilothouse"),
        ("fish", ".config/fish/completions/pilothouse.fish"),
    ],
)
def test_completion_is_written_where_the_shell_looks(
    shell: str, file: str, pilothouse: Pilothouse, tmp_path: Path
) -> None:
    for spelling in (["--install-completion", shell], ["--install-completion"]):
        home = tmp_path / f"home-{len(spelling)}"
        answer = pilothouse(*spelling, HOME=str(home), SHELL=f"/bin/{shell}", XDG_CONFIG_HOME="", XDG_DATA_HOME="")
        assert answer.code == 0, answer
        assert str(home / file) in answer.out
        assert "_PILOTHOUSE_COMPLETE" in (home / file).read_text(encoding="utf-8")


def test_completion_for_an_unknown_shell_names_those_it_has(pilothouse: Pilothouse) -> None:
    answer = pilothouse("--install-completion", SHELL="/bin/tcsh")
    assert answer.code == 2
    assert "fish" in answer.err


def test_completion_answers_with_verbs_and_options() -> None:
    def complete(words: str, place: int) -> str:
        env = {"_PILOTHOUSE_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(place)}
        return subprocess.run([SCRIPT], env=env, capture_output=True, text=True, check=True).stdout

    assert "plain,decisions" in complete("pilothouse dec", 1)
    assert "plain,--on-gate" in complete("pilothouse run --on", 2)
