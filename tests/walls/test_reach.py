"""R127 and R130: nothing is written that nobody can reach, and nothing is promised that nobody keeps."""

import re
from pathlib import Path

import grimp
import pytest
from pydantic import BaseModel

from engine.events import EventType
from engine.settings import Settings
from tui.cli.main import VERBS

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"

# Modules that are programs of their own, started by path.
PROGRAMS = {"engine.sandbox.process_enter", "engine.sandbox.process_shim"}


def source_without(*names: str) -> str:
    """All source text but these files."""
    return "\n".join(
        path.read_text(encoding="utf-8")
        for path in sorted(SRC.rglob("*.py"))
        if path.name not in names and "examples" not in path.parts
    )


def test_r127_every_module_is_reached_from_the_entry_point() -> None:
    graph = grimp.build_graph("engine", "tui", cache_dir=None)
    doors = {"tui.cli.main"} | {f"tui.cli.{module}" for module, _ in VERBS.values()}
    reached = doors.union(*(graph.find_upstream_modules(door) for door in doors))
    packages = {module for module in graph.modules if graph.find_children(module)}
    assert sorted(graph.modules - reached - packages - PROGRAMS) == []
    assert PROGRAMS.isdisjoint(reached), "these are imported after all"


def test_r127_every_program_is_started_by_name() -> None:
    text = source_without()
    assert [name for name in sorted(PROGRAMS) if name.rsplit(".", 1)[1] not in text] == []


@pytest.mark.parametrize("kind", list(EventType))
def test_r130_every_event_has_a_caller(kind: EventType) -> None:
    assert re.search(rf"\bEventType\.{kind.name}\b", source_without("events.py"))


def names(model: type[BaseModel]) -> list[str]:
    """The last part of every setting's name."""
    found: list[str] = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        found += names(inner) if isinstance(inner, type) and issubclass(inner, BaseModel) else [name]
    return found


@pytest.mark.parametrize("name", names(Settings))
def test_r130_every_setting_is_read_somewhere(name: str) -> None:
    assert re.search(rf"\.{name}\b", source_without("settings.py", "specs.py", "doctor.py"))
