"""Completion for bash, zsh and fish: click's own, put where each shell looks for it."""

import os
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from engine.errors import Invalid

PROGRAM = "pilothouse"
VARIABLE = "_PILOTHOUSE_COMPLETE"
SHELLS = ("bash", "zsh", "fish")


def install(cli: click.Command, shell: str) -> None:
    """Write the completion script for this shell, or for the one in $SHELL with `auto`, and say what is left to do."""
    name = Path(os.environ.get("SHELL", "")).name if shell == "auto" else shell
    if name not in SHELLS:
        raise Invalid(
            f"no completion for the shell {name or 'in $SHELL'!r}", hint=f"--install-completion {', '.join(SHELLS)}"
        )
    kind = get_completion_class(name)
    assert kind is not None
    try:
        script = kind(cli, {}, PROGRAM, VARIABLE).source()
    except (RuntimeError, OSError) as error:  # click asks bash for its version
        raise Invalid(f"no completion for {name}: {error}") from error
    file = _place(name)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(script, encoding="utf-8")
    except OSError as error:
        raise Invalid(f"cannot write {file}: {error.strerror}", hint="is your home folder writable?") from error
    click.echo(f"completion for {name} is in {file}")
    click.echo(_rest(name, file), err=True)


def _place(shell: str) -> Path:
    home = Path.home()
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    return {
        "bash": data / "bash-completion" / "completions" / PROGRAM,
        "zsh": data / "zsh" / "site-functions" / f"_{PROGRAM}",
        "fish": config / "fish" / "completions" / f"{PROGRAM}.fish",
    }[shell]


def _rest(shell: str, file: Path) -> str:
    return {
        "bash": f"new shells with bash-completion load it by themselves; without: add `source {file}` to ~/.bashrc",
        "zsh": f"add `fpath=({file.parent} $fpath)` to ~/.zshrc before compinit, then open a new shell",
        "fish": "new shells load it by themselves",
    }[shell]
