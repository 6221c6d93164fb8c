"""Settings: `pilothouse.toml` over the user's `config.toml`, under `PILOTHOUSE_*`, under flags actually typed."""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationError

from engine.errors import Invalid
from engine.model.notices import NotifySettings
from engine.model.profiles import AgentProfile, ProfileName
from engine.model.schedules import ScheduleName, ScheduleTerms
from engine.model.specs import Frozen, SandboxLimits
from engine.model.states import Runtime, StallAction
from engine.units import Bytes, Seconds, listed

_TABLE = re.compile(r"\s*\[{1,2}\s*([^\[\]#]+?)\s*\]")
_KEY = re.compile(r"\s*([\w\"'. -]+?)\s*=")

Ages = Annotated[tuple[Annotated[Seconds, Field(gt=0)], ...], BeforeValidator(listed)]


class EngineSettings(Frozen):
    """Dispatch. Times in seconds, `spawn_rate` in sandbox starts per `spawn_window`. What is of high risk takes two
    names with `second_approver`, and only names among `approvers` where there are some."""

    max_parallel: int = Field(4, ge=1, le=1000)
    spawn_rate: int = Field(100, ge=1)
    spawn_window: Seconds = Field(10.0, gt=0)
    undo_window: Seconds = Field(5.0, ge=0, le=300)
    shutdown_grace: Seconds = Field(60.0, ge=0)
    infra_retries: int = Field(2, ge=0, le=100)
    retry_backoff: Seconds = Field(2.0, ge=0.01)
    rate_limit_wait: Seconds = Field(30.0, ge=0.01, le=3600)
    reconcile_interval: Seconds = Field(8.0, gt=0)
    memory_reserve: Bytes = Field(256 * 1024**2, ge=0)
    start_deaths: int = Field(3, ge=1, le=100)
    breaker_losses: int = Field(3, ge=1, le=10_000)
    breaker_window: Seconds = Field(30.0, gt=0, le=86_400)
    breaker_backoff: Seconds = Field(5.0, ge=0.01, le=600)
    budget_interval: Seconds = Field(5.0, ge=0.05, le=3600)
    stall_interval: Seconds = Field(5.0, ge=0.05, le=3600)
    stall_quiet: Seconds = Field(300.0, ge=0.1, le=7 * 86_400)
    stall_repeats: int = Field(10, ge=2, le=1_000_000)
    stall_action: StallAction = StallAction.OBSERVE
    second_approver: bool = False
    approvers: Annotated[tuple[str, ...], BeforeValidator(listed)] = ()


class SandboxSettings(Frozen):
    """Where runs execute and what they get unless the goal file says otherwise."""

    runtime: Runtime = Runtime.AUTO
    docker_host: str = "unix:///var/run/docker.sock"
    defaults: SandboxLimits = SandboxLimits()
    stop_grace: Seconds = Field(10.0, ge=0, le=600)
    log_limit: Bytes = Field(64 * 1024**2, ge=64 * 1024)
    log_total: Bytes = Field(4 * 1024**3, ge=64 * 1024)
    work_limit: Bytes = Field(8 * 1024**3, ge=1024**2)


class DecisionSettings(Frozen):
    """When a decision that nobody answers is told of again: ages in seconds, one stage each."""

    remind_after: Ages = Field((3600.0,), max_length=20)
    escalate_after: Ages = Field((86_400.0,), max_length=20)


class GithubSettings(Frozen):
    """The API that gates are asked about; the token is of the file, else of the variable. Time in seconds."""

    api_url: str = "https://api.github.com"
    token_env: str = "GITHUB_TOKEN"
    token_file: str = ""
    poll_interval: Seconds = Field(30.0, ge=0.01, le=86_400)


class WebhookSettings(Frozen):
    """One source of deliveries; a relative path starts at the project."""

    secret_file: str = Field(min_length=1)


class McpSettings(Frozen):
    """The server for an operator's assistant. Without `decide` it has no tool that answers a decision."""

    decide: bool = False


class UiSettings(Frozen):
    """The screen: a Textual theme name and keys by binding id."""

    theme: str = "pilothouse"
    keymap: dict[str, str] = Field(default_factory=dict)


class Settings(Frozen):
    engine: EngineSettings = EngineSettings()
    sandbox: SandboxSettings = SandboxSettings()
    agents: dict[ProfileName, AgentProfile] = Field(default_factory=dict)
    decisions: DecisionSettings = DecisionSettings()
    ui: UiSettings = UiSettings()
    mcp: McpSettings = McpSettings()
    github: GithubSettings = GithubSettings()
    webhooks: dict[str, WebhookSettings] = Field(default_factory=dict)
    schedules: dict[ScheduleName, ScheduleTerms] = Field(default_factory=dict)
    notify: NotifySettings = NotifySettings()


def load_settings(
    project_file: Path, *, environ: Mapping[str, str] = os.environ, flags: Mapping[str, object] | None = None
) -> Settings:
    """Merge all sources, last one wins; `flags` has dotted keys such as `engine.max_parallel`.

    Raises Invalid naming the file and key for an unknown key or a value out of range.
    """
    merged: dict[str, object] = {}
    for file in settings_files(project_file, environ):
        if file.is_file():
            data, text = _read(file)
            _checked(data, str(file), text)
            _merge(merged, data)
    variables = _from_environment(environ)
    _checked(variables, "the environment (PILOTHOUSE_*)")
    _merge(merged, variables)
    _merge(merged, _nested(flags or {}))
    return _checked(merged, "the command line")


@dataclass(frozen=True)
class SettingsSource:
    """Where settings come from, so that they can be read again."""

    project_file: Path
    environ: Mapping[str, str]
    flags: Mapping[str, object] | None = None

    def load(self) -> Settings:
        """Everything anew; raises Invalid as `load_settings` does."""
        return load_settings(self.project_file, environ=self.environ, flags=self.flags)

    @property
    def files(self) -> tuple[Path, ...]:
        return settings_files(self.project_file, self.environ)


def settings_files(project_file: Path, environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The files that may hold settings, whether they are there or not; the later one wins."""
    user = _user_file(environ)
    return (project_file,) if user is None else (user, project_file)


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


def _read(file: Path) -> tuple[dict[str, object], str]:
    hint = "settings are TOML; see docs/settings.md"
    try:
        text = file.read_text(encoding="utf-8")
        return tomllib.loads(text), text
    except tomllib.TOMLDecodeError as error:
        place = re.search(r" \(at line (\d+), column \d+\)$", str(error))
        line, said = (f":{place[1]}", str(error)[: place.start()]) if place is not None else ("", str(error))
        raise Invalid(f"{file}{line}: {said}", hint=hint) from error
    except (UnicodeDecodeError, OSError) as error:
        raise Invalid(f"{file}: {error}", hint=hint) from error


def _checked(data: Mapping[str, object], source: str, text: str = "") -> Settings:
    try:
        return Settings.model_validate(data)
    except ValidationError as error:
        rows = []
        for e in error.errors():
            loc = tuple(str(part) for part in e["loc"])
            line = _line_of(text, loc)
            rows.append(f"{source}{'' if line is None else f':{line}'}: {'.'.join(loc)}: {e['msg']}")
        raise Invalid("settings from " + "; ".join(rows), hint="see docs/settings.md") from error


def _line_of(text: str, place: tuple[str, ...]) -> int | None:
    """The line of a TOML text that names a key, or else the nearest table around it."""
    best: int | None = None
    table: tuple[str, ...] = ()
    depth = 0
    for number, line in enumerate(text.splitlines(), 1):
        head, key = _TABLE.match(line), _KEY.match(line)
        if head is not None:
            named = table = _parts(head[1])
        elif key is not None:
            named = (*table, *_parts(key[1]))
        else:
            continue
        if len(named) > depth and place[: len(named)] == named:
            best, depth = number, len(named)
    return best


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


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
