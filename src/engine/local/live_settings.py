"""Which settings a running engine takes over, and how settings are taken apart and put together by name."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from pydantic import BaseModel

from engine.settings import Settings

M = TypeVar("M", bound=BaseModel)


class Takes(StrEnum):
    """When a change of a setting in its file counts: at once, or for what starts from then on; or with the next
    engine."""

    LIVE = "live"
    RESTART = "restart"


def _all(takes: Takes, section: str, names: str) -> dict[str, Takes]:
    return {f"{section}.{name}" if section else name: takes for name in names.split()}


TAKES: dict[str, Takes] = {
    **_all(Takes.LIVE, "engine", "max_parallel spawn_rate spawn_window undo_window infra_retries retry_backoff"),
    **_all(Takes.LIVE, "engine", "rate_limit_wait reconcile_interval memory_reserve start_deaths breaker_losses"),
    **_all(Takes.LIVE, "engine", "breaker_window breaker_backoff budget_interval stall_interval stall_quiet"),
    **_all(Takes.LIVE, "engine", "stall_repeats stall_action second_approver approvers"),
    **_all(Takes.RESTART, "engine", "shutdown_grace"),
    **_all(Takes.LIVE, "sandbox", "runtime stop_grace log_limit work_limit"),
    **_all(Takes.LIVE, "sandbox.defaults", "image memory cpus pids network egress ask timeout"),
    **_all(Takes.LIVE, "sandbox.defaults", "idle_timeout env"),
    **_all(Takes.RESTART, "sandbox", "docker_host log_total"),
    **_all(Takes.LIVE, "decisions", "remind_after escalate_after"),
    **_all(Takes.LIVE, "notify", "bell desktop command url token_env token_file click quiet away retry"),
    **_all(Takes.LIVE, "notify", "bell_from desktop_from command_from url_from"),
    **_all(Takes.LIVE, "ui", "theme keymap"),
    **_all(Takes.LIVE, "github", "poll_interval"),
    **_all(Takes.RESTART, "github", "api_url token_env token_file"),
    **_all(Takes.LIVE, "", "agents webhooks"),
    **_all(Takes.RESTART, "", "schedules"),
    **_all(Takes.RESTART, "mcp", "decide"),
}
# Those that are read by programs of their own, each at its start: no engine waits with them.
ELSEWHERE = frozenset({"mcp.decide"})
# What `set` changes: single values that belong to the engine itself.
SETTABLE = frozenset(name for name, takes in TAKES.items() if takes is Takes.LIVE and name.startswith("engine."))
# Those whose values may hold what is nobody's business: only that they changed is told.
UNTOLD = frozenset({"agents", "webhooks", "sandbox.defaults.env", "notify.url", "notify.command", "notify.click"})


def leaves(settings: BaseModel, prefix: str = "") -> dict[str, object]:
    """Every setting by its dotted name."""
    found: dict[str, object] = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        found |= leaves(value, f"{prefix}{name}.") if isinstance(value, BaseModel) else {prefix + name: value}
    return found


def with_leaves(settings: Settings, values: Mapping[str, object]) -> Settings:
    """The same settings with some values of their own types in their places."""
    return _replaced(settings, values, "")


def _replaced(model: M, values: Mapping[str, object], prefix: str) -> M:
    update: dict[str, object] = {}
    for name in type(model).model_fields:
        inner, dotted = getattr(model, name), prefix + name
        if isinstance(inner, BaseModel):
            update[name] = _replaced(inner, values, f"{dotted}.")
        elif dotted in values:
            update[name] = values[dotted]
    return model.model_copy(update=update)


def told(name: str, value: object) -> str:
    """A value as an event may have it."""
    if name in UNTOLD:
        return "changed"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
