"""`ph` is one file of the standard library for Python 3.8, and says nothing that the engine does not know (R110)."""

import ast
import re
import subprocess
import sys
from importlib.resources import files

from engine.dispatch.agent.operations import ANSWER, LOOKS, ORDERS

SOURCE = files("engine.sandbox_api").joinpath("ph").read_text(encoding="utf-8")


def run(*args: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-", *args], input=SOURCE, capture_output=True, text=True, timeout=30, env=env, check=False
    )


def test_it_is_python_3_8_with_the_standard_library_alone() -> None:
    tree = ast.parse(SOURCE, feature_version=(3, 8))
    imported = {
        alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    imported |= {str(node.module).split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= sys.stdlib_module_names


def test_r110_each_operation_it_says_exists_and_each_that_exists_can_be_said() -> None:
    said = set(re.findall(r'call\("POST", "([a-z/]+)"', SOURCE)) - {"lease/"}
    assert said <= set(ORDERS)
    assert set(ORDERS) - said == {"lease/renew", "lease/release"}, "these two are put together"
    looked = set(re.findall(r'call\("GET", "([a-z]+)', SOURCE)) | set(re.findall(r'"(\w+)": \(look,', SOURCE))
    assert looked == set(LOOKS) | {ANSWER.rstrip("/")}


def test_outside_a_sandbox_it_says_so() -> None:
    done = run("status")
    assert (done.returncode, done.stdout) == (69, "")
    assert "PILOTHOUSE_SOCKET is not set" in done.stderr
    assert "Traceback" not in done.stderr


def test_bad_words_are_a_usage_error() -> None:
    assert run("nonsense").returncode == 2
    assert run("checkpoint", "a", "/nonexistent", PILOTHOUSE_SOCKET="/nonexistent").returncode == 2


def test_where_no_engine_answers_it_gives_up_in_bounded_time() -> None:
    done = run("status", PILOTHOUSE_SOCKET="/nonexistent/engine.sock", PILOTHOUSE_PATIENCE="0.2")
    assert done.returncode == 69
    assert "no engine answers" in done.stderr
