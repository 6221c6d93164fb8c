"""R130: every setting parses and changes its field; unknown keys are errors that name their source."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import BaseModel

from engine.errors import ExitCode, Invalid
from engine.model import AgentProfile, Desktop, QuietHours, Runtime, Severity, StallAction
from engine.model.schedules import ScheduleTerms
from engine.settings import ENVIRONMENT, Settings, WebhookSettings, load_settings

# setting: what a file says, what it becomes, and something it refuses (None: it takes any text)
EXAMPLES: dict[str, tuple[str, object, str | None]] = {
    "engine.max_parallel": ("7", 7, "0"),
    "github.api_url": ('"https://git.example/api/v3"', "https://git.example/api/v3", "5"),
    "github.token_env": ('"GH_TOKEN"', "GH_TOKEN", "5"),
    "github.token_file": ('"token"', "token", "5"),
    "github.poll_interval": ('"1m"', 60.0, "0"),
    "schedules": (
        '{often = {goal = "g.yaml", every = "1h"}}',
        {"often": ScheduleTerms(goal="g.yaml", every=3600)},
        '{often = {goal = "g.yaml"}}',
    ),
    "webhooks": ('{ci = {secret_file = "s"}}', {"ci": WebhookSettings(secret_file="s")}, "{ci = {}}"),
    "engine.spawn_rate": ("5", 5, "0"),
    "engine.spawn_window": ('"1m"', 60.0, '"0s"'),
    "engine.undo_window": ('"10s"', 10.0, '"301s"'),
    "engine.shutdown_grace": ('"2m"', 120.0, "-1"),
    "engine.infra_retries": ("0", 0, "-1"),
    "engine.retry_backoff": ('"500ms"', 0.5, "0"),
    "engine.rate_limit_wait": ('"1m"', 60.0, "0"),
    "engine.reconcile_interval": ('"5s"', 5.0, "0"),
    "engine.memory_reserve": ('"1g"', 2**30, '"some"'),
    "engine.start_deaths": ("1", 1, "0"),
    "engine.breaker_losses": ("5", 5, "0"),
    "engine.breaker_window": ('"1m"', 60.0, "0"),
    "engine.breaker_backoff": ('"10s"', 10.0, '"11m"'),
    "engine.budget_interval": ('"1s"', 1.0, "0"),
    "engine.stall_interval": ('"1s"', 1.0, "0"),
    "engine.stall_quiet": ('"2m"', 120.0, "0"),
    "engine.stall_repeats": ("5", 5, "1"),
    "engine.stall_action": ('"ask"', StallAction.ASK, '"kill"'),
    "sandbox.runtime": ('"process"', Runtime.PROCESS, '"podman"'),
    "sandbox.docker_host": ('"unix:///tmp/d.sock"', "unix:///tmp/d.sock", None),
    "sandbox.defaults.image": ('"img:2"', "img:2", None),
    "sandbox.defaults.memory": ('"64m"', 64 * 2**20, '"many"'),
    "sandbox.defaults.cpus": ("0.5", 0.5, '"all"'),
    "sandbox.defaults.pids": ("99", 99, '"few"'),
    "sandbox.defaults.network": ('"open"', "open", None),
    "sandbox.defaults.egress": ('["A.test:443"]', ("a.test:443",), '["*.test:443"]'),
    "sandbox.defaults.ask": ("true", True, '"perhaps"'),
    "sandbox.defaults.timeout": ('"1h"', 3600.0, '"soon"'),
    "sandbox.defaults.idle_timeout": ('"90s"', 90.0, '"soon"'),
    "sandbox.defaults.env": ('{ A = "b" }', {"A": "b"}, '"A=b"'),
    "sandbox.stop_grace": ('"3s"', 3.0, '"601s"'),
    "sandbox.log_limit": ('"1m"', 2**20, '"1k"'),
    "sandbox.log_total": ('"100m"', 100 * 2**20, '"1k"'),
    "sandbox.work_limit": ('"2g"', 2 * 2**30, '"1k"'),
    "agents": ('{ a = { argv = ["x"] } }', {"a": AgentProfile(argv=("x",))}, "{ a = { argv = [] } }"),
    "decisions.remind_after": ('["30m", "4h"]', (1800.0, 14400.0), "[0]"),
    "decisions.escalate_after": ('"8h"', (28800.0,), '["-1h"]'),
    "engine.second_approver": ("true", True, '"perhaps"'),
    "engine.approvers": ('["ada", "alan"]', ("ada", "alan"), "5"),
    "mcp.decide": ("true", True, '"perhaps"'),
    "notify.bell": ("false", False, '"perhaps"'),
    "notify.desktop": ("true", Desktop.AUTO, '"osc1"'),
    "notify.command": ('["notify-send", "-a", "x"]', ("notify-send", "-a", "x"), '"notify-send x"'),
    "notify.url": ('"https://ntfy.sh/topic"', "https://ntfy.sh/topic", '"ntfy.sh/topic"'),
    "notify.token_env": ('"TOKEN"', "TOKEN", "5"),
    "notify.token_file": ('"~/token"', "~/token", "5"),
    "notify.click": ('"https://dock/{decision}"', "https://dock/{decision}", '"javascript:alert(1)"'),
    "notify.quiet": ('"22:00-07:00"', (QuietHours.model_validate("22:00-07:00"),), '"22-7"'),
    "notify.away": ('"5m"', 300.0, '"-1s"'),
    "notify.bell_from": ('"urgent"', Severity.URGENT, '"loud"'),
    "notify.desktop_from": ('"low"', Severity.LOW, '"loud"'),
    "notify.command_from": ('"low"', Severity.LOW, '"loud"'),
    "notify.url_from": ('"urgent"', Severity.URGENT, '"loud"'),
    "notify.retry": ('"1s"', 1.0, "0"),
    "ui.theme": ('"nord"', "nord", None),
    "ui.keymap": ('{ "goals.why" = "w" }', {"goals.why": "w"}, '"w"'),
}


def leaves(model: type[BaseModel], prefix: str = "") -> list[str]:
    names: list[str] = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            names += leaves(inner, f"{prefix}{name}.")
        else:
            names.append(prefix + name)
    return names


def load(project: Path, text: str = "", environ: Mapping[str, str] | None = None, **flags: object) -> Settings:
    file = project / "pilothouse.toml"
    file.write_text(text)
    return load_settings(file, environ=environ or {}, flags={key.replace("__", "."): v for key, v in flags.items()})


def value(settings: Settings, dotted: str) -> object:
    found: object = settings
    for part in dotted.split("."):
        found = getattr(found, part)
    return found


def written(dotted: str, text: str) -> str:
    if "." not in dotted:
        return f"{dotted} = {text}\n"
    table, name = dotted.rsplit(".", 1)
    return f"[{table}]\n{name} = {text}\n"


def test_r130_every_setting_has_an_example_here() -> None:
    assert sorted(leaves(Settings)) == sorted(EXAMPLES)


@pytest.mark.parametrize("dotted", EXAMPLES)
def test_r130_a_setting_in_the_file_changes_its_field(project: Path, dotted: str) -> None:
    text, expected, _ = EXAMPLES[dotted]
    assert value(Settings(), dotted) != expected
    assert value(load(project, written(dotted, text)), dotted) == expected


@pytest.mark.parametrize("dotted", [name for name, (_, _, bad) in EXAMPLES.items() if bad is not None])
def test_r112_a_value_that_makes_no_sense_is_refused_with_file_and_key(project: Path, dotted: str) -> None:
    bad = EXAMPLES[dotted][2]
    assert bad is not None
    with pytest.raises(Invalid) as refused:
        load(project, written(dotted, bad))
    assert str(project / "pilothouse.toml") in refused.value.message
    assert dotted in refused.value.message
    assert refused.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize(
    "text", ["[engine]\nmax_paralel = 3\n", "[engin]\n", "top = 1\n", "[sandbox.defaults]\nram = 1\n"]
)
def test_r130_an_unknown_key_is_an_error_that_names_the_file(project: Path, text: str) -> None:
    with pytest.raises(Invalid) as refused:
        load(project, text)
    assert str(project / "pilothouse.toml") in refused.value.message


@pytest.mark.parametrize("text", ["[engine", "a = ", "\x00", "engine = 5\n"])
def test_r112_a_file_that_is_no_settings_file_is_a_clear_error(project: Path, text: str) -> None:
    with pytest.raises(Invalid, match=r"pilothouse\.toml"):
        load(project, text)


def test_a_file_that_is_no_text_is_a_clear_error(project: Path) -> None:
    (project / "pilothouse.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(Invalid, match=r"pilothouse\.toml"):
        load_settings(project / "pilothouse.toml", environ={})


def test_the_user_file_is_under_the_project_file_under_the_environment_under_the_flags(project: Path) -> None:
    home = project / "config"
    (home / "pilothouse").mkdir(parents=True)
    (home / "pilothouse" / "config.toml").write_text(
        '[engine]\nmax_parallel = 2\nspawn_rate = 9\n[ui]\ntheme = "nord"\n'
    )
    environ = {"XDG_CONFIG_HOME": str(home)}
    assert load(project, "", environ).engine.max_parallel == 2
    file = "[engine]\nmax_parallel = 3\n"
    assert load(project, file, environ).engine.max_parallel == 3
    environ["PILOTHOUSE_MAX_PARALLEL"] = "5"
    assert load(project, file, environ).engine.max_parallel == 5
    flagged = load(project, file, environ, engine__max_parallel=8)
    assert flagged.engine.max_parallel == 8
    assert (flagged.engine.spawn_rate, flagged.ui.theme) == (9, "nord")


def test_an_error_in_the_user_file_names_the_user_file(project: Path) -> None:
    config = project / ".config" / "pilothouse" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("[engine]\nnope = 1\n")
    with pytest.raises(Invalid) as refused:
        load(project, "", {"HOME": str(project)})
    assert str(config) in refused.value.message


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("PILOTHOUSE_MAX_PARALLEL", "6"),
        ("PILOTHOUSE_UNDO_WINDOW", "30s"),
        ("PILOTHOUSE_RUNTIME", "process"),
        ("PILOTHOUSE_THEME", "nord"),
    ],
)
def test_r130_every_variable_changes_its_setting(project: Path, name: str, text: str) -> None:
    dotted = ENVIRONMENT[name]
    assert value(load(project, "", {name: text}), dotted) != value(Settings(), dotted)


def test_every_variable_has_a_test() -> None:
    assert len(ENVIRONMENT) == 4


def test_a_bad_variable_names_the_environment(project: Path) -> None:
    with pytest.raises(Invalid, match="environment"):
        load(project, "", {"PILOTHOUSE_MAX_PARALLEL": "many"})


def test_an_unknown_flag_is_an_error(project: Path) -> None:
    with pytest.raises(Invalid, match="command line"):
        load(project, "", None, engine__nope=1)


def test_docker_host_of_the_environment_is_the_daemon(project: Path) -> None:
    settings = load(project, '[sandbox]\ndocker_host = "unix:///a"\n', {"DOCKER_HOST": "unix:///b"})
    assert settings.sandbox.docker_host == "unix:///b"


def test_without_any_source_the_defaults_hold(project: Path) -> None:
    assert load_settings(project / "absent.toml", environ={}) == Settings()
