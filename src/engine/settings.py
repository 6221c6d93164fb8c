"""Settings: `pilothouse.toml` over the user's `config.toml`, under `PILOTHOUSE_*`, under flags actually typed."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, ValidationError

from engine.errors import Invalid
from engine.model.specs import Frozen, SandboxLimits
from engine.model.states import Runtime
from engine.units import Bytes, Seconds


class EngineSettings(Frozen):
    """Dispatch. Times in seconds, `spawn_rate` in sandbox starts per `spawn_window`."""

    max_parallel: int = Field(4, ge=1, le=1000)
    spawn_rate: int = Field(100, ge=1)
    spawn_window: Seconds = Field(10.0, gt=0)
    undo_window: Seconds = Field(5.0, ge=0, le=300)
    shutdown_grace: Seconds = Field(60.0, ge=0)
    infra_retries: int = Field(2, ge=0, le=100)
    retry_backoff: Seconds = Field(2.0, ge=0.01)
    reconcile_interval: Seconds = Field(8.0, gt=0)
    memory_reserve: Bytes = Field(256 * 1024**2, ge=0)
    start_deaths: int = Field(3, ge=1, le=100)
    breaker_losses: int = Field(3, ge=1, le=10_000)
    breaker_window: Seconds = Field(30.0, gt=0, le=86_400)
    breaker_backoff: Seconds = Field(5.0, ge=0.01, le=600)


class SandboxSettings(Frozen):
    """Where runs execute and what they get unless the goal file says otherwise."""

    runtime: Runtime = Runtime.AUTO
    docker_host: str = "unix:///var/run/docker.sock"
    defaults: SandboxLimits = SandboxLimits()
    stop_grace: Seconds = Field(10.0, ge=0, le=600)
    log_limit: Bytes = Field(64 * 1024**2, ge=64 * 1024)
    log_total: Bytes = Field(4 * 1024**3, ge=64 * 1024)
    work_limit: Bytes = Field(8 * 1024**3, ge=1024**2)


class UiSettings(Frozen):
    """The screen: a Textual theme name and keys by binding id."""

    theme: str = "pilothouse"
    keymap: dict[str, str] = Field(default_factory=dict)


class Settings(Frozen):
    engine: EngineSettings = EngineSettings()
    sandbox: SandboxSettings = SandboxSettings()
    ui: UiSettings = UiSettings()


def load_settings(
    project_file: Path, *, environ: Mapping[str, str] = os.environ, flags: Mapping[str, object] | None = None
) -> Settings:
    """Merge all sources, last one wins; `flags` has dotted keys such as `engine.max_parallel`.

    Raises Invalid naming the file and key for an unknown key or a value out of range.
    """
    merged: dict[str, object] = {}
    for file in (_user_file(environ), project_file):
        if file is not None and file.is_file():
            data = _read(file)
            _checked(data, str(file))
            _merge(merged, data)
    variables = _from_environment(environ)
    _checked(variables, "the environment (PILOTHOUSE_*)")
    _merge(merged, variables)
    _merge(merged, _nested(flags or {}))
    return _checked(merged, "the command line")


ENVIRONMENT = {
    "PILOTHOUSE_MAX_PARALLEL": "engine.max_parallel",
    "PILOTHOUSE_UNDO_WINDOW": "engine.undo_window",
    "PILOTHOUSE_RUNTIME": "sandbox.runtime",
    "PILOTHOUSE_THEME": "ui.theme",
}


def _from_environment(environ: Mapping[str, str]) -> dict[str, object]:
    typed: dict[str, object] = {key: environ[name] for name, key in ENVIRONMENT.items() if name in environ}
    if "DOCKER_HOST" in environ:
        typed["sandbox.docker_host"] = environ["DOCKER_HOST"]
    return _nested(typed)


def _user_file(environ: Mapping[str, str]) -> Path | None:
    home = environ.get("XDG_CONFIG_HOME") or (str(Path(environ["HOME"]) / ".config") if "HOME" in environ else "")
    return Path(home) / "pilothouse" / "config.toml" if home else None


def _read(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise Invalid(f"{file}: {error}", hint="settings are TOML; see docs/settings.md") from error


def _checked(data: Mapping[str, object], source: str) -> Settings:
    try:
        return Settings.model_validate(data)
    except ValidationError as error:
        rows = [f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in error.errors()]
        raise Invalid(f"settings from {source}: " + "; ".join(rows), hint="see docs/settings.md") from error


def _nested(flat: Mapping[str, object]) -> dict[str, object]:
    nested: dict[str, object] = {}
    for dotted, value in flat.items():
        *parents, last = dotted.split(".")
        level = nested
        for parent in parents:
            inner = level.setdefault(parent, {})
            assert isinstance(inner, dict)
            level = inner
        level[last] = value
    return nested


def _merge(into: dict[str, object], other: Mapping[str, object]) -> None:
    for key, value in other.items():
        mine = into.get(key)
        if isinstance(mine, dict) and isinstance(value, dict):
            _merge(mine, value)
        else:
            into[key] = value
