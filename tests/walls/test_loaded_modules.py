"""What static contracts cannot see: which libraries are loaded when a door is opened (R128, DESIGN section 2)."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HEAVY = ("textual", "docker", "httpx", "fastapi", "uvicorn", "mcp", "aiohttp", "textual_serve")
ROOT = Path(__file__).parents[2]


def loaded(run_python: Callable[[str], str], code: str, names: tuple[str, ...]) -> list[str]:
    """Those of `names` (modules or packages) that are loaded after `code` ran in a fresh interpreter."""
    out = run_python(f"{code}\nimport sys\nprint('loaded', *[name for name in {names!r} if name in sys.modules])")
    return out.splitlines()[-1].split()[1:]


def test_the_import_contracts_hold() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout


def test_r128_headless_loads_no_screen_library(run_python: Callable[[str], str]) -> None:
    assert loaded(run_python, "import engine.headless", ("textual", "rich", "tui")) == []


@pytest.mark.parametrize(
    "module", ["engine.api", "engine.local.engine", "engine.client", "engine.headless", "tui.cli.main"]
)
def test_opening_a_door_loads_nothing_heavy(run_python: Callable[[str], str], module: str) -> None:
    assert loaded(run_python, f"import {module}", HEAVY) == []


def test_the_remote_door_loads_nothing_of_the_engine(run_python: Callable[[str], str]) -> None:
    inner = ("engine.store", "engine.dispatch", "engine.sandbox", "engine.workspace", "engine.goals", "aiosqlite")
    assert loaded(run_python, "import engine.client", inner) == []


def verb(*args: str) -> str:
    """Code that runs `pilothouse ARGS` in its interpreter."""
    code = f"import sys\nfrom tui.cli.main import main\nsys.argv = ['pilothouse', *{args!r}]\n"
    return code + "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code"


def test_a_verb_that_needs_no_engine_has_not_loaded_it(run_python: Callable[[str], str], tmp_path: Path) -> None:
    code = verb("status", "--project", str(tmp_path))
    assert loaded(run_python, code, (*HEAVY, "engine.local.engine", "engine.dispatch", "aiosqlite", "yaml")) == []


def test_version_loads_nothing_heavy(run_python: Callable[[str], str]) -> None:
    assert loaded(run_python, verb("--version"), (*HEAVY, "rich", "aiosqlite", "yaml")) == []


def test_every_module_can_be_imported_and_the_import_creates_nothing(
    run_python: Callable[[str], str], tmp_path: Path
) -> None:
    code = f"""
import importlib, os, pkgutil
os.chdir({str(tmp_path)!r})
import engine, tui
for package in (engine, tui):
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if "examples" not in found.name:
            importlib.import_module(found.name)
print(os.listdir("."))
"""
    assert run_python(code).splitlines()[-1] == "[]"
