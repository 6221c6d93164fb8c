"""The docs are held to the code: settings, variables, events, exit codes, links."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from pydantic import BaseModel

from engine.errors import ExitCode
from engine.events import EventType
from engine.goals import parse_goal
from engine.settings import ENVIRONMENT, Settings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def settings(model: BaseModel, prefix: str = "") -> dict[str, object]:
    """Every setting by its dotted name, with its default."""
    found: dict[str, object] = {}
    for name in type(model).model_fields:
        value = getattr(model, name)
        found |= settings(value, f"{prefix}{name}.") if isinstance(value, BaseModel) else {prefix + name: value}
    return found


@pytest.mark.parametrize("name", settings(Settings()))
def test_r130_every_setting_stands_in_the_docs(name: str) -> None:
    assert f"| `{name}` |" in page("settings.md")


def test_the_settings_in_the_docs_are_known_and_their_defaults_true() -> None:
    rows = dict(re.findall(r"^\| `([a-z_.]+)` \| (.*?) \|", page("settings.md"), re.MULTILINE))
    assert sorted(rows) == sorted(settings(Settings()))
    given: dict[str, Any] = {}
    for name, default in rows.items():
        *parents, last = name.split(".")
        level = given
        for parent in parents:
            level = level.setdefault(parent, {})
        level[last] = {"(empty)": {}, "(none)": []}.get(default, default)
    assert Settings.model_validate(given) == Settings()


@pytest.mark.parametrize("name", [*ENVIRONMENT, "DOCKER_HOST"])
def test_every_variable_stands_in_the_docs(name: str) -> None:
    assert f"`{name}`" in page("settings.md")


@pytest.mark.parametrize("kind", list(EventType))
def test_every_event_stands_in_the_docs(kind: EventType) -> None:
    assert any(f"`{kind}`" in path.read_text(encoding="utf-8") for path in DOCS.rglob("*.md"))


@pytest.mark.parametrize("code", list(ExitCode))
def test_every_exit_code_stands_in_the_docs(code: ExitCode) -> None:
    assert re.search(rf"^\| `?{int(code)}`? \|", page("commands.md"), re.MULTILINE), code.name


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if not target.startswith(("http://", "https://")):
            assert (path.parent / unquote(target)).exists(), f"{path.name}: {target}"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_goal_in_the_docs_can_be_run(path: Path) -> None:
    for source in re.findall(r"^```yaml\n(goal:.*?)^```", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
        if "…" not in source:
            parse_goal(source, str(ROOT / "goal.yaml"), {})


def test_the_version_has_an_entry_in_the_changelog() -> None:
    from importlib.metadata import version

    assert f"## [{version('pilothouse')}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
