"""What is shipped: exactly two packages, whole, with their data (STYLE section 7)."""

import re
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_top_level_is_exactly_engine_and_tui() -> None:
    find = project()["tool"]["setuptools"]["packages"]["find"]
    assert find == {"where": ["src"], "include": ["engine*", "tui*"]}
    assert {path.name for path in SRC.iterdir() if path.suffix != ".egg-info"} == {"engine", "tui"}


def test_every_folder_with_modules_is_a_package() -> None:
    folders = {path.parent for path in SRC.rglob("*.py") if "examples" not in path.parts}
    assert sorted(str(folder) for folder in folders if not (folder / "__init__.py").is_file()) == []


def test_every_data_file_is_shipped() -> None:
    data = project()["tool"]["setuptools"]["package-data"]
    shipped = {path for package, patterns in data.items() for p in patterns for path in (SRC / package).glob(p)}
    present = {
        path
        for package in ("engine", "tui")
        for path in (SRC / package).rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    examples = {path for path in SRC.rglob("*") if path.is_file() and "examples" in path.parts and path.suffix == ".py"}
    assert sorted(map(str, (present | examples) - shipped)) == []
    assert (SRC / "engine" / "py.typed").is_file()
    assert (SRC / "tui" / "py.typed").is_file()


def test_every_dependency_is_bounded_and_explained() -> None:
    text = (ROOT / "docs" / "design" / "0001-dependencies.md").read_text(encoding="utf-8")
    groups = project()["project"]["dependencies"], *project()["project"]["optional-dependencies"].values()
    for requirement in (entry for group in groups for entry in group):
        name = re.split(r"[<>=~!]", requirement)[0]
        assert any(mark in requirement for mark in ("<", "==")), requirement
        assert f"`{name}`" in text, f"{name} has no line in 0001-dependencies.md"


def test_no_module_of_tests_shadows_a_package() -> None:
    assert not any((ROOT / "tests" / name).exists() for name in ("engine", "tui"))
